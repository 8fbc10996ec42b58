package node

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/nodefacts"
	"gantry/lib/unit"
)

// Modify changes a node's role, abilities, second address or parameters. nil leaves a flag as it is.
type Modify struct {
	Name            string                              `json:"node_name"`
	Force           bool                                `json:"force"`
	HVState         map[string]config.Params            `json:"hv_state"`
	DiskState       map[string]map[string]config.Params `json:"disk_state"`
	MasterCandidate *bool                               `json:"master_candidate,omitempty"`
	Offline         *bool                               `json:"offline,omitempty"`
	Drained         *bool                               `json:"drained,omitempty"`
	AutoPromote     bool                                `json:"auto_promote"`
	MasterCapable   *bool                               `json:"master_capable,omitempty"`
	VMCapable       *bool                               `json:"vm_capable,omitempty"`
	Powered         *bool                               `json:"powered,omitempty"`
	SecondaryIP     string                              `json:"secondary_ip,omitempty"`
	NDParams        map[string]any                      `json:"ndparams,omitempty"`
}

// OpID is the operation's name in job files.
func (Modify) OpID() string { return "OP_NODE_SET_PARAMS" }

// Work starts it.
func (op Modify) Work(env *job.Env) job.Work { return &modify{Modify: op, env: env} }

type modify struct {
	Modify
	env  *job.Env
	node *config.Node
	nd   config.Params // the new parameters of the node's own
	role role          // the new one
}

// role is what of the three exclusive states a node has; none of them is a regular node.
type role struct{ candidate, drained, offline bool }

func roleOf(n *config.Node) role { return role{n.MasterCandidate, n.Drained, n.Offline} }

func is(b *bool, v bool) bool { return b != nil && *b == v }

// demotes says whether the node may stop being a master candidate.
func (w *modify) demotes() bool {
	return is(w.Offline, true) || is(w.Drained, true) || is(w.MasterCandidate, false) || is(w.MasterCapable, false)
}

// Locks takes nothing for marking a node offline: a job that hangs on the dead node must not stop the one that declares it dead.
func (w *modify) Locks(cfg *config.Config) ([]job.Lock, error) {
	n, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case is(w.Offline, true):
		return nil, nil
	case w.AutoPromote && w.demotes():
		return append(w.secondaryLocks(cfg, n), job.Lock{Level: job.LevelNode, Name: job.All}), nil
	}
	return append(w.secondaryLocks(cfg, n), lock(n)), nil
}

func (w *modify) Check(ctx context.Context) (err error) {
	if err := w.checkArguments(); err != nil {
		return err
	}
	cfg := w.env.Config
	if w.node, err = find(cfg, w.Name); err != nil {
		return err
	}
	if err := w.checkRole(cfg); err != nil {
		return err
	}
	w.ignoreUnset()
	if err := w.checkPower(cfg); err != nil {
		return err
	}
	w.promoteItself(cfg)
	w.role = w.newRole()
	if err := w.checkReturn(ctx); err != nil {
		return err
	}
	if err := w.checkSecondary(ctx, cfg); err != nil {
		return err
	}
	forced, err := config.NDParams.Force(w.NDParams, config.Default)
	if err != nil {
		return err
	}
	if err := checkNotGlobal(forced); err != nil {
		return err
	}
	w.nd = w.node.NDParams.Update(forced)
	return w.checkPort(ctx)
}

// checkNotGlobal refuses parameters that a node cannot have for itself.
func checkNotGlobal(params config.Params) error {
	var global []string
	for _, p := range config.NDParams {
		if _, given := params[p.Name]; given && p.ClusterOnly {
			global = append(global, p.Name)
		}
	}
	if global == nil {
		return nil
	}
	return fault.Refuse(fault.WrongInput, "The following node parameters are global and cannot be customized at node level, "+
		"please modify them at cluster or group level: %s", strings.Join(global, ", "))
}

func (w *modify) checkPort(ctx context.Context) error {
	if len(w.NDParams) == 0 {
		return nil
	}
	next := w.env.Config.Clone()
	w.apply(next.Node(w.node.UUID))
	return nodefacts.CheckPorts(ctx, w.env.Nodes, w.env.Config, next, w.Force, nodefacts.ByForce, w.env.Warn)
}

