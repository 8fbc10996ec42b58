package query

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Op is an operator of a filter, spelt as in Ganeti's own filter lists.
type Op string

// The operators. OpTrue is a field that stands alone; OpContains is `"x" in field`.
const (
	OpOr       Op = "|"
	OpAnd      Op = "&"
	OpNot      Op = "!"
	OpTrue     Op = "?"
	OpEqual    Op = "=="
	OpNotEqual Op = "!="
	OpLess     Op = "<"
	OpAtMost   Op = "<="
	OpGreater  Op = ">"
	OpAtLeast  Op = ">="
	OpRegexp   Op = "=~"
	OpContains Op = "=[]"
)

// Filter is a parsed condition: Sub for and, or, not; Field and Value for the others: string, int64, or an
// infinite float64 for a number that no int64 holds.
type Filter struct {
	Op    Op
	Sub   []*Filter
	Field string
	Value any
	match *regexp.Regexp
}

// ParseError is a filter that cannot be read; Pos counts characters from 0.
type ParseError struct {
	Text, Message string
	Pos           int
}

// Error is the message as Ganeti's parser words it, with the place.
func (e *ParseError) Error() string {
	before := []rune(e.Text)[:e.Pos]
	line := 1 + strings.Count(string(before), "\n")
	return fmt.Sprintf("%s  (at char %d), (line:%d, col:%d)", e.Message, e.Pos, line, len(before)-e.lineStart()+1)
}

// lineStart is where the line of the place begins, in characters.
func (e *ParseError) lineStart() int {
	start := e.Pos
	for text := []rune(e.Text); start > 0 && text[start-1] != '\n'; start-- {
	}
	return start
}

// Fault is the failure that a command ends with: the message, the filter, a mark below the place.
func (e *ParseError) Fault() error {
	start := e.lineStart()
	line, _, _ := strings.Cut(string([]rune(e.Text)[start:]), "\n")
	return fault.New(fault.Filter, "Failed to parse query filter '%s': %s\n%s\n%s^\n%s",
		e.Text, e.Error(), line, strings.Repeat(" ", e.Pos-start), e.Error())
}

// Parse reads a filter as given with -F, for example `be/vcpus > 1 and "web" in tags`.
func Parse(text string) (*Filter, error) {
	p := &parser{text: []rune(text), original: text}
	f, end, ok := p.or(0)
	if p.broken != nil {
		return nil, p.broken
	}
	if !ok {
		return nil, p.fail(p.far, "Expected Suppress:('or') term"+p.found(p.far))
	}
	if end = p.blanks(end); end < len(p.text) {
		return nil, p.fail(end, "Expected end of text"+p.found(end))
	}
	return f, nil
}

// parser tries alternatives at a position and gives the position after what it read; far is the furthest failure.
type parser struct {
	text     []rune
	original string
	far      int
	broken   *ParseError // an error that no alternative can mend: a bad regular expression
}

func (p *parser) fail(pos int, message string) *ParseError {
	return &ParseError{Text: p.original, Message: message, Pos: pos}
}

// found words what stands at pos: a whole word, else one character.
func (p *parser) found(pos int) string {
	if len(p.text) == 0 {
		return ""
	}
	if pos >= len(p.text) {
		return ", found end of text"
	}
	end := pos
	for end < len(p.text) && isWord(p.text[end]) {
		end++
	}
	if end == pos {
		end++
	}
	return ", found " + quoteFound(string(p.text[pos:end]))
}

