package lvm

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// VG is a volume group; sizes are MiB.
type VG struct {
	Name       string
	Free, Size float64
}

// PV is a physical volume; sizes are MiB.
type PV struct {
	Name, VG    string
	Free, Size  float64
	Attributes  string
	Allocatable bool
}

// Empty says whether nothing of the physical volume is taken; LVM keeps a little for itself.
func (p PV) Empty() bool { return p.Size <= p.Free+1 }

// StandardPVSize is how much a physical volume counts for under exclusive storage, in MiB.
func StandardPVSize(all []PV) float64 {
	smallest := math.Inf(1)
	for _, pv := range all {
		smallest = min(smallest, pv.Size)
	}
	return math.Floor(smallest / 1.03)
}

// Spindles counts a volume group's physical volumes under exclusive storage, where only empty ones are room for disks, in MiB.
func Spindles(all []PV, vg string) (total, empty, free int64) {
	all = slices.DeleteFunc(slices.Clone(all), func(pv PV) bool { return !pv.Allocatable || pv.VG != vg })
	for _, pv := range all {
		if pv.Empty() {
			empty++
		}
	}
	if empty > 0 {
		free = empty * int64(StandardPVSize(all))
	}
	return int64(len(all)), empty, free
}

// SizesDiffer says that physical volumes are too different to count for the same under exclusive storage.
func SizesDiffer(smallest, largest float64) bool { return largest > smallest*1.01*1.01 }

// LV is a logical volume as lvs shows it.
type LV struct {
	Volume
	Attributes   string
	Major, Minor int64 // of its device, -1 when it is not active
	ExtentKiB    float64
	Stripes      int64
	PVs          []string
}

// Size is a logical volume with its size in MiB.
type Size struct {
	Volume
	MiB          float64
	Active, Open bool
}

const (
	vgFields   = "-ovg_name,vg_free,vg_attr,vg_size"
	pvFields   = "-opv_name,vg_name,pv_free,pv_attr,pv_size,pv_name"
	lvFields   = "-ovg_name,lv_name,lv_attr,lv_kernel_major,lv_kernel_minor,vg_extent_size,stripes,devices"
	sizeFields = "-ovg_name,lv_name,lv_size,lv_attr"
)

// VGProbe, PVProbe, LVProbe and SizeProbe are the commands behind the lists below, for who wants to gather several probes
// of a node. ParseVGs and so on read their output.
func VGProbe() remote.Cmd {
	return remote.Command("vgs", "--noheadings", "--nosuffix", "--units=m", "--unbuffered", "--separator=|", vgFields)
}

func PVProbe() remote.Cmd {
	return remote.Command("pvs", "--noheadings", "--nosuffix", "--units=m", "--unbuffered", "--separator=|", pvFields)
}

func LVProbe() remote.Cmd {
	return remote.Command("lvs", "--noheadings", "--separator=|", "--units=k", "--nosuffix", lvFields)
}

func SizeProbe(groups ...string) remote.Cmd {
	return remote.Command(append([]string{"lvs", "--noheadings", "--units=m", "--nosuffix", "--separator=|", sizeFields}, groups...)...)
}

// rows splits output into fields, and calls each with those of a line. Blanks around a line and one empty field behind the
// last are LVM's.
func rows(out []byte, fields int, each func([]string) error) error {
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) == fields+1 && f[fields] == "" {
			f = f[:fields]
		}
		if len(f) != fields {
			return fmt.Errorf("LVM gave %d fields instead of %d: %q", len(f), fields, line)
		}
		if err := each(f); err != nil {
			return fmt.Errorf("LVM gave %q: %w", line, err)
		}
	}
	return nil
}

func decimals(texts ...string) ([]float64, error) {
	out := make([]float64, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, fmt.Errorf("%q is no number", text)
		}
		out[i] = n
	}
	return out, nil
}

// VGs lists the volume groups of a node that can be written to.
func VGs(ctx context.Context, r remote.Runner, node string) ([]VG, error) {
	out, err := r.Run(ctx, node, VGProbe())
	if err != nil {
		return nil, fmt.Errorf("listing volume groups: %w", err)
	}
	return ParseVGs(out.Stdout)
}

// ParseVGs reads the output of vgs; groups that are read-only are left out.
func ParseVGs(out []byte) ([]VG, error) {
	var list []VG
	err := rows(out, 4, func(f []string) error {
		n, err := decimals(f[1], f[3])
		if err == nil && !strings.HasPrefix(f[2], "r") {
			list = append(list, VG{Name: f[0], Free: n[0], Size: n[1]})
		}
		return err
	})
	return list, err
}

