package main

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
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
)

// execute makes the moves: set after set of jobs, each when all of the set before have succeeded.
func (h *hbal) execute(ctx context.Context, final *balance.Table, sets [][]balance.Commands) error {
	var requests [][]job.Request
	for _, set := range sets {
		var jobs []job.Request
		for _, move := range set {
			jobs = append(jobs, h.request(move.Placed, final.Nodes))
		}
		requests = append(requests, jobs)
	}
	if err := h.Env.Alone(); err != nil {
		return err
	}
	queue, err := h.Env.Queue()
	if err != nil {
		return err
	}
	x := &execution{env: h.Env, queue: queue, interrupts: make(chan os.Signal, 2)}
	signal.Notify(x.interrupts, os.Interrupt)
	defer signal.Stop(x.interrupts)
	return x.run(context.WithoutCancel(ctx), requests)
}

// request is the job that makes a move.
func (h *hbal) request(p balance.Placed, nodes balance.NodeList) job.Request {
	name := p.Instance.Name
	target := ""
	if p.Move.Kind != balance.Failover {
		target = nodes[p.Move.Target].Name
	}
	migrate := instance.Migrate{Name: name, AllowFailover: true, IgnoreHVVersions: true}
	replace := instance.ReplaceDisks{Name: name, Mode: instance.ReplaceNode, Disks: []int{}, RemoteNode: target}
	var ops []job.Operation
	switch p.Move.Kind {
	case balance.Failover:
		ops = []job.Operation{migrate}
	case balance.FailoverToAny:
		migrate.TargetNode = target
		ops = []job.Operation{migrate}
	case balance.ReplacePrimary:
		ops = []job.Operation{migrate, replace, migrate}
	case balance.ReplaceSecondary:
		ops = []job.Operation{replace}
	case balance.ReplaceAndFailover:
		ops = []job.Operation{replace, migrate}
	default:
		ops = []job.Operation{migrate, replace}
	}
	return h.Request("rebalancing via", ops...)
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
			return htools.Fail("Not all jobs completed successfully: %s\nAborting.", strings.Join(failed, ", "))
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
		status, err := htools.Await(ctx, x.queue, id, x.heed)
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
