package nodefacts

import (
	"context"
	"errors"
	"testing"

	"gantry/lib/remote"
)

// counted runs commands on this machine and counts the round trips.
type counted struct {
	here
	trips int
	err   error
}

func (c *counted) Run(ctx context.Context, node string, cmd remote.Cmd) (remote.Result, error) {
	c.trips++
	if c.err != nil {
		return remote.Result{}, c.err
	}
	return c.here.Run(ctx, node, cmd)
}

func TestAheadAnswersEachQuestionOnce(t *testing.T) {
	r := &counted{}
	one, two := remote.Command("echo", "one"), remote.Command("echo", "two")
	a := Ahead(t.Context(), r, "node1", one, two)
	for i, want := range []int{1, 2} { // the second time it is asked anew
		if res, err := a.Run(t.Context(), "node1", one); err != nil || string(res.Stdout) != "one\n" || r.trips != want {
			t.Errorf("%d: %q, %v after %d round trips", i, res.Stdout, err, r.trips)
		}
	}
	if res, err := a.Run(t.Context(), "node2", two); err != nil || string(res.Stdout) != "two\n" || r.trips != 3 {
		t.Errorf("another node: %q, %v after %d round trips", res.Stdout, err, r.trips)
	}
	if res, err := a.Run(t.Context(), "node1", two); err != nil || string(res.Stdout) != "two\n" || r.trips != 3 {
		t.Errorf("%q, %v after %d round trips", res.Stdout, err, r.trips)
	}
}

func TestAheadAnswersGather(t *testing.T) {
	r := &counted{}
	probes := []remote.Cmd{remote.Command("echo", "one"), remote.Command("echo", "two")}
	a := Ahead(t.Context(), r, "node1", append(probes, remote.Command("echo", "three"))...)
	if got, err := Gather(t.Context(), a, "node1", probes...); err != nil || len(got) != 2 || string(got[1].Stdout) != "two\n" || r.trips != 1 {
		t.Errorf("%v, %v after %d round trips", got, err, r.trips)
	}
	if _, err := Gather(t.Context(), a, "node1", probes...); err != nil || r.trips != 2 {
		t.Errorf("again: %v after %d round trips", err, r.trips)
	}
}

func TestWhatFailedAheadIsAskedAgain(t *testing.T) {
	r := &counted{}
	bad := remote.Command("sh", "-c", "exit 3")
	a := Ahead(t.Context(), r, "node1", bad, remote.Command("true"))
	if _, err := a.Run(t.Context(), "node1", bad); err == nil || r.trips != 2 {
		t.Errorf("%v after %d round trips", err, r.trips)
	}
	r = &counted{err: errors.New("unreachable")}
	a = Ahead(t.Context(), r, "node1", bad, remote.Command("true"))
	if _, err := a.Run(t.Context(), "node1", bad); !errors.Is(err, r.err) || r.trips != 2 {
		t.Errorf("%v after %d round trips", err, r.trips)
	}
}
