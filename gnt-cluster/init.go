package main

import (
	"context"
	"os"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

func initialise(c *cli.Command) {
	c.Usage("[<opts>...] <cluster-name>", "Makes a new cluster with this machine as its master")
	op := cluster.Init{CandidatePoolSize: 10, ModifyEtcHosts: true, ModifySSHSetup: true}
	var health, wipe, external, userShutdown *bool
	c.One("cluster", &op.Name)
	c.Flag("backend-parameters", "Back-end parameters that instances get by default").Short('B').Meta("BEPARAMS").ParamsVar(&op.BEParams)
	c.Flag("candidate-pool-size", "How many master candidates there should be").Short('C').IntVar(&op.CandidatePoolSize)
	var hypervisors *string
	c.Flag("enabled-hypervisors", "Hypervisors to use, separated by commas; the first is the default").StringPtr(&hypervisors)
	c.Flag("file-storage-dir", "Directory for disks in files").Meta("DIR").StringPtr(&op.FileStorageDir)
	c.Flag("hypervisor-parameters", "Parameters that instances of a hypervisor get by default").Short('H').Meta("HVPARAMS").IdentsVar(&op.HVParams)
	c.Flag("mac-prefix", "First half of the MAC addresses of instances").Short('m').Meta("PREFIX").StringPtr(&op.MACPrefix)
	c.Flag("master-netdev", "Interface that gets the cluster's address").Meta("NETDEV").StringVar(&op.MasterNetdev)
	c.Flag("master-netmask", "Netmask of the cluster's address, in bits").Meta("NETMASK").StringVar(&op.MasterNetmask)
	c.Flag("nic-parameters", "Parameters that network interfaces get by default").Short('N').Meta("NICPARAMS").ParamsVar(&op.NICParams)
	c.Flag("no-etc-hosts", "Leave /etc/hosts alone").FalseVar(&op.ModifyEtcHosts)
	c.Flag("no-ssh-init", "Leave root's SSH keys alone").FalseVar(&op.ModifySSHSetup)
	c.Flag("secondary-ip", "Address of this machine on the replication network").Short('s').Meta("ADDRESS").StringVar(&op.SecondaryIP)
	c.Flag("vg-name", "Volume group for disks").Meta("VG").StringPtr(&op.VGName)
	c.Flag("maintain-node-health", "Let the watcher stop what runs on nodes marked offline").Meta("yes|no").YesNoPtr(&health)
	c.Flag("uid-pool", "User ids for instances, as 4000-4019,5000").Meta("UID_POOL").StringVar(&op.UIDPool)
	c.Flag("drbd-usermode-helper", "Program that DRBD calls").Meta("DRBD_HELPER").StringPtr(&op.DRBDHelper)
	c.Flag("default-iallocator", "Allocator that chooses nodes when nothing else is said").Short('I').Meta("<NAME>").StringPtr(&op.DefaultIAllocator)
	c.Flag("default-iallocator-params", "Parameters of that allocator").ParamsVar(&op.IAllocatorParams)
	c.Flag("primary-ip-version", "4 or 6").Meta("4|6").StringVar(&op.PrimaryIPVersion)
	c.Flag("prealloc-wipe-disks", "Overwrite new disks before they are used").Meta("yes|no").YesNoPtr(&wipe)
	c.Flag("node-parameters", "Node parameters").Meta("NDPARAMS").ParamsVar(&op.NDParams)
	c.Flag("shared-file-storage-dir", "Directory for disks in files that all nodes share").Meta("SHAREDDIR").StringPtr(&op.SharedFileStorageDir)
	c.Flag("use-external-mip-script", "Set up the cluster's address with the site's own script").Meta("yes|no").YesNoPtr(&external)
	c.Flag("disk-parameters", "Parameters of a disk template").Short('D').Meta("DISKPARAMS").IdentsVar(&op.DiskParams)
	c.Flag("hypervisor-state", "Resources kept for a hypervisor on every node").Meta("HV_STATE").IdentsVar(&op.HVState)
	c.Flag("disk-state", "Resources kept of a storage on every node").Meta("DISK_STATE").IdentsVar(&op.DiskState)
	templates := c.Flag("enabled-disk-templates", "Disk templates to use, separated by commas").String()
	stdSpecs(c, &op.IPolicy)
	c.Flag("gluster-storage-dir", "Where Gluster is mounted").Meta("GLUSTERDIR").StringPtr(&op.GlusterStorageDir)
	c.Flag("install-image", "Image of the helper machine that OS scripts may run in").StringVar(&op.InstallImage)
	c.Flag("zeroing-image", "Image of the helper VM that overwrites free space").StringVar(&op.ZeroingImage)
	tools := c.Flag("compression-tools", "Compression programs for copies, separated by commas").String()
	c.Flag("user-shutdown", "Whether a machine may be stopped from within").Meta("ENABLED_USER_SHUTDOWN").YesNoPtr(&userShutdown)
	c.Flag("ssh-key-bits", "Size of root's SSH key").IntVar(&op.SSHKeyBits)
	c.Flag("ssh-key-type", "Type of root's SSH key").ChoiceVar(&op.SSHKeyType, "rsa", "ecdsa", "dsa")
	cli.Policy(c, &op.IPolicy)
	specs := splitSpecs(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if hypervisors != nil {
			op.EnabledHypervisors = strings.Split(*hypervisors, ",")
		}
		op.EnabledDiskTemplates = commas(templates)
		op.CompressionTools = commas(tools)
		for into, said := range map[*bool]*bool{&op.MaintainNodeHealth: health, &op.PreallocWipeDisks: wipe,
			&op.UseExternalMIPScript: external, &op.EnabledUserShutdown: userShutdown} {
			*into = said != nil && *said
		}
		op.IPolicy.Split = specs()
		return create(ctx, env, op)
	})
}

// commas splits a list; an option that was not given is nil, an empty one has one empty element.
func commas(s *string) []string {
	if *s == "" {
		return nil
	}
	return strings.Split(*s, ",")
}

// create makes the cluster and runs its first job.
func create(ctx context.Context, env *cli.Env, op cluster.Init) error {
	if err := env.Alone(); err != nil {
		return err
	}
	for _, remark := range op.Remarks() {
		env.Println("%s", remark)
	}
	if _, err := env.Master(); err == nil {
		return fault.Refuse(fault.WrongState, "Cluster is already initialised")
	}
	s, err := store.Open(env.DataDir())
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	here := remote.NewPool(remote.Options{Hosts: func(node string) (remote.Host, error) { return remote.Host{Name: node, Local: true}, nil }})
	defer here.Close()
	on := cluster.Here{Name: name, Nodes: here, Now: env.Now()}
	cfg, err := op.Config(ctx, on)
	if err != nil {
		return err
	}
	if err := cluster.Establish(ctx, on, env.DataDir(), s, cfg); err != nil {
		return err
	}
	return env.Submit(ctx, cluster.PostInit{})
}
