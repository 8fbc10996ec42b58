package instance

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// Console is the way to an instance's console: a command on its node that wants a terminal, or a message that says where it is. It has neither
// when the instance does not run.
type Console struct {
	Node    string
	Argv    []string
	Message string
}

// ConsoleOf finds the console of an instance. One of the fake hypervisor has the same message whether it runs or not, as in Ganeti.
func ConsoleOf(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance) (Console, error) {
	c := Console{Node: cfg.NodeName(inst.PrimaryNode)}
	if inst.Hypervisor == config.HVFake {
		c.Message = fake.ConsoleMessage
		return c, nil
	}
	if cfg.Node(inst.PrimaryNode).Offline {
		return c, nil
	}
	s, err := stateOf(ctx, r, inst, c.Node)
	if err != nil || !s.Running {
		return c, err
	}
	way := kvm.ConsoleOf(inst.Name, c.Node, int64(inst.NetworkPort), cfg.FilledHV(inst))
	if way.Argv != nil {
		c.Argv = way.Argv
	} else {
		c.Message = way.Text(inst.Name)
	}
	return c, nil
}
