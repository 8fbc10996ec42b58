package cli

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Flag is an option being declared. It is finished by saying where its value
// goes; the methods that do so are named after the kind of value. Those that
// end in Ptr leave the pointer nil when the option is not given.
type Flag struct {
	name     string
	aliases  []string
	short    rune
	help     string
	meta     string
	arg      argument
	own      bool
	private  bool
	unlisted bool
	complete string
	notice   string
	set      func(spelled, value string) error
	given    bool
}

// argument says whether an option takes a value.
type argument int

const (
	noArgument argument = iota
	needsArgument
	mayHaveArgument // htools only: the value must be joined to the option
)

// Short gives the option a one-letter form.
func (f *Flag) Short(r rune) *Flag { f.short = r; return f }

// Alias gives the option another long name.
func (f *Flag) Alias(name string) *Flag { f.aliases = append(f.aliases, name); return f }

// Meta names the value in the help page; without it the name of the option is used.
func (f *Flag) Meta(name string) *Flag { f.meta = name; return f }

// Own marks an option that Ganeti does not have. It is matched only in full, so
// that no shortened option of Ganeti becomes ambiguous.
func (f *Flag) Own() *Flag { f.own = true; return f }

// Gone marks an option that concerns something Gantry does not have. It is
// accepted, and the notice that the table gone has for it is printed when it is used.
func (f *Flag) Gone() *Flag { f.notice = gone[f.name]; return f }

// Private keeps the value out of logs.
func (f *Flag) Private() *Flag { f.private = true; return f }

// Unlisted keeps the option out of help pages: Ganeti refuses it, but people write it.
func (f *Flag) Unlisted() *Flag { f.unlisted = true; return f }

// Complete names what a shell may complete the value with: file, node, instance ….
func (f *Flag) Complete(kind string) *Flag { f.complete = kind; return f }

// Given tells whether the option was used, once the words have been read.
func (f *Flag) Given() bool { return f.given }

func (f *Flag) takes(a argument, set func(spelled, value string) error) {
	f.arg = a
	f.set = func(spelled, value string) error {
		f.given = true
		return set(spelled, value)
	}
}

// Bool is an option without a value.
func (f *Flag) Bool() *bool { p := new(bool); f.BoolVar(p); return p }

func (f *Flag) BoolVar(p *bool) { f.constant(func() { *p = true }) }

// FalseVar is a --no-something that makes false what is true otherwise.
func (f *Flag) FalseVar(p *bool) { f.constant(func() { *p = false }) }

// CountVar counts how often the option is given.
func (f *Flag) CountVar(p *int) { f.constant(func() { *p++ }) }

// ConstVar stores v: several options that exclude each other share one place, the last wins.
func (f *Flag) ConstVar(p *string, v string) { f.constant(func() { *p = v }) }

func (f *Flag) constant(do func()) {
	f.takes(noArgument, func(_, _ string) error { do(); return nil })
}

func (f *Flag) String() *string { p := new(string); f.StringVar(p); return p }

func (f *Flag) StringVar(p *string) { keep(f, p, noCheck) }

// NameVar takes a name for an attribute of the operation. An empty one is refused, instead of choosing one.
func (f *Flag) NameVar(p *string, attribute string) {
	keep(f, p, filled(attribute))
}

// NamePtr is NameVar for a name that need not be given.
func (f *Flag) NamePtr(p **string, attribute string) { keepPtr(f, p, filled(attribute)) }

// NamesVar gathers the names of all uses, of which none may be empty.
func (f *Flag) NamesVar(p *[]string, attribute string) { add(f, p, filled(attribute)) }

func filled(attribute string) func(spelled, value string) (string, error) {
	return func(_, value string) (string, error) {
		if value == "" {
			return "", fault.EmptyValue(attribute)
		}
		return value, nil
	}
}

func (f *Flag) StringPtr(p **string) { keepPtr(f, p, noCheck) }

// StringsVar gathers the values of all uses.
func (f *Flag) StringsVar(p *[]string) { add(f, p, noCheck) }

// IntVar takes decimal, 0x…, 0b… and octal (010) numbers, as Ganeti does.
func (f *Flag) IntVar(p *int) { keep(f, p, parseInt) }

// QueuedIntVar is IntVar for a number that may be longer than 64 bits: Ganeti's queue keeps the low ones.
func (f *Flag) QueuedIntVar(p *int) {
	keep(f, p, func(spelled, value string) (int, error) {
		if _, long := unit.LongInt(value); long {
			if n, err := unit.ParseInt64(value); err == nil {
				return n, nil
			}
		}
		return parseInt(spelled, value)
	})
}

func (f *Flag) IntPtr(p **int) { keepPtr(f, p, parseInt) }

func (f *Flag) FloatVar(p *float64) { keep(f, p, parseFloat) }

func (f *Flag) FloatPtr(p **float64) { keepPtr(f, p, parseFloat) }

// SizeVar takes a size, in MiB, rounded up to 4.
func (f *Flag) SizeVar(p *int) { keep(f, p, parseSize) }

func (f *Flag) SizePtr(p **int) { keepPtr(f, p, parseSize) }

// YesNoPtr takes yes, no, true or false.
func (f *Flag) YesNoPtr(p **bool) { keepPtr(f, p, parseYesNo) }

// ChoiceVar takes one of the choices.
func (f *Flag) ChoiceVar(p *string, choices ...string) { keep(f, p, oneOf(choices)) }

// ChoicesVar gathers the values of all uses, each one of the choices.
func (f *Flag) ChoicesVar(p *[]string, choices ...string) { add(f, p, oneOf(choices)) }

