package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Check makes the cluster as it is to be, and looks at it in Ganeti's order.
func (w *modify) Check(ctx context.Context) error {
	if err := w.checkArguments(); err != nil {
		return err
	}
	if err := w.forceOS(); err != nil {
		return err
	}
	w.next = w.env.Config.Clone()
	if err := w.apply(&w.next.Cluster); err != nil {
		return err
	}
	for _, check := range []func(context.Context) error{
		w.checkTemplatesInUse, w.checkVG, w.checkDirs, w.checkDRBD, w.checkPolicy, w.checkNICs, w.checkHypervisors, w.checkOSHypervisors, w.checkOSParams, w.checkPrograms, w.checkPorts,
	} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *modify) checkPorts(ctx context.Context) error {
	return nodefacts.CheckPorts(ctx, w.env.Nodes, w.env.Config, w.next, w.Force, nodefacts.ByForce, w.env.Warn)
}

func (w *modify) checkArguments() error {
	for _, pool := range []*[]config.UIDRange{w.UIDPool, w.AddUIDs, w.RemoveUIDs} {
		if pool == nil {
			continue
		}
		if err := config.CheckUIDs(*pool); err != nil {
			return err
		}
	}
	if w.MACPrefix != nil {
		prefix, err := config.NormalizeMACPrefix(*w.MACPrefix)
		if err != nil {
			return err
		}
		w.MACPrefix = &prefix
	}
	most := map[int]int{2: 32, 10: 128}[w.env.Config.Cluster.PrimaryIPFamily]
	if w.MasterNetmask != nil && (*w.MasterNetmask < 1 || *w.MasterNetmask > most) {
		return fault.Refuse(fault.WrongInput, "CIDR netmask (%d) not valid", *w.MasterNetmask)
	}
	for template, p := range w.DiskParams {
		for name := range p {
			if config.DiskTable(template).Get(name) == nil {
				return fault.Refuse(fault.WrongInput, "While verify diskparams options: Option '%s' is not supported for template '%s'", name, template)
			}
		}
	}
	if err := config.CheckHVState(w.HVState); err != nil {
		return err
	}
	if err := config.CheckDiskState(w.DiskState); err != nil {
		return err
	}
	if w.InstallImage != nil && !imagePath(*w.InstallImage) {
		return fault.RefuseBare("Install image must be an absolute path or a URL")
	}
	if w.ZeroingImage != nil && !imagePath(*w.ZeroingImage) {
		return fault.RefuseBare("Zeroing image must be an absolute path or a URL")
	}
	return nil
}

func imagePath(s string) bool {
	return s == "" || filepath.IsAbs(s) || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "ftp://")
}

// checkTemplatesInUse refuses to disable a disk template that instances have.
func (w *modify) checkTemplatesInUse(context.Context) error {
	old := w.env.Config
	for _, template := range old.Cluster.EnabledDiskTemplates {
		if slices.Contains(w.next.Cluster.EnabledDiskTemplates, template) {
			continue
		}
		what, found := "disk", disksOf(old, template)
		if template == config.DTDiskless {
			what, found = "instance", diskless(old)
		}
		if len(found) > 0 {
			return fault.Refuse(fault.WrongState, "Cannot disable disk template '%s', because there is at least one %s using it:\n * %s",
				template, what, strings.Join(found, "\n * "))
		}
	}
	return nil
}

func disksOf(cfg *config.Config, template string) []string {
	var found []string
	for _, d := range cfg.Disks {
		if d.DevType != template {
			continue
		}
		where := "detached"
		if inst := cfg.DiskInstance(d.UUID); inst != nil {
			where = "on " + inst.Name
		}
		found = append(found, fmt.Sprintf("%s (%s)", disk.Describe(d), where))
	}
	return found
}

func diskless(cfg *config.Config) []string {
	var found []string
	for _, inst := range cfg.Instances {
		if len(inst.Disks) == 0 {
			found = append(found, inst.Name)
		}
	}
	unit.SortNames(found)
	return found
}

func usesLVM(templates []string) bool {
	return slices.Contains(templates, config.DTPlain) || slices.Contains(templates, config.DTDRBD)
}

// checkVG looks at the volume group wherever LVM is, or comes to be, in use.
func (w *modify) checkVG(ctx context.Context) error {
	old, next := &w.env.Config.Cluster, &w.next.Cluster
	lvm := usesLVM(next.EnabledDiskTemplates)
	switch {
	case w.VGName != nil && *w.VGName == "" && lvm:
		return fault.Refuse(fault.WrongInput, "Cannot unset volume group if lvm-based disk templates are or get enabled.")
	case w.VGName == nil && old.VolumeGroupName == "" && lvm:
		return fault.Refuse(fault.WrongInput, "Please specify a volume group when enabling lvm-based disk-templates.")
	case w.VGName != nil && *w.VGName == "" && len(disksOf(w.env.Config, config.DTPlain)) > 0:
		return fault.Refuse(fault.WrongInput, "Cannot disable lvm storage while lvm-based instances exist")
	}
	if !lvm || w.VGName == nil && usesLVM(old.EnabledDiskTemplates) {
		return nil
	}
	for _, r := range remote.Each(ctx, w.nodes(), 0, func(ctx context.Context, node string) (string, error) {
		return vgTrouble(ctx, w.env.Nodes, node, next.VolumeGroupName)
	}) {
		if r.Err != nil {
			w.env.Warn("Error while gathering data on node %s (ignoring node): %v", r.Node, r.Err)
		} else if r.Value != "" {
			return fault.Refuse(fault.Environment, "Error on node '%s': %s", r.Node, r.Value)
		}
	}
	return nil
}

