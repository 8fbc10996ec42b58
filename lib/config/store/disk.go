package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// area is the name of this package's injection points.
const area = "store"

// writeNew puts a text on disk as newName: mode before content, content and then name before it returns. Nobody reads it under that
// name, but after a power cut it may be all that is left of a version that candidates have.
// What it left when it fails has to be discarded.
func (s *Store) writeNew(text []byte) error {
	done := s.Inject(area, "write "+newName)
	f, err := os.OpenFile(s.path(newName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = f.Write(text)
	done()
	if err == nil {
		done = s.Inject(area, "fsync "+newName)
		err = f.Sync()
		done()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.syncDir()
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// rename gives a file of the data directory another name. Its text must be on disk under the old one: until the directory is, either
// may be there after a power cut.
func (s *Store) rename(from, to string) error {
	defer s.Inject(area, "rename "+from+" "+to)()
	return os.Rename(s.path(from), s.path(to))
}

func (s *Store) syncDir() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	done := s.Inject(area, "fsync "+filepath.Base(s.dir))
	err = d.Sync()
	done()
	return errors.Join(err, d.Close())
}

// remove takes a file away; it need not be there.
func (s *Store) remove(name string) error {
	done := s.Inject(area, "remove "+name)
	err := os.Remove(s.path(name))
	done()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// lock takes one of the lock files, waiting as long as ctx allows. The kernel gives it back when the process ends.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the configuration: %w", err)
	}
	// flock cannot wait for a context too, so it is tried again and again: often at first, since most transactions are short.
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // a second time does nothing
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking the configuration: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for the lock of the configuration: %w", ctx.Err()), f.Close())
		case <-time.After(pause):
		}
	}
}
