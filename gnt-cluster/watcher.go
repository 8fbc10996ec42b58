package main

import (
	"context"
	"time"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
	"gantry/lib/unit"
	"gantry/lib/watcher"
)

func pauseWatcher(c *cli.Command) {
	c.Usage("{pause <timespec>|continue|info}", "Stops the watcher for a while, lets it go on, or tells which")
	var verb, span string
	c.Words(1, 2, func(words []string) {
		verb = words[0]
		if len(words) > 1 {
			span = words[1]
		}
	})

	c.Run(func(ctx context.Context, env *cli.Env) error {
		switch verb {
		case "continue":
			if err := setPause(ctx, env, time.Time{}); err != nil {
				return err
			}
			env.Println("The watcher is no longer paused.")
			return nil
		case "pause":
			if span == "" {
				return fault.Refuse(fault.WrongInput, "Missing pause duration")
			}
			seconds, err := unit.ParseTimespec(span)
			if err != nil {
				return err
			}
			if seconds >= unit.LongestSpan {
				return fault.Refuse(fault.WrongInput, "Invalid time specification '%s'", span)
			}
			if err := setPause(ctx, env, env.Now().Add(time.Duration(seconds)*time.Second)); err != nil {
				return err
			}
			return showPause(env)
		case "info":
			return showPause(env)
		}
		return fault.Refuse(fault.WrongInput, "Command '%s' is not valid.", verb)
	})
}

// setPause fails only if this node, whose watcher does most, could not be told.
func setPause(ctx context.Context, env *cli.Env, until time.Time) error {
	if err := env.Alone(); err != nil {
		return err
	}
	if err := env.Fenced(ctx); err != nil {
		return err
	}
	cfg, err := env.Config()
	if err != nil {
		return err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	for _, r := range cluster.PauseWatcher(ctx, nodes, cfg, env.DataDir(), until) {
		switch {
		case r.Err != nil && r.Node == cfg.MasterNode().Name:
			return r.Err
		case r.Err != nil:
			env.Warn("Telling the watcher of node %s: %v", r.Node, r.Err)
		}
	}
	return nil
}

func showPause(env *cli.Env) error {
	if _, err := env.Config(); err != nil { // only the master knows
		return err
	}
	until, err := watcher.PausedUntil(env.DataDir(), env.Now())
	switch {
	case err != nil:
		return err
	case until.IsZero():
		env.Println("The watcher is not paused.")
	default:
		env.Println("The watcher is paused until %s.", unit.Ctime(until))
	}
	return nil
}
