package remote

import (
	"bytes"
	"strings"
)

// Sections splits the output of a probe, a script that gathers several facts, at its lines of the form "=== name". What
// stands before the first is under "".
func Sections(out []byte) map[string]string {
	parts := map[string]*strings.Builder{}
	at := &strings.Builder{}
	parts[""] = at
	for line := range bytes.Lines(out) {
		if name, found := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), "=== "); found {
			if parts[name] == nil {
				parts[name] = &strings.Builder{}
			}
			at = parts[name]
			continue
		}
		at.Write(line)
	}
	texts := make(map[string]string, len(parts))
	for name, text := range parts {
		texts[name] = text.String()
	}
	return texts
}
