package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Bounds on what a node may send, whatever it says.
const (
	DefaultMaxOutput = 64 << 20 // stdout of one command, kept in memory
	maxStderr        = 256 << 10
	maxNoise         = 64 << 10 // what root's shell may print by itself before the command
)

// errAbandoned is what a late writer gets: the caller has taken the output and gone.
var errAbandoned = errors.New("the output is no longer wanted")

// output takes one stream of a command: noise up to the mark, then data, which goes to the writer it was given or is kept.
// It is safe against the goroutine that still copies when the caller has given up.
type output struct {
	mu     sync.Mutex
	noise  []byte
	marked bool
	kept   bytes.Buffer
	max    int       // of kept
	drop   bool      // beyond max: drop silently instead of failing
	to     io.Writer // instead of kept, unbounded
	err    error
	closed bool
	total  int64
}

// Write never takes less than it was given unless it fails for good.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, errAbandoned
	}
	o.total += int64(len(p))
	if o.err == nil {
		o.err = o.take(p)
	}
	if o.err != nil {
		return 0, o.err
	}
	return len(p), nil
}

func (o *output) take(p []byte) error {
	if !o.marked {
		o.noise = append(o.noise, p...)
		at := bytes.Index(o.noise, []byte(mark))
		if at < 0 && len(o.noise) > maxNoise {
			return fmt.Errorf("root's shell printed more than %d KiB before the command", maxNoise>>10)
		}
		if at < 0 {
			return nil
		}
		p = o.noise[at+len(mark):]
		o.noise, o.marked = o.noise[:at:at], true
	}
	if o.to != nil {
		_, err := o.to.Write(p)
		return err
	}
	if room := o.max - o.kept.Len(); len(p) > room {
		if !o.drop {
			return fmt.Errorf("more than %d bytes of output", o.max)
		}
		p = p[:room]
	}
	o.kept.Write(p)
	return nil
}

// finish takes what has come; nothing can be added any more.
func (o *output) finish() (data []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return o.kept.Bytes(), o.err
}

func (o *output) came() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// began says that the preamble ran, and else what came instead of its mark.
func (o *output) began() (bool, []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marked, o.noise
}
