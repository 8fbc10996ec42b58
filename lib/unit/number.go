package unit

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// digits is what Python takes for a decimal integer: single underscores between digits.
var digits = Form(`^[+-]?[0-9]+(_[0-9]+)*$`)

// ParseInt reads an integer as Python's int() does: blanks around it, a sign and
// underscores between digits are fine.
func ParseInt(s string) (int, error) {
	trimmed := strings.TrimSpace(s)
	if !digits().MatchString(trimmed) {
		return 0, fmt.Errorf("invalid literal for int() with base 10: %s", Repr(s))
	}
	n, err := strconv.Atoi(strings.ReplaceAll(trimmed, "_", ""))
	if err != nil {
		return 0, fmt.Errorf("invalid literal for int() with base 10: %s", Repr(s))
	}
	return n, nil
}

// ParseInt64 is ParseInt for what Ganeti hands through its queue as a number of 64 bits: the low ones of a larger number are left. It is an
// error where they look like a number that somebody could have meant: nobody did.
func ParseInt64(s string) (int, error) {
	n, err := ParseInt(s)
	trimmed := strings.TrimSpace(s)
	if err == nil || !digits().MatchString(trimmed) {
		return n, err
	}
	all, _ := new(big.Int).SetString(strings.ReplaceAll(trimmed, "_", ""), 10)
	if n = low64(all); ordinary(n) {
		return 0, fmt.Errorf("%s is beyond 64 bits", trimmed)
	}
	return n, nil
}

// LongInt returns the digits of a whole number that ParseInt refuses because no int holds it.
func LongInt(s string) (string, bool) {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(strings.TrimSpace(s), "_", ""), 10)
	if !ok || n.IsInt64() || !digits().MatchString(strings.TrimSpace(s)) {
		return "", false
	}
	return n.String(), true
}

// low64 keeps the low 64 bits, read as a signed number.
func low64(n *big.Int) int {
	return int(new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64())
}

// ordinary says whether a number is one of those that indices, identifiers and sizes have.
func ordinary(n int) bool { return n > -1<<32 && n <= MaxSize }

var prefixed = Form(`^[+-]?0([xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*|[bB][01]+(_[01]+)*|[0-7]+(_[0-7]+)*)$`)

// ParseOptionInt reads an integer as options do: 0x and 0b as usual, and a
// leading 0 makes it octal.
func ParseOptionInt(s string) (int, error) {
	trimmed := strings.TrimSpace(s)
	sign, body := "", trimmed
	if strings.HasPrefix(body, "-") || strings.HasPrefix(body, "+") {
		sign, body = body[:1], body[1:]
	}
	if len(body) < 2 || body[0] != '0' {
		return ParseInt(s)
	}
	if !prefixed().MatchString(trimmed) {
		return 0, errors.New("no such number")
	}
	base, rest := 8, body[1:]
	switch body[1] {
	case 'x', 'X':
		base, rest = 16, body[2:]
	case 'b', 'B':
		base, rest = 2, body[2:]
	}
	n, err := strconv.ParseInt(sign+strings.ReplaceAll(rest, "_", ""), base, 0)
	return int(n), err
}

// ParseBool reads yes, no, true or false, in any case.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, wrongParameter("Invalid boolean value '%s'", s)
}

// Range is a range of numbers with both ends included: user ids, ports.
type Range struct{ Low, High int }

// String writes the range as ParseRanges reads it.
func (r Range) String() string {
	if r.Low == r.High {
		return strconv.Itoa(r.Low)
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

// ParseRanges reads a pool of user ids, "4000-4019,5000". Ranges come back
// sorted, and not yet checked: the lower end may be above the higher.
func ParseRanges(s string) ([]Range, error) {
	var ranges []Range
	for part := range strings.SplitSeq(s, ",") {
		if part == "" {
			continue
		}
		ends := strings.Split(part, "-")
		if len(ends) > 2 {
			return nil, wrongInput("Invalid user-id range definition. Only one hyphen allowed: %s", Repr(ends))
		}
		low, err := ParseInt64(ends[0])
		if err != nil {
			return nil, wrongInput("Invalid user-id value for lower boundary of user-id range: %w", err)
		}
		high, err := ParseInt64(ends[len(ends)-1])
		if err != nil {
			return nil, wrongInput("Invalid user-id value for higher boundary of user-id range: %w", err)
		}
		ranges = append(ranges, Range{low, high})
	}
	sortRanges(ranges)
	return ranges, nil
}