// quoteFound puts single quotes around s, or double ones if it holds a single one.
func quoteFound(s string) string {
	if strings.Contains(s, "'") {
		return `"` + s + `"`
	}
	return "'" + s + "'"
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func (p *parser) blanks(pos int) int {
	for pos < len(p.text) && strings.ContainsRune(" \t\r\n", p.text[pos]) {
		pos++
	}
	return pos
}

// miss notes that something was expected at pos.
func (p *parser) miss(pos int) {
	p.far = max(p.far, pos)
}

// literal reads s, whatever follows it.
func (p *parser) literal(pos int, s string) (int, bool) {
	pos = p.blanks(pos)
	end := pos + len(s) // all of them are ASCII
	if end > len(p.text) || string(p.text[pos:end]) != s {
		p.miss(pos)
		return pos, false
	}
	return end, true
}

// or reads conditions joined by "or", and below it those joined by "and".
func (p *parser) or(pos int) (*Filter, int, bool) { return p.joined(pos, "or", OpOr, p.and) }

func (p *parser) and(pos int) (*Filter, int, bool) { return p.joined(pos, "and", OpAnd, p.not) }

func (p *parser) joined(pos int, word string, op Op, part func(int) (*Filter, int, bool)) (*Filter, int, bool) {
	first, pos, ok := part(pos)
	if !ok {
		return nil, pos, false
	}
	parts := []*Filter{first}
	for {
		next, found := p.literal(pos, word)
		if !found {
			break
		}
		f, end, ok := part(next)
		if !ok {
			break
		}
		parts, pos = append(parts, f), end
	}
	if len(parts) == 1 {
		return first, pos, true
	}
	return &Filter{Op: op, Sub: parts}, pos, true
}

func (p *parser) not(pos int) (*Filter, int, bool) {
	if next, ok := p.literal(pos, "not"); ok {
		if f, end, ok := p.not(next); ok {
			return &Filter{Op: OpNot, Sub: []*Filter{f}}, end, true
		}
	}
	return p.primary(pos)
}

func (p *parser) primary(pos int) (*Filter, int, bool) {
	if next, ok := p.literal(pos, "("); ok {
		if f, end, ok := p.or(next); ok {
			if end, ok = p.literal(end, ")"); ok {
				return f, end, true
			}
		}
		return nil, pos, false
	}
	for _, alternative := range []func(int) (*Filter, int, bool){p.in, p.regexp, p.glob, p.compare, p.alone} {
		if f, end, ok := alternative(pos); ok || p.broken != nil {
			return f, end, ok
		}
	}
	return nil, pos, false
}

// in reads `VALUE in FIELD` and `VALUE not in FIELD`.
func (p *parser) in(pos int) (*Filter, int, bool) {
	value, end, ok := p.value(pos)
	if !ok {
		return nil, pos, false
	}
	next, negated := p.literal(end, "not")
	if !negated {
		next = end
	}
	if next, ok = p.literal(next, "in"); !ok {
		return nil, pos, false
	}
	field, end, ok := p.field(next)
	if !ok {
		return nil, pos, false
	}
	return negate(negated, &Filter{Op: OpContains, Field: field, Value: value}), end, true
}

func negate(yes bool, f *Filter) *Filter {
	if !yes {
		return f
	}
	return &Filter{Op: OpNot, Sub: []*Filter{f}}
}

// regexp reads `FIELD =~ m/…/is` and its negation; the delimiter is one of / # ^ |, the m may be left out.
func (p *parser) regexp(pos int) (*Filter, int, bool) {
	field, end, ok := p.field(pos)
	if !ok {
		return nil, pos, false
	}
	next, negated := p.literal(end, "!~")
	if !negated {
		if next, ok = p.literal(end, "=~"); !ok {
			return nil, pos, false
		}
	}
	start := p.blanks(next)
	at, _ := p.literal(start, "m")
	at = p.blanks(at)
	if at >= len(p.text) || !strings.ContainsRune("/#^|", p.text[at]) {
		p.miss(at)
		return nil, pos, false
	}
	pattern, end, ok := p.delimited(at)
	if !ok {
		return nil, pos, false
	}
	flags := end
	for flags < len(p.text) && unicode.IsLetter(p.text[flags]) {
		flags++
	}
	f, broken := regexpFilter(field, pattern, string(p.text[end:flags]))
	if broken != "" {
		p.broken = p.fail(start, broken)
		return nil, pos, false
	}
	return negate(negated, f), flags, true
}

// delimited reads up to the next delimiter equal to the one at pos; a backslash takes away its meaning.
func (p *parser) delimited(pos int) (string, int, bool) {
	var b strings.Builder
	for i := pos + 1; i < len(p.text); i++ {
		switch {
		case p.text[i] == p.text[pos]:
			return b.String(), i + 1, true
		case p.text[i] == '\\' && i+1 < len(p.text) && p.text[i+1] == p.text[pos]:
			i++
		}
		b.WriteRune(p.text[i])
	}
	p.miss(pos)
	return "", pos, false
}

func regexpFilter(field, pattern, flags string) (f *Filter, broken string) {
	if unknown := strings.Trim(flags, "is"); unknown != "" {
		return nil, "Unknown regular expression flags: '" + unknown + "'"
	}
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, "Invalid regular expression (" + err.Error() + ")"
	}
	return &Filter{Op: OpRegexp, Field: field, Value: pattern, match: match}, ""
}

