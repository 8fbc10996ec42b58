package jsondata

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gantry/lib/balance/number"
)

// maxDepth bounds nesting, so that a hostile text cannot use up the stack.
const maxDepth = 1000

// Parse reads a whole text, which has to be an object or an array.
func Parse(text string) (v Value, err error) {
	p := &parser{rest: text}
	if p.rest == "" || (p.rest[0] != '{' && p.rest[0] != '[') {
		return v, fmt.Errorf("Invalid JSON: a JSON text a serialized object or array at the top level.")
	}
	if v, err = p.value(0); err != nil {
		return v, err
	}
	if rest := skip(p.rest); rest != "" {
		return v, fmt.Errorf("Invalid tokens at end of JSON string: %s", number.Quote(first(rest, 10)))
	}
	return v, nil
}

// parser keeps the items and members of what is not whole yet one after the other, so that each list is made once, as long as it is.
type parser struct {
	rest    string
	items   []Value
	members []Member
}

func skip(s string) string {
	if s != "" && s[0] > ' ' && s[0] < utf8.RuneSelf {
		return s
	}
	return strings.TrimLeftFunc(s, unicode.IsSpace)
}

// first returns the first characters of a text, to show where a mistake is.
func first(s string, n int) string {
	for k := range s {
		if n--; n < 0 {
			return s[:k]
		}
	}
	return s
}

func (p *parser) fail(format string) error { return fmt.Errorf(format+"%s", first(p.rest, 8)) }

// next takes the character, if it is the next but for blanks.
func (p *parser) next(c byte) bool {
	rest := skip(p.rest)
	if rest == "" || rest[0] != c {
		return false
	}
	p.rest = rest[1:]
	return true
}

// closed takes the end of a list, and the blanks after it, which do not count where the next mistake is shown.
func (p *parser) closed(end byte) bool {
	closed := p.next(end)
	if closed {
		p.rest = skip(p.rest)
	}
	return closed
}

func (p *parser) value(depth int) (Value, error) {
	p.rest = skip(p.rest)
	if depth > maxDepth {
		return Value{}, p.fail("JSON value nested too deeply: ")
	}
	if p.rest == "" {
		return Value{}, p.fail(invalidToken)
	}
	switch c := p.rest[0]; {
	case c == '"':
		s, err := p.string()
		return Value{Kind: String, Text: s}, err
	case c == '[':
		return p.array(depth)
	case c == '{':
		return p.object(depth)
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	}
	return p.word()
}

const invalidToken = "Malformed JSON: invalid token in this context "

var words = []struct {
	text  string
	value Value
}{{"true", Value{Kind: Bool, Yes: true}}, {"false", Value{Kind: Bool}}, {"null", Value{Kind: Null}}}

func (p *parser) word() (Value, error) {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(p.rest, w.text); ok {
			p.rest = rest
			return w.value, nil
		}
	}
	if p.rest[0] == 't' || p.rest[0] == 'f' {
		return Value{}, p.fail("Unable to parse JSON Bool: ")
	}
	return Value{}, p.fail(invalidToken)
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	p.next('[')
	if p.closed(']') {
		return v, nil
	}
	for first := len(p.items); ; {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		p.items = append(p.items, item)
		if p.closed(']') {
			v.Items, p.items = slices.Clone(p.items[first:]), p.items[:first]
			return v, nil
		}
		if !p.next(',') {
			return v, p.fail("Unable to parse JSON array: unterminated array: ")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: Object}
	p.next('{')
	if p.closed('}') {
		return v, nil
	}
	for first := len(p.members); ; {
		m, err := p.member(depth)
		if err != nil {
			return v, err
		}
		p.members = append(p.members, m)
		if p.closed('}') {
			v.Members, p.members = slices.Clone(p.members[first:]), p.members[:first]
			return v, nil
		}
		if !p.next(',') {
			return v, p.fail("Unable to parse JSON object: unterminated sequence: ")
		}
	}
}

func (p *parser) member(depth int) (m Member, err error) {
	p.rest = skip(p.rest)
	if m.Name, err = p.string(); err != nil {
		return m, err
	}
	if !p.next(':') {
		return m, p.fail("Malformed JSON labelled field: ")
	}
	m.Value, err = p.value(depth + 1)
	return m, err
}

