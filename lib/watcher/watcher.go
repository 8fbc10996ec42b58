// Package watcher is what Gantry does without a daemon: cron runs it every few minutes. It buries dead jobs and starts queued
// ones, catches up candidates, restarts instances that should run, and prepares disks after a node was started anew. It does
// nothing unless the fence says that this node is the master, and every restart is an ordinary job, with all its checks.
package watcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gantry/lib/cluster"
	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// Options are those of the command.
type Options struct {
	Group     string        // name or UUID; "" is all groups
	JobAge    time.Duration // jobs that ended longer ago are archived; negative: all that ended
	KeepDisks bool          // do not look for disks that are detached
}

// Watcher is the state of one run on the master.
type Watcher struct {
	Options
	Self    string // this node
	DataDir string
	RunDir  string // of the file that sums up the status of all instances
	Store   *store.Store
	Queue   *job.Queue
	Nodes   job.Nodes
	Follow  func(ctx context.Context, id int) error // shows what a job says until it ends
	Log     *Log
	Now     func() time.Time

	cfg *config.Config
}

// archiveLimit is how long the archiving of jobs may take.
const archiveLimit = 30 * time.Second

// Run does all that there is to do. What fails for one instance is logged and does not keep the others from being looked after.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.Queue.Recover(); err != nil {
		w.Log.Error("Tending the job queue: %v", err)
	}
	if err := w.fence(ctx); err != nil {
		return err
	}
	if err := Address(ctx, w.Nodes, w.Self, &w.cfg.Cluster); err != nil {
		w.Log.Error("Bringing up the cluster's address: %v", err)
	}
	moved, left, err := w.Queue.AutoArchive(w.JobAge, archiveLimit)
	if err != nil {
		w.Log.Error("Archiving jobs: %v", err)
	}
	w.Log.Debug("Archived %d jobs, left %d", moved, left)
	if w.Queue.Drained() {
		return fault.Say("Job queue is drained, can't maintain cluster state")
	}
	return w.groups(ctx)
}

// fence makes sure that this is the master, finishes what a dead transaction left, and gives candidates that fell behind what
// they have missed.
func (w *Watcher) fence(ctx context.Context) error {
	survey, err := w.Store.Survey(ctx, w.Nodes, store.Decide)
	if err != nil {
		return fmt.Errorf("nothing is restarted from here: %w", err)
	}
	for node, err := range survey.Silent {
		w.Log.Warn("Master candidate %s does not answer: %v", node, err)
	}
	if len(survey.Behind) > 0 {
		w.Log.Info("Giving the configuration to %v", survey.Behind)
		c, err := w.Store.Redistribute(ctx, w.Nodes)
		for _, text := range c.Warnings {
			w.Log.Warn("%s", text)
		}
		if err != nil {
			return fmt.Errorf("catching up master candidates: %w", err)
		}
	}
	w.cfg, err = w.Store.Load()
	return err
}

// groups looks after each group of nodes, or the one that was asked for.
func (w *Watcher) groups(ctx context.Context) error {
	if w.Group != "" {
		g := w.cfg.Group(w.Group)
		if g == nil {
			g = w.cfg.GroupByName(w.Group)
		}
		if g == nil {
			return fault.Refuse(fault.NotFound, "Group '%s' not found", w.Group)
		}
		return w.group(ctx, g)
	}
	var errs []error
	for _, g := range w.cfg.NodeGroups {
		errs = append(errs, w.group(ctx, g))
	}
	return errors.Join(append(errs, w.sumUp())...)
}

// Address brings the cluster's address up on the master, unless it is there. The fence has been asked.
func Address(ctx context.Context, r remote.Runner, master string, c *config.Cluster) error {
	probe := remote.Command("ip", "-o", "addr", "show", "to", c.MasterIP)
	result, err := r.Run(ctx, master, probe)
	if err != nil || len(result.Stdout) > 0 {
		return err
	}
	_, err = r.Run(ctx, master, cluster.MasterIP(c, "start"))
	return err
}
