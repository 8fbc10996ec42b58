package unit

import (
	"math"
	"strconv"
	"strings"
	"time"

	"gantry/lib/fault"
)

// LongestSpan is the span that what is longer stands for: some 292 years, in seconds. A time.Duration holds no more.
const LongestSpan = int(math.MaxInt64 / time.Second)

var spans = map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 7 * 86400}

// ParseTimespec reads a span of time such as "90", "20s" or "3d" and returns seconds.
func ParseTimespec(s string) (seconds int, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, wrongInput("Empty time specification passed")
	}
	number, factor := s, 1
	if f, ok := spans[s[len(s)-1]]; ok {
		number, factor = s[:len(s)-1], f
		if number == "" {
			return 0, wrongInput("Invalid time specification (only suffix passed)")
		}
	}
	n, err := ParseInt(number)
	if digits, long := LongInt(number); long {
		n, err = LongestSpan, nil
		if digits[0] == '-' {
			n = -LongestSpan
		}
	}
	if err != nil {
		return 0, wrongInput("Invalid time specification '%s'", number) // without the suffix, as Ganeti says it
	}
	switch {
	case n > LongestSpan/factor:
		return LongestSpan, nil
	case n < -LongestSpan/factor:
		return -LongestSpan, nil
	}
	return n * factor, nil
}

func wrongInput(format string, args ...any) error {
	return fault.Refuse(fault.WrongInput, format, args...)
}

// FormatSeconds writes a span for reading: 2d 9h 19m 49s.
func FormatSeconds(seconds float64) string {
	left := int64(math.RoundToEven(seconds))
	var parts []string
	if left > 0 {
		for _, u := range []struct {
			name string
			size int64
		}{{"d", 86400}, {"h", 3600}, {"m", 60}} {
			whole := left / u.size
			left %= u.size
			if whole > 0 || len(parts) > 0 {
				parts = append(parts, strconv.FormatInt(whole, 10)+u.name)
			}
		}
	}
	return strings.Join(append(parts, strconv.FormatInt(left, 10)+"s"), " ")
}

// FormatTime writes a time the way the list commands do; the zero time is "N/A".
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// FormatTimeMicro is FormatTime with microseconds, as jobs show it.
func FormatTimeMicro(t time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return t.Local().Format("2006-01-02 15:04:05.000000")
}

// Ctime writes a time the way C's ctime does: the head of every line of a job's log.
func Ctime(t time.Time) string { return t.Local().Format(time.ANSIC) }
