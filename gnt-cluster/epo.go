package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/node"
	"gantry/lib/query"
	"gantry/lib/unit"
)

// awaitLimit is how long nodes that were switched on may take to answer.
const awaitLimit = 15 * time.Minute

// emergency is what is to be switched, and how.
type emergency struct {
	on, groups, all bool
	timeout         int // of a helper
	shutdown        int // of a guest
	delay           float64

	nodes     []string            // all that were named
	switched  []string            // those that a helper can switch
	instances map[string][]string // by name: the nodes besides the master that each needs
}

func epo(c *cli.Command) {
	c.Usage("[<opts>...] [args]", "Stops the instances of nodes and switches these off, or on again (emergency power off)")
	e := emergency{timeout: 60, shutdown: instance.ShutdownTimeout, delay: 2, instances: map[string][]string{}}
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("on", "Switch on instead of off").BoolVar(&e.on)
	c.Flag("groups", "The arguments are node groups").BoolVar(&e.groups)
	c.Flag("all", "All nodes, the master too").BoolVar(&e.all)
	c.Flag("oob-timeout", "How many seconds a helper may take").IntVar(&e.timeout)
	c.Flag("shutdown-timeout", "How many seconds a guest may take to power off").IntVar(&e.shutdown)
	c.Flag("power-delay", "Seconds to wait between two nodes that are switched on").FloatVar(&e.delay)
	var words []string
	c.Any("node", &words)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		switch {
		case e.groups && e.all:
			return fault.Say("Only one of --groups or --all are allowed")
		case len(words) > 0 && e.all:
			return fault.Say("Arguments in combination with --all are not allowed")
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		chosen, err := e.choose(cfg, words)
		if err != nil {
			return err
		}
		if err := e.sort(env, cfg, chosen); err != nil {
			return err
		}
		if !*force && !env.ConfirmAll("epo", "nodes", e.nodes) {
			return cli.Declined
		}
		if e.on {
			return e.switchOn(ctx, env)
		}
		return e.switchOff(ctx, env)
	})
}

// choose gives the nodes that are named, all without names. A misspelt one must not leave the right one running.
func (e *emergency) choose(cfg *config.Config, words []string) (chosen []*config.Node, err error) {
	for _, word := range words {
		n, g := cfg.MatchNode(word), cfg.GroupByName(word)
		switch {
		case e.groups && g != nil:
			chosen = append(chosen, cfg.GroupNodes(g.UUID)...)
		case !e.groups && n != nil:
			chosen = append(chosen, n)
		case e.groups:
			return nil, fault.Refuse(fault.NotFound, "Node group '%s' not found", word)
		default:
			return nil, fault.Refuse(fault.NotFound, "Node '%s' not known", word)
		}
	}
	if len(words) == 0 {
		for _, r := range query.NodeRows(cfg) {
			chosen = append(chosen, r.Node)
		}
	}
	return chosen, nil
}

// sort says what can be switched, and which instances that concerns.
func (e *emergency) sort(env *cli.Env, cfg *config.Config, chosen []*config.Node) error {
	for _, n := range chosen {
		e.nodes = append(e.nodes, n.Name)
		master := n.UUID == cfg.Cluster.MasterNode
		if !n.Offline {
			primary, secondary := cfg.NodeInstances(n.UUID)
			for _, inst := range append(primary, secondary...) {
				if needed := e.instances[inst.Name]; !master {
					e.instances[inst.Name] = append(needed, n.Name)
				} else {
					e.instances[inst.Name] = needed
				}
			}
		}
		switch {
		case master && e.on: // it is what this runs on
		case master && !e.all:
			return fault.Say(fmt.Sprintf("%s is the master node, please do a master-failover to another node not affected by the EPO or use --all "+
				"if you intend to shutdown the whole cluster", n.Name))
		case cfg.FilledND(n).String("oob_program") == "":
			env.Println("Node %s does not support out-of-band handling, it can not be handled in a fully automated manner", n.Name)
		case n.Powered == e.on:
			env.Println("Node %s is already in desired power state, skipping", n.Name)
		case !n.Offline || n.Powered:
			e.switched = append(e.switched, n.Name)
		}
	}
	return nil
}

