package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	long := Command("dd", "if=/dev/zero")
	long.Limit = 90 * time.Minute
	endless := Command("cat")
	endless.Limit = NoLimit
	short := Command("true")
	short.Limit = 500 * time.Millisecond
	for name, tt := range map[string]struct {
		cmd  Cmd
		want string
	}{
		"default limit":    {Command("lvremove", "-f", "my vg/d"), "timeout -k 5 60 lvremove -f 'my vg/d'"},
		"zero limit":       {Cmd{Argv: []string{"true"}}, "timeout -k 5 60 true"},
		"own limit":        {long, "timeout -k 5 5400 dd if=/dev/zero"},
		"part of a second": {short, "timeout -k 5 0.5 true"},
		"no limit":         {endless, "cat"},
		"script":           {Script(`echo "$1"`, "a b"), `timeout -k 5 60 sh -c 'echo "$1"' sh 'a b'`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.cmd.Line(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestWhatNoKernelTakesIsRefused(t *testing.T) {
	for name, c := range map[string]Cmd{
		"nothing":          {},
		"no name":          Command("", "x"),
		"NUL in a word":    Command("echo", "a\x00b"),
		"NUL in the value": {Argv: []string{"true"}, Env: map[string]string{"A": "\x00"}},
		"name with a dash": {Argv: []string{"true"}, Env: map[string]string{"A-B": ""}},
		"name is code":     {Argv: []string{"true"}, Env: map[string]string{"A=$(id);B": ""}},
		"name is a number": {Argv: []string{"true"}, Env: map[string]string{"1": ""}},
		"NUL in the dir":   {Argv: []string{"true"}, Dir: "/\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.check(); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestErrorNamesTheNodeOnce(t *testing.T) {
	err := &Error{Node: "node2", Line: "timeout -k 5 60 lvs -a", Outcome: Failed, Status: 5, Stderr: []byte("  bad\nworse\n")}
	if got, want := err.Error(), "node node2: lvs -a: exit status 5: bad; worse"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	err = &Error{Node: "node2", Outcome: Unknown, Err: errors.New("connection lost")}
	if got, want := err.Error(), "node node2: connection lost"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	probe := &Error{Node: "n", Line: Script("# Looks at volumes.\nlvs\nvgs '$1'\n", "x y").Line(), Status: 1}
	if got, want := probe.Error(), "node n: sh -c 'Looks at volumes.' sh 'x y': exit status 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	stranger := &Error{Node: "n", Line: "lvs", Err: fmt.Errorf("%w: no route", ErrUnreachable)}
	if got, want := stranger.Error(), "node n: unreachable: no route"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := &Error{Node: "n", Line: Command("sh", "-c", strings.Repeat("ü\n", 5000)).Line(), Stderr: []byte(strings.Repeat("x", 1e6))}
	if got := long.Error(); len(got) > 800 || strings.Contains(got, "\n") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestOutcomeOf(t *testing.T) {
	for want, err := range map[Outcome]error{
		Done:    nil,
		Failed:  errors.New("refused before it ran"),
		Unknown: errors.Join(errors.New("first"), &Error{Outcome: Unknown}),
	} {
		if got := OutcomeOf(err); got != want {
			t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, want)
		}
	}
}

func TestEachKeepsTheOrderAndTheLimit(t *testing.T) {
	nodes := strings.Fields("a b c d e f g h")
	places := make(chan struct{}, 3)
	replies := Each(t.Context(), nodes, 3, func(_ context.Context, node string) (string, error) {
		select {
		case places <- struct{}{}:
		default:
			t.Error("more than three at once")
		}
		time.Sleep(time.Duration('i'-node[0]) * time.Millisecond)
		<-places
		return strings.ToUpper(node), nil
	})
	for i, node := range nodes {
		if replies[i].Node != node || replies[i].Value != strings.ToUpper(node) || replies[i].Err != nil {
			t.Errorf("reply %d is %+v", i, replies[i])
		}
	}
}

func TestEachStopsWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	replies := Each(ctx, []string{"a", "b", "c"}, 1, func(context.Context, string) (int, error) {
		cancel()
		return 1, nil
	})
	if replies[0].Err != nil || replies[0].Value != 1 {
		t.Errorf("the first ran: %+v", replies[0])
	}
	for _, r := range replies[1:] {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("%s: %v", r.Node, r.Err)
		}
	}
}
