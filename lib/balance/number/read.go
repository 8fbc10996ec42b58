package number

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Int reads a whole number; what names the value in the error. Numbers beyond 64 bits wrap around.
func Int(what, s string) (int, error) {
	v, err := read(what, s)
	if err != nil {
		return 0, err
	}
	if v.integer == nil {
		return 0, cannotParse(what, s)
	}
	return wrap(v.integer), v.leftover(what, s)
}

// Real reads a real number; what names the value in the error.
func Real(what, s string) (float64, error) {
	v, err := read(what, s)
	if err != nil {
		return 0, err
	}
	return v.real, v.leftover(what, s)
}

// wrap keeps the low 64 bits, read as a signed number.
func wrap(i *big.Int) int {
	low := new(big.Int).And(i, new(big.Int).SetUint64(math.MaxUint64))
	return int(int64(low.Uint64()))
}

// value is a number at the start of a text and what follows it. integer is nil for one with a fraction or an exponent.
type value struct {
	integer *big.Int
	real    float64
	rest    string
}

func (v value) leftover(what, s string) error {
	if v.rest == "" {
		return nil
	}
	return fmt.Errorf("%s: leftover characters when parsing '%s': '%s'", what, s, v.rest)
}

func (v value) negate() value {
	v.real = -v.real
	if v.integer != nil {
		v.integer = new(big.Int).Neg(v.integer)
	}
	return v
}

func cannotParse(what, s string) error { return fmt.Errorf("%s: cannot parse string '%s'", what, s) }

func read(what, s string) (value, error) {
	v, ok := parenthesised(s)
	if !ok {
		return value{}, cannotParse(what, s)
	}
	return v, nil
}

// maxNesting bounds the parentheses around a number; more than that is no number anybody wrote.
const maxNesting = 1000

func parenthesised(s string) (value, bool) {
	depth := 0
	for s = skipSpace(s); strings.HasPrefix(s, "("); s = skipSpace(s[1:]) {
		if depth++; depth > maxNesting {
			return value{}, false
		}
	}
	v, ok := signed(s)
	for ; ok && depth > 0; depth-- {
		inner := skipSpace(v.rest)
		if ok = strings.HasPrefix(inner, ")"); ok {
			v.rest = inner[1:]
		}
	}
	return v, ok
}

func skipSpace(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

// symbols are the characters that stick to a minus sign and make another operator of it.
const symbols = "!@#$%&*+./<=>?\\^|:-~"

func signed(s string) (value, bool) {
	if !strings.HasPrefix(s, "-") {
		return unsigned(s)
	}
	if len(s) > 1 && strings.IndexByte(symbols, s[1]) >= 0 {
		return value{}, false
	}
	v, ok := unsigned(skipSpace(s[1:]))
	return v.negate(), ok
}

func unsigned(s string) (value, bool) {
	if word := identifier(s); word != "" {
		return named(word, s[len(word):])
	}
	if v, ok := based(s); ok {
		return v, true
	}
	return decimal(s)
}

func named(word, rest string) (value, bool) {
	switch word {
	case "NaN":
		return value{real: math.NaN(), rest: rest}, true
	case "Infinity":
		return value{real: math.Inf(1), rest: rest}, true
	}
	return value{}, false
}

func identifier(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) && first != '_' {
		return ""
	}
	end := strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '\''
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end]
}

// based reads 0x and 0o numbers.
func based(s string) (value, bool) {
	if len(s) < 3 || s[0] != '0' {
		return value{}, false
	}
	base, allowed := 0, ""
	switch s[1] {
	case 'x', 'X':
		base, allowed = 16, "0123456789abcdefABCDEF"
	case 'o', 'O':
		base, allowed = 8, "01234567"
	default:
		return value{}, false
	}
	body := s[2:]
	n := len(body) - len(strings.TrimLeft(body, allowed))
	if n == 0 {
		return value{}, false
	}
	i, _ := new(big.Int).SetString(body[:n], base) // only digits of this base
	f, _ := new(big.Float).SetInt(i).Float64()
	return value{integer: i, real: f, rest: body[n:]}, true
}

func countDigits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func decimal(s string) (value, bool) {
	n := countDigits(s)
	if n == 0 {
		return value{}, false
	}
	whole := n
	if n < len(s) && s[n] == '.' {
		if f := countDigits(s[n+1:]); f > 0 {
			n += 1 + f
		}
	}
	n += exponent(s[n:])
	f, _ := strconv.ParseFloat(s[:n], 64) // out of range is infinity, as in the reference
	v := value{real: f, rest: s[n:]}
	if n == whole {
		v.integer, _ = new(big.Int).SetString(s[:n], 10)
	}
	return v, true
}

// exponent returns the length of a complete exponent at the start of s, 0 when there is none.
func exponent(s string) int {
	if s == "" || (s[0] != 'e' && s[0] != 'E') {
		return 0
	}
	n := 1
	if len(s) > 1 && (s[1] == '-' || s[1] == '+') {
		n++
	}
	d := countDigits(s[n:])
	if d == 0 {
		return 0
	}
	return n + d
}
