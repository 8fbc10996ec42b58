// Package jsondata reads JSON that keeps the order of its members, since the order of nodes and instances in a request
// decides ties, and reports mistakes in the words of the reference.
package jsondata

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gantry/lib/balance/number"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one JSON value.
type Value struct {
	Kind    Kind
	Yes     bool
	Text    string // of a string; a number as it is written
	Items   []Value
	Members Record
}

// Record is an object: its members in the order of the text.
type Record []Member

// Member is a name with its value.
type Member struct {
	Name  string
	Value Value
}

// Find returns the first member with the name; false if there is none.
func (r Record) Find(name string) (Value, bool) {
	for _, m := range r {
		if m.Name == name {
			return m.Value, true
		}
	}
	return Value{}, false
}

// Has tells whether a member is there and not null.
func (r Record) Has(name string) bool {
	v, ok := r.Find(name)
	return ok && v.Kind != Null
}

func (r Record) names() []string {
	names := make([]string, len(r))
	for k, m := range r {
		names[k] = m.Name
	}
	return names
}

// A Reader makes a Go value of a JSON one.
type Reader[T any] func(Value) (T, error)

// Get reads a member that has to be there.
func Get[T any](r Record, name string, read Reader[T]) (T, error) {
	v, ok := r.Find(name)
	if !ok {
		var none T
		return none, fmt.Errorf("key '%s' not found, object contains only %s", name, number.QuoteList(r.names()))
	}
	t, err := read(v)
	if err != nil {
		return t, fmt.Errorf("key '%s': %w", name, err)
	}
	return t, nil
}

// Maybe reads a member that may be missing or null; instead there is what is given.
func Maybe[T any](r Record, name string, read Reader[T], instead T) (T, error) {
	if !r.Has(name) {
		return instead, nil
	}
	return Get(r, name, read)
}

// AsString reads a string. To the reference a list of single characters is one, too.
func AsString(v Value) (string, error) {
	switch v.Kind {
	case String:
		return v.Text, nil
	case Array:
		text := ""
		for _, item := range v.Items {
			if item.Kind != String || utf8.RuneCountInString(item.Text) != 1 {
				return "", unable("Char")
			}
			text += item.Text
		}
		return text, nil
	}
	return "", unable("String")
}

// AsBool reads true or false.
func AsBool(v Value) (bool, error) {
	if v.Kind != Bool {
		return false, unable("Bool")
	}
	return v.Yes, nil
}

// AsReal reads a number.
func AsReal(v Value) (float64, error) {
	if v.Kind != Number {
		return 0, unable("Double")
	}
	x, _ := strconv.ParseFloat(v.Text, 64) // too large is infinity
	return x, nil
}

// AsInt reads a number rounded to an integer, halves to even; what is beyond 64 bits wraps around.
func AsInt(v Value) (int, error) {
	if v.Kind != Number {
		return 0, unable("Int")
	}
	if x, err := strconv.Atoi(v.Text); err == nil { // nearly all are
		return x, nil
	}
	return roundInt(v.Text), nil
}

// AsRecord reads an object.
func AsRecord(v Value) (Record, error) {
	if v.Kind != Object {
		return nil, unable("JSObject")
	}
	return v.Members, nil
}

// AsList reads an array whose items are all of one kind.
func AsList[T any](read Reader[T]) Reader[[]T] {
	return func(v Value) ([]T, error) {
		if v.Kind != Array {
			return nil, unable("list")
		}
		list := make([]T, len(v.Items))
		for k, item := range v.Items {
			var err error
			if list[k], err = read(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
}

func unable(kind string) error { return fmt.Errorf("Unable to read %s", kind) }

// ToRecord takes an object as such.
func (v Value) ToRecord() (Record, error) {
	if v.Kind != Object {
		return nil, fmt.Errorf("not an object")
	}
	return v.Members, nil
}

// roundInt keeps the low 64 bits of the rounded number. An exponent that no number needs would only cost memory.
func roundInt(text string) int {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	e, err := strconv.Atoi(exponent)
	if exponent != "" && (err != nil || e > 64+len(mantissa) || e < -len(mantissa)-1) {
		return 0 // a multiple of 2^64, or less than a half
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0
	}
	whole, rest := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	double := new(big.Int).Mul(rest, big.NewInt(2))
	if c := double.Cmp(r.Denom()); c > 0 || (c == 0 && whole.Bit(0) == 1) {
		whole.Add(whole, big.NewInt(1))
	}
	low := whole.And(whole, new(big.Int).SetUint64(math.MaxUint64))
	return int(int64(low.Uint64()))
}

// Quote writes a string as JSON: everything but quotes, backslashes and control characters as it is.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if k := slices.Index(escaped, r); k >= 0 {
			b.WriteByte('\\')
			b.WriteByte(escapes[k])
		} else if r < ' ' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var escaped = []rune("\"\\\n\r\t\f\b")

const escapes = `"\nrtfb`

// Show prints a value as JSON.
func (v Value) Show() string {
	var parts []string
	switch v.Kind {
	case Bool:
		return strconv.FormatBool(v.Yes)
	case Number:
		return v.Text
	case String:
		return Quote(v.Text)
	case Array:
		for _, item := range v.Items {
			parts = append(parts, item.Show())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case Object:
		for _, m := range v.Members {
			parts = append(parts, Quote(m.Name)+":"+m.Value.Show())
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "null"
}
