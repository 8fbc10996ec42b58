package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// Init says what a new cluster is to be like. What is empty or nil gets Ganeti's default.
type Init struct {
	Name                 string
	MasterNetdev         string
	MasterNetmask        string
	PrimaryIPVersion     string // 4 or 6
	SecondaryIP          string
	MACPrefix            *string
	VGName               *string
	DRBDHelper           *string
	FileStorageDir       *string
	SharedFileStorageDir *string
	GlusterStorageDir    *string
	EnabledHypervisors   []string
	EnabledDiskTemplates []string
	HVParams             []unit.Ident
	DiskParams           []unit.Ident
	BEParams             unit.Params
	NICParams            unit.Params
	NDParams             unit.Params
	HVState              []unit.Ident
	DiskState            []unit.Ident
	IPolicy              config.PolicyOptions
	CandidatePoolSize    int
	UIDPool              string
	ModifyEtcHosts       bool
	ModifySSHSetup       bool
	SSHKeyType           string
	SSHKeyBits           int
	MaintainNodeHealth   bool
	PreallocWipeDisks    bool
	UseExternalMIPScript bool
	EnabledUserShutdown  bool
	DefaultIAllocator    *string
	IAllocatorParams     unit.Params
	InstallImage         string
	ZeroingImage         string
	CompressionTools     []string
}

// Here is the machine that becomes the master, before there is a cluster.
type Here struct {
	Name  string          // what the machine calls itself
	Nodes ancillary.Nodes // runs commands and writes files on Name without SSH
	Now   time.Time
}

// run runs a command on this machine and gives its output.
func (h Here) run(ctx context.Context, c remote.Cmd) (remote.Result, error) {
	return h.Nodes.Run(ctx, h.Name, c)
}

// initialising is the working state of one Init.
type initialising struct {
	Init
	here    Here
	family  int
	host    resolve.Host // this machine
	cluster resolve.Host // the cluster's own name
	netmask int
	vg      string // "" for none
	helper  string // of DRBD
	cfg     *config.Config
}

// Config checks everything that could refuse the new cluster, and returns its first configuration. Nothing is changed.
func (op Init) Config(ctx context.Context, here Here) (*config.Config, error) {
	w := &initialising{Init: op, here: here}
	for _, check := range []func(context.Context) error{
		w.programs, w.parameters, w.lists, w.names, w.addresses, w.storage, w.helperInUse, w.dirs, w.prefix, w.netdev, w.checkParameters, w.others,
	} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	return w.cfg, w.validate()
}

// parameters reads what was typed into a configuration; what has a wrong type is refused first, as Ganeti's client does.
func (w *initialising) parameters(context.Context) (err error) {
	c := config.Cluster{UUID: config.NewUUID(), Stamp: config.NewStamp(w.here.Now)}
	if c.HVParams, err = clusterHV(w.HVParams); err != nil {
		return err
	}
	be, err := config.BEInput.Force(w.BEParams)
	if err != nil {
		return err
	}
	c.BEParams = map[string]config.Params{config.Default: config.SplitMemory(be).Fill(config.BEParams.Defaults())}
	nic, err := config.NICParams.Force(w.NICParams)
	if err != nil {
		return err
	}
	c.NICParams = map[string]config.Params{config.Default: nic.Fill(config.NICParams.Defaults())}
	nd, err := config.NDParams.Force(w.NDParams)
	if err != nil {
		return err
	}
	c.NDParams = nd.Fill(config.NDParams.Defaults())
	if c.DiskParams, err = clusterDiskParams(w.DiskParams); err != nil {
		return err
	}
	if c.HVStateStatic, err = config.HVStates(w.HVState); err != nil {
		return err
	}
	if c.DiskStateStatic, err = config.DiskStates(w.DiskState); err != nil {
		return err
	}
	policy, err := w.IPolicy.Policy()
	if err != nil {
		return err
	}
	c.IPolicy = policy.Fill(config.DefaultIPolicy())
	if c.UIDPool, err = uidPool(w.UIDPool); err != nil {
		return err
	}
	c.DefaultIAllocatorParams = config.Params(w.IAllocatorParams)
	w.cfg = &config.Config{Version: config.GanetiVersion, CTime: c.CTime, MTime: c.MTime, Cluster: c}
	return nil
}

var defaultTemplates = []string{config.DTDRBD, config.DTPlain}

