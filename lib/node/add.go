package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"gantry/lib/ancillary"
	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
	"gantry/lib/resolve"
)

// Add makes a machine a node of the cluster, or, with Readd, brings one back that was offline. Join has prepared its SSH.
type Add struct {
	Name          string                              `json:"node_name"`
	HVState       map[string]config.Params            `json:"hv_state"`
	DiskState     map[string]map[string]config.Params `json:"disk_state"`
	PrimaryIP     string                              `json:"primary_ip"`
	SecondaryIP   string                              `json:"secondary_ip,omitempty"`
	Readd         bool                                `json:"readd"`
	Group         string                              `json:"group,omitempty"`
	MasterCapable *bool                               `json:"master_capable,omitempty"`
	VMCapable     *bool                               `json:"vm_capable,omitempty"`
	NDParams      map[string]any                      `json:"ndparams,omitempty"`
	NodeSetup     bool                                `json:"node_setup"`
}

// OpID is the operation's name in job files.
func (Add) OpID() string { return "OP_NODE_ADD" }

// Work starts it.
func (op Add) Work(env *job.Env) job.Work { return &add{Add: op, env: env} }

type add struct {
	Add
	env  *job.Env
	node config.Node // as it is to be
}

func (w *add) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *add) Check(ctx context.Context) error {
	cfg := w.env.Config
	if w.Readd && w.Group != "" {
		return fault.Refuse(fault.WrongInput, "Cannot pass a node group when a node is being readded")
	}
	old := cfg.NodeByName(w.Name)
	switch {
	case old == nil && w.Readd:
		return fault.Refuse(fault.NotFound, "Node %s is not in the configuration", w.Name)
	case old != nil && !w.Readd:
		return fault.Refuse(fault.Exists, "Node %s is already in the configuration", w.Name)
	}
	if w.SecondaryIP == "" {
		w.SecondaryIP = w.PrimaryIP
		if old != nil {
			w.SecondaryIP = old.SecondaryIP
		}
	}
	if !isAddress4(w.SecondaryIP) {
		return fault.Refuse(fault.WrongInput, "Secondary IP (%s) needs to be a valid IPv4 address", w.SecondaryIP)
	}
	if err := w.unused(cfg); err != nil {
		return err
	}
	if err := w.homed(cfg.MasterNode()); err != nil {
		return err
	}
	if err := w.plan(cfg, old); err != nil {
		return err
	}
	if !resolve.Answers(ctx, w.PrimaryIP, cfg.SSHPort(&w.node)) {
		return fault.Refuse(fault.Environment, "Node not reachable by ping")
	}
	if err := w.hasSecondary(ctx); err != nil {
		return err
	}
	return w.looksFit(ctx)
}

// looksFit warns of what verify will complain of: an sshd or a shell that will make commands fail, and programs of another version.
func (w *add) looksFit(ctx context.Context) error {
	release := remote.Script(`gnt-cluster --version 2>/dev/null || :`)
	theirs, err := nodefacts.Gather(ctx, w.env.Nodes, w.Name, nodefacts.Login(), release)
	if err != nil {
		return err
	}
	ours, err := w.env.Nodes.Run(ctx, w.env.Config.MasterNode().Name, release)
	if err != nil {
		return err
	}
	for _, trouble := range nodefacts.ParseLogin(theirs[0].Stdout) {
		w.env.Warn("Node %s: %s", w.Name, trouble)
	}
	master, node := strings.TrimSpace(string(ours.Stdout)), strings.TrimSpace(string(theirs[1].Stdout))
	if node != master && (node != "" || w.node.MasterCandidate) {
		w.env.Warn("Node %s: software version mismatch: master %s, node %s", w.Name, cmp.Or(master, "none"), cmp.Or(node, "none"))
	}
	return nil
}

// unused refuses addresses that another node has.
func (w *add) unused(cfg *config.Config) error {
	for _, n := range cfg.Nodes {
		if n.Name == w.Name {
			if w.Readd && (n.PrimaryIP != w.PrimaryIP || n.SecondaryIP != w.SecondaryIP) {
				return fault.Refuse(fault.WrongInput, "Readded node doesn't have the same IP address configuration as before")
			}
			continue
		}
		for _, ip := range []string{n.PrimaryIP, n.SecondaryIP} {
			if ip == w.PrimaryIP || ip == w.SecondaryIP {
				return fault.Refuse(fault.NotUnique, "New node ip address(es) conflict with existing node %s", n.Name)
			}
		}
	}
	return nil
}

// homed wants a second network on all nodes or on none.
func (w *add) homed(master *config.Node) error {
	masterHas, nodeHas := master.PrimaryIP != master.SecondaryIP, w.PrimaryIP != w.SecondaryIP
	switch {
	case masterHas && !nodeHas:
		return fault.Refuse(fault.WrongInput, "The master has a secondary ip but the new node doesn't have one")
	case !masterHas && nodeHas:
		return fault.Refuse(fault.WrongInput, "The master has no secondary ip but the new node has one")
	}
	return nil
}

