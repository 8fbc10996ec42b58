package query

import (
	"math"
	"strings"
	"time"

	"gantry/lib/unit"
)

// Format says how cells are printed.
type Format struct {
	Units   string                      // h, m, g or t
	Verbose bool                        // (nodata) in place of ?
	Special map[string]func(any) string // for some columns of some commands, by field name
}

var statusMarks = map[Status][2]string{
	UnknownField: {"??", "(unknown)"},
	NoData:       {"?", "(nodata)"},
	Unavailable:  {"-", "(unavail)"},
	Offline:      {"*", "(offline)"},
}

// Text gives a cell of a column as it is printed.
func (f Format) Text(c Column, cell Cell) string {
	if cell.Status != Normal {
		if f.Verbose {
			return statusMarks[cell.Status][1]
		}
		return statusMarks[cell.Status][0]
	}
	if special := f.Special[c.Name]; special != nil {
		return special(cell.Value)
	}
	switch c.Kind {
	case Bool:
		if cell.Value == true {
			return "Y"
		}
		return "N"
	case Unit:
		if mib, ok := number(cell.Value); ok {
			return unit.FormatSize(mib, f.Units)
		}
	case Timestamp:
		if seconds, ok := number(cell.Value); ok {
			return unit.FormatTime(Time(seconds))
		}
	}
	return unit.Str(cell.Value)
}

// Right says whether a column is aligned to the right: special columns never are.
func (f Format) Right(c Column) bool { return f.Special[c.Name] == nil && c.Kind.Right() }

// Join prints a list with a separator between its items.
func Join(separator string) func(any) string {
	return func(v any) string {
		list, _ := v.([]any)
		parts := make([]string, len(list))
		for i, item := range list {
			parts[i] = unit.Str(item)
		}
		return strings.Join(parts, separator)
	}
}

// Time turns seconds since 1970 into a time.
func Time(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000)
}
