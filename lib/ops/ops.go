// Package ops is the one table from Ganeti's names of operations to the operations themselves, for the runner.
package ops

import (
	"gantry/lib/cluster"
	"gantry/lib/cluster/verify"
	"gantry/lib/group"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/network"
	"gantry/lib/node"
)

// Table has every operation a job can hold.
func Table() job.Table {
	table := job.Table{}
	for _, make := range []func() job.Operation{
		func() job.Operation { return &cluster.ActivateMasterIP{} },
		func() job.Operation { return &cluster.AddTags{} },
		func() job.Operation { return &cluster.DeactivateMasterIP{} },
		func() job.Operation { return &cluster.Delay{} },
		func() job.Operation { return &cluster.Destroy{} },
		func() job.Operation { return &cluster.Modify{} },
		func() job.Operation { return &cluster.PostInit{} },
		func() job.Operation { return &cluster.RedistConf{} },
		func() job.Operation { return &cluster.RemoveTags{} },
		func() job.Operation { return &cluster.RepairDiskSizes{} },
		func() job.Operation { return &cluster.Rename{} },
		func() job.Operation { return &cluster.TestQueue{} },
		func() job.Operation { return &cluster.RenewCrypto{} },

		func() job.Operation { return &verify.Cluster{} },
		func() job.Operation { return &verify.Config{} },
		func() job.Operation { return &verify.Disks{} },
		func() job.Operation { return &verify.Group{} },
		func() job.Operation { return &verify.GroupDisks{} },

		func() job.Operation { return &instance.ActivateDisks{} },
		func() job.Operation { return &instance.ChangeGroup{} },
		func() job.Operation { return &instance.Create{} },
		func() job.Operation { return &instance.DeactivateDisks{} },
		func() job.Operation { return &instance.Export{} },
		func() job.Operation { return &instance.Failover{} },
		func() job.Operation { return &instance.GrowDisk{} },
		func() job.Operation { return &instance.Migrate{} },
		func() job.Operation { return &instance.Modify{} },
		func() job.Operation { return &instance.Move{} },
		func() job.Operation { return &instance.MultiAlloc{} },
		func() job.Operation { return &instance.Reboot{} },
		func() job.Operation { return &instance.RecreateDisks{} },
		func() job.Operation { return &instance.Reinstall{} },
		func() job.Operation { return &instance.Remove{} },
		func() job.Operation { return &instance.RemoveExport{} },
		func() job.Operation { return &instance.Rename{} },
		func() job.Operation { return &instance.ReplaceDisks{} },
		func() job.Operation { return &instance.Shutdown{} },
		func() job.Operation { return &instance.Startup{} },
		func() job.Operation { return &instance.TestOSParams{} },
		func() job.Operation { return &instance.TryAllocator{} },

		func() job.Operation { return &group.Add{} },
		func() job.Operation { return &group.AssignNodes{} },
		func() job.Operation { return &group.Evacuate{} },
		func() job.Operation { return &group.Modify{} },
		func() job.Operation { return &group.Remove{} },
		func() job.Operation { return &group.Rename{} },

		func() job.Operation { return &network.Add{} },
		func() job.Operation { return &network.Connect{} },
		func() job.Operation { return &network.Disconnect{} },
		func() job.Operation { return &network.Modify{} },
		func() job.Operation { return &network.Remove{} },
		func() job.Operation { return &network.Rename{} },

		func() job.Operation { return &node.Add{} },
		func() job.Operation { return &node.Evacuate{} },
		func() job.Operation { return &node.Migrate{} },
		func() job.Operation { return &node.Modify{} },
		func() job.Operation { return &node.ModifyStorage{} },
		func() job.Operation { return &node.OOB{} },
		func() job.Operation { return &node.Powercycle{} },
		func() job.Operation { return &node.Remove{} },
		func() job.Operation { return &node.RepairStorage{} },
		func() job.Operation { return &node.Restricted{} },
	} {
		table[make().OpID()] = make
	}
	return table
}
