package instance

import (
	"context"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// storage looks whether the disks can be made, or are there to be adopted.
func (w *create) storage(ctx context.Context) error {
	cfg := w.env.Config
	exclusive := slices.ContainsFunc(w.nodes(), func(uuid string) bool { return cfg.FilledND(cfg.Node(uuid)).Bool("exclusive_storage") })
	if exclusive && w.DiskTemplate != config.DTPlain {
		return fault.Refuse(fault.WrongState, "Disk template %s not supported with exclusive storage", w.DiskTemplate)
	}
	for _, d := range w.asked {
		if err := checkSpindles(exclusive, d.spindles); err != nil {
			return err
		}
	}
	switch {
	case w.adopt && w.DiskTemplate == config.DTBlock:
		return w.checkDevices(ctx)
	case w.adopt:
		return w.checkVolumes(ctx)
	}
	return w.checkSpace(ctx)
}

// adoptable are the devices below which block devices may be adopted.
const adoptable = "/dev/disk/"

// devicesScript tells of those arguments that are block devices their numbers, which all names of one have in common, and sizes.
const devicesScript = `for device; do [ -b "$device" ] && echo "$(stat -Lc %t:%T "$device") $(blockdev --getsize64 "$device") $device"; done; true`

// blockDevice is a device as a node has it.
type blockDevice struct {
	number string // MAJOR:MINOR
	bytes  string
}

// blockDevices finds out which names are those of block devices on a node.
func blockDevices(ctx context.Context, env *job.Env, node string, names ...string) (map[string]blockDevice, error) {
	out, err := env.Nodes.Run(ctx, node, remote.Script(devicesScript, names...))
	if err != nil {
		return nil, fault.Refuse(fault.Environment, "Cannot get block device information from node %s: %w", node, err)
	}
	there := map[string]blockDevice{}
	for line := range strings.Lines(string(out.Stdout)) {
		if words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3); len(words) == 3 {
			there[words[2]] = blockDevice{words[0], words[1]}
		}
	}
	return there, nil
}

// checkDevices looks for the block devices to be adopted and learns their sizes.
func (w *create) checkDevices(ctx context.Context) error {
	names := make([]string, len(w.asked))
	for i, d := range w.asked {
		names[i] = d.adopt
	}
	sizes, err := adoptDevices(ctx, w.env, w.pnode.Name, names)
	if err != nil {
		return err
	}
	for i := range w.asked {
		w.asked[i].size = sizes[i]
	}
	return nil
}

// adoptDevices looks whether block devices of a node can be adopted, and tells their sizes in MiB. As in Ganeti several instances may have
// the same one, as a cluster of guests does.
func adoptDevices(ctx context.Context, env *job.Env, node string, names []string) ([]int64, error) {
	names = slices.Clone(names)
	for i := range names {
		names[i] = path.Clean(names[i])
	}
	sorted := slices.Sorted(slices.Values(names))
	if len(slices.Compact(slices.Clone(sorted))) != len(names) {
		return nil, duplicateDevices()
	}
	if outside := slices.DeleteFunc(slices.Clone(sorted), func(d string) bool { return strings.HasPrefix(d, adoptable) }); len(outside) > 0 {
		return nil, fault.Refuse(fault.WrongInput, "Device node(s) %s lie outside %s and cannot be adopted", strings.Join(outside, ", "), adoptable)
	}
	known, err := blockDevices(ctx, env, node, names...)
	if err != nil {
		return nil, err
	}
	if missing := slices.DeleteFunc(sorted, func(d string) bool { _, there := known[d]; return there }); len(missing) > 0 {
		return nil, fault.Refuse(fault.WrongInput, "Missing block device(s): %s", strings.Join(missing, ", "))
	}
	sizes, numbers := make([]int64, len(names)), map[string]bool{}
	for i, name := range names {
		d := known[name]
		if numbers[d.number] {
			return nil, duplicateDevices()
		}
		numbers[d.number] = true
		bytes, err := strconv.ParseInt(d.bytes, 10, 64)
		if err != nil {
			return nil, fault.Exec("Cannot get block device information from node %s: unexpected size %q of %s", node, d.bytes, name)
		}
		sizes[i] = bytes >> 20
	}
	return sizes, nil
}

