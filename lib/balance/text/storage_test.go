package text

import (
	"fmt"
	"strings"
	"testing"

	"gantry/lib/balance"
)

// runbook is a group of eight nodes, of which only the first four have the volume group of hard disks. Node 1 is much fuller
// than the others, and all but one of its instances have disks there.
func runbook(hddFree int) string {
	var b strings.Builder
	b.WriteString("default|g|preferred||\n\n")
	for n := 1; n <= 8; n++ {
		kinds := "storage=lvm-vg/ssd:500000:400000"
		if n <= 4 {
			kinds += fmt.Sprintf(",lvm-vg/vg_ganeti_hdd:900000:%d", hddFree)
		}
		free := 60000
		if n == 1 {
			free = 10000
		}
		fmt.Fprintf(&b, "node%d|65536|512|%d|500000|400000|16|N|g|1||N|0|1|1.0|%s\n", n, free, kinds)
	}
	b.WriteString("\n")
	for i := 1; i <= 6; i++ {
		need := "lvm-vg/ssd:10240,lvm-vg/vg_ganeti_hdd:102400"
		if i == 6 {
			need = "lvm-vg/ssd:10240"
		}
		fmt.Fprintf(&b, "inst%d|8192|10240|1|running|Y|node1|node%d|drbd||1|-|N|storage=%s\n", i, i%3+2, need)
	}
	return b.String() + "\n"
}

func load(t *testing.T, data string, m balance.Merge) *balance.Cluster {
	t.Helper()
	c, err := Read(data)
	if err == nil {
		_, err = m.Apply(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// solve balances the cluster and gives the names of the nodes that the instances with hard disks went to.
func solve(t *testing.T, c *balance.Cluster) (moves int, hdd map[string]bool) {
	t.Helper()
	hdd = map[string]bool{}
	o := balance.Options{DiskMoves: true, InstanceMoves: true, MinScore: 1e-9, MaxMoves: -1}
	_, _, err := balance.Solve(balance.NewTable(c.Nodes, c.Instances), o, func(p balance.Placed) {
		moves++
		if p.Instance.Name != "inst6" {
			hdd[c.Nodes[p.Primary].Name] = true
			if p.Secondary != balance.None {
				hdd[c.Nodes[p.Secondary].Name] = true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return moves, hdd
}

func TestNoInstanceMovesToANodeWithoutItsVolumeGroup(t *testing.T) {
	moves, hdd := solve(t, load(t, runbook(500000), balance.Merge{}))
	if moves == 0 {
		t.Error("nothing moved")
	}
	for _, node := range []string{"node5", "node6", "node7", "node8"} {
		if hdd[node] {
			t.Errorf("an instance with hard disks came to %s", node)
		}
	}
	_, hdd = solve(t, load(t, runbook(500000), balance.Merge{NoKinds: true}))
	if !hdd["node5"] && !hdd["node6"] && !hdd["node7"] && !hdd["node8"] {
		t.Error("without kinds of storage no instance came to nodes 5 to 8: the case shows nothing")
	}
}

func TestAFullVolumeGroupTakesNothingWhileOthersHaveRoom(t *testing.T) {
	c := load(t, runbook(0), balance.Merge{})
	moves, _ := solve(t, c)
	if moves == 0 {
		t.Error("nothing moved, though there is room on ssd")
	}
	old, err := Write(c, c.Nodes, c.Instances)
	if err != nil || !strings.Contains(old, "|storage=lvm-vg/ssd:500000:400000,lvm-vg/vg_ganeti_hdd:900000:0\n") {
		t.Errorf("written were\n%s%v", old, err)
	}
	if again := load(t, old, balance.Merge{}); len(again.Kinds) != 2 {
		t.Errorf("kinds read again: %v", again.Kinds)
	}
	plain := load(t, runbook(0), balance.Merge{NoKinds: true})
	if text, err := Write(plain, plain.Nodes, plain.Instances); err != nil || !strings.Contains(text, "|1.0\n") {
		t.Errorf("without kinds were written\n%s%v", text, err)
	}
}

func TestDamagedStorageIsNamed(t *testing.T) {
	for _, damage := range []string{"lvm-vg/ssd", "lvm-vg/ssd:1:x", ":1:1", "lvm-vg/ssd:-1:1", "lvm-vg/ssd:1:1:1", ""} {
		_, err := Read(strings.Replace(runbook(1), "lvm-vg/ssd:500000:400000", damage, 1))
		if err == nil || !strings.Contains(err.Error(), "Invalid storage '") || !strings.Contains(err.Error(), "node1") {
			t.Errorf("%q: %v", damage, err)
		}
	}
	c, err := Read(strings.Replace(runbook(1), "storage=lvm-vg/ssd:500000:400000", "storage=lvm-vg/nvme:1:1", 1))
	if err == nil {
		_, err = balance.Merge{}.Apply(c)
	}
	if err == nil || !strings.Contains(err.Error(), "node2") {
		t.Errorf("nodes whose figures are about different groups: %v", err)
	}
}

// sharing is three nodes, the first full of instances in the directory that they share, and what each says of it.
func sharing(said ...string) string {
	var b strings.Builder
	b.WriteString("default|g|preferred||\n\n")
	for n, kind := range said {
		free := 60000
		if n == 0 {
			free = 10000
		}
		fmt.Fprintf(&b, "node%d|65536|512|%d|500000|400000|16|N|g|1||N|0|1|1.0|storage=lvm-vg/ssd:500000:400000%s\n", n+1, free, kind)
	}
	b.WriteString("\n")
	for i := 1; i <= 6; i++ {
		fmt.Fprintf(&b, "inst%d|8192|10240|1|running|Y|node1||sharedfile||1|-|N|storage=sharedfile:10240\n", i)
	}
	return b.String() + "\n"
}

func TestAnInstanceInASharedDirectoryMovesOnlyWhereTheDirectoryIs(t *testing.T) {
	const has, lacks, silent = ",sharedfile:100000:5", ",sharedfile:0:0", "" // less is free than one disk has: a move takes nothing of it
	for name, tt := range map[string]struct {
		said []string
		to   [2]bool // whether anything comes to nodes 2 and 3
	}{
		"all have it":        {[]string{has, has, has}, [2]bool{true, true}},
		"one lacks it":       {[]string{has, has, lacks}, [2]bool{true, false}},
		"one says nothing":   {[]string{has, has, silent}, [2]bool{true, true}},
		"none has it so far": {[]string{lacks, lacks, lacks}, [2]bool{true, true}},
		"only its own node":  {[]string{has, lacks, lacks}, [2]bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, sharing(tt.said...), balance.Merge{})
			_, on := solve(t, c)
			if got := [2]bool{on["node2"], on["node3"]}; got != tt.to {
				t.Errorf("instances came to nodes 2 and 3: %v, want %v", got, tt.to)
			}
			if text, err := Write(c, c.Nodes, c.Instances); err != nil || !strings.Contains(text, tt.said[1]+"\n") {
				t.Errorf("written were\n%s%v", text, err)
			}
		})
	}
}
