// Package lvm makes, changes and lists logical volumes with the commands that Ganeti uses.
//
// LVM rounds sizes up to whole extents; the size that the configuration has stays what was asked for. LVM prints sizes as
// decimal fractions, so they are read as floating-point numbers and rounded where a whole number is wanted.
package lvm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Volume is a logical volume by its names.
type Volume struct{ VG, Name string }

// Device is the volume's device file.
func (v Volume) Device() string { return "/dev/" + v.VG + "/" + v.Name }

func (v Volume) String() string { return v.VG + "/" + v.Name }

var (
	validName = regexp.MustCompile(`^[a-zA-Z0-9+_.-]*$`)
	reserved  = []string{".", "..", "snapshot", "pvmove"}
	infixes   = []string{"_mlog", "_mimage"}
)

// CheckName refuses names that LVM would not take, or would take for something of its own.
func CheckName(name string) error {
	bad := !validName.MatchString(name) || slices.Contains(reserved, name) ||
		slices.ContainsFunc(infixes, func(s string) bool { return strings.Contains(name, s) })
	if bad {
		return broken("Invalid LVM name '%s'", name)
	}
	return nil
}

func broken(format string, args ...any) error { return fault.New(fault.BlockDevice, format, args...) }

// Create makes a volume of mib MiB, over as many stripes as wanted or as the group's physical volumes allow. With
// exclusive storage it takes so many empty physical volumes as spindles says, which is then also the number of stripes.
func Create(ctx context.Context, r remote.Runner, node string, v Volume, mib, stripes int64, spindles *int64) error {
	for _, name := range []string{v.VG, v.Name} {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	all, err := PVs(ctx, r, node, v.VG)
	if err != nil {
		return err
	}
	devices, most, err := choose(all, v.VG, mib, stripes, spindles)
	if err != nil {
		return err
	}
	for n := most; ; n-- {
		_, err := r.Run(ctx, node, create(v, mib, n, devices))
		if err == nil || n <= 1 || remote.OutcomeOf(err) == remote.Unknown {
			return named(err, "LV create failed (%s): %s")
		}
	}
}

func create(v Volume, mib, stripes int64, devices []string) remote.Cmd {
	argv := []string{"lvcreate", "-Wn", fmt.Sprintf("-L%dm", mib), "-n" + v.Name, fmt.Sprintf("-i%d", stripes), v.VG}
	return changing("creates volume "+v.String(), append(argv, devices...)...)
}

func changing(what string, argv ...string) remote.Cmd {
	c := remote.Command(argv...)
	c.Changes = what
	return c
}

// named gives a failure of a command Ganeti's words: a format with the reason and the output. One that is not known to
// have failed stays what it is.
func named(err error, format string) error {
	e, is := exited(err)
	if !is {
		return err
	}
	return broken(format, fmt.Sprintf("exited with exit code %d", e.Status), e.Stderr)
}

// namedCommand is named for the commands of which Ganeti shows the line.
func namedCommand(err error, c remote.Cmd) error {
	line := strings.ReplaceAll(remote.Quote(c.Argv...), "%", "%%")
	return named(err, "Command: "+line+" error: %s - %s")
}

// choose picks the physical volumes for a new volume, those with most space first.
func choose(all []PV, vg string, mib, stripes int64, spindles *int64) (devices []string, most int64, err error) {
	if len(all) == 0 {
		return nil, 0, broken("Can't compute PV info for vg %s", vg)
	}
	for _, pv := range all {
		if strings.Contains(pv.Name, ":") {
			return nil, 0, broken("Some of your PVs have the invalid character ':' in their name, this is not supported - please filter them out in lvm.conf using either 'filter' or 'preferred_names'")
		}
	}
	if spindles != nil {
		return chooseEmpty(all, mib, *spindles)
	}
	slices.SortStableFunc(all, func(a, b PV) int { return int(math.Ceil(b.Free)) - int(math.Ceil(a.Free)) })
	var free float64
	for _, pv := range all {
		free += pv.Free
		devices = append(devices, pv.Name)
	}
	if free < float64(mib) {
		return nil, 0, broken("Not enough free space: required %d, available %d", mib, int64(free))
	}
	return devices, max(1, min(int64(len(all)), stripes)), nil
}

// chooseEmpty serves exclusive storage.
func chooseEmpty(all []PV, mib, spindles int64) ([]string, int64, error) {
	var empty []string
	for _, pv := range all {
		if pv.Empty() {
			empty = append(empty, pv.Name)
		}
	}
	needed := int64(math.Ceil(float64(mib) / StandardPVSize(all)))
	switch {
	case len(empty) == 0:
		return nil, 0, broken("No (empty) PVs found")
	case spindles < needed:
		return nil, 0, broken("Requested number of spindles (%d) is not enough for a disk of %d MB (at least %d spindles needed)", spindles, mib, needed)
	case int64(len(empty)) < spindles:
		return nil, 0, broken("Not enough empty PVs (spindles) to create a disk of %d MB: %d available, %d needed", mib, len(empty), spindles)
	}
	return empty[:spindles], spindles, nil
}

// Lost says whether a node is known to have lost a volume, or a part of it.
func Lost(ctx context.Context, r remote.Runner, node string, v Volume) bool {
	all, err := LVs(ctx, r, node)
	found, there := all[v]
	const health = 8 // of the attributes
	return err == nil && (!there || len(found.Attributes) > health && found.Attributes[health] == 'p')
}

// Activate makes a volume's device appear. Ganeti does it at every assemble, and never the opposite.
func Activate(ctx context.Context, r remote.Runner, node string, v Volume) error {
	_, err := r.Run(ctx, node, changing("activates volume "+v.String(), "lvchange", "-ay", v.Device()))
	if e, is := errors.AsType[*remote.Error](err); is && e.Outcome == remote.Failed && e.Err == nil {
		return broken("Can't activate lv %s: %s", v.Device(), e.Stderr)
	}
	return err
}

// A volume may be held for a moment by somebody who looks at new devices, so its removal is tried again.
var (
	removeTries = 10
	removeAgain = 3 * time.Second
)

// Remove removes a volume and its data.
func Remove(ctx context.Context, r remote.Runner, node string, v Volume) error {
	for n := 1; ; n++ {
		_, err := r.Run(ctx, node, remove(v))
		if err == nil || n == removeTries || remote.OutcomeOf(err) == remote.Unknown {
			return named(err, "Can't lvremove: %s - %s")
		}
		select {
		case <-ctx.Done():
			return named(err, "Can't lvremove: %s - %s")
		case <-time.After(removeAgain):
		}
	}
}

// RemoveIfThere is Remove for a volume that may be gone already.
func RemoveIfThere(ctx context.Context, r remote.Runner, node string, v Volume) error {
	there, err := Exists(ctx, r, node, v)
	if err != nil || !there {
		return err
	}
	return Remove(ctx, r, node, v)
}

// Exists says whether a node has a volume, active or not.
func Exists(ctx context.Context, r remote.Runner, node string, v Volume) (bool, error) {
	out, err := r.Run(ctx, node, exists(v))
	if err != nil {
		return false, fmt.Errorf("looking for volume %s: %w", v, err)
	}
	return out.Status == 0, nil
}

func exists(v Volume) remote.Cmd {
	c := remote.Command("lvs", "--noheadings", "-olv_name", v.String())
	c.OK = []int{5} // LVM's only word for all that is wrong, which without a volume of that name is its absence
	return c
}

func remove(v Volume) remote.Cmd {
	return changing("removes volume "+v.String(), "lvremove", "-f", v.String())
}

// Rename renames a volume in its group.
func Rename(ctx context.Context, r remote.Runner, node string, v Volume, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	_, err := r.Run(ctx, node, changing("renames volume "+v.String()+" to "+name, "lvrename", v.VG, v.Name, name))
	if e, is := errors.AsType[*remote.Error](err); is && e.Outcome == remote.Failed && e.Err == nil {
		return broken("Failed to rename the logical volume: %s", e.Stderr)
	}
	return err
}

// Snapshot makes a snapshot of a volume, with space of its own for mib MiB of changes.
func Snapshot(ctx context.Context, r remote.Runner, node string, v Volume, mib int64, name string) error {
	all, err := VGs(ctx, r, node)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(vg VG) bool { return vg.Name == v.VG })
	switch {
	case i < 0:
		return broken("Can't compute VG info for vg %s", v.VG)
	case all[i].Free < float64(mib):
		return broken("Not enough free space: required %d, available %s", mib, unit.Str(all[i].Free))
	}
	c := changing("makes snapshot "+v.VG+"/"+name, "lvcreate", fmt.Sprintf("-L%dm", mib), "-s", "-n"+name, v.Device())
	_, err = r.Run(ctx, node, c)
	return namedCommand(err, c)
}

