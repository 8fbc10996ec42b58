package instance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/iallocator"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/resolve"
)

// relocation is what failover and migrate share: they make another node that can reach the disks the primary one.
type relocation struct {
	onOne
	node, allocator string // as given
	ignorePolicy    bool
	cleanup         bool // of an earlier move, which may have been recorded
	failover        bool // the guest is stopped for it

	source, target *config.Node
}

// Locks are the instance and the two nodes, or all nodes as long as the target is not known. A source that is marked offline is
// not locked: a job that hangs on it must not hold up the rescue of its instances.
func (o *relocation) Locks(cfg *config.Config) ([]job.Lock, error) {
	locks, err := o.onOne.Locks(cfg)
	if err != nil {
		return nil, err
	}
	inst, _ := find(cfg, o.name)
	nodes := []string{job.All}
	if o.node != "" {
		target, err := findNode(cfg, o.node)
		if err != nil {
			return nil, err
		}
		nodes = []string{target.UUID}
		if source := cfg.Node(inst.PrimaryNode); !source.Offline && source != target {
			nodes = append(nodes, source.UUID)
		}
	} else if cfg.DiskTemplate(inst) == config.DTDRBD {
		nodes = slices.DeleteFunc(cfg.InstanceNodes(inst), func(uuid string) bool { return cfg.Node(uuid).Offline })
	}
	for _, level := range []job.Level{job.LevelNode, job.LevelNodeRes} {
		for _, uuid := range nodes {
			locks = append(locks, job.Lock{Level: level, Name: uuid})
		}
	}
	return locks, nil
}

// chooseTarget finds the node to go to, by name or by an allocator. what is the plural of what is done.
func (o *relocation) chooseTarget(ctx context.Context, what string) error {
	cfg := o.env.Config
	o.source = o.primary()
	if bound := boundDisks(cfg, o.inst); bound != "" {
		return fault.Refuse(fault.WrongState, "Instance's disk layout '%s' does not allow %s", bound, what)
	}
	if err := disk.Supported(cfg.DiskTemplate(o.inst)); err != nil {
		return err
	}
	find := o.askAllocator
	if cfg.DiskTemplate(o.inst) == config.DTDRBD {
		find = o.takeSecondary
	}
	if err := find(ctx); err != nil {
		return err
	}
	if o.target == nil {
		return fault.Refuse(fault.NotFound, "Node '%s' not known", o.node)
	}
	if err := o.checkPolicy(cfg); err != nil {
		return err
	}
	if o.target == o.source && !o.cleanup {
		return fault.Refuse(fault.WrongState, "Cannot migrate instance %s to its primary (%s)", o.inst.Name, o.source.Name)
	}
	if o.target.Offline && !o.cleanup { // what has been on its way to a node that is off is where it was
		return fault.Refuse(fault.Environment, "Can't get data from node %s: Node is marked offline", o.target.Name)
	}
	return nil
}

// takeSecondary sets the target of mirrored disks: there is only one.
func (o *relocation) takeSecondary(context.Context) error {
	cfg := o.env.Config
	secondaries := cfg.SecondaryNodes(o.inst)
	if len(secondaries) == 0 {
		return fault.New(fault.Configuration, "No secondary node but using %s disk template", cfg.DiskTemplate(o.inst))
	}
	o.target = cfg.Node(secondaries[0])
	if o.allocator == "" && (o.node == "" || cfg.MatchNode(o.node) == o.target || o.cleanup && cfg.MatchNode(o.node) == o.source) {
		return nil
	}
	done := "migrated"
	if o.failover {
		done = "failed over"
	}
	return fault.Refuse(fault.WrongInput, "Instances with disk types %s cannot be %s to arbitrary nodes (neither an iallocator nor a target node can be passed)",
		cfg.DiskTemplate(o.inst), done)
}

// boundDisks names the types of disks that can only be used on the primary node.
func boundDisks(cfg *config.Config, inst *config.Instance) string {
	var types []string
	for _, d := range cfg.InstanceDisks(inst) {
		if !disk.Mirrored(d.DevType) && !slices.Contains(types, d.DevType) {
			types = append(types, d.DevType)
		}
	}
	return strings.Join(types, ", ")
}

// askAllocator sets the target: the named node, or the one that an allocator chooses.
func (o *relocation) askAllocator(ctx context.Context) error {
	cfg := o.env.Config
	switch {
	case o.node != "" && o.allocator != "":
		return fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	case o.node != "":
		o.target = cfg.MatchNode(o.node)
		return nil
	}
	program, err := iallocator.Default(cfg, o.allocator)
	if err != nil {
		return iallocator.NoneOrNode()
	}
	o.allocator = program
	name, err := relocateBy(ctx, o.env, o.allocator, o.inst)
	o.target = cfg.NodeByName(name)
	return err
}

// checkPolicy looks whether the instance fits into the target's group, if that is another one.
func (o *relocation) checkPolicy(cfg *config.Config) error {
	return checkTargetPolicy(o.env, o.inst, o.target, o.target.Group, o.ignorePolicy)
}

