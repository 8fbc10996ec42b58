package lvm

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var (
	data = Volume{"vg_ganeti", "0e4f.disk0_data"}
	lv   = LV{Volume: data, ExtentKiB: 4096, Stripes: 1}
)

// The lines are those that Ganeti was recorded to run, with the limit in front.
func TestCommands(t *testing.T) {
	bare := func(c remote.Cmd) string { return remote.Quote(c.Argv...) }
	tags := setTag(data, []byte("  originstname+old,other \n"), "inst1.lab.test")
	for name, tt := range map[string]struct{ got, want string }{
		"vgs":      {bare(VGProbe()), "vgs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -ovg_name,vg_free,vg_attr,vg_size"},
		"pvs":      {bare(PVProbe()), "pvs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -opv_name,vg_name,pv_free,pv_attr,pv_size,pv_name"},
		"lvs":      {bare(LVProbe()), "lvs --noheadings '--separator=|' --units=k --nosuffix -ovg_name,lv_name,lv_attr,lv_kernel_major,lv_kernel_minor,vg_extent_size,stripes,devices"},
		"sizes":    {bare(SizeProbe("vg_ganeti", "vg_ganeti_hdd")), "lvs --noheadings --units=m --nosuffix '--separator=|' -ovg_name,lv_name,lv_size,lv_attr vg_ganeti vg_ganeti_hdd"},
		"create":   {bare(create(data, 256, 1, []string{"/dev/vdb"})), "lvcreate -Wn -L256m -n0e4f.disk0_data -i1 vg_ganeti /dev/vdb"},
		"remove":   {bare(remove(data)), "lvremove -f vg_ganeti/0e4f.disk0_data"},
		"deltag":   {bare(tags[0]), "lvchange --deltag originstname+old /dev/vg_ganeti/0e4f.disk0_data"},
		"deltag 2": {bare(tags[1]), "lvchange --deltag other /dev/vg_ganeti/0e4f.disk0_data"},
		"addtag":   {bare(tags[2]), "lvchange --addtag originstname+inst1.lab.test /dev/vg_ganeti/0e4f.disk0_data"},
		"test":     {bare(grow(lv, 32, "cling", true, nil)), "lvextend -L +32768k --test --alloc cling /dev/vg_ganeti/0e4f.disk0_data"},
		"grow":     {bare(grow(lv, 33, "contiguous", false, nil)), "lvextend -L +36864k --alloc contiguous /dev/vg_ganeti/0e4f.disk0_data"},
		"striped":  {bare(grow(LV{Volume: data, ExtentKiB: 4096, Stripes: 3}, 1, "normal", false, []string{"/dev/vdb"})), "lvextend -L +12288k --alloc normal /dev/vg_ganeti/0e4f.disk0_data /dev/vdb"},
		"odd name": {bare(remove(Volume{"my vg", "d"})), "lvremove -f 'my vg/d'"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, tt.got, tt.want)
		}
	}
	if grow(lv, 1, "cling", true, nil).Changes != "" {
		t.Error("a test is said to change something")
	}
	if got := Tag("inst 1/é"); got != "originstname+inst_1__" {
		t.Errorf("tag %s", got)
	}
}

const pvsLine = "node1: pvs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -opv_name,vg_name,pv_free,pv_attr,pv_size,pv_name"

func TestCreateTakesTheEmptiestAndFewerStripes(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer(pvsLine, "  /dev/vdb|vg_ganeti|100.00|a--|4092.00|/dev/vdb\n  /dev/vdc|vg_ganeti|2000.00|a--|4092.00|/dev/vdc\n"+
			"  /dev/vdd|vg_ganeti|4000.00|---|4092.00|/dev/vdd\n  /dev/vde|other|4000.00|a--|4092.00|/dev/vde\n").
		Fail("node1: lvcreate -Wn -L1024m -n0e4f.disk0_data -i2 vg_ganeti /dev/vdc /dev/vdb", 5, "  Insufficient suitable allocatable extents\n").
		Answer("node1: lvcreate -Wn -L1024m -n0e4f.disk0_data -i1 vg_ganeti /dev/vdc /dev/vdb", "")
	if err := Create(t.Context(), nodes, "node1", data, 1024, 2, nil); err != nil {
		t.Error(err)
	}
}

