package cluster

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Modify changes parameters of the cluster. What is nil stays as it is; parameters that are not named keep their values.
type Modify struct {
	Force                   bool                                `json:"force"`
	HVState                 map[string]config.Params            `json:"hv_state"`
	DiskState               map[string]map[string]config.Params `json:"disk_state"`
	VGName                  *string                             `json:"vg_name,omitempty"` // empty: LVM is given up
	EnabledHypervisors      []string                            `json:"enabled_hypervisors,omitempty"`
	HVParams                map[string]config.Params            `json:"hvparams"`
	BEParams                config.Params                       `json:"beparams"`
	DiskParams              map[string]config.Params            `json:"diskparams"`
	CandidatePoolSize       *int                                `json:"candidate_pool_size,omitempty"`
	MaxRunningJobs          *int                                `json:"max_running_jobs,omitempty"`
	MaxTrackedJobs          *int                                `json:"max_tracked_jobs,omitempty"`
	UIDPool                 *[]config.UIDRange                  `json:"uid_pool,omitempty"`
	AddUIDs                 *[]config.UIDRange                  `json:"add_uids,omitempty"`
	RemoveUIDs              *[]config.UIDRange                  `json:"remove_uids,omitempty"`
	MaintainNodeHealth      *bool                               `json:"maintain_node_health,omitempty"`
	PreallocWipeDisks       *bool                               `json:"prealloc_wipe_disks,omitempty"`
	NICParams               config.Params                       `json:"nicparams"`
	NDParams                config.Params                       `json:"ndparams,omitempty"`
	IPolicy                 config.IPolicy                      `json:"ipolicy"`
	DRBDHelper              *string                             `json:"drbd_helper,omitempty"`
	DefaultIAllocator       *string                             `json:"default_iallocator,omitempty"` // empty: none
	DefaultIAllocatorParams config.Params                       `json:"default_iallocator_params,omitempty"`
	MACPrefix               *string                             `json:"mac_prefix,omitempty"`
	MasterNetdev            *string                             `json:"master_netdev,omitempty"`
	MasterNetmask           *int                                `json:"master_netmask,omitempty"`
	ReservedLVs             *[]string                           `json:"reserved_lvs,omitempty"`
	UseExternalMIPScript    *bool                               `json:"use_external_mip_script,omitempty"`
	EnabledDiskTemplates    []string                            `json:"enabled_disk_templates,omitempty"`
	ModifyEtcHosts          *bool                               `json:"modify_etc_hosts,omitempty"`
	FileStorageDir          *string                             `json:"file_storage_dir,omitempty"`
	SharedFileStorageDir    *string                             `json:"shared_file_storage_dir,omitempty"`
	InstallImage            *string                             `json:"install_image,omitempty"`
	CommunicationNet        *string                             `json:"instance_communication_network,omitempty"`
	ZeroingImage            *string                             `json:"zeroing_image,omitempty"`
	CompressionTools        *[]string                           `json:"compression_tools,omitempty"`
	EnabledUserShutdown     *bool                               `json:"enabled_user_shutdown,omitempty"`
	DataCollectors          map[string]bool                     `json:"enabled_data_collectors"`
	DataCollectorIntervals  map[string]int64                    `json:"data_collector_interval"` // microseconds
	ModifyOS
}

// OpID is the operation's name in job files.
func (Modify) OpID() string { return "OP_CLUSTER_SET_PARAMS" }

// Work starts it.
func (op Modify) Work(env *job.Env) job.Work { return &modify{Modify: op, env: env} }

// modify is the working state of one Modify: next is the configuration as it is to be.
type modify struct {
	Modify
	env  *job.Env
	next *config.Config
}

// Locks shares everything: what is allowed depends on all instances, and on what the nodes have.
func (w *modify) Locks(*config.Config) ([]job.Lock, error) {
	var locks []job.Lock
	for _, level := range []job.Level{job.LevelInstance, job.LevelNodeGroup, job.LevelNode} {
		locks = append(locks, job.Lock{Level: level, Name: job.All, Shared: true})
	}
	return locks, nil
}

