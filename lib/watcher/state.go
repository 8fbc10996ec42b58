package watcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxTries is how often an instance that does not stay up is restarted before it is left to a person; retryExpiration is after
// how long the count begins anew.
const (
	maxTries        = 5
	retryExpiration = 8 * time.Hour
)

// state is what a run tells the next one, in watcher.GROUP.data, with Ganeti's names.
type state struct {
	Instances map[string]attempts `json:"instance"`
	Nodes     map[string]seen     `json:"node"`
}

type attempts struct {
	Restarts int   `json:"restart_count"`
	When     int64 `json:"restart_when"`
}

type seen struct {
	BootID string `json:"bootid"`
}

// readState reads the file. What cannot be read is forgotten: the worst of it is a restart too many, which does nothing.
func readState(path string) (state, error) {
	s := state{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	} else if err == nil && len(text) > 0 {
		if err = json.Unmarshal(text, &s); err != nil {
			s, err = state{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	if s.Instances == nil {
		s.Instances = map[string]attempts{}
	}
	if s.Nodes == nil {
		s.Nodes = map[string]seen{}
	}
	return s, err
}

func (s state) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return replace(path, text, 0o600)
}

// expire forgets instances that are gone, and old attempts.
func (s state) expire(now time.Time, exists func(name string) bool) {
	for name, a := range s.Instances {
		if !exists(name) || now.Sub(time.Unix(a.When, 0)) > retryExpiration {
			delete(s.Instances, name)
		}
	}
}

// try counts an attempt, and says which it is. What is not tried any more is not counted either: it would never expire.
func (s state) try(name string, now time.Time) int {
	n := s.Instances[name].Restarts + 1
	if n <= maxTries+1 {
		s.Instances[name] = attempts{n, now.Unix()}
	}
	return n
}

// replace writes a file by renaming it into place.
func replace(path string, text []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
