package unit

import (
	"maps"
	"slices"
	"strings"

	"gantry/lib/fault"
)

// Params are the values of a key=value list: string, true for a bare key, false
// for no_key, nil for -key (back to the default).
type Params map[string]any

// Typed gives them the order in which their keys were typed; what was not follows.
func (p Params) Typed(order []string) (d Dict) {
	for _, key := range slices.Concat(order, slices.Sorted(maps.Keys(p))) {
		if v, given := p[key]; given && !slices.Contains(d.Keys(), key) {
			d = append(d, Entry{key, v})
		}
	}
	return d
}

// Ident is the value of an ident:key=value option. Params is nil when the whole
// group was taken away; Off then tells no_ident (true) from -ident.
type Ident struct {
	Name   string
	Params Params
	Off    bool
}

func wrongParameter(format string, args ...any) error {
	return fault.New(fault.Parameter, format, args...)
}

// SplitList splits at commas. A backslash keeps the character after it.
func SplitList(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] != '\n':
			i++
			part.WriteByte(s[i])
		case s[i] == ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String())
}

// JoinList writes a list that SplitList reads back.
func JoinList(parts []string) string {
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`)
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = escape.Replace(p)
	}
	return strings.Join(escaped, ",")
}

// ParseParams reads the key=value list given to option (the name is for errors).
func ParseParams(option, s string) (Params, error) {
	return parseParams(option, s, true)
}

func parseParams(option, s string, prefixes bool) (Params, error) {
	params := Params{}
	if s == "" {
		return params, nil
	}
	for _, elem := range SplitList(s) {
		var value any
		key, text, found := strings.Cut(elem, "=")
		switch {
		case found:
			value = text
		case !prefixes:
			return nil, wrongParameter("Missing value for key '%s' in option %s", elem, option)
		default:
			key, value = bareKey(elem)
		}
		if _, twice := params[key]; twice {
			return nil, wrongParameter("Duplicate key '%s' in option %s", key, option)
		}
		params[key] = value
	}
	return params, nil
}

func bareKey(elem string) (key string, value any) {
	if rest, ok := strings.CutPrefix(elem, "no_"); ok {
		return rest, false
	}
	if rest, ok := strings.CutPrefix(elem, "-"); ok {
		return rest, nil
	}
	return elem, true
}

// ParseIdent reads ident:key=value,… . A dash before a digit belongs to the name (-1:add).
func ParseIdent(option, s string) (Ident, error) {
	return parseIdent(option, s, true)
}

func parseIdent(option, s string, prefixes bool) (Ident, error) {
	name, rest, _ := strings.Cut(s, ":")
	if prefixes {
		if bare, off, removed := removedGroup(name); removed {
			if rest != "" {
				return Ident{}, wrongParameter("Cannot pass options when removing parameter groups: %s", s)
			}
			return Ident{Name: bare, Off: off}, nil
		}
	}
	params, err := parseParams(option, rest, prefixes)
	return Ident{Name: name, Params: params}, err
}

func removedGroup(name string) (bare string, off, removed bool) {
	if bare, ok := strings.CutPrefix(name, "no_"); ok {
		return bare, true, true
	}
	if bare, ok := strings.CutPrefix(name, "-"); ok && (bare == "" || !isDigit(bare[0])) {
		return bare, false, true
	}
	return "", false, false
}

// ParseSpecs reads the nested form of the policy bounds: groups between "//",
// each of ident:key=value lists between "/". Prefixes mean nothing here.
func ParseSpecs(option, s string) ([]map[string]Params, error) {
	var specs []map[string]Params
	for group := range strings.SplitSeq(s, "//") {
		spec := map[string]Params{}
		for elem := range strings.SplitSeq(group, "/") {
			if elem == "" {
				return nil, wrongParameter("Empty section in option '%s'", option)
			}
			ident, err := parseIdent(option, elem, false)
			if err != nil {
				return nil, err
			}
			if _, twice := spec[ident.Name]; twice {
				return nil, wrongParameter("Duplicated parameter '%s' in parsing %s: %s", ident.Name, option, elem)
			}
			spec[ident.Name] = ident.Params
		}
		specs = append(specs, spec)
	}
	return specs, nil
}
