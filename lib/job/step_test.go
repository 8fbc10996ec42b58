package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gantry/lib/remote"
)

// steps makes steps that write down what happens; the named ones fail.
func steps(log *[]string, fail map[string]error, names ...string) []Step {
	var list []Step
	for _, name := range names {
		act := func(what string) func(context.Context) error {
			return func(ctx context.Context) error {
				*log = append(*log, what)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return fail[what]
			}
		}
		s := Do(name, act(name))
		if !strings.HasSuffix(name, "!") {
			s = s.Undo(act("undo " + name))
		}
		list = append(list, s)
	}
	return list
}

func TestSteps(t *testing.T) {
	full := errors.New("no space left on device")
	lost := &remote.Error{Node: "node1", Outcome: remote.Unknown, Err: errors.New("connection lost")}
	for name, tt := range map[string]struct {
		fail map[string]error
		want string
		err  string
	}{
		"good":              {nil, "a b! c", ""},
		"first fails":       {map[string]error{"a": full}, "a", "no space left on device"},
		"last fails":        {map[string]error{"c": full}, "a b! c undo a", "no space left on device"},
		"undo fails":        {map[string]error{"c": full, "undo a": errors.New("gone")}, "a b! c undo a", "no space left on device\nundoing \"a\": gone"},
		"unknown":           {map[string]error{"c": fmt.Errorf("starting web: %w", lost)}, "a b! c", "starting web: node node1: connection lost"},
		"one of two lost":   {map[string]error{"c": errors.Join(full, lost)}, "a b! c", "no space left on device\nnode node1: connection lost"},
		"commit is unknown": {map[string]error{"c": fmt.Errorf("committing: %w", ErrUnknown)}, "a b! c", "committing: it is not known whether this was done"},
	} {
		t.Run(name, func(t *testing.T) {
			var log, said []string
			say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			err := Run(t.Context(), say, steps(&log, tt.fail, "a", "b!", "c"))
			if got := strings.Join(log, " "); got != tt.want {
				t.Errorf("did %q, want %q", got, tt.want)
			}
			if got := fmt.Sprint(err); got != tt.err && (err != nil || tt.err != "") {
				t.Errorf("err = %q, want %q", got, tt.err)
			}
			if len(said) == 0 || said[0] != "* a" {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestUndoRunsAfterTheContextHasEnded(t *testing.T) {
	var log []string
	ctx, cancel := context.WithCancel(t.Context())
	list := steps(&log, nil, "a", "b")
	list[1].do = func(context.Context) error { cancel(); return ctx.Err() }
	if err := Run(ctx, t.Logf, list); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if got := strings.Join(log, " "); got != "a undo a" {
		t.Errorf("did %q", got)
	}
}

func TestUndoGoesOnAfterAFailureAndStopsAtTheUnknown(t *testing.T) {
	var log []string
	lost := &remote.Error{Node: "node1", Outcome: remote.Unknown, Err: errors.New("lost")}
	err := Run(t.Context(), t.Logf, steps(&log, map[string]error{"d": errors.New("x"), "undo c": errors.New("y"), "undo b": lost}, "a", "b", "c", "d"))
	if got := strings.Join(log, " "); got != "a b c d undo c undo b" || !errors.Is(err, error(lost)) {
		t.Errorf("did %q, %v", got, err)
	}
}