func (w *modify) checkArguments() error {
	set := 0
	for _, flag := range []*bool{w.Offline, w.MasterCandidate, w.Drained, w.MasterCapable, w.VMCapable} {
		if is(flag, true) {
			set++
		}
	}
	if set > 1 {
		return fault.Refuse(fault.WrongInput, "Can't set the node into more than one state at the same time")
	}
	if w.SecondaryIP != "" && !isAddress4(w.SecondaryIP) {
		return fault.Refuse(fault.WrongInput, "Secondary IP (%s) needs to be a valid IPv4 address", w.SecondaryIP)
	}
	return nil
}

func (w *modify) checkRole(cfg *config.Config) error {
	if is(w.MasterCapable, false) && w.node.UUID == cfg.Cluster.MasterNode {
		return fault.Refuse(fault.WrongState, "Master must remain master capable")
	}
	if (w.MasterCandidate != nil || w.Drained != nil || w.Offline != nil) && w.node.UUID == cfg.Cluster.MasterNode {
		return fault.Refuse(fault.WrongInput, "The master role can be changed only via master-failover")
	}
	if is(w.MasterCandidate, true) && !w.node.MasterCapable && !is(w.MasterCapable, true) {
		return fault.Refuse(fault.WrongState, "Node %s is not master capable, cannot make it a master candidate", w.node.Name)
	}
	if is(w.VMCapable, false) {
		if primary, secondary := cfg.NodeInstances(w.node.UUID); len(primary)+len(secondary) > 0 {
			return fault.Refuse(fault.WrongState, "Node %s hosts instances, cannot unset the vm_capable flag", w.node.Name)
		}
	}
	if !w.node.MasterCandidate || !w.demotes() || w.AutoPromote {
		return nil
	}
	remaining, should := candidatesWithout(cfg, w.node)
	if remaining < should {
		return fault.Refuse(fault.WrongState, "Not enough master candidates, please pass auto promote option to allow promotion (--auto-promote or RAPI auto_promote=True)")
	}
	return nil
}

// candidatesWithout counts the candidates left without a node, and how many there should be then.
func candidatesWithout(cfg *config.Config, without *config.Node) (remaining, should int) {
	for _, n := range cfg.Nodes {
		if n.UUID == without.UUID {
			continue
		}
		if n.MasterCapable && !n.Offline && !n.Drained {
			should++
		}
		if n.MasterCandidate {
			remaining++
		}
	}
	return remaining, min(should, cfg.Cluster.CandidatePool)
}

// ignoreUnset drops flags that are to be taken away and are not there.
func (w *modify) ignoreUnset() {
	for _, f := range []struct {
		name string
		flag **bool
		has  bool
	}{{"master_candidate", &w.MasterCandidate, w.node.MasterCandidate}, {"drained", &w.Drained, w.node.Drained}, {"offline", &w.Offline, w.node.Offline}} {
		if is(*f.flag, false) && !f.has {
			w.env.Info("Ignoring request to unset flag %s, already unset", f.name)
			*f.flag = nil
		}
	}
}

// checkPower refuses to note the power of a node that no helper program can switch, and to bring back one that is switched off.
func (w *modify) checkPower(cfg *config.Config) error {
	switches := cfg.FilledND(w.node).String("oob_program") != ""
	if !switches && w.Powered != nil {
		return fault.Refuse(fault.WrongState, "Unable to change powered state for node %s as it does not support out-of-band handling", w.node.Name)
	}
	if switches && is(w.Offline, false) && !w.node.Powered && !is(w.Powered, true) {
		return fault.Refuse(fault.WrongState, "Node %s needs to be turned on before its offline status can be reset", w.node.Name)
	}
	return nil
}

// promoteItself makes a node that comes back a candidate if one is missing, and one that may not be master no candidate.
func (w *modify) promoteItself(cfg *config.Config) {
	yes, no := true, false
	if is(w.Drained, false) || is(w.Offline, false) || is(w.MasterCapable, true) && !w.node.MasterCapable {
		more := 1 // itself, once it is back
		if w.node.MasterCapable && !w.node.Offline && !w.node.Drained {
			more = 0
		}
		if now, should := cfg.CandidateCount(more); now < should {
			w.MasterCandidate = &yes
			w.env.Info("Auto-promoting node to master candidate")
		}
	}
	if is(w.MasterCapable, false) && w.node.MasterCandidate {
		w.env.Info("Demoting from master candidate")
		w.MasterCandidate = &no
	}
}

