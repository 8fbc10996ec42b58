// Command ganeti-watcher is run by cron every few minutes and, with --boot, once when a node starts.
package main

import (
	"context"
	"time"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/remote"
	"gantry/lib/unit"
	"gantry/lib/watcher"
)

func main() { cli.Script(declare) }

// Where this node keeps what the watcher needs besides the data directory.
const (
	runDir   = "/run/ganeti"
	lockFile = "/run/lock/ganeti_watcher.lock"
	logFile  = "/var/log/ganeti/watcher.log"
)

// options are the words of the command line.
type options struct {
	watcher.Options
	age         string
	ignorePause bool
	boot        bool
}

func declare(c *cli.Command) {
	c.Usage("[-d]", "Keeps the cluster as it should be")
	var o options
	c.Flag("node-group", "Look after one group of nodes only: its name or UUID").Short('g').Meta("<nodegroup>").Complete("nodegroup").StringVar(&o.Group)
	c.Flag("job-age", "Archive jobs that ended longer ago than this (default 6 hours)").Short('A').StringVar(&o.age)
	c.Flag("ignore-pause", "Run although the watcher is paused").BoolVar(&o.ignorePause)
	c.Flag("wait-children", "Accepted for compatibility: it always ends after all its work").Bool()
	c.Flag("no-wait-children", "Accepted for compatibility: it always ends after all its work").Bool()
	c.Flag("no-verify-disks", "Do not look for disks that are detached").BoolVar(&o.KeepDisks)
	c.Flag("rapi-ip", "Accepted for compatibility: there is no remote API").String()
	c.Flag("boot", "Make the node's run directories and, on the master, bring up the cluster's address").Own().BoolVar(&o.boot)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		o.JobAge = 6 * time.Hour
		if err := o.readAge(); err != nil {
			return err
		}
		log := &watcher.Log{Path: logFile, Now: env.Now, Verbose: env.Debugging() > 0}
		if log.Verbose {
			log.Echo = env.Err
		}
		err := o.run(ctx, env, log)
		if text, _ := fault.Text(err); text != "" {
			log.Error("%s", text)
		}
		return err
	})
}

// readAge reads a time as "6h", or "all".
func (o *options) readAge() error {
	switch o.age {
	case "":
		return nil
	case "all":
		o.JobAge = -1
		return nil
	}
	seconds, err := unit.ParseTimespec(o.age)
	o.JobAge = time.Duration(seconds) * time.Second
	return err
}

// run does what every node does, and then, on the master, the rest.
func (o *options) run(ctx context.Context, env *cli.Env, log *watcher.Log) error {
	if o.boot {
		if err := watcher.Directories(runDir); err != nil {
			return err
		}
	}
	if until, err := watcher.PausedUntil(env.DataDir(), env.Now()); !o.ignorePause && !o.boot && (err != nil || !until.IsZero()) {
		log.Debug("Pause has been set until %v, exiting", until)
		return err
	}
	lock, err := watcher.Alone(lockFile)
	if err != nil {
		return err
	}
	if lock == nil {
		log.Error("Can't acquire lock on %s: another watcher runs", lockFile)
		return nil
	}
	defer lock.Close()
	if !o.boot {
		siteHooks(ctx, log)
	}
	return o.onMaster(ctx, env, log)
}

// siteHooks runs the site's own scripts for the watcher, on every node.
func siteHooks(ctx context.Context, log *watcher.Log) {
	here := remote.NewPool(remote.Options{Hosts: func(node string) (remote.Host, error) { return remote.Host{Name: node, Local: true}, nil }})
	defer here.Close()
	report := hooks.RunWatcher(ctx, here, "localhost")
	if report.Err != nil {
		log.Warn("Watcher hooks: %v", report.Err)
	}
	for _, r := range report.Results {
		if r.Failed {
			log.Warn("Watcher hook %s: failed (output: %s)", r.Script, r.Output)
		}
	}
}

// onMaster does the master's part; on other nodes there is none.
func (o *options) onMaster(ctx context.Context, env *cli.Env, log *watcher.Log) error {
	master, err := env.IsMaster()
	if err != nil || !master {
		log.Debug("Not master, exiting.")
		return err
	}
	if err := env.Alone(); err != nil {
		return err
	}
	s, err := env.Store()
	if err != nil {
		return err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	name, err := env.Master()
	if err != nil {
		return err
	}
	if o.boot {
		return watcher.Boot(ctx, s, nodes, name, log)
	}
	queue, err := env.JobQueue()
	if err != nil {
		return err
	}
	w := watcher.Watcher{
		Options: o.Options, Self: name, DataDir: env.DataDir(), RunDir: runDir, Store: s, Queue: queue, Nodes: nodes, Log: log, Now: env.Now,
		Follow: func(ctx context.Context, id int) error {
			_, err := env.FollowJob(ctx, id)
			return err
		},
	}
	return w.Run(ctx)
}