// policies of allocation in the order in which growing tries them.
var policies = []string{"contiguous", "cling", "normal"}

// Grow makes a volume larger by mib MiB, rounded up to whole extents of all its stripes. With dryRun LVM only says
// whether it could. It takes space of the given physical volumes, of any if none are given.
func Grow(ctx context.Context, r remote.Runner, node string, v LV, mib int64, dryRun bool, devices ...string) error {
	var err error
	for _, policy := range policies {
		if _, err = r.Run(ctx, node, grow(v, mib, policy, dryRun, devices)); err == nil || remote.OutcomeOf(err) == remote.Unknown {
			return err
		}
	}
	if e, is := errors.AsType[*remote.Error](err); is && e.Err == nil {
		return broken("Can't grow LV %s: %s", v.Device(), e.Stderr)
	}
	return err
}

// GrowWithin is Grow under exclusive storage: the volume stays on the physical volumes that it has.
func GrowWithin(ctx context.Context, r remote.Runner, node string, v LV, mib int64, dryRun bool) error {
	all, err := PVs(ctx, r, node, v.VG)
	if err != nil {
		return err
	}
	standard, free := StandardPVSize(all), 0.0
	for _, pv := range all {
		if slices.Contains(v.PVs, pv.Name) {
			free += pv.Free - (pv.Size - standard)
		}
	}
	if kib := growth(v, mib); float64(kib) > free*1024 {
		return broken("Not enough free space to grow %s: %d MiB required, %d available", v.Device(), kib>>10, int64(free))
	}
	return Grow(ctx, r, node, v, mib, dryRun, v.PVs...)
}

