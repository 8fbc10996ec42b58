package htools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
)

// Moves are the operations that make a move.
func Moves(p balance.Placed, nodes balance.NodeList) []job.Operation {
	name := p.Instance.Name
	target := ""
	if p.Move.Kind != balance.Failover {
		target = nodes[p.Move.Target].Name
	}
	migrate := instance.Migrate{Name: name, AllowFailover: true, IgnoreHVVersions: true}
	replace := instance.ReplaceDisks{Name: name, Mode: instance.ReplaceNode, Disks: []int{}, RemoteNode: target}
	switch p.Move.Kind {
	case balance.Failover:
		return []job.Operation{migrate}
	case balance.FailoverToAny:
		migrate.TargetNode = target
		return []job.Operation{migrate}
	case balance.ReplacePrimary:
		return []job.Operation{migrate, replace, migrate}
	case balance.ReplaceSecondary:
		return []job.Operation{replace}
	case balance.ReplaceAndFailover:
		return []job.Operation{replace, migrate}
	}
	return []job.Operation{migrate, replace}
}

// Make has jobs made set after set, each when all of the set before have succeeded.
func (o *Options) Make(ctx context.Context, sets [][]job.Request) error {
	if err := o.Env.Alone(); err != nil {
		return err
	}
	queue, err := o.Env.Queue()
	if err != nil {
		return err
	}
	x := &execution{env: o.Env, queue: queue, interrupts: make(chan os.Signal, 2)}
	signal.Notify(x.interrupts, os.Interrupt)
	defer signal.Stop(x.interrupts)
	return x.run(context.WithoutCancel(ctx), sets)
}

// execution is jobs on their way. A first ^C lets the set that runs come to its end, a second one leaves it alone; neither
// stops a job.
type execution struct {
	env        *cli.Env
	queue      cli.Queue
	interrupts chan os.Signal
	asked      bool // to stop after the set
}

var errLeft = errors.New("left")

func (x *execution) run(ctx context.Context, sets [][]job.Request) error {
	for k, set := range sets {
		if x.asked {
			x.env.Println("Exiting early due to user request, %d jobset(s) submitted, %d jobset(s) not submitted.", k, len(sets)-k)
			return nil
		}
		switch failed, err := x.runSet(ctx, set); {
		case errors.Is(err, errLeft):
			return fault.Say("Double cancel request, exiting now...")
		case err != nil:
			return err
		case len(failed) > 0:
			return Fail("Not all jobs completed successfully: %s\nAborting.", strings.Join(failed, ", "))
		}
	}
	return nil
}

// runSet submits the jobs of a set together, waits for all, and says which have failed.
func (x *execution) runSet(ctx context.Context, set []job.Request) (failed []string, err error) {
	ids, err := x.queue.SubmitMany(ctx, set)
	if err != nil {
		return nil, err
	}
	var shown []string
	for _, id := range ids {
		shown = append(shown, strconv.Itoa(id))
	}
	x.env.Println("Got job IDs %s", strings.Join(shown, ", "))
	for _, id := range ids {
		status, err := Await(ctx, x.queue, id, x.heed)
		if err != nil {
			return nil, err
		}
		if status != job.Success {
			failed = append(failed, fmt.Sprintf("%d (%s)", id, status))
		}
	}
	return failed, nil
}

// heed looks whether the user pressed ^C.
func (x *execution) heed() error {
	for {
		select {
		case <-x.interrupts:
		default:
			return nil
		}
		if x.asked {
			return errLeft
		}
		x.asked = true
		x.env.Warn("Cancel request registered, will exit at the end of the current job set...")
	}
}
