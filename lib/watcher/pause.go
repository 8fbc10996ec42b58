package watcher

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PausedUntil reads until when the watcher is to do nothing, as "gnt-cluster watcher pause" wrote it on every node: seconds since
// 1970 in watcher.pause. The zero time is not paused.
func PausedUntil(dataDir string, now time.Time) (time.Time, error) {
	path := filepath.Join(dataDir, "watcher.pause")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	if until := time.Unix(seconds, 0); until.After(now) {
		return until, nil
	}
	return time.Time{}, nil
}

// Alone takes the lock that keeps a second watcher from running, until it is closed. Nil is that one runs.
func Alone(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, f.Close()
	}
	return f, err
}