func (w *modify) Hooks() *hooks.Plan {
	vg := ""
	if w.VGName != nil {
		vg = *w.VGName
	}
	master := []string{w.env.Config.MasterNode().Name}
	return &hooks.Plan{Path: "cluster-modify", Pre: master, Post: master,
		Env: map[string]string{"OP_TARGET": w.env.Config.Cluster.ClusterName, "NEW_VG_NAME": vg}}
}

func (w *modify) Run(ctx context.Context) (any, error) {
	w.tellUnchanged(&w.env.Config.Cluster)
	w.tellOS(&w.env.Config.Cluster)
	w.tellCommunication(w.env.Config)
	before := w.env.Config.Cluster.InstanceCommunicateNet
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.leaveNetdev).Undo(w.returnToNetdev),
		job.Do("", w.changeNetmask).Undo(w.restoreNetmask),
		job.Do("", w.record),
		job.Do("", w.enterNetdev),
	})
	if err != nil {
		return nil, err
	}
	return w.connectCommunication(ctx, before)
}

// tellUnchanged tells of settings that are to be what they are.
func (w *modify) tellUnchanged(c *config.Cluster) {
	if w.VGName != nil && *w.VGName == c.VolumeGroupName {
		w.env.Say("Cluster LVM configuration already in desired state, not changing")
	}
	if w.FileStorageDir != nil && *w.FileStorageDir == c.FileStorageDir {
		w.env.Say("Global file storage dir already set to value '%s'", c.FileStorageDir)
	}
	if w.SharedFileStorageDir != nil && *w.SharedFileStorageDir == c.SharedFileStorageDir {
		w.env.Say("Global shared file storage dir already set to value '%s'", c.SharedFileStorageDir)
	}
	if w.DRBDHelper != nil && !slices.Contains(c.EnabledDiskTemplates, config.DTDRBD) {
		w.env.Say("Note that you specified a drbd user helper, but did not enable the drbd disk template.")
	}
	if w.DRBDHelper != nil && *w.DRBDHelper == c.DRBDUsermodeHelper {
		w.env.Say("Cluster DRBD helper already in desired state, not changing")
	}
	if len(w.DiskParams[config.DTDRBD]) > 0 {
		w.env.Warn("Changing DRBD parameters only affects devices created in the future, not existing ones")
		w.env.Warn("You need to shutdown and start (not reboot!) existing instances to adopt the changes")
		w.env.Warn("Alternatively you can swap the secondary node by running `gnt-instance replace-disks --new-secondary $instance`")
	}
}

func (w *modify) record(ctx context.Context) error {
	var promoted []string
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		if err := w.apply(&cfg.Cluster); err != nil {
			return err
		}
		cfg.Cluster.Touch(w.env.Clock())
		if w.CandidatePoolSize != nil {
			promoted = cfg.PromoteCandidates(w.env.Clock())
		}
		return nil
	})
	if err != nil || w.CandidatePoolSize == nil {
		return err
	}
	if len(promoted) > 0 {
		w.env.Info("Promoted nodes to master candidate role: %s", strings.Join(promoted, ", "))
	}
	if now, should := w.env.Config.CandidateCount(0); now > should {
		w.env.Info("Note: more nodes are candidates (%d) than desired (%d)", now, should)
	}
	return nil
}

