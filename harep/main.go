// Command harep repairs instances as far as the autorepair tags allow.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"gantry/lib/balance"
	"gantry/lib/balance/autorepair"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/config"
	"gantry/lib/fault"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &harep{Options: htools.New(c), delay: 10}
	h.Luxi()
	h.Real("job-delay", "SECONDS", "job delay", "insert this much delay before the execution of repair jobs to allow the tool "+
		"to continue processing instances", &h.delay)
	h.JobReason()
	c.Flag("dry-run", "do not execute any commands and just report what would be done").BoolVar(&h.dryRun)
	var words []string
	c.Any("argument", &words)
	h.Run(func(ctx context.Context) error {
		if len(words) > 0 {
			return fault.Say("Error: this program doesn't take any arguments.")
		}
		return h.run(ctx)
	})
}

// harep is one run of the command.
type harep struct {
	*htools.Options
	delay  float64 // seconds
	dryRun bool
	queue  cli.Queue
	config *config.Config
}

// run first looks what became of the repairs of earlier runs, and then begins new ones.
func (h *harep) run(ctx context.Context) (err error) {
	h.Live = true
	if err := h.Load(ctx); err != nil {
		return err
	}
	if h.config, err = h.Env.Config(); err != nil {
		return err
	}
	states := make([]autorepair.State, len(h.Cluster.Instances))
	for k, i := range h.Cluster.Instances {
		if states[k], err = autorepair.Read(i); err != nil {
			return htools.Fail("when parsing auto-repair tags: %v", err)
		}
	}
	if !h.dryRun {
		if err := h.Env.Alone(); err != nil {
			return err
		}
	}
	if h.queue, err = h.Env.Queue(); err != nil {
		return err
	}
	// A job without its tag would be submitted again by the next run: a signal ends harep after the instance it is at.
	stopped, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(stopped, stop)
	for _, step := range []func(context.Context, *balance.Instance, autorepair.State) (autorepair.State, error){h.review, h.repair} {
		for k, i := range h.Cluster.Instances {
			if stopped.Err() != nil {
				return htools.Fail("stopped by a signal")
			}
			if states[k], err = step(ctx, i, states[k]); err != nil {
				return err
			}
		}
	}
	h.count(states)
	return nil
}

// count prints how many instances are in which state.
func (h *harep) count(states []autorepair.State) {
	count := map[autorepair.Status]int{}
	for _, s := range states {
		count[s.Status]++
	}
	h.Env.Println("---------------------\nInstance status count\n---------------------")
	for _, status := range []autorepair.Status{autorepair.Failed, autorepair.Healthy, autorepair.Needed, autorepair.Pending} {
		if count[status] > 0 {
			h.Env.Println("%s: %d", status, count[status])
		}
	}
}