func TestSnapshotNeedsRoom(t *testing.T) {
	const vgs = "node1: vgs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -ovg_name,vg_free,vg_attr,vg_size"
	const made = "node1: lvcreate -L100m -s -n0e4f.disk0_data.snap /dev/vg_ganeti/0e4f.disk0_data"
	for name, tt := range map[string]struct {
		nodes *remotetest.Fake
		want  string
	}{
		"room":     {remotetest.New(t).Answer(vgs, "other|1.00|wz--n-|4092.00\nvg_ganeti|100.00|wz--n-|4092.00\n").Answer(made, ""), ""},
		"no room":  {remotetest.New(t).Answer(vgs, "vg_ganeti|96.00|wz--n-|4092.00\n"), "Not enough free space: required 100, available 96.0"},
		"no group": {remotetest.New(t).Answer(vgs, "other|100.00|wz--n-|4092.00\n"), "Can't compute VG info for vg vg_ganeti"},
	} {
		got := ""
		if err := Snapshot(t.Context(), tt.nodes, "node1", data, 100, "0e4f.disk0_data.snap"); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

const (
	reduceLine = "node1: vgreduce --removemissing -- vg_ganeti"
	forceLine  = "node1: vgreduce --removemissing --force -- vg_ganeti"
	groupLine  = "node1: vgs --noheadings --nosuffix -- vg_ganeti"

	partial = "  WARNING: Partial LV disk0 needs to be repaired or removed.\n  To remove them unconditionally use: vgreduce --removemissing --force.\n"
	wrote   = "  Wrote out consistent volume group vg_ganeti.\n"
	missing = "  WARNING: Couldn't find device with uuid ab-cd.\n"
	still   = "Volume group 'vg_ganeti' still not consistent, 'vgreduce' output: "
)

func TestDevicesThatAreGoneAreRemovedWithWhatLayOnThem(t *testing.T) {
	for name, tt := range map[string]struct {
		nodes *remotetest.Fake
		want  string
	}{
		"empty":       {remotetest.New(t).InOrder().Answer(reduceLine, wrote).Answer(groupLine, "  vg_ganeti 1 0 0 wz--n- 8 8\n"), ""},
		"partial":     {remotetest.New(t).InOrder().Fail(reduceLine, 5, partial).Answer(forceLine, wrote).Answer(groupLine, ""), ""},
		"said so":     {remotetest.New(t).InOrder().Answer(reduceLine, partial+wrote).Answer(forceLine, wrote).Answer(groupLine, ""), ""},
		"whole":       {remotetest.New(t).InOrder().Fail(reduceLine, 5, "").Fail(forceLine, 5, "").Answer(groupLine, ""), ""},
		"in use":      {remotetest.New(t).InOrder().Fail(reduceLine, 5, "no").Fail(forceLine, 5, "busy\n").Fail(groupLine, 0, missing), still + `'no\nbusy\n', 'vgs' output: "  WARNING: Couldn't find device with uuid ab-cd.\n"`},
		"no group":    {remotetest.New(t).InOrder().Answer(reduceLine, wrote).Fail(groupLine, 5, "not found"), still + `'  Wrote out consistent volume group vg_ganeti.\n', 'vgs' output: 'not found'`},
		"lost":        {remotetest.New(t).Unknown(reduceLine), "connection lost"},
		"then lost":   {remotetest.New(t).Fail(reduceLine, 5, partial).Unknown(forceLine), "connection lost"},
		"lost at end": {remotetest.New(t).Answer(reduceLine, wrote).Unknown(groupLine), "connection lost"},
	} {
		got := ""
		if err := RemoveMissing(t.Context(), tt.nodes, "node1", "vg_ganeti"); err != nil {
			got = err.Error()
		}
		if got != tt.want && (tt.want != "connection lost" || !strings.HasSuffix(got, tt.want)) {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestCreateFailures(t *testing.T) {
	const one = "  /dev/vdb|vg_ganeti|100.00|a--|4092.00|/dev/vdb\n"
	for name, tt := range map[string]struct {
		nodes *remotetest.Fake
		v     Volume
		mib   int64
		want  string
	}{
		"no PV":    {remotetest.New(t).Answer(pvsLine, ""), data, 10, "Can't compute PV info for vg vg_ganeti"},
		"no space": {remotetest.New(t).Answer(pvsLine, one), data, 1024, "Not enough free space: required 1024, available 100"},
		"bad name": {remotetest.New(t), Volume{"vg_ganeti", "a b"}, 10, "Invalid LVM name 'a b'"},
		"reserved": {remotetest.New(t), Volume{"vg_ganeti", "x_mlog"}, 10, "Invalid LVM name 'x_mlog'"},
		"exists": {remotetest.New(t).Answer(pvsLine, one).Fail("node1: lvcreate -Wn -L10m -n0e4f.disk0_data -i1 vg_ganeti /dev/vdb", 5, "  Logical Volume \"0e4f.disk0_data\" already exists in volume group \"vg_ganeti\"\n"),
			data, 10, "LV create failed (exited with exit code 5):   Logical Volume \"0e4f.disk0_data\" already exists in volume group \"vg_ganeti\"\n"},
	} {
		if err := Create(t.Context(), tt.nodes, "node1", tt.v, tt.mib, 1, nil); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A volume that may have been made is not tried again with fewer stripes.
func TestCreateStopsWhenItDoesNotKnow(t *testing.T) {
	nodes := remotetest.New(t).
		Answer(pvsLine, "/dev/vdb|vg_ganeti|100.00|a--|4092.00|\n/dev/vdc|vg_ganeti|100.00|a--|4092.00|\n").
		Unknown("node1: lvcreate -Wn -L10m -n0e4f.disk0_data -i2 vg_ganeti /dev/vdb /dev/vdc")
	if err := Create(t.Context(), nodes, "node1", data, 10, 2, nil); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("Create = %v", err)
	}
}

func TestExclusiveStorage(t *testing.T) {
	all := []PV{{Name: "a", Free: 1030, Size: 1030}, {Name: "b", Free: 5, Size: 1030}, {Name: "c", Free: 1030, Size: 1030}}
	two, four := int64(2), int64(4)
	devices, stripes, err := choose(all, "vg", 2000, 1, &two)
	if err != nil || stripes != 2 || !slices.Equal(devices, []string{"a", "c"}) {
		t.Errorf("%v %d %v", devices, stripes, err)
	}
	for want, spindles := range map[string]*int64{
		"Requested number of spindles (2) is not enough for a disk of 3000 MB (at least 3 spindles needed)": &two,
		"Not enough empty PVs (spindles) to create a disk of 3000 MB: 2 available, 4 needed":                &four,
	} {
		if _, _, err := choose(all, "vg", 3000, 1, spindles); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestGrowTriesAllPolicies(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Fail("node1: lvextend -L +32768k --alloc contiguous /dev/vg_ganeti/0e4f.disk0_data", 5, "no\n").
		Fail("node1: lvextend -L +32768k --alloc cling /dev/vg_ganeti/0e4f.disk0_data", 5, "no\n").
		Fail("node1: lvextend -L +32768k --alloc normal /dev/vg_ganeti/0e4f.disk0_data", 5, "  Insufficient free space\n")
	err := Grow(t.Context(), nodes, "node1", lv, 32, false)
	if err == nil || !strings.HasPrefix(err.Error(), "Can't grow LV /dev/vg_ganeti/0e4f.disk0_data:   Insufficient free space") {
		t.Errorf("Grow = %v", err)
	}
}

func TestUnderExclusiveStorageAVolumeStaysOnItsPhysicalVolumes(t *testing.T) {
	const all = "/dev/vdb|vg_ganeti|566.00|a--|1030.00|\n/dev/vdc|vg_ganeti|566.00|a--|1030.00|\n/dev/vdd|vg_ganeti|1030.00|a--|1030.00|\n"
	striped := LV{Volume: data, ExtentKiB: 4096, Stripes: 2, PVs: []string{"/dev/vdb", "/dev/vdc"}}
	nodes := remotetest.New(t).InOrder().Answer(pvsLine, all).
		Answer("node1: lvextend -L +1073152k --alloc contiguous /dev/vg_ganeti/0e4f.disk0_data /dev/vdb /dev/vdc", "").Answer(pvsLine, all)
	if err := GrowWithin(t.Context(), nodes, "node1", striped, 1042, false); err != nil {
		t.Error(err)
	}
	err := GrowWithin(t.Context(), nodes, "node1", striped, 1073, false)
	if want := "Not enough free space to grow /dev/vg_ganeti/0e4f.disk0_data: 1080 MiB required, 1072 available"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestParse(t *testing.T) {
	groups, err := ParseVGs([]byte("  vg_ganeti|3500.50|wz--n-|4092.00\n  old|1.00|rz--n-|2.00\n"))
	if err != nil || !slices.Equal(groups, []VG{{"vg_ganeti", 3500.5, 4092}}) {
		t.Errorf("%v %v", groups, err)
	}
	volumes, err := ParseLVs([]byte("  vg|a|-wi-ao----|253|3|4096.00|1|/dev/vdb(0)|\n  vg|a|-wi-ao----|253|3|4096.00|2|/dev/vdc(9),/dev/vdc(0)\n  vg|thin|Vwi-a-tz--|-1|-1|4096.00|0|\n"))
	got := volumes[Volume{"vg", "a"}]
	if err != nil || len(volumes) != 2 || got.Minor != 3 || got.Stripes != 2 || !slices.Equal(got.PVs, []string{"/dev/vdb", "/dev/vdc"}) {
		t.Errorf("%+v %v", volumes, err)
	}
	list, err := ParseSizes([]byte("  vg|a|1024.00|-wi-ao----\n  vg|b|8.00|-wi-------\n vg|v|8.00|vwi---tz--\n"))
	if err != nil || !slices.Equal(list, []Size{{Volume{"vg", "a"}, 1024, true, true}, {Volume{"vg", "b"}, 8, false, false}}) {
		t.Errorf("%v %v", list, err)
	}
	for _, bad := range []string{"vg|a", "vg|x|wz--n-|y", "vg|NaN|wz--n-|1"} {
		if _, err := ParseVGs([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("  vg|a|-wi-ao----|253|3|4096.00|1|/dev/vdb(0)|\n"))
	f.Add([]byte("  vg_ganeti|3500.50|wz--n-|4092.00\n"))
	f.Add([]byte("  /dev/vdb|vg_ganeti|100.00|a--|4092.00|/dev/vdb\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		if pvs, err := ParsePVs(out); err == nil && len(pvs) > len(out) {
			t.Error("more physical volumes than bytes")
		}
		if _, err := ParseVGs(out); err == nil && len(out) > 0 && strings.TrimSpace(string(out)) != "" && !strings.Contains(string(out), "|") {
			t.Error("no separator, no error")
		}
		ParseLVs(out)
		ParseSizes(out)
		if list, err := ParseSegments(out); err == nil && len(list) > len(out) {
			t.Error("more segments than bytes")
		}
	})
}