// glob reads `FIELD =* "inst*"` and its negation.
func (p *parser) glob(pos int) (*Filter, int, bool) {
	field, end, ok := p.field(pos)
	if !ok {
		return nil, pos, false
	}
	next, negated := p.literal(end, "!*")
	if !negated {
		if next, ok = p.literal(end, "=*"); !ok {
			return nil, pos, false
		}
	}
	pattern, end, ok := p.quoted(next)
	if !ok {
		return nil, pos, false
	}
	return negate(negated, Glob(field, pattern)), end, true
}

var comparisons = []Op{OpEqual, OpNotEqual, OpAtMost, OpAtLeast, OpLess, OpGreater, "="}

func (p *parser) compare(pos int) (*Filter, int, bool) {
	field, end, ok := p.field(pos)
	if !ok {
		return nil, pos, false
	}
	for _, op := range comparisons {
		next, found := p.literal(end, string(op))
		if !found {
			continue
		}
		value, end, ok := p.value(next)
		if !ok {
			return nil, pos, false
		}
		if op == "=" {
			op = OpEqual
		}
		return &Filter{Op: op, Field: field, Value: value}, end, true
	}
	return nil, pos, false
}

func (p *parser) alone(pos int) (*Filter, int, bool) {
	field, end, ok := p.field(pos)
	return &Filter{Op: OpTrue, Field: field}, end, ok
}

// field reads a name: a letter, then letters, digits and _ / .
func (p *parser) field(pos int) (string, int, bool) {
	pos = p.blanks(pos)
	end := pos
	for end < len(p.text) && (isASCIILetter(p.text[end]) || end > pos && strings.ContainsRune("0123456789_/.", p.text[end])) {
		end++
	}
	if end == pos {
		p.miss(pos)
	}
	return string(p.text[pos:end]), end, end > pos
}

func isASCIILetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// value reads a quoted text or an integer.
func (p *parser) value(pos int) (any, int, bool) {
	if s, end, ok := p.quoted(pos); ok {
		return s, end, true
	}
	return p.integer(pos)
}

func (p *parser) integer(pos int) (any, int, bool) {
	pos = p.blanks(pos)
	end := pos
	if end < len(p.text) && strings.ContainsRune("+-", p.text[end]) {
		end++
	}
	digits := end
	for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	if end == digits {
		p.miss(pos)
		return nil, pos, false
	}
	n, err := strconv.ParseInt(string(p.text[pos:end]), 10, 64)
	if err != nil {
		return math.Inf(cmp.Compare(n, 0)), end, true
	}
	return n, end, true
}

// quoted reads 'text' or "text" on one line; a backslash keeps the next character and stays itself.
func (p *parser) quoted(pos int) (string, int, bool) {
	pos = p.blanks(pos)
	if pos >= len(p.text) || p.text[pos] != '"' && p.text[pos] != '\'' {
		p.miss(pos)
		return "", pos, false
	}
	for i := pos + 1; i < len(p.text) && p.text[i] != '\n'; i++ {
		switch p.text[i] {
		case '\\':
			i++
		case p.text[pos]:
			return string(p.text[pos+1 : i]), i + 1, true
		}
	}
	p.miss(pos)
	return "", pos, false
}

