package kvm

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// An interface that goes must not leave another one's place to a wrong tap device: that one would be taken away in its stead.
func TestTapFilesMoveUp(t *testing.T) {
	for n, want := range []map[string]string{
		{"0": "tap1", "1": "tap2"},
		{"0": "tap0", "1": "tap2"},
		{"0": "tap0", "1": "tap1"},
	} {
		dir, got := t.TempDir(), map[string]string{}
		for name, tap := range map[string]string{"0": "tap0", "1": "tap1", "2": "tap2"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(tap), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run(t, dropNIC(dir, n).Argv)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			got[e.Name()] = string(text)
		}
		if !maps.Equal(got, want) {
			t.Errorf("without %d: %v, want %v", n, got, want)
		}
	}
}
