package store

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// slowFor is how long a candidate that did not answer in time is given less time. It is never taken as proof that it is down.
const slowFor = 30 * time.Second

// hints are what may be lost at any time: each entry only saves time.
type hints struct {
	Slow   map[string]int64             `json:"slow"`   // node to the end of its being slow, in seconds since 1970
	Given  map[string]given             `json:"given"`  // node to the ssconf files it was given
	SSConf map[string]map[string]string `json:"ssconf"` // the digests of those files, by version and name
}

func (s *Store) hintsFile() string { return filepath.Join(s.RunDir, "hints.json") }

// hintsCache is what was read last, and from which file.
type hintsCache struct {
	mu    sync.Mutex
	file  os.FileInfo
	hints hints
}

// readHints returns the hints, which nobody may change: empty ones when there are none or they cannot be read.
func (s *Store) readHints() hints {
	c := &s.hints
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := os.Stat(s.hintsFile())
	if err != nil || c.file == nil || !os.SameFile(now, c.file) || !now.ModTime().Equal(c.file.ModTime()) {
		c.file, c.hints = now, s.freshHints()
	}
	return c.hints
}

func (s *Store) freshHints() hints {
	h := hints{}
	if s.RunDir != "" {
		if data, err := os.ReadFile(s.hintsFile()); err != nil || json.Unmarshal(data, &h) != nil {
			h = hints{}
		}
	}
	if h.Slow == nil {
		h.Slow = map[string]int64{}
	}
	if h.Given == nil {
		h.Given = map[string]given{}
	}
	if h.SSConf == nil {
		h.SSConf = map[string]map[string]string{}
	}
	return h
}

// changeHints writes the hints changed. A full disk may lose them: that costs time only.
func (s *Store) changeHints(change func(*hints)) {
	if s.RunDir == "" {
		return
	}
	s.mu.Lock() // the fan-out marks several nodes at once
	defer s.mu.Unlock()
	if os.MkdirAll(s.RunDir, 0o755) != nil {
		return
	}
	dir, err := os.Open(s.RunDir) // its lock is held for moments
	if err != nil {
		return
	}
	defer dir.Close()
	if syscall.Flock(int(dir.Fd()), syscall.LOCK_EX) != nil {
		return
	}
	h := s.freshHints()
	change(&h)
	data, err := json.Marshal(h)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(s.RunDir, ".hints")
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), s.hintsFile()) != nil {
		os.Remove(f.Name())
	}
}

func (s *Store) isSlow(node string) bool {
	return s.readHints().Slow[node] > s.Now().Unix()
}

func (s *Store) markSlow(node string) {
	s.changeHints(func(h *hints) { h.Slow[node] = s.Now().Add(slowFor).Unix() })
}