// apply makes the changes on a cluster. It only fails where another job was faster.
func (w *modify) apply(c *config.Cluster) (err error) {
	w.applyFlags(c)
	w.applyTexts(c)
	w.applyParameters(c)
	w.applyCollectors(c)
	if w.EnabledHypervisors != nil {
		c.EnabledHypervisors = w.EnabledHypervisors
	}
	if w.EnabledDiskTemplates != nil {
		c.EnabledDiskTemplates = w.EnabledDiskTemplates
	}
	for into, list := range map[*[]string]*[]string{&c.ReservedLVs: w.ReservedLVs, &c.CompressionTools: w.CompressionTools} {
		if list != nil {
			*into = *list
		}
	}
	if w.AddUIDs != nil {
		c.UIDPool = config.AddUIDs(c.UIDPool, *w.AddUIDs)
	}
	if w.RemoveUIDs != nil {
		if c.UIDPool, err = config.RemoveUIDs(c.UIDPool, *w.RemoveUIDs); err != nil {
			return err
		}
	}
	if w.UIDPool != nil {
		c.UIDPool = *w.UIDPool
	}
	w.applyOS(c)
	return nil
}

func (w *modify) applyFlags(c *config.Cluster) {
	for into, v := range map[*bool]*bool{&c.MaintainHealth: w.MaintainNodeHealth, &c.PreallocWipeDisks: w.PreallocWipeDisks,
		&c.UseExternalMIPScript: w.UseExternalMIPScript, &c.ModifyEtcHosts: w.ModifyEtcHosts, &c.EnabledUserShutdown: w.EnabledUserShutdown} {
		if v != nil {
			*into = *v
		}
	}
	for into, v := range map[*int]*int{&c.CandidatePool: w.CandidatePoolSize, &c.MaxRunningJobs: w.MaxRunningJobs,
		&c.MaxTrackedJobs: w.MaxTrackedJobs, &c.MasterNetmask: w.MasterNetmask} {
		if v != nil {
			*into = *v
		}
	}
}

func (w *modify) applyTexts(c *config.Cluster) {
	for into, v := range map[*string]*string{&c.VolumeGroupName: w.VGName, &c.DRBDUsermodeHelper: w.DRBDHelper, &c.DefaultIAllocator: w.DefaultIAllocator,
		&c.MACPrefix: w.MACPrefix, &c.MasterNetdev: w.MasterNetdev, &c.FileStorageDir: w.FileStorageDir, &c.SharedFileStorageDir: w.SharedFileStorageDir,
		&c.InstallImage: w.InstallImage, &c.InstanceCommunicateNet: w.CommunicationNet, &c.ZeroingImage: w.ZeroingImage} {
		if v != nil {
			*into = *v
		}
	}
}

func (w *modify) applyParameters(c *config.Cluster) {
	for hv, p := range w.HVParams {
		put(&c.HVParams, hv, p.Fill(c.HVParams[hv].Fill(config.HVTable(hv).Defaults())))
	}
	for _, hv := range w.EnabledHypervisors {
		put(&c.HVParams, hv, c.HVParams[hv].Fill(config.HVTable(hv).Defaults()))
	}
	for template, p := range w.DiskParams {
		put(&c.DiskParams, template, p.Fill(c.DiskParams[template]))
	}
	if len(w.BEParams) > 0 {
		put(&c.BEParams, config.Default, w.BEParams.Fill(c.BEParams[config.Default]))
	}
	if len(w.NICParams) > 0 {
		put(&c.NICParams, config.Default, w.NICParams.Fill(c.NICParams[config.Default]))
	}
	if len(w.NDParams) > 0 {
		c.NDParams = w.NDParams.Fill(c.NDParams)
	}
	if w.DefaultIAllocatorParams != nil {
		c.DefaultIAllocatorParams = w.DefaultIAllocatorParams
	}
	c.IPolicy = w.IPolicy.Fill(c.IPolicy)
	c.HVStateStatic = config.UpdateHVState(c.HVStateStatic, w.HVState)
	c.DiskStateStatic = config.UpdateDiskState(c.DiskStateStatic, w.DiskState)
}

func (w *modify) applyCollectors(c *config.Cluster) {
	for name := range c.DataCollectors {
		d := c.DataCollectors[name]
		if active, given := w.DataCollectors[name]; given {
			d.Active = active
		}
		if interval, given := w.DataCollectorIntervals[name]; given {
			d.Interval = interval
		}
		c.DataCollectors[name] = d
	}
}