// nodes are those that hold instances and are not offline.
func (w *modify) nodes() []string {
	var names []string
	for _, n := range w.env.Config.Nodes {
		if n.VMCapable && !n.Offline {
			names = append(names, n.Name)
		}
	}
	return names
}

// vgTrouble says what is wrong with a volume group on a node, "" if nothing is.
func vgTrouble(ctx context.Context, r remote.Runner, node, vg string) (string, error) {
	c := remote.Command("vgs", "--noheadings", "--nosuffix", "--units=m", "-o", "vg_size", vg)
	c.OK = []int{5, 127} // there is none, or no LVM at all
	result, err := r.Run(ctx, node, c)
	if err != nil {
		return "", err
	}
	size, err := strconv.ParseFloat(strings.TrimSpace(string(result.Stdout)), 64)
	switch {
	case result.Status != 0 || err != nil:
		return fmt.Sprintf("volume group '%s' missing", vg), nil
	case size < minVGSize:
		return fmt.Sprintf("volume group '%s' too small (%d MiB required, %d MiB found)", vg, minVGSize, int(size)), nil
	}
	return "", nil
}

func (w *modify) checkDirs(context.Context) error {
	for _, d := range []struct {
		dir      *string
		template string
	}{{w.FileStorageDir, config.DTFile}, {w.SharedFileStorageDir, config.DTSharedFile}} {
		enabled := slices.Contains(w.next.Cluster.EnabledDiskTemplates, d.template)
		switch {
		case d.dir == nil:
		case *d.dir == "" && enabled:
			return fault.Refuse(fault.WrongInput, "Unsetting the '%s' storage directory while having '%s' storage enabled is not permitted.", d.template, d.template)
		case *d.dir != "" && !enabled:
			w.env.Warn("Specified a %s storage directory, although %s storage is not enabled.", d.template, d.template)
		}
	}
	return nil
}

func (w *modify) checkDRBD(ctx context.Context) error {
	enabled := slices.Contains(w.next.Cluster.EnabledDiskTemplates, config.DTDRBD)
	if w.DRBDHelper != nil && *w.DRBDHelper == "" {
		if enabled {
			return fault.Refuse(fault.WrongState, "Cannot disable drbd helper while DRBD is enabled.")
		}
		if len(disksOf(w.env.Config, config.DTDRBD)) > 0 {
			return fault.Refuse(fault.WrongInput, "Cannot disable drbd helper while drbd-based instances exist")
		}
	}
	before := slices.Contains(w.env.Config.Cluster.EnabledDiskTemplates, config.DTDRBD)
	if enabled && !before && w.next.Cluster.DRBDUsermodeHelper == "" {
		return fault.Refuse(fault.WrongState, "Cannot enable DRBD without a DRBD usermode helper set.")
	}
	if enabled && (w.DRBDHelper != nil || !before) {
		return w.checkHelper(ctx, w.next.Cluster.DRBDUsermodeHelper)
	}
	return nil
}

// checkHelper makes sure that the module of every node calls the program.
func (w *modify) checkHelper(ctx context.Context, want string) error {
	for _, n := range w.env.Config.Nodes {
		if n.VMCapable && n.Offline {
			w.env.Info("Not checking drbd helper on offline node %s", n.Name)
		}
	}
	for _, r := range remote.Each(ctx, w.nodes(), 0, func(ctx context.Context, node string) (string, error) {
		return drbd.Helper(ctx, w.env.Nodes, node)
	}) {
		if r.Err != nil {
			return fault.Refuse(fault.Environment, "Error checking drbd helper on node '%s': %v", r.Node, r.Err)
		}
		if r.Value != want {
			return fault.Refuse(fault.Environment, "Error on node '%s': drbd helper is %s", r.Node, r.Value)
		}
	}
	return nil
}

// checkPolicy looks at the new policy, and warns of instances that only it does not allow.
func (w *modify) checkPolicy(context.Context) error {
	policy := w.next.ClusterPolicy()
	if err := policy.Check(); err != nil {
		return fault.Refuse(fault.WrongInput, "Invalid instance policy: %v", err)
	}
	if err := policy.CheckTemplates(w.next.Cluster.EnabledDiskTemplates); err != nil {
		return err
	}
	if violations := newViolations(w.env.Config, w.next); len(violations) > 0 {
		w.env.Warn("After the ipolicy change the following instances violate them: %s", strings.Join(violations, ", "))
	}
	return nil
}

