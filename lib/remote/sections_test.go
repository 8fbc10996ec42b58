package remote

import (
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