func (e *emergency) switchOff(ctx context.Context, env *cli.Env) error {
	names := sortedKeys(e.instances)
	stopped, err := e.each(ctx, env, names, [3]string{"shutdown", "stopped", "stopping"}, func(name string) job.Operation {
		return instance.Shutdown{Name: name, Timeout: e.shutdown, NoRemember: true}
	})
	if err != nil {
		return err
	}
	if !stopped {
		return fault.Say("Please investigate and stop instances manually before continuing")
	}
	if len(e.switched) == 0 {
		return nil
	}
	return e.power(ctx, env, node.OOBPowerOff)
}

func (e *emergency) switchOn(ctx context.Context, env *cli.Env) error {
	if len(e.switched) > 0 {
		if err := e.power(ctx, env, node.OOBPowerOn); err != nil {
			env.Warn("Not all nodes seem to get back up, investigate and start manually if needed")
		}
	}
	env.Println("Waiting until all nodes are available again")
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	silent, err := cluster.AwaitNodes(ctx, nodes, e.nodes, awaitLimit, func(name string, up []string) error {
		env.Println("Node %s became available", name)
		return e.startComplete(ctx, env, up)
	})
	if err == nil && len(silent) > 0 {
		env.Warn("Time exceeded while waiting for nodes to become reachable again:\n  - %s", strings.Join(silent, "\n  - "))
	}
	if err != nil || len(silent) > 0 {
		return fault.Say("Please investigate and start stopped instances manually")
	}
	return nil
}

// startComplete starts the instances all of whose nodes are up, each once.
func (e *emergency) startComplete(ctx context.Context, env *cli.Env, up []string) error {
	var ready []string
	for _, name := range sortedKeys(e.instances) {
		if !slices.ContainsFunc(e.instances[name], func(needed string) bool { return !slices.Contains(up, needed) }) {
			ready = append(ready, name)
			delete(e.instances, name)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	started, err := e.each(ctx, env, ready, [3]string{"startup", "started", "starting"}, func(name string) job.Operation {
		return instance.Startup{Name: name, ShutdownTimeout: instance.ShutdownTimeout}
	})
	if err == nil && !started {
		err = errors.New("instances were not started")
	}
	return err
}

// each submits a job for each instance, follows them all, and says whether all went well.
func (e *emergency) each(ctx context.Context, env *cli.Env, names []string, words [3]string, op func(name string) job.Operation) (bool, error) {
	jobs := env.Jobs()
	for _, name := range names {
		env.Println("Submit %s of instance %s", words[0], name)
		jobs.Add(name, op(name))
	}
	results, err := jobs.Wait(ctx)
	if err != nil {
		return false, err
	}
	if bad := cli.Failures(results); bad > 0 {
		env.Warn("There were errors while %s instances:\n%d error(s) out of %d instance(s)", words[2], bad, len(results))
		return false, nil
	}
	env.Println("All instances have been %s successfully", words[1])
	return true, nil
}

func (e *emergency) power(ctx context.Context, env *cli.Env, command string) error {
	op := node.OOB{Names: e.switched, Command: command, IgnoreStatus: true, Timeout: e.timeout, PowerDelay: e.delay}
	var results []node.OOBResult
	if err := env.SubmitFor(ctx, op, &results); err != nil {
		return err
	}
	bad := false
	for _, r := range results {
		if r.Status != node.OOBNormal {
			bad = true
			env.Warn("There was a problem changing power for %s, please investigate", r.Node)
		}
	}
	if bad {
		return fault.Status(1)
	}
	return nil
}

func sortedKeys(m map[string][]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	unit.SortNames(names)
	return names
}
