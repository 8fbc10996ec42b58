package unit

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Str shows a value the way Python's str() does. Ganeti's output is full of
// it: None, True, lists in brackets with quoted strings.
func Str(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	return Repr(v)
}

// Repr shows a value the way Python's repr() does: strings are quoted. It knows
// the kinds that JSON has, slices, maps (in the order of their keys) and
// pointers, nil being None.
func Repr(v any) string {
	if d, ok := v.(Dict); ok {
		return d.String()
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Invalid:
		return "None"
	case reflect.String:
		return quote(r.String())
	case reflect.Bool:
		if r.Bool() {
			return "True"
		}
		return "False"
	case reflect.Float32, reflect.Float64:
		return FormatFloat(r.Float())
	case reflect.Slice, reflect.Array:
		parts := make([]string, r.Len())
		for i := range parts {
			parts[i] = Repr(r.Index(i).Interface())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		return reprMap(r)
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return "None"
		}
		return Repr(r.Elem().Interface())
	}
	return fmt.Sprint(v)
}

func reprMap(r reflect.Value) string {
	shown := map[string]string{}
	for _, key := range r.MapKeys() {
		shown[Repr(key.Interface())] = Repr(r.MapIndex(key).Interface())
	}
	parts := make([]string, 0, len(shown))
	for _, key := range slices.Sorted(maps.Keys(shown)) {
		parts = append(parts, key+": "+shown[key])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// FormatFloat writes a float so that it can be told from an integer: 4.0, 0.1, 1e+16.
func FormatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote prefers single quotes, and escapes what does not print.
func quote(s string) string {
	q := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteRune(q)
	for i, c := range s {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\udc%02x`, s[i]) // a byte that is not UTF-8
		case c == q || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteRune(q)
	return b.String()
}

// SafeText keeps a message that comes from outside (a script, a tool) on one line
// and in printable ASCII.
func SafeText(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < 32 || c >= 127 && c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 127:
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}