// PVs lists the physical volumes of a group from which space can be taken; of all groups if vg is "".
func PVs(ctx context.Context, r remote.Runner, node, vg string) ([]PV, error) {
	out, err := r.Run(ctx, node, PVProbe())
	if err != nil {
		return nil, fmt.Errorf("listing physical volumes: %w", err)
	}
	all, err := ParsePVs(out.Stdout)
	var list []PV
	for _, pv := range all {
		if pv.Allocatable && (vg == "" || pv.VG == vg) {
			list = append(list, pv)
		}
	}
	return list, err
}

// ParsePVs reads the output of pvs.
func ParsePVs(out []byte) ([]PV, error) {
	var list []PV
	err := rows(out, 6, func(f []string) error {
		n, err := decimals(f[2], f[4])
		if err == nil {
			list = append(list, PV{Name: f[0], VG: f[1], Free: n[0], Size: n[1], Attributes: f[3], Allocatable: strings.HasPrefix(f[3], "a")})
		}
		return err
	})
	return list, err
}

// LVs lists the logical volumes of a node.
func LVs(ctx context.Context, r remote.Runner, node string) (map[Volume]LV, error) {
	out, err := r.Run(ctx, node, LVProbe())
	if err != nil {
		return nil, fmt.Errorf("listing logical volumes: %w", err)
	}
	return ParseLVs(out.Stdout)
}

// ParseLVs reads the output of lvs. A volume of several segments has several lines, of which the last one counts; it is on the physical
// volumes of all.
func ParseLVs(out []byte) (map[Volume]LV, error) {
	list := map[Volume]LV{}
	err := rows(out, 8, func(f []string) error {
		n, err := decimals(f[3], f[4], f[5], f[6])
		if err != nil {
			return err
		}
		if len(f[2]) < 6 {
			return fmt.Errorf("the attributes are too short")
		}
		v := LV{Volume: Volume{f[0], f[1]}, Attributes: f[2], Major: int64(n[0]), Minor: int64(n[1]), ExtentKiB: n[2], Stripes: int64(n[3])}
		v.PVs = list[v.Volume].PVs
		for device := range strings.SplitSeq(f[7], ",") {
			if name, _, _ := strings.Cut(device, "("); name != "" && !slices.Contains(v.PVs, name) {
				v.PVs = append(v.PVs, name)
			}
		}
		list[v.Volume] = v
		return nil
	})
	return list, err
}

// Sizes lists the logical volumes of some groups, of all if none are given, with their sizes.
func Sizes(ctx context.Context, r remote.Runner, node string, groups ...string) ([]Size, error) {
	out, err := r.Run(ctx, node, SizeProbe(groups...))
	if err != nil {
		return nil, fmt.Errorf("listing logical volumes: %w", err)
	}
	return ParseSizes(out.Stdout)
}

// ParseSizes reads the output of lvs with sizes. Virtual volumes, which have nothing behind them, are left out.
func ParseSizes(out []byte) ([]Size, error) {
	var list []Size
	err := rows(out, 4, func(f []string) error {
		n, err := decimals(f[2])
		if err != nil {
			return err
		}
		if len(f[3]) < 6 {
			return fmt.Errorf("the attributes are too short")
		}
		if f[3][0] != 'v' {
			list = append(list, Size{Volume: Volume{f[0], f[1]}, MiB: n[0], Active: f[3][4] != '-', Open: f[3][5] == 'o'})
		}
		return nil
	})
	return list, err
}

// Segment is a part of a volume that lies on one device.
type Segment struct {
	Volume
	MiB    float64 // of the whole volume
	Device string
}

// SegmentProbe lists all volumes with their devices; ParseSegments reads it.
func SegmentProbe() remote.Cmd {
	return remote.Command("lvs", "--noheadings", "--units=m", "--nosuffix", "--separator=|", "--options=lv_name,lv_size,devices,vg_name")
}

// ParseSegments reads volumes with their devices: a line for each segment, in which striped ones name several.
func ParseSegments(out []byte) ([]Segment, error) {
	var list []Segment
	err := rows(out, 4, func(f []string) error {
		n, err := decimals(f[1])
		if err != nil {
			return err
		}
		for device := range strings.SplitSeq(f[2], ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(device), "(")
			list = append(list, Segment{Volume{strings.TrimSpace(f[3]), strings.TrimSpace(f[0])}, n[0], name})
		}
		return nil
	})
	return list, err
}