// plan decides what the node is to be.
func (w *add) plan(cfg *config.Config, old *config.Node) error {
	if old != nil {
		w.node = *old
		w.node.Offline, w.node.Drained, w.node.Powered = false, false, true
	} else {
		group, err := w.group(cfg)
		if err != nil {
			return err
		}
		w.node = config.Node{UUID: config.NewUUID(), Name: w.Name, PrimaryIP: w.PrimaryIP, SecondaryIP: w.SecondaryIP, Group: group,
			MasterCapable: true, VMCapable: true, Powered: true, Stamp: config.NewStamp(w.env.Clock())}
	}
	if w.MasterCapable != nil {
		w.node.MasterCapable = *w.MasterCapable
	}
	if w.VMCapable != nil {
		w.node.VMCapable = *w.VMCapable
	}
	forced, err := config.NDParams.Force(w.NDParams)
	if err != nil {
		return err
	}
	if err := checkNotGlobal(forced); err != nil {
		return err
	}
	w.node.NDParams = w.node.NDParams.Update(forced)
	w.node.HVStateStatic = config.UpdateHVState(w.node.HVStateStatic, w.HVState)
	w.node.DiskStateStatic = config.UpdateDiskState(w.node.DiskStateStatic, w.DiskState)
	more := 1
	if old != nil && old.MasterCapable && !old.Offline && !old.Drained {
		more = 0
	}
	now, should := cfg.CandidateCount(more)
	if old != nil && old.MasterCandidate {
		now--
	}
	w.node.MasterCandidate = w.node.MasterCapable && now < should
	return nil
}

func (w *add) group(cfg *config.Config) (string, error) {
	if w.Group != "" {
		if g := cfg.GroupByName(w.Group); g != nil {
			return g.UUID, nil
		}
		return "", fault.Refuse(fault.NotFound, "Node group '%s' not found", w.Group)
	}
	if len(cfg.NodeGroups) > 1 {
		if g := cfg.GroupByName(config.Default); g != nil {
			return g.UUID, nil
		}
		return "", fault.Refuse(fault.WrongInput, "More than one node group exists, target group must be specified explicitly.")
	}
	return cfg.NodeGroups[0].UUID, nil
}

// hasSecondary asks the machine whether the second address is its own.
func (w *add) hasSecondary(ctx context.Context) error {
	if w.SecondaryIP == w.PrimaryIP {
		return nil
	}
	own, err := owns(ctx, w.env.Nodes, w.Name, w.SecondaryIP)
	if err == nil && !own {
		return fault.Refuse(fault.Environment, "Node claims it doesn't have the secondary ip you gave (%s), please fix and re-run this command", w.SecondaryIP)
	}
	return err
}

func (w *add) Hooks() *hooks.Plan {
	env := map[string]string{"OP_TARGET": w.Name, "NODE_NAME": w.Name, "NODE_PIP": w.PrimaryIP, "NODE_SIP": w.SecondaryIP,
		"MASTER_CAPABLE": pythonBool(w.MasterCapable), "VM_CAPABLE": pythonBool(w.VMCapable)}
	var others []string
	for _, n := range w.env.Config.Nodes {
		if n.Name != w.Name {
			others = append(others, n.Name)
		}
	}
	return &hooks.Plan{Path: "node-add", Env: env, Pre: others, Post: append(others, w.Name)}
}

// pythonBool is a flag as hooks see it; one that was not given is None in a modification, True when a node is added.
func pythonBool(b *bool) string {
	switch {
	case b == nil:
		return "True"
	case *b:
		return "True"
	}
	return "False"
}

func (w *add) Run(ctx context.Context) (any, error) {
	if w.Readd {
		w.env.Info("Readding a node, the offline/drained flags were reset")
	}
	if w.node.MasterCandidate {
		w.env.Info("Node will be a master candidate")
	}
	if _, err := w.env.Nodes.Run(ctx, w.Name, prepare()); err != nil {
		return nil, fmt.Errorf("preparing node %s: %w", w.Name, err)
	}
	if err := w.nameEverywhere(ctx); err != nil {
		return nil, err
	}
	if err := bridge.SetUpSwitch(ctx, w.env.Nodes, w.Name, w.env.Config.FilledND(&w.node), w.env.Info); err != nil {
		return nil, fault.Exec("Failed to initialize OpenVSwitch on new node: %v", err)
	}
	if err := w.env.Update(ctx, w.record); err != nil {
		return nil, err
	}
	share(ctx, w.env)
	return nil, nil
}

// share gives all nodes the files that a change of nodes has changed.
func share(ctx context.Context, env *job.Env) {
	for _, r := range ancillary.PushAll(ctx, env.Nodes, env.Config, config.DataDir) {
		if r.Err != nil {
			env.Warn("Copying files to node %s: %v", r.Node, r.Err)
		}
	}
}

// nameEverywhere keeps the node's name in the master's /etc/hosts where the cluster looks after that file.
func (w *add) nameEverywhere(ctx context.Context) error {
	if !w.env.Config.Cluster.ModifyEtcHosts {
		return nil
	}
	_, err := w.env.Nodes.Run(ctx, w.env.Config.MasterNode().Name, ancillary.Hosts(w.Name, w.PrimaryIP))
	return err
}

func (w *add) record(cfg *config.Config) error {
	if old := cfg.NodeByName(w.Name); old != nil {
		if !w.Readd {
			return fault.Refuse(fault.Exists, "Node %s is already in the configuration", w.Name)
		}
		stamp := old.Stamp
		*old = w.node
		old.Stamp = stamp
		old.Touch(w.env.Clock())
		return nil
	}
	n := w.node
	cfg.Nodes = append(cfg.Nodes, &n)
	return nil
}
