package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// MasterFailover makes the node it runs on the master. It is no job: the queue begins anew with the master.
type MasterFailover struct {
	NoVoting bool // a person says that the candidates that are silent are off
}

// Successor is the node that is to become the master, with what lies on it.
type Successor struct {
	Name  string
	Store *store.Store
	Queue *job.Queue
	Nodes job.Nodes
	Warn  func(format string, args ...any) // what stops nobody
}

// failover is the working state of one MasterFailover.
type failover struct {
	MasterFailover
	Successor
	old *config.Node // the master so far
	cfg *config.Config
}

// Run takes over: ids of jobs are put beyond all that the old master can have given, then the epoch is raised, which ends the old
// master's reign, and only then its address comes here. An error means that this node is not the master.
func (op MasterFailover) Run(ctx context.Context, s Successor) error {
	w := &failover{MasterFailover: op, Successor: s}
	if err := w.check(); err != nil {
		return err
	}
	if err := w.Queue.JumpAhead(ctx, w.Nodes, w.others()); err != nil {
		return fmt.Errorf("putting the job queue in order: %w", err)
	}
	if err := w.takeOver(ctx); err != nil {
		return err
	}
	w.takeAddress(ctx)
	if err := w.giveAddress(ctx); err != nil {
		return err
	}
	if err := errors.Join(w.Queue.Drain(false), w.Queue.KeepFilters(w.cfg.Filters)); err != nil {
		return err
	}
	return w.Queue.Tend()
}

// check refuses where another node has to be chosen.
func (w *failover) check() error {
	cfg, err := w.Store.Load()
	if err != nil {
		return err
	}
	w.cfg, w.old = cfg, cfg.MasterNode()
	if w.old == nil {
		return fault.Refuse(fault.WrongState, "Could not find old master node '%s' in cluster configuration.", cfg.Cluster.MasterNode)
	}
	if w.old.Name == w.Name {
		return AlreadyMaster(w.Name)
	}
	if node := cfg.NodeByName(w.Name); node == nil || !node.MasterCandidate {
		var names []string
		for _, n := range cfg.MasterCandidates() {
			names = append(names, n.Name)
		}
		return NotCandidate(names, w.old.Name)
	}
	return nil
}

// AlreadyMaster refuses on the node that is the master, in Ganeti's words.
func AlreadyMaster(name string) error {
	return fault.Refuse(fault.WrongInput, "This commands must be run on the node where you want the new master to be. %s is already the master", name)
}

// NotCandidate refuses on a node without a copy of the configuration, and names those besides the master that have one.
func NotCandidate(candidates []string, master string) error {
	candidates = slices.DeleteFunc(candidates, func(name string) bool { return name == master })
	return fault.Refuse(fault.WrongState, "This node is not among the nodes marked as master candidates. Only these nodes can become masters. "+
		"Current list of master candidates is:\n%s", strings.Join(candidates, "\n"))
}

// others are the master candidates besides this node that may answer.
func (w *failover) others() []string {
	var names []string
	for _, n := range w.cfg.MasterCandidates() {
		if !n.Offline && n.Name != w.Name {
			names = append(names, n.Name)
		}
	}
	return names
}

// takeOver raises the epoch. After it the old master stops at its next look.
func (w *failover) takeOver(ctx context.Context) error {
	c, err := w.Store.TakeOver(ctx, w.Nodes, w.Name, w.NoVoting, nil)
	for _, text := range c.Warnings {
		w.Warn("%s", text)
	}
	if c.State == store.Unknown {
		return fmt.Errorf("it is not known whether this node is the master now; run the command again: %w", err)
	}
	if err != nil {
		return w.refusal(err)
	}
	w.cfg = c.Config
	return nil
}

// refusal gives what the candidates answered the words of Ganeti's votes.
func (w *failover) refusal(err error) error {
	var few *store.NoMajority
	var fenced *store.Fenced
	var stale *store.Stale
	switch {
	case errors.As(err, &few):
		return fault.Say("Master-failover with voting is only possible if the majority of nodes are still healthy; use the --no-voting option " +
			"after ensuring by other means that you won't end up in a dual-master scenario. Unhealthy nodes: " + unit.Repr(few.Silent))
	case errors.As(err, &fenced):
		return fault.Refuse(fault.WrongState, "I have a wrong configuration, I believe the master is %s but the other nodes voted %s. "+
			"Please resync the configuration of this node.", w.old.Name, fenced.Theirs.Master)
	case errors.As(err, &stale):
		return fault.Refuse(fault.WrongState, "%v", stale)
	}
	return err
}

// takeAddress takes the cluster's address from the old master, if it can be reached. If it cannot, that one also does not know yet
// that it is not the master any more; it finds out before it changes anything.
func (w *failover) takeAddress(ctx context.Context) {
	if w.old.Offline {
		return
	}
	if _, err := w.Nodes.Run(ctx, w.old.Name, MasterIP(&w.cfg.Cluster, "stop")); err != nil {
		w.Warn("Could not disable the master IP: %v", err)
		w.Warn("Could not disable the master role on the old master %s, please disable manually: %v", w.old.Name, err)
	}
}

// addressPatience is how long the cluster's address gets to leave the old master and to come up here.
const addressPatience = 30 * time.Second

// giveAddress brings the cluster's address up here. That it fails does not make this node less of a master.
func (w *failover) giveAddress(ctx context.Context) error {
	ip, late := w.cfg.Cluster.MasterIP, false
	if !w.answers(ctx, ip, false) {
		late = true
		w.Warn("The master IP is still reachable after %d seconds, continuing but activating the master IP on the current node will probably fail",
			int(addressPatience.Seconds()))
	}
	_, err := w.Nodes.Run(ctx, w.Name, MasterIP(&w.cfg.Cluster, "start"))
	if err != nil {
		w.Warn("Could not enable the master IP: %v", err)
	}
	if err != nil || !w.answers(ctx, ip, true) {
		late = true
		w.Warn("The master IP did not come up within %d seconds; the cluster should still be working and reachable via %s, "+
			"but not via the master IP address", int(addressPatience.Seconds()), w.Name)
	}
	if late {
		return fault.Status(1)
	}
	return nil
}

// answers waits until somebody, or nobody, answers at an address, and says whether that came to be.
func (w *failover) answers(ctx context.Context, ip string, want bool) bool {
	ctx, cancel := context.WithTimeout(ctx, addressPatience)
	defer cancel()
	for resolve.Answers(ctx, ip, nodePort) != want {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Second):
		}
	}
	return ctx.Err() == nil
}