// growth is so many MiB as KiB, in whole extents of all stripes.
func growth(v LV, mib int64) int64 {
	step := int64(v.ExtentKiB) * max(1, v.Stripes)
	kib := mib << 10
	if step > 0 && kib%step != 0 {
		kib += step - kib%step
	}
	return kib
}

func grow(v LV, mib int64, policy string, dryRun bool, devices []string) remote.Cmd {
	argv := []string{"lvextend", "-L", "+" + strconv.FormatInt(growth(v, mib), 10) + "k"}
	what := "grows volume " + v.String()
	if dryRun {
		argv, what = append(argv, "--test"), ""
	}
	return changing(what, append(append(argv, "--alloc", policy, v.Device()), devices...)...)
}

var notInTag = regexp.MustCompile(`[^0-9A-Za-z_+.-]`)

// Tag is what every volume of an instance carries; people look for it with lvs -o+tags.
func Tag(instance string) string {
	tag := "originstname+" + notInTag.ReplaceAllString(instance, "_")
	return tag[:min(len(tag), 128)]
}

// SetTag replaces all tags of a volume by its instance's.
func SetTag(ctx context.Context, r remote.Runner, node string, v Volume, instance string) error {
	look := remote.Command("lvs", "-o", "tags", "--noheadings", "--nosuffix", v.Device())
	out, err := r.Run(ctx, node, look)
	if err != nil {
		return namedCommand(err, look)
	}
	for _, c := range setTag(v, out.Stdout, instance) {
		if _, err := r.Run(ctx, node, c); err != nil {
			return namedCommand(err, c)
		}
	}
	return nil
}

