// Package spindles shows exclusive storage on real volumes: a disk has its physical volumes to itself. Its test needs virtual machines.
package spindles

import (
	"slices"
	"strings"
	"testing"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

const add = "gnt-instance add -o noop --no-name-check --no-ip-check --no-install --no-start -n node1 "

func TestADiskHasItsPhysicalVolumesToItself(t *testing.T) {
	vmlab.NeedAll(t)
	l := vmlab.Start(t, vmlab.Options{Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-job"), Nodes: 2, Disks: 3, HDD: []int{}, UML: true})
	l.Init(t, 2)
	l.Must(t, "node1", "gnt-cluster modify --node-parameters=exclusive_storage=true --ipolicy-bounds-specs="+
		"max:cpu-count=8,disk-count=16,disk-size=1024000,memory-size=4096,nic-count=8,spindle-use=12/min:cpu-count=1,disk-count=1,disk-size=16,memory-size=64,nic-count=1,spindle-use=1")
	refused := func(command, text string) {
		t.Helper()
		before := takenBy(t, l)
		if r := l.Run("node1", command); r.Status == 0 || !strings.Contains(r.Stderr, text) {
			t.Errorf("%s: status %d, %s, want %q", command, r.Status, r.Stderr, text)
		}
		if now := takenBy(t, l); !slices.Equal(now, before) {
			t.Errorf("%s: physical volumes are taken by %q, before it was %q", command, now, before)
		}
	}
	is := func(command, want string) {
		t.Helper()
		if got := strings.TrimSpace(l.Must(t, "node1", command)); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}

	is("gnt-node list --no-headers --separator=: -o spfree,sptotal", "3:3\n3:3")
	refused(strings.Replace(add, "node1", "node1:node2", 1)+"-t drbd --disk 0:size=64M,spindles=1 a.example.com",
		"Disk template drbd not supported with exclusive storage")
	refused(add+"-t plain --disk 0:size=64M a.example.com", "You must specify spindles in instance disks when exclusive storage is active")

	l.Must(t, "node1", add+"-t plain --disk 0:size=64M,spindles=2 a.example.com")
	is("gnt-node list --no-headers -o spfree node1", "1")
	is("lvs --noheadings -o stripes", "2")
	refused(add+"-t plain --disk 0:size=64M,spindles=2 b.example.com", "Not enough empty PVs (spindles) to create a disk of 64 MB: 1 available, 2 needed")
	refused("gnt-instance modify -t drbd -n node2 a.example.com", "Cannot convert disk template from plain to drbd when exclusive storage is enabled")
	l.Must(t, "node1", add+"-t plain --disk 0:size=64M,spindles=1 b.example.com")
	if taken := takenBy(t, l); len(taken) != 3 || slices.ContainsFunc(taken, func(line string) bool { return strings.Contains(line, ",") }) {
		t.Errorf("the physical volumes are taken by %q", taken)
	}
	is("gnt-node list --no-headers -o spfree,sptotal --separator=: node1", "0:3")
	refused("gnt-instance modify --disk add:size=64M,spindles=1 b.example.com", "Not enough disk space on target node node1.example.com vg vg_ganeti: required 64 MiB, available 0 MiB")
	if said := l.Verify(t); strings.Contains(said, "ERROR") || strings.Contains(said, "WARNING") {
		t.Errorf("verify says\n%s", said)
	}

	// a disk grows on its own physical volumes alone, where there is another's or an empty one beside them
	before := takenBy(t, l)
	l.Must(t, "node1", "gnt-instance grow-disk b.example.com 0 32M")
	if now := takenBy(t, l); !slices.Equal(now, before) {
		t.Errorf("physical volumes are taken by %q, before it had grown by %q", now, before)
	}
	is("lvs --noheadings --units m --nosuffix -o lv_size @originstname+b.example.com", "96.00")
	l.Must(t, "node1", "gnt-instance remove -f a.example.com")
	refused("gnt-instance grow-disk b.example.com 0 32G", "Not enough free space to grow ")
	l.Must(t, "node1", add+"-t plain --disk 0:size=64M,spindles=2 a.example.com")

	// whoever makes volumes by hand may put one beside a disk
	l.Must(t, "node1", "lvcreate -qq -Wn -L 16m -n stranger vg_ganeti $(lvs --noheadings -o devices vg_ganeti/$(lvs --noheadings -o lv_name @originstname+b.example.com | tr -d ' ') | sed 's/(.*//')")
	if said := l.Verify(t); !strings.Contains(said, "is shared among unrelated LVs") {
		t.Errorf("verify does not tell of a shared physical volume:\n%s", said)
	}
	l.Must(t, "node1", "lvremove -qq -f vg_ganeti/stranger; gnt-instance remove -f a.example.com && gnt-instance remove -f b.example.com")
	is("gnt-node list --no-headers --separator=: -o spfree,sptotal", "3:3\n3:3")
	is("lvs --noheadings", "")
}

// takenBy lists on which physical volumes of node1 there is something, with the volumes: "/dev/vdb uuid.disk0".
func takenBy(t *testing.T, l *vmlab.Lab) (list []string) {
	t.Helper()
	on := map[string][]string{}
	for line := range strings.Lines(l.Must(t, "node1", "pvs --noheadings --segments -o pv_name,lv_name --separator=:")) {
		pv, lv, _ := strings.Cut(strings.TrimSpace(line), ":")
		if lv != "" && !slices.Contains(on[pv], lv) {
			on[pv] = append(on[pv], lv)
		}
	}
	for pv, volumes := range on {
		list = append(list, pv+" "+strings.Join(volumes, ","))
	}
	slices.Sort(list)
	return list
}
