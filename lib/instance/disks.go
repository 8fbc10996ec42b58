package instance

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// DiskInput is what can be said of a disk of an instance.
var DiskInput = config.Table{
	{Name: "access", Type: config.String}, {Name: "adopt", Type: config.String}, {Name: "dev_type", Type: config.String},
	{Name: "metavg", Type: config.String}, {Name: "mode", Type: config.String}, {Name: "name", Type: config.MaybeString},
	{Name: "provider", Type: config.String}, {Name: "size", Type: config.Size64}, {Name: "spindles", Type: config.Int},
	{Name: "vg", Type: config.String},
}

// diskRequest is one disk as it was asked for.
type diskRequest struct {
	size     int64 // MiB
	mode     string
	name     string
	vg       string
	metaVG   string // for the metadata of a mirror, "" for the usual one
	adopt    string // a volume or device that is there already
	spindles *int64
	params   config.Params // what the provider of external storage is told, and who opens the disk
}

// tooLarge refuses disks of sizes that nothing could hold or add up; a policy has done so, unless it is ignored.
func tooLarge(disks []config.DiskSizing) error {
	for i, d := range disks {
		if d.MiB < 0 || d.MiB > unit.MaxSize {
			return fault.Refuse(fault.WrongInput, "Disk %d cannot be as large as %d MiB", i, d.MiB)
		}
	}
	return nil
}

// newDisk checks what was asked of a disk.
func newDisk(cfg *config.Config, template string, asked map[string]any) (diskRequest, error) {
	d := diskRequest{mode: "rw", vg: cfg.Cluster.VolumeGroupName, adopt: text(asked, "adopt")}
	if mode, given := asked["mode"]; given {
		d.mode, _ = mode.(string)
	}
	if d.mode != "rw" && d.mode != "ro" {
		return d, fault.Refuse(fault.WrongInput, "Invalid disk access mode '%s'", d.mode)
	}
	if asked["size"] == nil {
		return d, fault.Refuse(fault.WrongInput, "Missing disk size")
	}
	forced, err := DiskInput.ForceLong(known(asked))
	if err != nil {
		return d, err
	}
	d.size = forced.Int("size")
	if err := checkProvider(template, asked); err != nil {
		return d, err
	}
	if vg := text(asked, "vg"); vg != "" {
		d.vg = vg
	}
	d.metaVG = text(asked, "metavg")
	switch _, chosen := forced["access"]; {
	case template == config.DTExt:
		d.params = forProvider(asked)
	case chosen && disk.HasAccess(template):
		d.params = config.Params{"access": forced["access"]}
	}
	if name := text(asked, "name"); !isNone(name) {
		d.name = name
	}
	if _, given := forced["spindles"]; given {
		n := forced.Int("spindles")
		d.spindles = &n
	}
	return d, nil
}

// checkAccess refuses a disk that the hypervisor cannot open as it is asked to in a group.
func checkAccess(cfg *config.Config, hypervisor string, d *config.Disk, group *config.NodeGroup) error {
	access := disk.Access(cfg, d, group)
	if access == disk.Kernelspace || access == disk.Userspace && hypervisor == config.HVKVM {
		return nil
	}
	return fault.Refuse(fault.WrongState, "Selected hypervisor (%s) cannot be used with %s disk access param", hypervisor, access)
}

// forProvider is what the provider of external storage is told of a disk.
func forProvider(asked map[string]any) config.Params {
	params := config.Params{}
	for name, value := range asked {
		if DiskInput.Get(name) == nil || name == "provider" || name == "access" {
			params[name] = value
		}
	}
	return params
}

// known leaves out what only a provider of external storage understands.
func known(asked map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range asked {
		if DiskInput.Get(name) != nil {
			out[name] = value
		}
	}
	return out
}

// checkProvider: external storage has a provider, nothing else has.
func checkProvider(template string, asked map[string]any) error {
	provider := text(asked, "provider")
	if provider != "" && template != config.DTExt {
		return fault.Refuse(fault.WrongInput, "The 'provider' option is only valid for the ext disk template, not %s", template)
	}
	if provider == "" && template == config.DTExt {
		return fault.Refuse(fault.WrongInput, "Missing provider for template 'ext'")
	}
	return nil
}

// checkAdoption looks whether disks that are there already are to be taken, which all of them must be then.
func checkAdoption(template, iallocator string, asked []map[string]any) (adopt bool, err error) {
	adopting := 0
	for _, d := range asked {
		if template != config.DTExt {
			if _, err := DiskInput.Force(d); err != nil {
				return false, err
			}
		}
		if _, given := d["adopt"]; given {
			adopting++
		}
	}
	switch {
	case adopting > 0 && adopting < len(asked):
		return false, fault.Refuse(fault.WrongInput, "Either all disks are adopted or none is")
	case adopting == 0 && template == config.DTBlock:
		return false, fault.Refuse(fault.WrongInput, "Disk template %s requires disk adoption, but no 'adopt' parameter given", template)
	case adopting == 0:
		return false, nil
	case template != config.DTBlock && template != config.DTPlain:
		return false, fault.Refuse(fault.WrongInput, "Disk adoption is not supported for the '%s' disk template", template)
	case iallocator != "":
		return false, fault.Refuse(fault.WrongInput, "Disk adoption not allowed with an iallocator script")
	}
	return true, nil
}