// newViolations names the instances that the policy of next does not allow and that of old does.
func newViolations(old, next *config.Config) []string {
	var names []string
	for _, inst := range old.Instances {
		var group *config.NodeGroup
		if n := old.Node(inst.PrimaryNode); n != nil {
			group = old.Group(n.Group)
		}
		size := old.Sizing(inst)
		if len(next.InstancePolicy(group).Violations(size)) > len(old.InstancePolicy(group).Violations(size)) {
			names = append(names, inst.Name)
		}
	}
	unit.SortNames(names)
	return names
}

func (w *modify) checkNICs(context.Context) error {
	if len(w.NICParams) == 0 {
		return nil
	}
	if err := config.CheckNICParams(w.next.NICDefaults()); err != nil {
		return err
	}
	var wrong []string
	for _, inst := range w.next.Instances {
		for i, nic := range inst.NICs {
			filled := nic.NICParams.Fill(w.next.NICDefaults())
			if err := config.CheckNICParams(filled); err != nil {
				wrong = append(wrong, fmt.Sprintf("Instance %s, nic/%d: %v", inst.Name, i, err))
			}
			if filled.String("mode") == config.NICRouted && nic.IP == "" {
				wrong = append(wrong, fmt.Sprintf("Instance %s, nic/%d: routed NIC with no ip address", inst.Name, i))
			}
		}
	}
	if wrong != nil {
		return fault.Refuse(fault.WrongInput, "Cannot apply the change, errors:\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// checkHypervisors looks at the parameters of the hypervisors that the change touches, by themselves and on the nodes.
func (w *modify) checkHypervisors(ctx context.Context) error {
	order := slices.Clone(w.next.Cluster.EnabledHypervisors)
	for _, hv := range config.Hypervisors() {
		if !slices.Contains(order, hv) {
			order = append(order, hv)
		}
	}
	for _, hv := range order {
		if _, changed := w.HVParams[hv]; !changed && !slices.Contains(w.EnabledHypervisors, hv) {
			continue
		}
		params := w.next.Cluster.HVParams[hv]
		if err := w.checkHypervisor(ctx, hv, params); err != nil {
			return err
		}
	}
	return nil
}

func (w *modify) checkHypervisor(ctx context.Context, hv string, params config.Params) error {
	if err := config.CheckHV(hv, params); err != nil {
		return err
	}
	for _, r := range remote.Each(ctx, w.nodes(), 0, func(ctx context.Context, node string) (struct{}, error) {
		return struct{}{}, kvm.CheckNode(ctx, w.env.Nodes, node, hv, params)
	}) {
		if r.Err != nil {
			return fault.Exec("Hypervisor parameter validation failed on node %s: %w", r.Node, r.Err)
		}
	}
	return nil
}

// allocatorPath is where allocators are looked for.
var allocatorPath = []string{"/usr/local/lib/ganeti/iallocators", "/usr/lib/ganeti/iallocators", "/usr/share/ganeti/iallocators"}

// builtinAllocator is there on every installation, whatever lies in the search path.
const builtinAllocator = "hail"

var pluginName = unit.Form(`^[a-zA-Z0-9_-]+$`)

// checkPrograms looks whether the default allocator is there, and whether compression tools have names that can be.
func (w *modify) checkPrograms(context.Context) error {
	if name := w.DefaultIAllocator; name != nil && *name != "" {
		if err := checkAllocator(*name); err != nil {
			return err
		}
	}
	if w.CompressionTools == nil {
		return nil
	}
	return checkTools(*w.CompressionTools)
}

func checkAllocator(name string) error {
	if name != builtinAllocator && !isAllocator(name) {
		return fault.Refuse(fault.WrongInput, "Invalid default iallocator script '%s' specified", name)
	}
	return nil
}

// checkTools refuses names of compression tools that cannot be; no names are the usual ones.
func checkTools(tools []string) error {
	illegal := slices.DeleteFunc(slices.Clone(tools), pluginName().MatchString)
	switch {
	case len(tools) == 0:
		return nil
	case len(illegal) > 0:
		return fault.Refuse(fault.WrongInput, "The tools '%s' contain illegal characters: only alphanumeric values, dashes, and underscores are allowed", strings.Join(illegal, ", "))
	case !slices.Contains(tools, "gzip"):
		return fault.Refuse(fault.WrongInput, "For compatibility reasons, the gzip utility must be present among the compression tools")
	case slices.Contains(tools, "none"):
		return fault.Refuse(fault.WrongInput, "none is a reserved value used for no compression, and cannot be used as the name of a tool")
	}
	return nil
}

func isAllocator(name string) bool {
	if !pluginName().MatchString(name) {
		return false
	}
	return slices.ContainsFunc(allocatorPath, func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	})
}
