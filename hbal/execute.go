package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
)

// execute makes the moves: set after set of jobs, each when all of the set before have succeeded. If one move cannot be
// made at all, none is.
func (h *hbal) execute(ctx context.Context, final *balance.Table, sets [][]balance.Commands) error {
	var requests [][]job.Request
	for _, set := range sets {
		var jobs []job.Request
		for _, move := range set {
			request, err := h.request(move.Placed, final.Nodes)
			if err != nil {
				return htools.Fail("%v", err)
			}
			jobs = append(jobs, request)
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
func (h *hbal) request(p balance.Placed, nodes balance.NodeList) (job.Request, error) {
	migrate := instance.Migrate{Name: p.Instance.Name, AllowFailover: true, IgnoreHVVersions: true}
	switch p.Move.Kind {
	case balance.Failover:
	case balance.FailoverToAny:
		migrate.TargetNode = nodes[p.Move.Target].Name
	default:
		return job.Request{}, fmt.Errorf("moving instance %s takes replace-disks, which is not possible yet; nothing was submitted", p.Instance.Name)
	}
	reason := job.Reason{Source: h.Env.Binary(), Text: h.Reason, Time: h.Env.Now().UnixNano()}
	return job.Request{Ops: []job.Operation{migrate}, Options: job.Options{Priority: priorities[h.Priority], Reason: []job.Reason{reason}}}, nil
}

// priorities are those of the queue for the words of the option; without it a job is normal.
var priorities = map[string]int{"low": job.PriorityLow, "normal": job.PriorityNormal, "high": job.PriorityHigh}

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
		status, err := x.wait(ctx, id)
		if err != nil {
			return nil, err
		}
		if status != job.Success {
			failed = append(failed, fmt.Sprintf("%d (%s)", id, status))
		}
	}
	return failed, nil
}

// wait waits for the end of one job.
func (x *execution) wait(ctx context.Context, id int) (job.Status, error) {
	f, err := x.queue.Follow(id)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for {
		if status := f.State().Status(); status.Final() {
			return status, nil
		}
		if _, err := f.Next(ctx, time.Second); err != nil {
			return "", err
		}
		if err := x.heed(); err != nil {
			return "", err
		}
	}
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
