package unit

import (
	"math"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int{
		"1g": 1024, "1.5g": 1536, "1024": 1024, "1GiB": 1024, "1gb": 1024, "1t": 1 << 20, "10M": 12, "5 m": 8,
		"0.1": 4, "1": 4, "3": 4, "5": 8, "0": 0, "4.0001": 8, "16TIB": 16 << 20,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"1k": "Unknown unit: k", "5ZZ": "Unknown unit: ZZ", "-1": "Invalid format", "1e3": "Invalid format", "": "Invalid format",
		"1.2.3": "Invalid format", ".": "Invalid format", "1e99": "Invalid format", " 1": "Invalid format",
		"99999999999999999999999999": "Invalid format",
	} {
		if got, err := ParseSize(in); err == nil || err.Error() != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %s", in, got, err, want)
		}
	}
}

func TestSizesInTheQueueKeep64Bits(t *testing.T) {
	for in, want := range map[string]int{
		"1.5g": 1536, "99999999999999999999999": 200376420512301056, "99999999999999999999g": 2123646838278979584,
		"99999999999999999999999t": 1490515554799190016, "9223372036854775807": math.MinInt64,
	} {
		if got, err := ParseSize64(in); err != nil || got != want {
			t.Errorf("ParseSize64(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]int{"99999999999999999999999": 200376420520689663, "-99999999999999999999999": -200376420520689663, " 1_0 ": 10} {
		if got, err := ParseInt64(in); err != nil || got != want {
			t.Errorf("ParseInt64(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"9x", "18446744073709551616", "18446744073709551621", "-18446744073709551617"} {
		if got, err := ParseInt64(in); err == nil {
			t.Errorf("%s is %d", in, got)
		}
	}
	for _, in := range []string{"1e99", "-99999999999999999999999", strings.Repeat("9", 400), strings.Repeat("9", 307) + "t", "18446744073709555712", "18014398509481988g"} {
		if got, err := ParseSize64(in); err == nil || err.Error() != "Invalid format" {
			t.Errorf("ParseSize64(%q) = %d, %v", in, got, err)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("1.5g")
	f.Add("1e99")
	f.Fuzz(func(t *testing.T, s string) {
		if mib, err := ParseSize(s); err == nil && (mib < 0 || mib%4 != 0) {
			t.Errorf("ParseSize(%q) = %d", s, mib)
		}
	})
}

func TestFormatSize(t *testing.T) {
	for _, tt := range []struct {
		mib  float64
		unit string
		want string
	}{
		{512, "h", "512M"}, {1023, "h", "1023M"}, {1024, "h", "1.0G"}, {1536, "h", "1.5G"}, {1 << 20, "h", "1.0T"},
		{1500, "m", "1500"}, {1500, "g", "1.5"}, {1 << 20, "t", "1.0"}, {0, "h", "0M"}, {-5, "h", "-5M"},
		{1075, "g", "1.0"}, {10240.4, "m", "10240"},
	} {
		if got := FormatSize(tt.mib, tt.unit); got != tt.want {
			t.Errorf("FormatSize(%v, %s) = %s, want %s", tt.mib, tt.unit, got, tt.want)
		}
	}
}
