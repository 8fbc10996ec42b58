package network

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Connect makes a network usable in a node group, with the mode and link its NICs get there.
type Connect struct {
	Group          string `json:"group_name"`
	Name           string `json:"network_name"`
	Mode           string `json:"network_mode"`
	Link           string `json:"network_link"`
	VLAN           string `json:"network_vlan"`
	ConflictsCheck bool   `json:"conflicts_check"`
}

// OpID is the operation's name in job files.
func (Connect) OpID() string { return "OP_NETWORK_CONNECT" }

// Work starts it.
func (op Connect) Work(env *job.Env) job.Work {
	return &connect{Connect: op, pair: pair{env: env, network: op.Name, group: op.Group}}
}

type connect struct {
	Connect
	pair
	params config.Params
}

// Locks refuses a mode or a link that no interface can have before anything is looked at.
func (w *connect) Locks(cfg *config.Config) ([]job.Lock, error) {
	if !slices.Contains([]string{config.NICBridged, config.NICRouted, config.NICOpenvswitch}, w.Mode) {
		return nil, unreadable("network_mode", fmt.Sprintf("Invalid string value for type NICMode: %q", w.Mode))
	}
	if w.Link == "" {
		return nil, fault.EmptyValue("network_link")
	}
	return w.pair.Locks(cfg)
}

func (w *connect) Check(context.Context) error {
	if err := w.find(w.env.Config); err != nil {
		return err
	}
	params, err := config.NICParams.Force(map[string]any{"mode": w.Mode, "link": w.Link, "vlan": w.VLAN})
	if err != nil {
		return err
	}
	w.params = params
	if w.connected() {
		w.env.Warn("Network '%s' is already mapped to group '%s'", w.Name, w.grp.Name)
		return nil
	}
	if w.ConflictsCheck {
		return w.conflicts("connect to", func(nic config.NIC) bool { return nic.IP != "" && w.net.Contains(nic.IP) })
	}
	return nil
}

func (w *connect) Hooks() *hooks.Plan {
	env := hooksEnv(w.net)
	env["GROUP_NAME"] = w.grp.Name
	env["GROUP_NETWORK_MODE"], env["GROUP_NETWORK_LINK"], env["GROUP_NETWORK_VLAN"] = w.Mode, w.Link, w.VLAN
	return w.plan("network-connect", env)
}

func (w *connect) Run(ctx context.Context) (any, error) {
	if w.connected() {
		return nil, nil
	}
	return nil, w.update(ctx, func(g *config.NodeGroup) {
		if g.Networks == nil {
			g.Networks = map[string]config.Params{}
		}
		g.Networks[w.net.UUID] = w.params
	})
}

// Disconnect takes a network away from a node group none of whose instances uses it, those that are being made included.
type Disconnect struct {
	Group string `json:"group_name"`
	Name  string `json:"network_name"`
}

// OpID is the operation's name in job files.
func (Disconnect) OpID() string { return "OP_NETWORK_DISCONNECT" }

// Work starts it.
func (op Disconnect) Work(env *job.Env) job.Work {
	return &disconnect{Disconnect: op, pair: pair{env: env, network: op.Name, group: op.Group}}
}

type disconnect struct {
	Disconnect
	pair
}

func (w *disconnect) Check(context.Context) error {
	if err := w.find(w.env.Config); err != nil {
		return err
	}
	if !w.connected() {
		w.env.Warn("Network '%s' is not mapped to group '%s'", w.Name, w.grp.Name)
		return nil
	}
	return w.conflicts("disconnect from", func(nic config.NIC) bool { return nic.Network == w.net.UUID })
}

func (w *disconnect) Hooks() *hooks.Plan {
	env := hooksEnv(w.net)
	env["GROUP_NAME"] = w.grp.Name
	return w.plan("network-disconnect", env)
}

func (w *disconnect) Run(ctx context.Context) (any, error) {
	if !w.connected() {
		return nil, nil
	}
	return nil, w.update(ctx, func(g *config.NodeGroup) { delete(g.Networks, w.net.UUID) })
}

