// Package number prints and reads numbers and strings the way the reference implementation of the htools does. Its rules
// are not those of C or Go: a real is rounded on its shortest decimal form, half to even, and the scripts that read
// the tools' output see the difference.
package number

import (
	"math"
	"strconv"
	"strings"
)

// digits returns the shortest decimal digits d1 d2 … and the exponent e such that x = 0.d1d2… × 10^e, for a finite x >= 0.
// Zero is the single digit 0 with exponent 0.
func digits(x float64) (string, int) {
	if x == 0 {
		return "0", 0
	}
	var buf [32]byte
	text := string(strconv.AppendFloat(buf[:0], x, 'e', -1, 64))
	mantissa, exponent, _ := strings.Cut(text, "e")
	e, _ := strconv.Atoi(exponent) // strconv made it
	return strings.Replace(mantissa, ".", "", 1), e + 1
}

// round keeps the first n of the digits, rounding half to even on the decimal digits, and pads with zeroes. The carry
// tells that an additional leading 1 was put in front.
func round(ds string, n int) (rounded string, carry bool) {
	if n >= len(ds) {
		return ds + strings.Repeat("0", n-len(ds)), false
	}
	kept := []byte(ds[:n])
	if !roundsUp(kept, ds[n:]) {
		return string(kept), false
	}
	for i := n - 1; i >= 0; i-- {
		if kept[i] != '9' {
			kept[i]++
			return string(kept), false
		}
		kept[i] = '0'
	}
	return "1" + string(kept), true
}

func roundsUp(kept []byte, rest string) bool {
	if rest[0] != '5' {
		return rest[0] > '5'
	}
	if strings.Trim(rest[1:], "0") != "" {
		return true
	}
	return len(kept) > 0 && (kept[len(kept)-1]-'0')%2 == 1
}

// special returns the name of a value that has no digits, or the sign and the absolute value of one that has.
func special(x float64) (name, sign string, abs float64) {
	switch {
	case math.IsNaN(x):
		return "NaN", "", 0
	case math.IsInf(x, 1):
		return "Infinity", "", 0
	case math.IsInf(x, -1):
		return "-Infinity", "", 0
	case math.Signbit(x):
		return "", "-", -x
	}
	return "", "", x
}

// Fixed prints x with the given number of decimals, as "%.Nf" of the reference; without decimals there is no point.
func Fixed(x float64, decimals int) string {
	name, sign, abs := special(x)
	if name != "" {
		return name
	}
	return sign + fixed(abs, decimals)
}

func fixed(x float64, decimals int) string {
	ds, e := digits(x)
	whole := e
	if e < 0 {
		ds, whole = strings.Repeat("0", -e)+ds, 0
	}
	rounded, carry := round(ds, whole+decimals)
	if carry {
		whole++
	}
	integer := rounded[:whole]
	if integer == "" {
		integer = "0"
	}
	if decimals == 0 {
		return integer
	}
	return integer + "." + rounded[whole:]
}

// General prints x as "%.6g" of the reference: six decimals, with an exponent unless 0.1 <= |x| < 10^7.
func General(x float64) string {
	name, sign, abs := special(x)
	if name != "" {
		return name
	}
	ds, e := digits(abs)
	if e >= 0 && e <= 7 {
		return sign + fixed(abs, 6)
	}
	rounded, carry := round(ds, 7)
	if carry {
		e++
		rounded = rounded[:7]
	}
	return sign + rounded[:1] + "." + rounded[1:] + "e" + strconv.Itoa(e-1)
}

// Plain prints all digits of x without an exponent and with at least one decimal, as a bare "%f" of the reference.
func Plain(x float64) string {
	name, sign, abs := special(x)
	if name != "" {
		return name
	}
	return sign + plain(abs)
}

func plain(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// Show prints x as the reference shows a real inside a list or a record.
func Show(x float64) string {
	name, sign, abs := special(x)
	if name != "" {
		return name
	}
	ds, e := digits(abs)
	if e >= 0 && e <= 7 {
		return sign + plain(abs)
	}
	rest := ds[1:]
	if rest == "" {
		rest = "0"
	}
	return sign + ds[:1] + "." + rest + "e" + strconv.Itoa(e-1)
}
