package instance

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// attachDisks attaches the disks of an instance on a node and links them for the hypervisor. All that fails is warned of;
// then none is linked.
func attachDisks(ctx context.Context, env *job.Env, inst *config.Instance, node string) error {
	disks := env.Config.InstanceDisks(inst)
	failed := false
	for i, d := range disks {
		if err := disk.Attach(ctx, env.Nodes, node, d); err != nil {
			if isUnknown(err) {
				return err
			}
			failed = true
			env.Warn("Could not prepare block device disk/%d on node %s (is_primary=True, pass=2): Error while assembling disk: %s", i, node, err)
		}
	}
	if failed {
		return fault.Exec("Disk consistency error")
	}
	return disk.Link(ctx, env.Nodes, node, inst.Name, disks)
}

// detachDisks takes the links away and detaches the disks. It goes on when one fails; the errors come together.
func detachDisks(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string) error {
	disks := cfg.InstanceDisks(inst)
	all := disk.Unlink(ctx, r, node, inst.Name, len(disks))
	for i, d := range disks {
		if err := disk.Detach(ctx, r, node, d); err != nil {
			all = errors.Join(all, fault.Exec("Could not shutdown block device disk/%d on node %s: %w", i, node, err))
		}
	}
	return all
}