// HasTag says whether a volume is tagged as an instance's.
func HasTag(ctx context.Context, r remote.Runner, node string, v Volume, instance string) (bool, error) {
	look := remote.Command("lvs", "-o", "tags", "--noheadings", "--nosuffix", v.Device())
	out, err := r.Run(ctx, node, look)
	if err != nil {
		return false, namedCommand(err, look)
	}
	return slices.Contains(strings.Split(strings.TrimSpace(string(out.Stdout)), ","), Tag(instance)), nil
}

func setTag(v Volume, tags []byte, instance string) []remote.Cmd {
	var out []remote.Cmd
	for tag := range strings.SplitSeq(strings.TrimSpace(string(tags)), ",") {
		if tag != "" {
			out = append(out, changing("untags volume "+v.String(), "lvchange", "--deltag", tag, v.Device()))
		}
	}
	return append(out, changing("tags volume "+v.String(), "lvchange", "--addtag", Tag(instance), v.Device()))
}

// SetAllocatable says whether new volumes may take space of a physical volume.
func SetAllocatable(ctx context.Context, r remote.Runner, node, pv string, allocatable bool) error {
	_, err := r.Run(ctx, node, setAllocatable(pv, allocatable))
	return saying(err, "Failed to modify physical volume, pvchange output: %s")
}

func setAllocatable(pv string, allocatable bool) remote.Cmd {
	return changing("changes physical volume "+pv, "pvchange", "--allocatable", map[bool]string{true: "y", false: "n"}[allocatable], "--", pv)
}

// RemoveMissing takes devices out of a group that are gone, with all volumes that lay on them, if only in part. Whether that worked
// is seen of the group: some versions of LVM fail on one that is whole already.
func RemoveMissing(ctx context.Context, r remote.Runner, node, vg string) error {
	said, _, err := heard(ctx, r, node, removeMissing(vg))
	if err != nil {
		return err
	}
	if !strings.Contains(said, "Wrote out consistent volume group") || strings.Contains(said, "vgreduce --removemissing --force") {
		more, _, err := heard(ctx, r, node, removeMissing(vg, "--force"))
		if err != nil {
			return err
		}
		said += "\n" + more
	}
	found, status, err := heard(ctx, r, node, remote.Command("vgs", "--noheadings", "--nosuffix", "--", vg))
	if err != nil {
		return err
	}
	if status != 0 || strings.Contains(found, "Couldn't find device with uuid") {
		return broken("Volume group '%s' still not consistent, 'vgreduce' output: %s, 'vgs' output: %s", vg, unit.Repr(said), unit.Repr(found))
	}
	return nil
}

func removeMissing(vg string, options ...string) remote.Cmd {
	return changing("repairs volume group "+vg, slices.Concat([]string{"vgreduce", "--removemissing"}, options, []string{"--", vg})...)
}

// heard is all that a command said, and its exit status, which is for the caller to judge.
func heard(ctx context.Context, r remote.Runner, node string, c remote.Cmd) (said string, status int, err error) {
	out, err := r.Run(ctx, node, c)
	if _, is := exited(err); err != nil && !is {
		return "", 0, err
	}
	return string(out.Stdout) + string(out.Stderr), out.Status, nil
}

// exited is the error of a command that failed by its exit status.
func exited(err error) (*remote.Error, bool) {
	e, is := errors.AsType[*remote.Error](err)
	return e, is && e.Outcome == remote.Failed && e.Err == nil
}

// saying is named for words that give the output alone.
func saying(err error, format string) error {
	e, is := exited(err)
	if !is {
		return err
	}
	return broken(format, e.Stderr)
}
