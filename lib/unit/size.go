package unit

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"gantry/lib/fault"
)

var sizeForm = Form(`^([.0-9]+)\s*([a-zA-Z]+)?\n?$`)

// MaxSize keeps sizes well inside what can be added and multiplied in an int.
const MaxSize = 1 << 50

// ParseSize reads a size and returns MiB. Without a suffix the number is MiB. As
// in Ganeti the result is rounded up to a multiple of 4.
func ParseSize(s string) (mib int, err error) {
	value, err := mebibytes(s)
	if err != nil {
		return 0, err
	}
	if value > MaxSize {
		return 0, unreadable("Invalid format") // Ganeti would go on with a number nothing can hold
	}
	return int(math.Ceil(math.Ceil(value)/4)) * 4, nil
}

// ParseSize64 is ParseSize for what Ganeti hands through its queue as a number of 64 bits: the low ones of a larger number are left, which
// are below 0 or above MaxSize. Like other numbers they have to be held against a policy, or MaxSize.
func ParseSize64(s string) (mib int, err error) {
	value, err := mebibytes(s)
	if err != nil || value <= MaxSize {
		return ParseSize(s)
	}
	whole, _ := big.NewFloat(value).Int(nil)
	if mib = low64(whole); ordinary(mib) {
		return 0, unreadable("Invalid format")
	}
	return mib, nil
}

// LongSize returns the digits of a size that ParseSize refuses because it is larger than MaxSize.
func LongSize(s string) (string, bool) {
	value, err := mebibytes(s)
	if err != nil || value <= MaxSize {
		return "", false
	}
	return strconv.FormatFloat(value, 'f', 0, 64), true
}

// mebibytes reads a size, not rounded. It is finite.
func mebibytes(s string) (float64, error) {
	m := sizeForm().FindStringSubmatch(s)
	if m == nil {
		return 0, unreadable("Invalid format")
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, unreadable("Invalid format")
	}
	switch strings.ToLower(m[2]) {
	case "", "m", "mb", "mib":
	case "g", "gb", "gib":
		value *= 1024
	case "t", "tb", "tib":
		value *= 1024 * 1024
	default:
		return 0, unreadable("Unknown unit: %s", m[2])
	}
	if math.IsInf(value, 0) {
		return 0, unreadable("Invalid format") // Ganeti crashes
	}
	return value, nil
}

func unreadable(format string, args ...any) error {
	return fault.New("UnitParseError", format, args...)
}

// FormatSize writes a number of MiB in unit "m", "g" or "t", without a suffix,
// or with "h" in the one that fits, with its suffix.
func FormatSize(mib float64, unit string) string {
	human := unit == "h"
	suffix := func(s string) string {
		if human {
			return s
		}
		return ""
	}
	switch {
	case unit == "m" || human && mib < 1024:
		return strconv.FormatFloat(math.RoundToEven(mib), 'f', 0, 64) + suffix("M")
	case unit == "g" || human && mib < 1024*1024:
		return strconv.FormatFloat(mib/1024, 'f', 1, 64) + suffix("G")
	default:
		return strconv.FormatFloat(mib/1024/1024, 'f', 1, 64) + suffix("T")
	}
}