// Glob is the filter for a shell pattern on a name. A * or ? does not cross a dot, and the rest of the domain may be left out.
func Glob(field, pattern string) *Filter {
	var b strings.Builder
	b.WriteString("^")
	for _, r := range pattern {
		switch r {
		case '*':
			b.WriteString(`[^.]*`)
		case '?':
			b.WriteString(`[^.]`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`(\..*)?$`)
	return &Filter{Op: OpRegexp, Field: field, Value: b.String(), match: regexp.MustCompile(b.String())}
}

// Select turns the arguments of a list command into a filter: nil for all; one filter if forced by -F or if a single word
// looks like one; else names and patterns of the name field. numeric makes names numbers, as jobs have them.
func Select(args []string, force bool, nameField string, numeric bool) (*Filter, error) {
	if force || len(args) == 1 && strings.ContainsAny(args[0], "()=/!~'\"\\ \t\n\r\v\f") {
		if len(args) != 1 {
			return nil, fault.Refuse(fault.WrongInput, "Exactly one argument must be given as a filter")
		}
		f, err := Parse(args[0])
		if broken, ok := errors.AsType[*ParseError](err); ok {
			return nil, broken.Fault()
		}
		return f, err
	}
	if len(args) == 0 {
		return nil, nil
	}
	any := &Filter{Op: OpOr}
	for _, name := range args {
		f, err := byName(name, nameField, numeric)
		if err != nil {
			return nil, err
		}
		any.Sub = append(any.Sub, f)
	}
	return any, nil
}

func byName(name, nameField string, numeric bool) (*Filter, error) {
	switch {
	case numeric:
		id, err := unit.ParseInt(name)
		if _, long := unit.LongInt(name); long {
			if id, err = unit.ParseInt64(name); id >= 0 {
				return &Filter{Op: OpEqual, Field: nameField, Value: math.Inf(1)}, nil
			}
		}
		if err == nil && id < 0 {
			return nil, fault.New(fault.Generic, "Invalid value for job ID ' %d'", id)
		}
		if err != nil {
			return nil, fault.Refuse(fault.WrongInput, "Invalid job ID passed: %v", err)
		}
		return &Filter{Op: OpEqual, Field: nameField, Value: int64(id)}, nil
	case strings.ContainsAny(name, "*?"):
		return Glob(nameField, name), nil
	}
	return &Filter{Op: OpEqual, Field: nameField, Value: name}, nil
}

// names returns the names that a filter made of names alone asks for, whether as arguments or as one was typed: a missing one is
// then an error, not an empty answer.
func (f *Filter) names(nameField string) []string {
	if f == nil {
		return nil
	}
	if name, ok := f.Value.(string); ok && f.Op == OpEqual && f.Field == nameField {
		return []string{name}
	}
	if f.Op != OpOr {
		return nil
	}
	var names []string
	for _, s := range f.Sub {
		some := s.names(nameField)
		if some == nil {
			return nil
		}
		names = append(names, some...)
	}
	return names
}

// Numbers returns the values of a number field that a filter made of nothing else asks for, in the order asked for; nil when the
// filter asks something else. Jobs are loaded by it, archived ones included.
func (f *Filter) Numbers(field string) ([]int, error) {
	if f == nil {
		return nil, nil
	}
	subs := f.Sub
	if f.Op == OpEqual {
		subs = []*Filter{f}
	} else if f.Op != OpOr {
		return nil, nil
	}
	numbers := []int{}
	for _, s := range subs {
		if s.Op != OpEqual || s.Field != field {
			return nil, nil
		}
		var n int
		switch v := s.Value.(type) {
		case int64:
			n = int(v)
		case string:
			var err error
			if n, err = strconv.Atoi(v); err != nil {
				return nil, fault.New(fault.Generic, "parsing job id: cannot parse string '%s'", v)
			}
		default: // nothing has such a number
			continue
		}
		if !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// Among is a filter that one of these texts passes.
func Among(field string, texts ...string) *Filter {
	any := &Filter{Op: OpOr}
	for _, t := range texts {
		any.Sub = append(any.Sub, &Filter{Op: OpEqual, Field: field, Value: t})
	}
	return any
}

// Both is a filter that passes what both pass; nil passes everything.
func Both(a, b *Filter) *Filter {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &Filter{Op: OpAnd, Sub: []*Filter{a, b}}
}