func duplicateDevices() error {
	return fault.Refuse(fault.WrongInput, "Duplicate disk names given for adoption")
}

// checkVolumes looks for the logical volumes to be adopted and learns their sizes.
func (w *create) checkVolumes(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, d := range w.asked {
		wanted[d.vg+"/"+d.adopt] = true
	}
	if len(wanted) != len(w.asked) {
		return fault.Refuse(fault.WrongInput, "Duplicate volume names given for adoption")
	}
	for _, d := range w.asked {
		if usedVolume(w.env.Config, "", d.vg, d.adopt) { // nodes can see the same volumes, on a SAN
			return fault.Refuse(fault.NotUnique, "LV named %s/%s used by another instance", d.vg, d.adopt)
		}
	}
	sizes, err := lvm.Sizes(ctx, w.env.Nodes, w.pnode.Name)
	if err != nil {
		return fault.Refuse(fault.Environment, "Cannot get LV information from node %s: %w", w.pnode.Name, err)
	}
	var missing, open []string
	for i, d := range w.asked {
		at := slices.IndexFunc(sizes, func(s lvm.Size) bool { return s.Volume == lvm.Volume{VG: d.vg, Name: d.adopt} })
		switch {
		case at < 0:
			missing = append(missing, d.vg+"/"+d.adopt)
		case sizes[at].Open:
			open = append(open, d.vg+"/"+d.adopt)
		default:
			w.asked[i].size = int64(sizes[at].MiB)
		}
	}
	if missing != nil {
		return fault.Refuse(fault.WrongInput, "Missing logical volume(s): %s", strings.Join(missing, ", "))
	}
	if open != nil {
		return fault.Refuse(fault.WrongState, "Online logical volumes found, cannot adopt: %s", strings.Join(open, ", "))
	}
	return nil
}

// usedVolume says whether a volume of a node, or of any, is some instance's disk, or part of it.
func usedVolume(cfg *config.Config, node, vg, name string) bool {
	var used func(list []*config.Disk) bool
	used = func(list []*config.Disk) bool {
		return slices.ContainsFunc(list, func(d *config.Disk) bool {
			dvg, lv, ok := d.LV()
			return ok && dvg == vg && lv == name && (node == "" || len(d.Nodes) == 0 || slices.Contains(d.Nodes, node)) || used(d.Children)
		})
	}
	return used(cfg.Disks)
}

// space is what the disks take on each node.
func (w *create) space() need {
	all := need{}
	if !disk.InVolumes(w.DiskTemplate) {
		return all
	}
	for _, d := range w.asked {
		all[d.vg] += d.size
		if w.DiskTemplate == config.DTDRBD {
			all[d.metaVG] += drbd.MetaMiB
		}
	}
	return all
}

// checkSpindles looks whether a new disk has as many spindles as its node wants to be told.
func checkSpindles(exclusive bool, spindles *int64) error {
	switch {
	case !exclusive && spindles != nil:
		return fault.Refuse(fault.WrongInput, "Spindles in instance disks cannot be specified when exclusive storage is not active")
	case exclusive && spindles == nil:
		return fault.Refuse(fault.WrongInput, "You must specify spindles in instance disks when exclusive storage is active")
	case exclusive && *spindles == math.MaxInt64: // which stands for more
		return fault.Refuse(fault.WrongInput, "No disk has so many spindles")
	}
	return nil
}

// checkSpace looks for it on all nodes.
func (w *create) checkSpace(ctx context.Context) error {
	for _, uuid := range w.nodes() {
		if err := w.space().check(ctx, w.env, w.env.Config.Node(uuid)); err != nil {
			return err
		}
	}
	return nil
}