// lists checks hypervisors and disk templates.
func (w *initialising) lists(context.Context) error {
	if len(w.EnabledHypervisors) == 0 {
		w.EnabledHypervisors = []string{config.HVXenPVM}
	}
	if wrong := strangers(w.EnabledHypervisors, config.Hypervisors()); wrong != "" {
		return fault.Refuse(fault.WrongInput, "Enabled hypervisors contains invalid entries: %s", wrong)
	}
	if len(w.EnabledDiskTemplates) == 0 {
		w.EnabledDiskTemplates = defaultTemplates
	}
	if wrong := strangers(w.EnabledDiskTemplates, config.DiskTemplates); wrong != "" {
		return fault.Refuse(fault.WrongInput, "Enabled disk templates list contains invalid entries: %s", wrong)
	}
	return nil
}

// strangers lists what of a list is not known, the way Python shows a set; "" when all is.
func strangers(list, known []string) string {
	var wrong []string
	for _, s := range list {
		if !slices.Contains(known, s) {
			wrong = append(wrong, unit.Repr(s))
		}
	}
	if wrong == nil {
		return ""
	}
	return "{" + strings.Join(wrong, ", ") + "}"
}

// names resolves this machine's name and the cluster's.
func (w *initialising) names(ctx context.Context) (err error) {
	switch w.PrimaryIPVersion {
	case "", "4":
		w.family = 2
	case "6":
		w.family = 10
	default:
		return fault.Refuse(fault.WrongInput, "Invalid primary ip version: %s.", w.PrimaryIPVersion)
	}
	if w.host, err = resolve.Name(ctx, w.here.Nodes, w.here.Name, w.here.Name, w.family); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(w.host.IP); err == nil && a.IsLoopback() {
		return fault.Refuse(fault.Environment, "This host's IP (%s) resolves to a loopback address. Please fix DNS or /etc/hosts.", w.host.IP)
	}
	own, err := w.owns(ctx, w.host.IP)
	if err != nil {
		return err
	}
	if !own {
		return fault.Refuse(fault.Environment, "Inconsistency: this host's name resolves to %s, but this ip address does not belong to this host", w.host.IP)
	}
	w.cluster, err = resolve.Name(ctx, w.here.Nodes, w.here.Name, w.Name, w.family)
	return err
}

// owns says whether an address is one of this machine's.
func (w *initialising) owns(ctx context.Context, ip string) (bool, error) {
	c := remote.Command("ip", "-o", "addr", "show", "to", ip)
	result, err := w.here.run(ctx, c)
	return len(bytes.TrimSpace(result.Stdout)) > 0, err
}

func (w *initialising) addresses(ctx context.Context) error {
	if resolve.Answers(ctx, w.cluster.IP, nodePort) {
		return fault.Refuse(fault.NotUnique, "Cluster IP already active")
	}
	if err := w.secondary(ctx); err != nil {
		return err
	}
	w.netmask = map[int]int{2: 32, 10: 128}[w.family]
	if w.MasterNetmask != "" {
		bits, err := unit.ParseInt(w.MasterNetmask)
		if err != nil || bits < 1 || bits > w.netmask {
			return fault.Refuse(fault.WrongInput, "CIDR netmask (%s) not valid for IPv%d", w.MasterNetmask, map[int]int{2: 4, 10: 6}[w.family])
		}
		w.netmask = bits
	}
	return nil
}

// nodePort is where Ganeti's nodes listen, and where Ganeti looks whether an address is in use.
const nodePort = 1811

func (w *initialising) secondary(ctx context.Context) error {
	if w.SecondaryIP == "" {
		w.SecondaryIP = w.host.IP
		return nil
	}
	if a, err := netip.ParseAddr(w.SecondaryIP); err != nil || !a.Is4() {
		return fault.Refuse(fault.WrongInput, "Secondary IP address (%s) has to be a valid IPv4 address.", w.SecondaryIP)
	}
	own, err := w.owns(ctx, w.SecondaryIP)
	if err == nil && !own {
		return fault.Refuse(fault.Environment, "You gave %s as secondary IP, but it does not belong to this host.", w.SecondaryIP)
	}
	return err
}

// storage looks at the volume group, whether or not a template needs it.
func (w *initialising) storage(ctx context.Context) error {
	if w.vg == "" {
		return nil
	}
	c := remote.Command("vgs", "--noheadings", "--nosuffix", "--units=m", "-o", "vg_size", w.vg)
	c.OK = []int{5, 127} // there is none, or no LVM at all
	result, err := w.here.run(ctx, c)
	if err != nil {
		return err
	}
	size, err := strconv.ParseFloat(strings.TrimSpace(string(result.Stdout)), 64)
	if result.Status != 0 || err != nil {
		return fault.Refuse(fault.WrongInput, "Error: volume group '%s' missing", w.vg)
	}
	if size < minVGSize {
		return fault.Refuse(fault.WrongInput, "Error: volume group '%s' too small (%d MiB required, %d MiB found)", w.vg, minVGSize, int(size))
	}
	return nil
}

