package disk

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/gluster"
)

// volume is the volume of Gluster that is in force on this node.
func (on On) volume(d *config.Disk) gluster.Volume { return gluster.Of(on.params(d)) }

// inGluster does something to the file of a disk where its volume is mounted, which it stays: other disks are in it.
func (on On) inGluster(ctx context.Context, d *config.Disk, do func(file string) error) error {
	if dir := on.Config.Cluster.GlusterStorageDir; dir != "" && dir != gluster.MountPoint {
		return fault.New(fault.BlockDevice, "Gluster is mounted on %s, and not on %s as the cluster says", gluster.MountPoint, dir)
	}
	if err := on.volume(d).Mount(ctx, on, on.Node); err != nil {
		return err
	}
	return do(gluster.File(d.Path()))
}