// checkTemplate refuses a template that the cluster does not allow.
func checkTemplate(cfg *config.Config, template string) error {
	enabled := cfg.Cluster.EnabledDiskTemplates
	if !slices.Contains(enabled, template) {
		return fault.RefuseBare("Disk template '%s' is not enabled in cluster. Enabled disk templates are: %s", template, strings.Join(enabled, ","))
	}
	return nil
}

// fileDir is the directory for the files of an instance's disks, "" for templates that have none. sub is a directory below the
// cluster's.
func fileDir(cfg *config.Config, template, instance, sub string) (string, error) {
	var root string
	switch template {
	case config.DTFile:
		root = cfg.Cluster.FileStorageDir
	case config.DTSharedFile:
		root = cfg.Cluster.SharedFileStorageDir
	case config.DTGluster:
		root = cfg.Cluster.GlusterStorageDir
	default:
		return "", nil
	}
	if root == "" {
		return "", fault.Refuse(fault.WrongState, "Cluster file storage dir for '%s' storage type not defined", template)
	}
	dir := path.Join(root, sub, instance)
	if path.IsAbs(sub) {
		dir = path.Join(sub, instance)
	}
	if sub != "" && path.Clean(sub) != strings.TrimSuffix(sub, "/") || sub == ".." || strings.HasPrefix(sub, "../") {
		return "", fault.Exec("Invalid parameters to PathJoin: '(%s, %s, %s)'", unit.Repr(root), unit.Repr(sub), unit.Repr(instance))
	}
	if !strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/") {
		return "", fault.Exec("Error: path joining resulted in different prefix (%s != %s)", dir, root)
	}
	return dir, nil
}

// layOut makes the disks of an instance out of what was asked for; dir is where files go, or for gluster how their names begin, driver what opens them. first is the number
// of the first one.
func layOut(template, node, dir, driver string, first int, asked []diskRequest) ([]*config.Disk, error) {
	disks := make([]*config.Disk, len(asked))
	for i, a := range asked {
		d := &config.Disk{UUID: config.NewUUID(), Name: a.name, DevType: template, IVName: "disk/" + strconv.Itoa(first+i),
			Size: a.size, Mode: a.mode, Spindles: a.spindles, Params: given(a.params)}
		if !disk.Shared(template) {
			d.Nodes = []string{node}
		}
		file := fmt.Sprintf("%s.%s.disk%d", config.NewUUID(), template, first+i)
		switch template {
		case config.DTFile, config.DTSharedFile:
			d.LogicalID = config.LogicalID{driver, path.Join(dir, file)}
		case config.DTBlock:
			d.LogicalID = config.LogicalID{"manual", a.adopt}
		case config.DTPlain:
			d.LogicalID = config.LogicalID{a.vg, fmt.Sprintf("%s.disk%d", config.NewUUID(), first+i)}
		case config.DTGluster:
			d.LogicalID = config.LogicalID{driver, dir + "." + strconv.Itoa(first+i)}
		case config.DTRBD:
			d.LogicalID = config.LogicalID{"rbd", file}
		case config.DTExt:
			d.LogicalID = config.LogicalID{a.params.String("provider"), file}
		case config.DTDRBD: // nodes, minors, port and secret are found by mirrorUp
			d.LogicalID, d.Nodes = nil, nil
			d.Children = volumesBelow(a, fmt.Sprintf("%s.disk%d", config.NewUUID(), first+i), nil)
		default:
			return nil, disk.Supported(template)
		}
		disks[i] = d
	}
	return disks, nil
}

// volumeKinds end the names of the volumes below a mirrored disk, in their order.
var volumeKinds = []string{"_data", "_meta"}

// volumesBelow are the volumes that a mirrored disk stands on: data and metadata, of the same name on both nodes.
func volumesBelow(a diskRequest, name string, nodes []string) []*config.Disk {
	child := func(vg, kind string, size int64) *config.Disk {
		return &config.Disk{UUID: config.NewUUID(), DevType: config.DTPlain, LogicalID: config.LogicalID{vg, name + kind}, Size: size, Mode: a.mode,
			Nodes: nodes, Params: config.Params{}}
	}
	return []*config.Disk{child(a.vg, volumeKinds[0], a.size), child(a.metaVG, volumeKinds[1], drbd.MetaMiB)}
}
