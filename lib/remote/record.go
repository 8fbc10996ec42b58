package remote

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// recordKey makes the known_hosts file name this key for the host, and no other of the same type under the host's own
// names alone. Lines that stand for other hosts too, patterns and hashes stay.
func recordKey(path string, names []string, key ssh.PublicKey) error {
	lock, err := lockFile(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := lock.Stat(); err == nil {
		mode = info.Mode().Perm()
	}
	return writeLocal(path, replaceKey(old, names, key), mode)
}

// lockFile takes the flock of the file that is at path now, not of one that was replaced while we waited.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		mine, err1 := f.Stat()
		current, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, current) {
			return f, nil
		}
		f.Close()
	}
}

// replaceKey is the pure half of recordKey.
func replaceKey(old []byte, names []string, key ssh.PublicKey) []byte {
	var kept [][]byte
	for _, line := range bytes.SplitAfter(old, []byte("\n")) {
		marker, hosts, k, _, _, err := ssh.ParseKnownHosts(line)
		own := err == nil && marker == "" && k.Type() == key.Type() &&
			!slices.ContainsFunc(hosts, func(host string) bool { return !slices.Contains(names, host) })
		if !own {
			kept = append(kept, line)
		}
	}
	out := bytes.Join(kept, nil)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return fmt.Appendf(out, "%s %s", strings.Join(names, ","), ssh.MarshalAuthorizedKey(key))
}

// writeLocal replaces a file of the master's own node: whole, or not at all, also when the power fails.
func writeLocal(path string, data []byte, mode fs.FileMode) error {
	temp := tempName(path)
	if err := writeNew(temp, data, mode); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return syncLocal(filepath.Dir(path))
}

// writeNew makes a file that did not exist, synced; on failure there is none.
func writeNew(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(mode)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

// syncLocal makes what was renamed in a directory survive a power cut.
func syncLocal(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
