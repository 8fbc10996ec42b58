package number

import (
	"math"
	"testing"
)

func TestFixedRoundsTheShortestDecimalFormHalfToEven(t *testing.T) {
	for _, tt := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{0.005, 2, "0.00"}, {0.015, 2, "0.02"}, {0.025, 2, "0.02"}, {0.065, 2, "0.06"}, {0.175, 2, "0.18"},
		{-0.001, 2, "-0.00"}, {0.5, 0, "0"}, {1.5, 0, "2"}, {9.995, 2, "10.00"}, {123456, 0, "123456"}, {1e-9, 8, "0.00000000"},
		{math.NaN(), 2, "NaN"}, {math.Inf(-1), 2, "-Infinity"},
	} {
		if got := Fixed(tt.x, tt.decimals); got != tt.want {
			t.Errorf("Fixed(%v, %d) = %s, want %s", tt.x, tt.decimals, got, tt.want)
		}
	}
}

func TestOtherForms(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{General(0.005208333333333333), "5.208333e-3"}, {General(1e8), "1.000000e8"}, {General(2.5183166), "2.518317"},
		{General(0), "0.000000"}, {Plain(1), "1.0"}, {Plain(0.00125), "0.00125"}, {Show(4), "4.0"}, {Show(0.75), "0.75"},
		{Show(0.01), "1.0e-2"}, {Show(1e7), "1.0e7"}, {Show(0), "0.0"}, {Quote("a\"\x0eHé1"), `"a\"\SO\&H\233\&1"`},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

func TestIntReadsWhatTheReferenceReads(t *testing.T) {
	for s, want := range map[string]int{" 5": 5, "-3": -3, "- 3": -3, "((7))": 7, "0x10": 16, "0o17": 15, "18446744073709551617": 1} {
		if got, err := Int("x", s); err != nil || got != want {
			t.Errorf("Int(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]string{
		"":     "x: cannot parse string ''",
		"+1":   "x: cannot parse string '+1'",
		"6.0":  "x: cannot parse string '6.0'",
		"6e4":  "x: cannot parse string '6e4'",
		"5 ":   "x: leftover characters when parsing '5 ': ' '",
		"12ab": "x: leftover characters when parsing '12ab': 'ab'",
	} {
		if _, err := Int("x", s); err == nil || err.Error() != want {
			t.Errorf("Int(%q): %v, want %s", s, err, want)
		}
	}
}

func TestUnitScalesAsTheReferenceDoes(t *testing.T) {
	for s, want := range map[string]int{"10": 10, "2g": 2048, "1T": 953674, "5 GiB": 5120, "1t": 1048576, "1M": 0, "3MB": 2} {
		if got, err := Unit(s); err != nil || got != want {
			t.Errorf("Unit(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
}