// ListVar takes a list with commas. An empty value is an empty list, not nil.
func (f *Flag) ListVar(p *[]string) {
	keep(f, p, func(_, value string) ([]string, error) {
		if value == "" {
			return []string{}, nil
		}
		return unit.SplitList(value), nil
	})
}

// ParamsVar takes key=value,…; a second use replaces the first. Nil means not given.
func (f *Flag) ParamsVar(p *unit.Params) { keep(f, p, unit.ParseParams) }

// OrderedParamsVar is ParamsVar for a command that prints the keys again in the order in which they came.
func (f *Flag) OrderedParamsVar(p *unit.Params, keys *[]string) {
	keep(f, p, func(option, s string) (unit.Params, error) {
		*keys = append(*keys, keysOf(s)...)
		return unit.ParseParams(option, s)
	})
}

// keysOf are the keys of a key=value list.
func keysOf(s string) (keys []string) {
	for _, part := range unit.SplitList(s) {
		key, _, _ := strings.Cut(part, "=")
		keys = append(keys, strings.TrimPrefix(strings.TrimPrefix(key, "no_"), "-"))
	}
	return keys
}

// IdentPtr takes ident:key=value,… .
func (f *Flag) IdentPtr(p **unit.Ident) { keepPtr(f, p, unit.ParseIdent) }

// IdentsVar gathers ident:key=value,… of all uses.
func (f *Flag) IdentsVar(p *[]unit.Ident) { add(f, p, unit.ParseIdent) }

// OrderedIdentsVar is IdentsVar that also gathers the keys of all uses in the order in which they came.
func (f *Flag) OrderedIdentsVar(p *[]unit.Ident, keys *[]string) {
	add(f, p, func(option, s string) (unit.Ident, error) {
		_, list, _ := strings.Cut(s, ":")
		*keys = append(*keys, keysOf(list)...)
		return unit.ParseIdent(option, s)
	})
}

// SpecsVar takes the nested form of --ipolicy-bounds-specs.
func (f *Flag) SpecsVar(p *[]map[string]unit.Params) { keep(f, p, unit.ParseSpecs) }

// FloatOrDefaultVar takes a number or the word default; nil means not given.
func (f *Flag) FloatOrDefaultVar(p *any) {
	keep(f, p, func(_, value string) (any, error) {
		if value == "default" {
			return value, nil
		}
		return pythonFloat(value)
	})
}

// JSONVar takes a value in JSON.
func (f *Flag) JSONVar(p *any) {
	keep(f, p, func(spelled, value string) (v any, err error) {
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return nil, fault.New(fault.Parameter, "Invalid JSON in option %s: %v", spelled, err)
		}
		return v, nil
	})
}

// Func takes a value that set understands. Its error is printed as it is.
func (f *Flag) Func(set func(value string) error) {
	f.takes(needsArgument, func(_, value string) error { return set(value) })
}

// OptionalFunc takes a value that may be missing and must be joined to the option
// (-pNAME, --print-nodes=NAME). Only htools have such options.
func (f *Flag) OptionalFunc(set func(value string, joined bool) error) {
	f.takes(mayHaveArgument, func(_, value string) error {
		text, joined := strings.CutPrefix(value, joinedMark)
		return set(text, joined)
	})
}

// joinedMark stands before a joined value of an option that may have none.
const joinedMark = "="

// reader turns the value of an option into what it means; spelled is the option as the user wrote it.
type reader[T any] func(spelled, value string) (T, error)

func keep[T any](f *Flag, p *T, read reader[T]) {
	f.takes(needsArgument, func(spelled, value string) error {
		v, err := read(spelled, value)
		if err == nil {
			*p = v
		}
		return err
	})
}

func keepPtr[T any](f *Flag, p **T, read reader[T]) {
	f.takes(needsArgument, func(spelled, value string) error {
		v, err := read(spelled, value)
		if err == nil {
			*p = &v
		}
		return err
	})
}

func add[T any](f *Flag, p *[]T, read reader[T]) {
	f.takes(needsArgument, func(spelled, value string) error {
		v, err := read(spelled, value)
		if err == nil {
			*p = append(*p, v)
		}
		return err
	})
}

func noCheck(_, value string) (string, error) { return value, nil }

func parseInt(spelled, value string) (int, error) {
	n, err := unit.ParseOptionInt(value)
	if digits, long := unit.LongInt(value); err != nil && long {
		return 0, fault.Say("No 64 bits hold the number of option " + spelled + ": " + digits)
	}
	if err != nil {
		return 0, misuse("option %s: invalid integer value: %s", spelled, unit.Repr(value))
	}
	return n, nil
}

func parseFloat(spelled, value string) (float64, error) {
	n, err := pythonFloat(value)
	if err != nil {
		return 0, misuse("option %s: invalid floating-point value: %s", spelled, unit.Repr(value))
	}
	return n, nil
}

func pythonFloat(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil && !math.IsInf(n, 0) || strings.ContainsAny(s, "xXpP") {
		return 0, fault.New(fault.Parameter, "could not convert string to float: %s", unit.Repr(s))
	}
	return n, nil
}

func parseSize(spelled, value string) (int, error) {
	mib, err := unit.ParseSize64(value)
	if err != nil {
		return 0, misuse("option %s: %v", spelled, err)
	}
	return mib, nil
}

func parseYesNo(_, value string) (bool, error) {
	return unit.ParseBool(value)
}

func oneOf(choices []string) reader[string] {
	return func(spelled, value string) (string, error) {
		if slices.Contains(choices, value) {
			return value, nil
		}
		quoted := make([]string, len(choices))
		for i, c := range choices {
			quoted[i] = unit.Repr(c)
		}
		return "", misuse("option %s: invalid choice: %s (choose from %s)", spelled, unit.Repr(value), strings.Join(quoted, ", "))
	}
}