// checkTargetPolicy holds an instance against the policy of the group of a node, called as is said, if that is not its own group.
func checkTargetPolicy(env *job.Env, inst *config.Instance, target *config.Node, group string, ignore bool) error {
	cfg := env.Config
	if target.Group == cfg.Node(inst.PrimaryNode).Group {
		return nil
	}
	found := cfg.InstancePolicy(cfg.Group(target.Group)).Violations(cfg.Sizing(inst))
	if len(found) == 0 {
		return nil
	}
	words := fmt.Sprintf("Instance does not meet target node group's (%s) instance policy: %s", group, strings.Join(found, ", "))
	if ignore {
		env.Warn("%s", words)
		return nil
	}
	return fault.Refuse(fault.WrongInput, "%s", words)
}

// checkTarget makes sure that the target has what the guest needs, and does not run one of that name already.
func (o *relocation) checkTarget(ctx context.Context) error {
	if err := checkBridges(ctx, o.env.Nodes, o.env.Config, o.inst.NICs, o.target.Name); err != nil {
		return err
	}
	if o.target.Drained {
		return fault.Refuse(fault.WrongState, "Can't use drained node %s", o.target.Name)
	}
	s, err := stateOf(ctx, o.env.Nodes, o.inst, o.target.Name)
	if err != nil {
		return fault.Refuse(fault.Environment, "Can't get data from node %s: %v", o.target.Name, err)
	}
	if s.Running && boundDisks(o.env.Config, o.inst) != "" {
		return fault.Refuse(fault.WrongState, "An instance of the name %s runs on node %s already; end it there first", o.inst.Name, o.target.Name)
	}
	if s.Running && !(s.Status == kvm.Waiting && o.source.Offline) { // what waits for a node that a person has declared off is ended later
		return fault.Refuse(fault.WrongState, "Instance %s runs on node %s already; run 'gnt-instance migrate --cleanup -n %s %s' first",
			o.inst.Name, o.target.Name, o.target.Name, o.inst.Name)
	}
	return nil
}

// checkOffline believes a person's word that a node is off, unless the node itself shows that it runs the instance.
func (o *relocation) checkOffline(ctx context.Context, node *config.Node) error {
	if !node.Offline || !resolve.Answers(ctx, node.PrimaryIP, o.env.Config.SSHPort(node)) {
		return nil
	}
	s, err := stateOf(ctx, o.env.Nodes, o.inst, node.Name)
	if err != nil || !s.Running {
		return nil // somebody has the address and cannot be asked
	}
	return fault.Refuse(fault.WrongState, "Node %s is marked offline, but it answers and instance %s runs there; end it there, or mark the node online",
		node.Name, o.inst.Name)
}

// endWaiting ends a guest on the target that waits for the memory of one on the source, which is gone. It has never run and has written
// nothing; that it is still so is looked at once more.
func (o *relocation) endWaiting(ctx context.Context) error {
	s, err := stateOf(ctx, o.env.Nodes, o.inst, o.target.Name)
	switch {
	case err != nil:
		return fault.Exec("Cannot tell whether instance %s runs on node %s: %w", o.inst.Name, o.target.Name, err)
	case !s.Running:
		return nil
	case s.Status != kvm.Waiting:
		return fault.Exec("Instance %s runs on node %s", o.inst.Name, o.target.Name)
	}
	o.env.Info("Ending what is left of the guest of instance %s on node %s (%s)", o.inst.Name, o.target.Name, s.Status)
	return killGuest(ctx, o.env.Nodes, o.inst, o.target.Name)
}

// hooksEnv tells the scripts where the instance comes from and where it goes. After the move both are the target. Mirrored disks go
// the other way.
func (o *relocation) hooksEnv(more map[string]string) map[string]string {
	cfg := o.env.Config
	inst := cfg.Instance(o.inst.UUID)
	env := hooksEnv(cfg, inst)
	maps.Copy(env, more)
	env["OLD_PRIMARY"], env["NEW_PRIMARY"] = cfg.NodeName(inst.PrimaryNode), o.target.Name
	env["OLD_SECONDARY"], env["NEW_SECONDARY"] = "", ""
	if secondaries := cfg.SecondaryNodes(inst); len(secondaries) > 0 && cfg.DiskTemplate(inst) == config.DTDRBD {
		env["OLD_SECONDARY"], env["NEW_SECONDARY"] = cfg.NodeName(secondaries[0]), env["OLD_PRIMARY"]
	}
	return env
}

// relocateBy asks an allocator for the node to go to.
func relocateBy(ctx context.Context, env *job.Env, program string, inst *config.Instance) (string, error) {
	nodes, err := iallocator.Move(ctx, env.Nodes, env.Config, program, inst)
	if err != nil {
		return "", err
	}
	env.Info("Selected nodes for instance %s via iallocator %s: %s", inst.Name, program, strings.Join(nodes, ", "))
	return nodes[0], nil
}