func (p *parser) string() (string, error) {
	if p.rest == "" || p.rest[0] != '"' {
		return "", p.fail("Malformed JSON: expecting string: ")
	}
	var b strings.Builder
	for p.rest = p.rest[1:]; ; {
		end := 0
		for end < len(p.rest) && p.rest[end] >= ' ' && p.rest[end] != '"' && p.rest[end] != '\\' {
			end++
		}
		if end == len(p.rest) {
			p.rest = ""
			return "", p.fail("Unable to parse JSON String: unterminated String: ")
		}
		part := p.rest[:end]
		if p.rest = p.rest[end:]; p.rest[0] == '"' {
			if p.rest = p.rest[1:]; b.Len() == 0 {
				return part, nil
			}
			b.WriteString(part)
			return b.String(), nil
		}
		b.WriteString(part)
		if p.rest[0] != '\\' {
			return "", p.fail("Illegal unescaped character in string: ")
		}
		if err := p.escape(&b); err != nil {
			return "", err
		}
	}
}

// escape reads one character written with a backslash.
func (p *parser) escape(b *strings.Builder) error {
	if len(p.rest) < 2 {
		p.rest = p.rest[1:]
		return p.fail("Unable to parse JSON String: unterminated String: ")
	}
	c := p.rest[1]
	if k := strings.IndexByte(escapes, c); k >= 0 {
		b.WriteRune(escaped[k])
		p.rest = p.rest[2:]
		return nil
	}
	switch c {
	case '/':
		b.WriteByte('/')
		p.rest = p.rest[2:]
		return nil
	case 'u':
		return p.hex(b)
	}
	return fmt.Errorf("Unable to parse JSON String: invalid escape char: '%s'", first(p.rest[1:], 1))
}

func (p *parser) hex(b *strings.Builder) error {
	p.rest = p.rest[2:]
	if len(p.rest) < 4 {
		return p.fail("Unable to parse JSON String: invalid hex: ")
	}
	code, err := strconv.ParseUint(p.rest[:4], 16, 16)
	if err != nil {
		return notHex(first(p.rest, 4))
	}
	b.WriteRune(rune(code))
	p.rest = p.rest[4:]
	return nil
}

// notHex shows the beginning of what reading the characters as a number led to.
func notHex(s string) error {
	read, digits := "[]", len(s)-len(strings.TrimLeft(s, "0123456789abcdefABCDEF"))
	if digits > 0 {
		code, _ := strconv.ParseUint(s[:digits], 16, 16) // they are digits
		read = fmt.Sprintf("[(%d,%s)]", code, number.Quote(s[digits:]))
	}
	return fmt.Errorf("Unable to parse JSON String: invalid hex: %s", first(read, 8))
}

func (p *parser) number() (Value, error) {
	n := 0
	if p.rest[0] == '-' {
		n++
	}
	whole := digits(p.rest[n:])
	if whole == 0 {
		p.rest = p.rest[min(n+1, len(p.rest)):]
		return Value{}, p.fail("Unable to parse JSON Rational: ")
	}
	if p.rest[n] == '0' {
		whole = 1
	}
	n += whole
	text := p.rest[:n]
	if p.rest = p.rest[n:]; strings.HasPrefix(p.rest, ".") {
		n = 1 + digits(p.rest[1:])
		text += strings.TrimSuffix(p.rest[:n], ".")
		p.rest = p.rest[n:]
	}
	exponent, err := p.exponent()
	return Value{Kind: Number, Text: text + exponent}, err
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func (p *parser) exponent() (string, error) {
	if p.rest == "" || (p.rest[0] != 'e' && p.rest[0] != 'E') {
		return "", nil
	}
	sign := ""
	p.rest = p.rest[1:]
	if p.rest != "" && (p.rest[0] == '-' || p.rest[0] == '+') {
		sign, p.rest = p.rest[:1], p.rest[1:]
	}
	d := digits(p.rest)
	if d == 0 {
		return "", p.fail("Unable to parse JSON exponential: ")
	}
	text := "e" + sign + p.rest[:d]
	p.rest = p.rest[d:]
	return text, nil
}
