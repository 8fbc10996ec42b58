package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
)

func modify(c *cli.Command) {
	c.Usage("[<opts>...]", "Changes the cluster's parameters")
	var o cluster.ModifyOptions
	modifyFlags(c, &o)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !o.Given() {
			return fault.Say("Please give at least one of the parameters.")
		}
		op, err := o.Read()
		if err != nil {
			return err
		}
		if names := o.Strangers(); names != nil {
			env.Warn("Data collector names not recognized: %s", strings.Join(names, ", "))
		}
		return env.SubmitWithJobs(ctx, op)
	})
}

func modifyFlags(c *cli.Command, o *cluster.ModifyOptions) {
	c.Flag("force", "Go on even if the old address cannot be taken down, or nodes do not answer on a new ssh_port").Short('f').BoolVar(&o.Force)
	c.Flag("backend-parameters", "Back-end parameters that instances get by default").Short('B').Meta("BEPARAMS").OrderedParamsVar(&o.BEOptions, &o.Order)
	c.Flag("candidate-pool-size", "How many master candidates there should be").Short('C').IntPtr(&o.CandidatePoolSize)
	c.Flag("max-running-jobs", "How many jobs may run at a time").IntPtr(&o.MaxRunningJobs)
	c.Flag("max-tracked-jobs", "How many jobs Ganeti's scheduler follows; kept for its tools").IntPtr(&o.MaxTrackedJobs)
	c.Flag("install-image", "Image of the helper machine that OS scripts may run in").StringPtr(&o.InstallImage)
	c.Flag("instance-communication-network", "Network between instances and the nodes they run on; made and connected to all groups").Gone().StringPtr(&o.CommunicationNet)
	c.Flag("enabled-hypervisors", "Hypervisors to use, separated by commas; the first is the default").StringVar(&o.Hypervisors)
	c.Flag("hypervisor-parameters", "Parameters that instances of a hypervisor get by default").Short('H').Meta("HVPARAMS").OrderedIdentsVar(&o.HVOptions, &o.Order)
	c.Flag("mac-prefix", "First half of the MAC addresses of instances").Short('m').Meta("PREFIX").StringPtr(&o.MACPrefix)
	c.Flag("master-netdev", "Interface that gets the cluster's address").Meta("NETDEV").StringPtr(&o.MasterNetdev)
	c.Flag("master-netmask", "Netmask of the cluster's address, in bits").Meta("NETMASK").StringPtr(&o.Netmask)
	c.Flag("nic-parameters", "Parameters that network interfaces get by default").Short('N').Meta("NICPARAMS").OrderedParamsVar(&o.NICOptions, &o.Order)
	c.Flag("vg-name", "Volume group for disks; empty gives LVM up").Meta("VG").StringPtr(&o.VGName)
	c.Flag("maintain-node-health", "Let the watcher stop what runs on nodes marked offline").Meta("yes|no").YesNoPtr(&o.MaintainNodeHealth)
	c.Flag("uid-pool", "User ids for instances, as 4000-4019,5000").Meta("UID_POOL").StringPtr(&o.UIDs)
	c.Flag("add-uids", "User ids to add to the pool").Meta("ADD_UIDS").StringPtr(&o.MoreUIDs)
	c.Flag("remove-uids", "User ids to take out of the pool").Meta("REMOVE_UIDS").StringPtr(&o.LessUIDs)
	c.Flag("drbd-usermode-helper", "Program that DRBD calls").Meta("DRBD_HELPER").StringPtr(&o.DRBDHelper)
	c.Flag("default-iallocator", "Allocator that chooses nodes when nothing else is said").Short('I').Meta("<NAME>").StringPtr(&o.DefaultIAllocator)
	c.Flag("default-iallocator-params", "Parameters of that allocator").ParamsVar(&o.IAllocatorOptions)
	c.Flag("reserved-lvs", "Logical volumes that verification passes over, patterns separated by commas").StringPtr(&o.Reserved)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("prealloc-wipe-disks", "Overwrite new disks before they are used").Meta("yes|no").YesNoPtr(&o.PreallocWipeDisks)
	c.Flag("node-parameters", "Node parameters").Meta("NDPARAMS").OrderedParamsVar(&o.NDOptions, &o.Order)
	c.Flag("use-external-mip-script", "Set up the cluster's address with the site's own script").Meta("yes|no").YesNoPtr(&o.UseExternalMIPScript)
	c.Flag("disk-parameters", "Parameters of a disk template").Short('D').Meta("DISKPARAMS").OrderedIdentsVar(&o.DiskOptions, &o.Order)
	c.Flag("hypervisor-state", "Resources kept for a hypervisor on every node").Meta("HV_STATE").IdentsVar(&o.HVStateOptions)
	c.Flag("disk-state", "Resources kept of a storage on every node").Meta("DISK_STATE").IdentsVar(&o.DiskStateOptions)
	cli.Submit(c)
	c.Flag("enabled-disk-templates", "Disk templates to use, separated by commas").StringVar(&o.DiskTemplateList)
	stdSpecs(c, &o.Policy)
	c.Flag("modify-etc-hosts", "Keep the nodes in /etc/hosts of the others").Meta("yes|no").YesNoPtr(&o.ModifyEtcHosts)
	c.Flag("user-shutdown", "Whether a machine may be stopped from within").Meta("ENABLED_USER_SHUTDOWN").YesNoPtr(&o.EnabledUserShutdown)
	cli.Policy(c, &o.Policy)
	c.Flag("file-storage-dir", "Directory for disks in files").Meta("DIR").StringPtr(&o.FileStorageDir)
	c.Flag("shared-file-storage-dir", "Directory for disks in files that all nodes share").Meta("SHAREDDIR").StringPtr(&o.SharedFileStorageDir)
	c.Flag("zeroing-image", "Image of the helper VM that overwrites free space").StringPtr(&o.ZeroingImage)
	c.Flag("compression-tools", "Compression programs for copies, separated by commas").StringPtr(&o.Tools)
	c.Flag("enabled-data-collectors", "Data collectors to switch on or off, name=true").ParamsVar(&o.Collectors)
	c.Flag("data-collector-interval", "Seconds between two runs of a data collector, name=seconds").ParamsVar(&o.CollectorIntervals)
}
