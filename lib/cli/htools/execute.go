package htools

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

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
	x := &execution{env: o.Env, tool: o.Env.Binary(), queue: queue, signals: make(chan os.Signal, 8)}
	signal.Notify(x.signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(x.signals)
	return x.run(context.WithoutCancel(ctx), sets)
}

// execution is jobs on their way. ^C, however often, lets the set that runs come to its end; SIGTERM leaves it alone at once. Neither
// stops a job.
type execution struct {
	env       *cli.Env
	tool      string
	queue     cli.Queue
	signals   chan os.Signal
	asked     bool // to stop after the set
	submitted []string
}

func (x *execution) run(ctx context.Context, sets [][]job.Request) error {
	for k, set := range sets {
		if x.asked {
			x.stopEarly(sets[k:])
			return nil
		}
		failed, err := x.runSet(ctx, set)
		if err != nil {
			return err
		}
		if len(failed) > 0 {
			return Fail("%s: Not all jobs completed successfully: %s\nAborting.\n", x.tool, list(failed))
		}
	}
	return nil
}

// stopEarly says what was made and what was not.
func (x *execution) stopEarly(left [][]job.Request) {
	var jobs []string
	for _, set := range left {
		var names []string
		for _, r := range set {
			names = append(names, list(r.Summary()))
		}
		jobs = append(jobs, list(names))
	}
	x.env.Println("Exiting early due to user request, \n%djobset(s) submitted: \n%s\n%d jobset(s) not submitted:\n%s",
		len(x.submitted), list(x.submitted), len(left), list(jobs))
}

func list(items []string) string { return "[" + strings.Join(items, ",") + "]" }

// runSet submits the jobs of a set together, waits for all, and says which have failed.
func (x *execution) runSet(ctx context.Context, set []job.Request) (failed []string, err error) {
	ids, err := x.queue.SubmitMany(ctx, set)
	if err != nil {
		return nil, err
	}
	var shown, ended []string
	for _, id := range ids {
		shown = append(shown, strconv.Itoa(id))
	}
	x.env.Println("Got job IDs %s", strings.Join(shown, ", "))
	for _, id := range ids {
		status, err := Await(ctx, x.queue, id, x.heed)
		if err != nil {
			return nil, err
		}
		name := "JOB_STATUS_" + strings.ToUpper(string(status))
		ended = append(ended, fmt.Sprintf("(%d,%s)", id, name))
		if status != job.Success {
			failed = append(failed, fmt.Sprintf("(JobId {fromJobId = %d},%s)", id, name))
		}
	}
	x.submitted = append(x.submitted, list(ended))
	return failed, nil
}

// heed looks whether the user wants an end.
func (x *execution) heed() error {
	for {
		select {
		case s := <-x.signals:
			if s == syscall.SIGTERM {
				x.env.Println("Double cancel request, exiting now...")
				return fault.Status(2)
			}
			x.asked = true
			x.env.Println("Cancel request registered, will exit at the end of the current job set...")
		default:
			return nil
		}
	}
}
