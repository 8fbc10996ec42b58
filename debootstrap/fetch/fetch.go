package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cavaliergopher/grab/v3"
)

// fetch makes file from url. A part that is not the beginning of the right
// file is noticed by its digest or its length, and is then fetched once anew.
func fetch(ctx context.Context, url, digest, file string, stall time.Duration) error {
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("'%s' is not a SHA-256", digest)
	}
	part := file + ".part"
	lock, err := lockPart(part)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(file); err == nil {
		return nil // another run was faster
	}
	resumed, err := download(ctx, url, sum, part, stall)
	if resumed && (errors.Is(err, grab.ErrBadChecksum) || errors.Is(err, grab.ErrBadLength)) {
		if err := os.RemoveAll(part); err != nil {
			return err
		}
		_, err = download(ctx, url, sum, part, stall)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", url, explain(err))
	}
	return keep(part, file)
}

// lockPart waits until no other run writes part.
func lockPart(part string) (*os.File, error) {
	f, err := os.OpenFile(part+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return f, nil
}

// download fills part and says whether it began with what was there. grab
// removes a file whose digest is wrong.
func download(ctx context.Context, url string, sum []byte, part string, stall time.Duration) (resumed bool, err error) {
	req, err := grab.NewRequest(part, url)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(part)
	resumed = err == nil
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req = req.WithContext(ctx)
	req.SetChecksum(sha256.New(), sum, true)
	req.IgnoreRemoteTime = true // the cache goes by when a file was fetched
	response := client().Do(req)
	watch(response, stall, cancel)
	if err := response.Err(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return resumed, err
	}
	return resumed, nil
}

// client also reads file: URLs.
func client() *grab.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	c := grab.NewClient()
	c.HTTPClient = &http.Client{Transport: transport}
	return c
}

// watch returns when the transfer is over; it ends one that stands still.
func watch(response *grab.Response, stall time.Duration, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(stall)
	defer tick.Stop()
	seen := int64(-1)
	for {
		select {
		case <-response.Done:
			return
		case <-tick.C:
			now := response.BytesComplete()
			if now == seen {
				cancel(fmt.Errorf("the server has sent nothing for %s", stall))
			}
			seen = now
		}
	}
}

// explain puts grab's errors in the words of whoever set the URL.
func explain(err error) error {
	var status grab.StatusCodeError
	switch {
	case errors.Is(err, grab.ErrBadChecksum):
		return errors.New("the content does not have the SHA-256 given")
	case errors.As(err, &status):
		return fmt.Errorf("the server answers %d %s", int(status), http.StatusText(int(status)))
	}
	return err
}

// keep gives part its final name, durably.
func keep(part, file string) error {
	f, err := os.Open(part)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	if err := os.Remove(part + ".lock"); err != nil {
		return err
	}
	directory, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
