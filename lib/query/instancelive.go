package query

import (
	"context"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// guest is a running instance as a node reports it.
type guest struct {
	node          string // UUID
	memory, vcpus int64
	down          bool // its user powered it off
}

// AskInstances completes instance rows. All nodes that are not offline are asked, not only the primaries of the rows, since an
// instance may run where it should not.
func AskInstances(r remote.Runner) func(context.Context, []*InstanceRow) error {
	return func(ctx context.Context, rows []*InstanceRow) error {
		if len(rows) == 0 {
			return nil
		}
		answered, guests, err := askGuests(ctx, r, rows[0].Config)
		if err != nil {
			return err
		}
		for _, row := range rows {
			row.Live = row.judge(answered, guests[row.Instance.Name])
		}
		return nil
	}
}

// judge sums up what the nodes said: an instance that runs on several counts where it belongs.
func (r *InstanceRow) judge(answered map[string]bool, found []guest) InstanceLive {
	live := InstanceLive{Answered: answered[r.Instance.PrimaryNode]}
	for _, g := range found {
		if live.Running && g.node != r.Instance.PrimaryNode {
			continue
		}
		live.Running, live.On, live.Memory, live.VCPUs, live.UserDown = !g.down, g.node, g.memory, g.vcpus, g.down
	}
	if live.Answered && !r.Instance.Forthcoming { // it is told of stopped instances as well
		live.Console = console(r.Config, r.Instance)
	}
	return live
}

// askGuests gives the nodes that answered and the guests by instance name.
func askGuests(ctx context.Context, r remote.Runner, cfg *config.Config) (answered map[string]bool, guests map[string][]guest, err error) {
	var names []string
	for _, n := range cfg.Nodes {
		if !n.Offline && n.VMCapable {
			names = append(names, n.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, liveLimit)
	defer cancel()
	answered, guests = map[string]bool{}, map[string][]guest{}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (map[string]guest, error) {
		return guestsOf(ctx, r, cfg, node)
	}) {
		if err := Overtaken(reply.Err); err != nil {
			return nil, nil, err
		}
		if reply.Err != nil {
			continue // its instances show that it did not answer
		}
		uuid := cfg.NodeByName(reply.Node).UUID
		answered[uuid] = true
		for name, g := range reply.Value {
			g.node = uuid
			guests[name] = append(guests[name], g)
		}
	}
	return answered, guests, nil
}

// guestsOf asks one node for the guests of all hypervisors, in one round trip.
func guestsOf(ctx context.Context, r remote.Runner, cfg *config.Config, node string) (map[string]guest, error) {
	kinds, probes := guestProbes(cfg.Cluster.EnabledHypervisors)
	if probes == nil {
		return nil, nil
	}
	results, err := Gather(ctx, r, cfg, node, probes...)
	if err != nil {
		return nil, err
	}
	return parseAllGuests(kinds, results)
}

// guestProbes ask for the guests of the hypervisors that can be asked, and say which these are.
func guestProbes(hypervisors []string) (kinds []string, probes []remote.Cmd) {
	kinds = slices.DeleteFunc(slices.Clone(hypervisors), func(hv string) bool { return hv != config.HVKVM && hv != config.HVFake })
	for _, hv := range kinds {
		if hv == config.HVKVM {
			probes = append(probes, kvm.StateProbe())
		} else {
			probes = append(probes, fake.StateProbe())
		}
	}
	return kinds, probes
}

func parseAllGuests(kinds []string, results []remote.Result) (map[string]guest, error) {
	guests := map[string]guest{}
	for i, hv := range kinds {
		if err := parseGuests(hv, results[i].Stdout, guests); err != nil {
			return nil, err
		}
	}
	return guests, nil
}

func parseGuests(hv string, out []byte, guests map[string]guest) error {
	if hv == config.HVFake {
		states, err := fake.ParseStates(out)
		for _, s := range states {
			guests[s.Name] = guest{memory: s.Memory, vcpus: s.VCPUs}
		}
		return err
	}
	states, err := kvm.ParseStates(out)
	for _, s := range states {
		if s.Running() || s.Down {
			guests[s.Name] = guest{memory: s.Memory, vcpus: s.VCPUs, down: s.Down}
		}
	}
	return err
}

// console describes how the console of a running instance is reached, with the keys of Ganeti's console objects.
func console(cfg *config.Config, inst *config.Instance) any {
	out := map[string]any{"instance": inst.Name, "kind": "msg", "message": fake.ConsoleMessage}
	if inst.Hypervisor != config.HVKVM {
		return out
	}
	c := kvm.ConsoleOf(inst.Name, cfg.NodeName(inst.PrimaryNode), int64(inst.NetworkPort), cfg.FilledHV(inst))
	out["kind"], out["message"] = c.Kind, c.Message
	switch c.Kind {
	case "ssh":
		out = map[string]any{"instance": inst.Name, "kind": c.Kind, "host": cfg.NodeName(inst.PrimaryNode), "user": "root", "command": texts(c.Argv)}
	case "vnc", "spice":
		out = map[string]any{"instance": inst.Name, "kind": c.Kind, "host": c.Host, "port": c.Port}
		if c.Kind == "vnc" {
			out["display"] = c.Display
		}
	}
	return out
}
