// Package remote runs commands on nodes and moves files to and from them. A command is data (Cmd); how it travels, by SSH
// or by the local runner of the master's own node, is nobody else's business. Every call has a deadline, its output is
// bounded, and it ends in one of three ways: done, failed or unknown. See DESIGN.md.
package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Result is what a command left: its output and exit status, and how long it took as seen from the master.
type Result struct {
	Stdout, Stderr []byte
	Status         int
	Took           time.Duration
	Noise          []byte // what root's shell printed by itself before the command; verify complains of it
}

// Runner runs one command on the node of that name. The error is nil when the command ended with status 0 or one of its
// OK, and an *Error otherwise, unless ctx had ended before anything was tried. The Result holds what is known either way.
type Runner interface {
	Run(ctx context.Context, node string, c Cmd) (Result, error)
}

// Outcome is what the master knows about a command's effect.
type Outcome int

const (
	Done    Outcome = iota // it ran and ended well
	Failed                 // it did not run, or ended and said so
	Unknown                // it may have run, may be running still: limit reached, connection lost
)

func (o Outcome) String() string {
	return [...]string{"done", "failed", "unknown"}[o]
}

// ErrUnreachable is in an Error's chain when the node could not be spoken to, so that nothing ran there.
var ErrUnreachable = errors.New("unreachable")

// Error is why a command on a node is not done.
type Error struct {
	Node    string
	Line    string // as Cmd.Line, "" when it was not about a command
	Outcome Outcome
	Status  int    // 0 when there was none
	Stderr  []byte // all that was kept of it
	Err     error  // the cause besides the exit status, may be nil
}

// Error is one line; it shows the first words of the command and of its stderr. Where nothing ran the command does not matter.
func (e *Error) Error() string {
	parts := []string{"node " + e.Node}
	if line := shorten(withoutScript(withoutTimeout(e.Line)), 200); line != "" && !e.notReached() {
		parts = append(parts, line)
	}
	switch {
	case e.Err != nil:
		parts = append(parts, e.Err.Error())
	default:
		parts = append(parts, fmt.Sprintf("exit status %d", e.Status))
	}
	if said := shorten(string(e.Stderr), 400); said != "" {
		parts = append(parts, said)
	}
	return strings.Join(parts, ": ")
}

// notReached says that the command was not the reason: there was no way to the node, or none that may be gone.
func (e *Error) notReached() bool {
	_, stranger := errors.AsType[*HostKeyError](e.Err)
	_, denied := errors.AsType[*LoginError](e.Err)
	return stranger || denied || errors.Is(e.Err, ErrUnreachable)
}

func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf reads the outcome from what Run returned. An error that is no *Error means that nothing ran: failed.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	return Failed
}

// withoutTimeout is a line as its author wrote the command.
func withoutTimeout(line string) string {
	rest, found := strings.CutPrefix(line, "timeout -k "+seconds(killAfter)+" ")
	if !found {
		return line
	}
	_, command, _ := strings.Cut(rest, " ")
	return command
}

// withoutScript leaves of a script's text the first line, which says what it is for.
func withoutScript(line string) string {
	for _, form := range [][2]string{{"perl -e '", "\n' --"}, {"sh -c '", "\n' sh"}} {
		before, text, isScript := strings.Cut(line, form[0])
		first, _, long := strings.Cut(text, "\n")
		if at := strings.LastIndex(line, form[1]); isScript && long && at >= 0 {
			return before + form[0] + shorten(strings.TrimPrefix(first, "# "), 80) + line[at+1:]
		}
	}
	return line
}

// shorten makes text one line of at most about n bytes.
func shorten(text string, n int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "..." // not one character: messages are shown in ASCII
	}
	return strings.TrimSpace(text)
}
