package table

import (
	"io"
	"strings"

	"gantry/lib/unit"
)

// Pair is one entry of an info listing.
type Pair struct {
	Key   string
	Value any
}

// Pairs is a mapping whose order matters.
type Pairs []Pair

// Info prints value the way the info commands do: mappings (Pairs) and lists
// ([]any, []string, []Pairs) nest by two spaces, all else is shown as Python
// would show it. The result reads as YAML.
func Info(w io.Writer, value any) error {
	var b strings.Builder
	writeInfo(&b, value, 0, false)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeInfo(b *strings.Builder, value any, level int, afterKey bool) {
	switch v := value.(type) {
	case Pairs:
		nest(b, len(v), level, afterKey, func(i int) {
			b.WriteString(v[i].Key + ": ")
			writeInfo(b, v[i].Value, level+1, true)
		})
	case []Pairs:
		writeList(b, v, level, afterKey)
	case []any:
		writeList(b, v, level, afterKey)
	case []string:
		writeList(b, v, level, afterKey)
	default:
		b.WriteString(unit.Str(v) + "\n")
	}
}

func writeList[T any](b *strings.Builder, list []T, level int, afterKey bool) {
	nest(b, len(list), level, afterKey, func(i int) {
		b.WriteString("- ")
		writeInfo(b, list[i], level+1, false)
	})
}

// nest writes n entries, each on a line of its own; the first one shares the
// line it is on unless a key stands there.
func nest(b *strings.Builder, n, level int, afterKey bool, entry func(int)) {
	if n == 0 || afterKey {
		b.WriteByte('\n')
	}
	for i := range n {
		if i > 0 || afterKey {
			b.WriteString(strings.Repeat("  ", level))
		}
		entry(i)
	}
}
