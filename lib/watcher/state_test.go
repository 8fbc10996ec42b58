package watcher

import (
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