func (w *modify) newRole() role {
	switch {
	case is(w.MasterCandidate, true):
		return role{candidate: true}
	case is(w.Drained, true):
		return role{drained: true}
	case is(w.Offline, true):
		return role{offline: true}
	case is(w.MasterCandidate, false), is(w.Drained, false), is(w.Offline, false):
		return role{}
	}
	return roleOf(w.node)
}

// checkReturn looks whether a node that is no longer to be offline is there.
func (w *modify) checkReturn(ctx context.Context) error {
	if !w.node.Offline || w.role.offline {
		return nil
	}
	if _, err := w.env.Nodes.Run(ctx, w.node.Name, prepare()); err != nil {
		return fault.Refuse(fault.WrongState, "Node %s is being de-offlined but fails to report its version: %v", w.node.Name, err)
	}
	w.env.Warn("Transitioning node from offline to online state without using re-add. Please make sure the node is healthy!")
	return nil
}

func (w *modify) Hooks() *hooks.Plan {
	env := map[string]string{"OP_TARGET": w.node.Name}
	for name, flag := range map[string]*bool{"MASTER_CANDIDATE": w.Modify.MasterCandidate, "OFFLINE": w.Offline, "DRAINED": w.Drained,
		"MASTER_CAPABLE": w.MasterCapable, "VM_CAPABLE": w.VMCapable} {
		var v any
		if flag != nil {
			v = *flag
		}
		env[name] = unit.Str(v)
	}
	nodes := slices.Compact([]string{w.env.Config.MasterNode().Name, w.node.Name})
	return &hooks.Plan{Path: "node-modify", Env: env, Pre: nodes, Post: nodes}
}

// Run returns what was changed as pairs of name and value, for the command to print. As in Ganeti power is not among it.
func (w *modify) Run(ctx context.Context) (any, error) {
	changes := w.changes()
	var promoted []string
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		n := cfg.Node(w.node.UUID)
		if n == nil {
			return fault.Refuse(fault.NotFound, "Node %s is not in the configuration", w.node.Name)
		}
		w.apply(n)
		n.Touch(w.env.Clock())
		if w.AutoPromote && w.demotes() {
			promoted = cfg.PromoteCandidates(w.env.Clock())
		}
		return nil
	})
	for _, name := range promoted {
		w.env.Info("Promoted nodes to master candidate role: %s", name)
	}
	return changes, err
}

func (w *modify) apply(n *config.Node) {
	n.NDParams = maps.Clone(w.nd)
	n.HVStateStatic = config.UpdateHVState(n.HVStateStatic, w.HVState)
	n.DiskStateStatic = config.UpdateDiskState(n.DiskStateStatic, w.DiskState)
	n.MasterCandidate, n.Drained, n.Offline = w.role.candidate, w.role.drained, w.role.offline
	for into, flag := range map[*bool]*bool{&n.MasterCapable: w.MasterCapable, &n.VMCapable: w.VMCapable, &n.Powered: w.Powered} {
		if flag != nil {
			*into = *flag
		}
	}
	if w.SecondaryIP != "" {
		n.SecondaryIP = w.SecondaryIP
	}
}

func (w *modify) changes() [][2]any {
	list := [][2]any{}
	for _, f := range []struct {
		name string
		flag *bool
	}{{"master_capable", w.MasterCapable}, {"vm_capable", w.VMCapable}} {
		if f.flag != nil {
			list = append(list, [2]any{f.name, unit.Str(*f.flag)})
		}
	}
	old := roleOf(w.node)
	for _, f := range []struct {
		name     string
		old, now bool
	}{{"master_candidate", old.candidate, w.role.candidate}, {"drained", old.drained, w.role.drained}, {"offline", old.offline, w.role.offline}} {
		if f.old != f.now {
			list = append(list, [2]any{f.name, unit.Str(f.now)})
		}
	}
	if w.SecondaryIP != "" {
		list = append(list, [2]any{"secondary_ip", w.SecondaryIP})
	}
	return list
}

// PersonsWord says that marking a node offline needs no majority of candidates: a person vouches that it is off.
func (op Modify) PersonsWord() bool { return is(op.Offline, true) }