const (
	defaultVG = "xenvg"
	minVGSize = 20480 // MiB
)

// netdev checks the interface that is to carry the cluster's address.
func (w *initialising) netdev(ctx context.Context) error {
	if w.MasterNetdev == "" {
		w.MasterNetdev = w.cfg.Cluster.NICParams[config.Default].String("link")
	}
	c := remote.Command("ip", "link", "show", "dev", w.MasterNetdev)
	c.OK = []int{1}
	result, err := w.here.run(ctx, c)
	if err == nil && result.Status != 0 {
		said := strings.TrimSpace(string(result.Stdout) + string(result.Stderr))
		return fault.Refuse(fault.WrongInput, "Invalid master netdev given (%s): '%s'", w.MasterNetdev, said)
	}
	return err
}

// checkParameters looks at parameters as a whole: modes, hypervisors' own rules.
func (w *initialising) checkParameters(context.Context) error {
	c := &w.cfg.Cluster
	if err := config.CheckNICParams(c.NICParams[config.Default]); err != nil {
		return err
	}
	for _, hv := range w.EnabledHypervisors {
		if err := config.CheckHV(hv, c.HVParams[hv].Fill(config.HVTable(hv).Defaults())); err != nil {
			return err
		}
	}
	if err := c.IPolicy.Check(); err != nil {
		return err
	}
	return w.diskParams()
}

// validate completes the configuration and looks at it as a whole.
func (w *initialising) validate() error {
	c := &w.cfg.Cluster
	node := &config.Node{UUID: config.NewUUID(), Name: w.host.Name, PrimaryIP: w.host.IP, SecondaryIP: w.SecondaryIP, MasterCandidate: true,
		MasterCapable: true, VMCapable: true, Powered: true, Stamp: config.NewStamp(w.here.Now)}
	group := &config.NodeGroup{UUID: config.NewUUID(), Name: config.Default, AllocPolicy: "preferred", Stamp: config.NewStamp(w.here.Now)}
	node.Group = group.UUID
	w.cfg.Nodes, w.cfg.NodeGroups = []*config.Node{node}, []*config.NodeGroup{group}
	w.cfg.Master = node.Name

	c.ClusterName, c.MasterNode = w.cluster.Name, node.UUID
	c.MasterIP, c.MasterNetdev, c.MasterNetmask, c.PrimaryIPFamily = w.cluster.IP, w.MasterNetdev, w.netmask, w.family
	c.MACPrefix, c.HighestUsedPort = *w.MACPrefix, firstPort-1
	c.EnabledHypervisors, c.EnabledDiskTemplates = w.EnabledHypervisors, w.EnabledDiskTemplates
	c.VolumeGroupName, c.DRBDUsermodeHelper = w.vg, w.helper
	c.CandidatePool, c.MaxRunningJobs, c.MaxTrackedJobs = w.CandidatePoolSize, 20, 25
	c.ModifyEtcHosts, c.ModifySSHSetup = w.ModifyEtcHosts, w.ModifySSHSetup
	c.SSHKeyType, c.SSHKeyBits = w.SSHKeyType, w.SSHKeyBits
	c.MaintainHealth, c.PreallocWipeDisks, c.UseExternalMIPScript = w.MaintainNodeHealth, w.PreallocWipeDisks, w.UseExternalMIPScript
	c.EnabledUserShutdown, c.InstallImage, c.ZeroingImage = w.EnabledUserShutdown, w.InstallImage, w.ZeroingImage
	if c.DefaultIAllocator = builtinAllocator; w.DefaultIAllocator != nil {
		c.DefaultIAllocator = *w.DefaultIAllocator
	}
	c.CompressionTools = w.CompressionTools
	if c.CompressionTools == nil {
		c.CompressionTools = []string{"gzip", "gzip-fast", "gzip-slow"}
	}
	c.IPolicy.DiskTemplates = slices.DeleteFunc(slices.Clone(w.EnabledDiskTemplates), func(t string) bool {
		return !slices.Contains(c.IPolicy.DiskTemplates, t)
	})
	c.DataCollectors = defaultCollectors()
	if errs := w.cfg.Validate(); errs != nil {
		return fmt.Errorf("the new configuration is not consistent: %w", errs[0])
	}
	return nil
}

// firstPort is the first of the ports that instances' consoles and DRBD get.
const firstPort = 11000

func defaultCollectors() map[string]config.Collector {
	all := map[string]config.Collector{}
	for _, name := range []string{"cpu-avg-load", "diskstats", "drbd", "inst-status-xen", "lv", "xen-cpu-avg-load"} {
		all[name] = config.Collector{Active: true, Interval: 5e6}
	}
	return all
}
