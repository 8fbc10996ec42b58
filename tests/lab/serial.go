package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"time"
)

// Serial is the serial line of a guest: what a command reads and writes that joins it, or that is the guest.
type Serial struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	text chan []byte
	seen bytes.Buffer
}

// Serial joins the serial line of an instance on the node where it runs, as gnt-instance console does.
func (l *Lab) Serial(node, instance string) (*Serial, error) {
	cmd, err := l.Command(node, "socat", "-", "UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/"+instance+".serial")
	if err != nil {
		return nil, err
	}
	return NewSerial(cmd)
}

// NewSerial starts the command whose standard input and output are a serial line.
func NewSerial(cmd *exec.Cmd) (*Serial, error) {
	var err error
	s := &Serial{cmd: cmd, text: make(chan []byte)}
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.text)
		for {
			chunk := make([]byte, 4096)
			n, err := out.Read(chunk)
			s.text <- chunk[:n]
			if err != nil {
				return
			}
		}
	}()
	return s, nil
}

// Close leaves the serial line. Its command ends when it can read no more, or has been told to.
func (s *Serial) Close() {
	_ = s.in.Close()
	for range s.text {
	}
	_ = s.cmd.Wait() // how it ended does not matter
}

// Type sends words to the guest.
func (s *Serial) Type(words string) { _, _ = io.WriteString(s.in, words) } // if this is lost, the answer does not come

// Expect types words again and again until what the guest has said matches, and forgets it then.
func (s *Serial) Expect(ctx context.Context, typed string, every time.Duration, want *regexp.Regexp) ([]string, error) {
	again := time.NewTicker(every)
	defer again.Stop()
	s.Type(typed)
	for {
		select {
		case chunk, open := <-s.text:
			s.seen.Write(chunk)
			if m := want.FindStringSubmatch(s.seen.String()); m != nil {
				s.seen.Reset()
				return m, nil
			}
			if !open {
				return nil, fmt.Errorf("the serial line closed; last seen: %q", tail(s.seen.String()))
			}
		case <-again.C:
			s.Type(typed)
		case <-ctx.Done():
			return nil, fmt.Errorf("the guest did not say %s; last seen: %q", want, tail(s.seen.String()))
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-600):] }
