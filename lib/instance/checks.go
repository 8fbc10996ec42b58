package instance

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// checkHV checks filled hypervisor parameters, and on nodes what only they can know. Offline nodes are left out.
func checkHV(ctx context.Context, r remote.Runner, cfg *config.Config, hypervisor string, hv config.Params, nodes []string) error {
	if err := config.CheckHV(hypervisor, hv); err != nil {
		return err
	}
	for _, reply := range remote.Each(ctx, online(cfg, nodes), 0, func(ctx context.Context, node string) (any, error) {
		return nil, kvm.CheckNode(ctx, r, node, hypervisor, hv)
	}) {
		if reply.Err != nil {
			return fault.Exec("Hypervisor parameter validation failed on node %s: %v", reply.Node, reply.Err)
		}
	}
	return nil
}

// online gives the names of those nodes, by UUID, that are not offline.
func online(cfg *config.Config, uuids []string) []string {
	var names []string
	for _, uuid := range uuids {
		if n := cfg.Node(uuid); n != nil && !n.Offline {
			names = append(names, n.Name)
		}
	}
	return names
}

// checkBridges refuses when a node lacks a bridge that an interface hangs on.
func checkBridges(ctx context.Context, r remote.Runner, cfg *config.Config, nics []config.NIC, node string) error {
	bridges := bridgesOf(cfg, nics)
	if bridges == nil {
		return nil
	}
	if err := bridge.CheckExist(ctx, r, node, bridges); err != nil {
		return fault.Refuse(fault.Environment, "Error checking bridges on destination node '%s': %v", node, err)
	}
	return nil
}

func bridgesOf(cfg *config.Config, nics []config.NIC) (bridges []string) {
	for _, nic := range nics {
		if p := cfg.FilledNIC(&nic); p.String("mode") == config.NICBridged {
			bridges = append(bridges, p.String("link"))
		}
	}
	return bridges
}

// checkMemory refuses when a node has not so much memory left, and says how much it has.
func checkMemory(ctx context.Context, r remote.Runner, cfg *config.Config, node, what string, mib int64) (int64, error) {
	free, err := freeMemory(ctx, r, cfg, node)
	if err != nil {
		return 0, fault.Refuse(fault.Environment, "Can't get data from node %s: %v", node, err)
	}
	if mib > free {
		return free, fault.Refuse(fault.NoResources, "Not enough memory on node %s for %s: needed %d MiB, available %d MiB", node, what, mib, free)
	}
	return free, nil
}

// States an instance must be marked with, in the order in which Ganeti names them.
var (
	onlineStates     = []string{config.AdminDown, config.AdminUp}
	notRunningStates = []string{config.AdminDown, config.AdminOffline}
)

// checkState refuses an instance that is marked otherwise; without words of its own it says which states are fine. Where it must
// not be up, its primary node has to prove that it does not run.
func checkState(ctx context.Context, env *job.Env, inst *config.Instance, states []string, words string) error {
	if words == "" {
		words = "can't use instance from outside " + strings.Join(states, ", ") + " states"
	}
	if !slices.Contains(states, inst.AdminState) {
		return fault.Refuse(fault.WrongState, "Instance '%s' is marked to be %s, %s", inst.Name, inst.AdminState, words)
	}
	if slices.Contains(states, config.AdminUp) {
		return nil
	}
	node := env.Config.Node(inst.PrimaryNode)
	if node.Offline {
		env.Warn("Primary node offline, ignoring check that instance is down")
		return nil
	}
	s, err := stateOf(ctx, env.Nodes, inst, node.Name)
	if err != nil {
		return fault.Refuse(fault.Environment, "Can't contact node %s for instance information: %v", node.Name, err)
	}
	if s.Running {
		return fault.Refuse(fault.WrongState, "Instance %s is running, %s", inst.Name, words)
	}
	return nil
}

// CheckDown refuses an instance that is not marked down, or runs all the same. words say what cannot be done.
func CheckDown(ctx context.Context, env *job.Env, inst *config.Instance, words string) error {
	return checkState(ctx, env, inst, []string{config.AdminDown}, words)
}

func warnOfGroups(env *job.Env, primary, secondary *config.Node) {
	if primary.Group != secondary.Group {
		env.Warn("The primary and secondary nodes are in two different node groups; the disk parameters from the first disk's node group will be used")
	}
}

// checkUsable refuses a node that takes no instances.
func checkUsable(node *config.Node) error {
	switch {
	case node.Offline:
		return checkOnline(node)
	case node.Drained:
		return fault.Refuse(fault.WrongState, "Can't use drained node %s", node.Name)
	case !node.VMCapable:
		return fault.Refuse(fault.WrongState, "Can't use non-vm_capable node %s", node.Name)
	}
	return nil
}

// checkOnline refuses an offline node.
func checkOnline(node *config.Node) error {
	if node.Offline {
		return fault.Refuse(fault.WrongState, "Can't use offline node: %s", node.Name)
	}
	return nil
}
