package unit

import (
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"
)

func TestParseOptionInt(t *testing.T) {
	for in, want := range map[string]int{
		"0x10": 16, "010": 8, "0b11": 3, "-5": -5, "+5": 5, "1_000": 1000, " 7 ": 7, "0": 0, "-0x1f": -31, "-0": 0, "0X1_0": 16,
	} {
		if got, err := ParseOptionInt(in); err != nil || got != want {
			t.Errorf("ParseOptionInt(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"08", "abc", "1.5", "", "0x", "0b2", "1__0", "_1", "--1", "0x-1", "99999999999999999999"} {
		if got, err := ParseOptionInt(in); err == nil {
			t.Errorf("ParseOptionInt(%q) = %d, want an error", in, got)
		}
	}
}

func TestParseIntSpeaksLikePython(t *testing.T) {
	_, err := ParseInt("x")
	if err == nil || err.Error() != "invalid literal for int() with base 10: 'x'" {
		t.Errorf("ParseInt(x): %v", err)
	}
	if n, err := ParseInt("010"); n != 10 || err != nil {
		t.Errorf("ParseInt(010) = %d, %v, want 10", n, err)
	}
}

func TestParseBool(t *testing.T) {
	for in, want := range map[string]bool{"yes": true, "YES": true, "True": true, "no": false, "false": false} {
		if got, err := ParseBool(in); err != nil || got != want {
			t.Errorf("ParseBool(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"on", "1", "", "y"} {
		if _, err := ParseBool(in); err == nil || err.Error() != "Invalid boolean value '"+in+"'" {
			t.Errorf("ParseBool(%q): %v", in, err)
		}
	}
}

func TestParseRanges(t *testing.T) {
	for in, want := range map[string][]Range{
		"":                       nil,
		"4000-4019":              {{4000, 4019}},
		"9,1-2,5":                {{1, 2}, {5, 5}, {9, 9}},
		"10-5":                   {{10, 5}},
		"1-2,":                   {{1, 2}},
		"5000-5010, 6":           {{6, 6}, {5000, 5010}},
		"7-99999999999999999999": {{7, 7766279631452241919}}, // what 64 bits leave, which is no user id either
		"9223372036854775808":    {{math.MinInt64, math.MinInt64}},
	} {
		if got, err := ParseRanges(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseRanges(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"1-2-3": "Invalid user-id range definition. Only one hyphen allowed: ['1', '2', '3']",
		"x-2":   "Invalid user-id value for lower boundary of user-id range: invalid literal for int() with base 10: 'x'",
		"1-":    "Invalid user-id value for higher boundary of user-id range: invalid literal for int() with base 10: ''",
	} {
		if _, err := ParseRanges(in); err == nil || err.Error() != want {
			t.Errorf("ParseRanges(%q): %v, want %s", in, err, want)
		}
	}
}

func TestTimespec(t *testing.T) {
	for in, want := range map[string]int{"90": 90, "20s": 20, "2m": 120, "3h": 10800, "1d": 86400, "2w": 1209600, " 5m ": 300, "-1": -1,
		"9223372036854775807w": LongestSpan, "99999999999999999999": LongestSpan, "-99999999999999999999s": -LongestSpan} {
		if got, err := ParseTimespec(in); err != nil || got != want {
			t.Errorf("ParseTimespec(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"xyz": "Invalid time specification 'xyz'", "": "Empty time specification passed", "3x": "Invalid time specification '3x'", "sixth": "Invalid time specification 'sixt'",
		"s": "Invalid time specification (only suffix passed)",
	} {
		if _, err := ParseTimespec(in); err == nil || err.Error() != want {
			t.Errorf("ParseTimespec(%q): %v, want %s", in, err, want)
		}
	}
}

func TestFormatTimes(t *testing.T) {
	at := time.Date(2020, 1, 7, 20, 5, 42, 1234000, time.Local)
	for got, want := range map[string]string{
		Ctime(at):               "Tue Jan  7 20:05:42 2020",
		FormatTime(at):          "2020-01-07 20:05:42",
		FormatTimeMicro(at):     "2020-01-07 20:05:42.001234",
		FormatTime(time.Time{}): "N/A",
		FormatSeconds(206389):   "2d 9h 19m 49s",
		FormatSeconds(0.4):      "0s",
		FormatSeconds(-3):       "-3s",
		FormatSeconds(86400):    "1d 0h 0m 0s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzNumbers: every number, span and range is read or refused, and a range is read back as it was written.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"4000-4019,5000", "-1", "--", "1_0", "0x1F", "007", "3d", "9223372036854775807w", "s", "yes", "1-2-3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseInt(s); err == nil {
			if again, err := ParseInt(strconv.Itoa(n)); err != nil || again != n {
				t.Errorf("%q is %d and then %d, %v", s, n, again, err)
			}
		}
		ParseOptionInt(s)
		ParseTimespec(s)
		ranges, err := ParseRanges(s)
		if err != nil {
			return
		}
		for _, r := range ranges {
			if again, err := ParseRanges(r.String()); r.Low >= 0 && r.High >= 0 && (err != nil || len(again) != 1 || again[0] != r) {
				t.Errorf("%v is read back as %v, %v", r, again, err)
			}
		}
	})
}
