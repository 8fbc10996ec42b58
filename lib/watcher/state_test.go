package watcher

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWhatWasGivenUpIsTriedAgainHoursLater(t *testing.T) {
	s, err := readState(t.TempDir() + "/none")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	there := func(string) bool { return true }
	tries, again := 0, time.Duration(0)
	for after := time.Duration(0); again == 0 && after < 24*time.Hour; after += 5 * time.Minute {
		s.expire(now.Add(after), there)
		n := s.try("web", now.Add(after))
		if n <= maxTries {
			tries++
		}
		if after > 0 && n == 1 {
			again = after
		}
	}
	if want := retryExpiration + (maxTries+1)*5*time.Minute; tries != maxTries+1 || again != want {
		t.Errorf("%d attempts, the first of a new count after %v; want %v", tries, again, want)
	}
}

// FuzzState: a damaged file is forgotten, and a run goes on with what it has.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"instance":{"web":{"restart_count":6,"restart_when":9223372036854775807}},"node":{"node1":{"bootid":"b"}}}`))
	f.Add([]byte(`{"instance":null,"node":{"node1":null}}`))
	path := filepath.Join(f.TempDir(), "state")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := readState(path)
		s.expire(time.Unix(1000, 0), func(string) bool { return true })
		if n := s.try("web", time.Unix(1000, 0)); err != nil && n != 1 {
			t.Errorf("a file that cannot be read makes it attempt %d", n)
		}
		s.Nodes["node1"] = seen{"b"}
	})
}
