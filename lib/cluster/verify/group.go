package verify

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Group verifies the nodes of a node group and the instances that live there.
type Group struct {
	Group string `json:"group_name"`
	Options
	SkipChecks []string `json:"skip_checks"`
	Clutter    bool     `json:"verify_clutter"`
}

// OpID is the operation's name in job files.
func (Group) OpID() string { return "OP_CLUSTER_VERIFY_GROUP" }

// Work starts it.
func (op Group) Work(env *job.Env) job.Work {
	return &group{op: op, env: env, report: report{Options: op.Options, say: env.Say}}
}

// group is the working state of one verification.
type group struct {
	op Group
	report
	env *job.Env

	cfg       *config.Config
	grp       *config.NodeGroup
	nodes     []*config.Node
	instances []*config.Instance // whose primary is one of the nodes
	answers   map[string]*answer // by the UUID of the node; none of offline ones
	reference *config.Node       // to whose OS definitions the others' are compared
}

// find takes the group and what belongs to it from the configuration.
func (g *group) find(cfg *config.Config) (err error) {
	if g.grp, err = findGroup(cfg, g.op.Group); err != nil {
		return err
	}
	g.cfg, g.nodes, g.instances = cfg, cfg.GroupNodes(g.grp.UUID), nil
	for _, inst := range cfg.Instances {
		if n := cfg.Node(inst.PrimaryNode); n != nil && n.Group == g.grp.UUID {
			g.instances = append(g.instances, inst)
		}
	}
	return nil
}

// Locks are the group, its nodes, its instances, and the nodes of other groups that hold copies of their disks.
func (g *group) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := g.find(cfg); err != nil {
		return nil, err
	}
	locks := []job.Lock{{Level: job.LevelNodeGroup, Name: g.grp.UUID, Shared: true}}
	nodes := map[string]bool{}
	for _, n := range g.nodes {
		nodes[n.UUID] = true
	}
	for _, inst := range g.instances {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: inst.Name, Shared: true})
		for _, uuid := range cfg.SecondaryNodes(inst) {
			nodes[uuid] = true
		}
	}
	for _, uuid := range sorted(nodes) {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: uuid, Shared: true})
	}
	return locks, nil
}

func (g *group) Check(context.Context) error { return g.find(g.env.Config) }

// Hooks run after the verification, and are a part of it. Nodes that did not answer are not waited for once more.
func (g *group) Hooks() *hooks.Plan {
	env := map[string]string{"CLUSTER_TAGS": strings.Join(g.cfg.Cluster.Tags, " ")}
	var names []string
	for _, n := range g.nodes {
		env["NODE_TAGS_"+n.Name] = strings.Join(n.Tags, " ")
		if a := g.answers[n.UUID]; a == nil || a.failed == nil {
			names = append(names, n.Name)
		}
	}
	return &hooks.Plan{Path: "cluster-verify", Env: env, Post: names}
}

func (g *group) Run(ctx context.Context) (any, error) {
	g.heading("Verifying group '%s'", g.grp.Name)
	if len(g.nodes) == 0 {
		g.heading("Empty node group, skipping verification")
		return true, nil
	}
	g.heading("Gathering data (%d nodes)", len(g.nodes))
	g.heading("Gathering information about nodes (%d nodes)", len(g.nodes))
	g.answers = g.ask(ctx, g.nodes)
	g.logIn(ctx)
	others := g.askOthers(ctx)
	g.heading("Gathering disk information (%d nodes)", len(g.nodes))
	g.diskAnswers()
	g.heading("Verifying configuration file consistency")
	g.access()
	g.consistency(ctx, others)
	g.heading("Verifying node status")
	g.eachNode()
	g.heading("Verifying instance status")
	for _, inst := range g.instances {
		g.instance(inst)
	}
	g.heading("Verifying orphan volumes")
	for _, n := range g.nodes {
		g.orphanVolumes(n)
	}
	if !slices.Contains(g.op.SkipChecks, SkipN1) {
		g.heading("Verifying N+1 Memory redundancy")
		for _, n := range g.nodes {
			g.failoverMemory(n)
		}
	}
	g.notes()
	return !g.bad, nil
}

// eachNode looks at the nodes, then at what they have to have in common.
func (g *group) eachNode() {
	for _, n := range g.nodes {
		g.node(n)
	}
	g.mirrorVersions()
	g.physicalSizes()
}

// onNode are the instances that have something on a node.
func (g *group) onNode(n *config.Node) []*config.Instance {
	primary, secondary := g.cfg.NodeInstances(n.UUID)
	return append(primary, secondary...)
}

// notes count what is not wrong, but to be known.
func (g *group) notes() {
	var notRedundant, notBalanced, offlineInstances, offlineNodes, drained int
	for _, inst := range g.instances {
		count(&notRedundant, !redundant(g.cfg.InstanceDisks(inst)))
		count(&notBalanced, !g.cfg.FilledBE(inst).Bool("auto_balance"))
		count(&offlineInstances, inst.AdminState == config.AdminOffline)
	}
	for _, n := range g.nodes {
		count(&offlineNodes, n.Offline)
		count(&drained, n.Drained && !n.Offline)
	}
	g.heading("Other Notes")
	for _, note := range []struct {
		n    int
		what string
	}{{notRedundant, "non-redundant instance(s)"}, {notBalanced, "non-auto-balanced instance(s)"}, {offlineInstances, "offline instance(s)"},
		{offlineNodes, "offline node(s)"}, {drained, "drained node(s)"}} {
		if note.n > 0 {
			g.say("  - NOTICE: %d %s found.", note.n, note.what)
		}
	}
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

// HooksRan adds what the site's own checks found. Ganeti shows the nodes by UUID here.
func (g *group) HooksRan(reports []hooks.Report, result any) any {
	for _, n := range g.nodes {
		if a := g.answers[n.UUID]; a != nil && a.failed != nil {
			g.say(" - WARNING: Communication failure to node %s: %s", n.UUID, reason(a.failed))
			reports = append(reports, hooks.Report{Node: n.Name, Err: a.failed})
		}
	}
	g.heading("Hooks Results")
	before := g.bad
	for _, r := range reports {
		node := r.Node
		if n := g.cfg.NodeByName(node); n != nil {
			node = n.UUID
		}
		if r.Err != nil {
			g.errorf("ENODEHOOKS", node, "Communication failure in hooks execution: %s", reason(r.Err))
			continue
		}
		for _, script := range r.Results {
			if script.Failed {
				g.errorf("ENODEHOOKS", node, "Script %s failed, output:", script.Script)
				g.say("      %s", script.Output)
			}
		}
	}
	if g.bad && !before {
		return false
	}
	return result
}

// named lists nodes by name, in natural order.
func named(nodes []*config.Node) string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return natural(names)
}

var _ job.Heedful = (*group)(nil)
