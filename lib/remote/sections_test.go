package remote

import (
	"bytes"
	"maps"
	"testing"
)

func TestSections(t *testing.T) {
	got := Sections([]byte("noise\n=== a\n1\n2\n=== b\n=== c\nno newline\n=== a\n3"))
	want := map[string]string{"": "noise\n", "a": "1\n2\n3", "b": "", "c": "no newline\n"}
	if !maps.Equal(got, want) {
		t.Errorf("Sections = %q", got)
	}
}

// FuzzSections: nothing of an answer is lost, and nothing is made up.
func FuzzSections(f *testing.F) {
	f.Add([]byte("noise\n=== a\n1\n2\n=== b\n=== \n=== a\n3"))
	f.Fuzz(func(t *testing.T, out []byte) {
		heads, text := 0, 0
		for line := range bytes.Lines(out) {
			if bytes.HasPrefix(line, []byte("=== ")) {
				heads += len(line)
			}
		}
		for _, part := range Sections(out) {
			text += len(part)
		}
		if heads+text != len(out) {
			t.Errorf("%d bytes in names, %d in sections, of %d", heads, text, len(out))
		}
	})
}