// pair is a network and a node group, for the two operations on their connection.
type pair struct {
	env            *job.Env
	network, group string // as named
	net            *config.Network
	grp            *config.NodeGroup
}

func (p *pair) find(cfg *config.Config) (err error) {
	if p.net, err = find(cfg, p.network); err != nil {
		return err
	}
	p.grp, err = findGroup(cfg, p.group)
	return err
}

// Locks are the group, and its instances since their NICs are looked at.
func (p *pair) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := p.find(cfg); err != nil {
		return nil, err
	}
	locks := []job.Lock{{Level: job.LevelNodeGroup, Name: p.grp.UUID}, {Level: job.LevelNetwork, Name: p.net.UUID, Shared: true}}
	for _, inst := range p.instances(cfg) {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: inst.Name, Shared: true})
	}
	return locks, nil
}

// instances are those of the group, in natural order.
func (p *pair) instances(cfg *config.Config) []*config.Instance {
	byName := map[string]*config.Instance{}
	var names []string
	for _, n := range cfg.GroupNodes(p.grp.UUID) {
		primary, secondary := cfg.NodeInstances(n.UUID)
		for _, inst := range append(primary, secondary...) {
			if byName[inst.Name] == nil {
				byName[inst.Name] = inst
				names = append(names, inst.Name)
			}
		}
	}
	unit.SortNames(names)
	list := make([]*config.Instance, len(names))
	for i, name := range names {
		list[i] = byName[name]
	}
	return list
}

func (p *pair) connected() bool {
	_, ok := p.grp.Networks[p.net.UUID]
	return ok
}

// conflicts refuses while instances of the group have NICs that stand in the way.
func (p *pair) conflicts(doing string, inTheWay func(config.NIC) bool) error {
	var users []string
	cfg := p.env.Config
	for _, inst := range append(p.instances(cfg), p.beingMade(cfg)...) {
		var nics []string
		for i, nic := range inst.NICs {
			if inTheWay(nic) {
				nics = append(nics, fmt.Sprintf("nic%d/%s", i, unit.Str(noneIfEmpty(nic.IP))))
			}
		}
		if nics != nil {
			users = append(users, inst.Name+": "+strings.Join(nics, ", "))
		}
	}
	if users == nil {
		return nil
	}
	p.env.Warn("IP addresses from network '%s', which is about to %s node group '%s', are in use: %s", p.net.Name, doing, p.grp.Name, strings.Join(users, ", "))
	return fault.Refuse(fault.WrongState, "Conflicting IP addresses found;  remove/modify the corresponding network interfaces")
}

// beingMade are the instances that jobs are making on nodes of the group, whose lock they have given back once all was reserved.
func (p *pair) beingMade(cfg *config.Config) (list []*config.Instance) {
	for _, r := range cfg.Reservations {
		if n := cfg.Node(r.Node); r.Name == "" || n == nil || n.Group != p.grp.UUID {
			continue
		}
		inst := &config.Instance{Name: r.Name}
		for _, own := range cfg.Reservations {
			if own.Job == r.Job && own.MAC != "" {
				inst.NICs = append(inst.NICs, config.NIC{Network: own.Network, IP: own.IP})
			}
		}
		list = append(list, inst)
	}
	return list
}

func noneIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// plan runs hooks on all nodes of the group.
func (p *pair) plan(path string, env map[string]string) *hooks.Plan {
	var nodes []string
	for _, n := range p.env.Config.GroupNodes(p.grp.UUID) {
		nodes = append(nodes, n.Name)
	}
	return &hooks.Plan{Path: path, Env: env, Pre: nodes, Post: nodes}
}

func (p *pair) update(ctx context.Context, change func(*config.NodeGroup)) error {
	return p.env.Update(ctx, func(cfg *config.Config) error {
		g, err := findGroup(cfg, p.grp.UUID)
		if err != nil {
			return err
		}
		change(g)
		g.Stamp.Touch(p.env.Clock())
		return nil
	})
}
