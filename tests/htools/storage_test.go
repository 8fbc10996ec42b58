package htools

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The runbook's cluster: eight nodes, of which only the first four have the volume group of hard disks. Node 1 is much fuller than
// the others; five of its six instances have a disk on each of the two volume groups.
const (
	ssd = "lvm-vg/ssd"
	hdd = "lvm-vg/vg_ganeti_hdd"
)

// cluster writes it as a data file, with so much free on the hard disks of each node, and more instances.
func cluster(free int, more ...string) string {
	lines := []string{"default|g|preferred||", ""}
	for n := 1; n <= 8; n++ {
		kinds, memory := ssd+":500000:400000", 60000
		if n <= 4 {
			kinds += fmt.Sprintf(",%s:900000:%d", hdd, free)
		}
		if n == 1 {
			memory = 10000
		}
		lines = append(lines, fmt.Sprintf("node%d|65536|512|%d|500000|400000|16|N|g|1||N|0|1|1.0|storage=%s", n, memory, kinds))
	}
	lines = append(lines, "")
	for i := 1; i <= 6; i++ {
		need := ssd + ":10240"
		if i < 6 {
			need += "," + hdd + ":102400"
		}
		lines = append(lines, fmt.Sprintf("inst%d|8192|10240|1|running|Y|node1|node%d|drbd||1|-|N|storage=%s", i, i%3+2, need))
	}
	return strings.Join(append(lines, more...), "\n") + "\n\n"
}

// asker runs tools that it has built.
type asker struct{ bin string }

// tell runs a tool on a cluster and returns what it prints, whatever its status.
func (a asker) tell(t *testing.T, tool, text string, words ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cluster")
	write(t, file, []byte(text))
	given := append([]string{"-t", file}, words...)
	if tool == "hail" {
		given = append(words, file)
	}
	out, err := exec.Command(filepath.Join(a.bin, tool), given...).Output()
	if len(out) == 0 {
		t.Fatalf("%s %q: %v", tool, given, err)
	}
	return string(out)
}

const noKinds = "--no-storage-kinds"

func TestToolsKnowWhichNodesHaveAVolumeGroupAndRoomInIt(t *testing.T) {
	a := asker{buildTools(t)}
	impossible := regexp.MustCompile(`inst[1-5] .*=>.*node[5-8]`)
	t.Run("hbal", func(t *testing.T) {
		for _, free := range []int{500000, 0} {
			if moves := a.tell(t, "hbal", cluster(free), "-C"); impossible.MatchString(moves) || !strings.Contains(moves, "=> node5:") {
				t.Errorf("with %d MiB of hard disks free:\n%s", free, moves)
			}
		}
		if moves := a.tell(t, "hbal", cluster(500000), noKinds); !impossible.MatchString(moves) {
			t.Errorf("without kinds no move is impossible, and the case shows nothing:\n%s", moves)
		}
	})
	t.Run("hspace", func(t *testing.T) {
		const count = "  - %3d instances with their disks on %s\n"
		for free, fit := range map[int]int{500000: 58, 0: 0} {
			out := a.tell(t, "hspace", cluster(free), "--disk-template", "drbd")
			if want := fmt.Sprintf(count+count, 122, ssd, fit, hdd); !strings.HasSuffix(out, want) {
				t.Errorf("with %d MiB of hard disks free:\n%s", free, out)
			}
		}
		keys := "\nHTS_STORAGE_KINDS='" + ssd + " " + hdd + "'\nHTS_ALLOC_INSTANCES_LVM_VG_SSD=122\nHTS_ALLOC_INSTANCES_LVM_VG_VG_GANETI_HDD=0\nHTS_OK=1\n"
		if out := a.tell(t, "hspace", cluster(0), "--disk-template", "drbd", "--machine-readable"); !strings.HasSuffix(out, keys) {
			t.Error(out)
		}
		if out := a.tell(t, "hspace", cluster(0), "--disk-template", "drbd", noKinds); strings.Contains(out, "lvm-vg") {
			t.Error(out)
		}
	})
	t.Run("hcheck", func(t *testing.T) {
		const lost = "Nodes not directly evacuateable: 1\n"
		onDisk := "inst7|1024|10240|1|running|Y|node2||plain||1|-|N|storage=" + hdd + ":10240"
		inFile := "inst7|1024|10240|1|running|Y|node5||file||1|-|N|storage=file:10240" // no node says what it has of files
		for name, c := range map[string]struct {
			text  string
			words []string
			lost  bool
		}{
			"a disk on a full group": {cluster(0, onDisk), nil, true},
			"where there is room":    {cluster(500000, onDisk), nil, false},
			"without kinds":          {cluster(0, onDisk), []string{noKinds}, false},
			"a file":                 {cluster(0, inFile), nil, false},
		} {
			if out := a.tell(t, "hcheck", c.text, c.words...); strings.Contains(out, lost) != c.lost {
				t.Errorf("%s:\n%s", name, out)
			}
		}
	})
	t.Run("hail", func(t *testing.T) {
		for name, c := range map[string]struct {
			free  int
			kind  string
			words []string
			wants string
		}{
			"hard disks":              {500000, hdd, nil, `"result":\["node[1-4]","node[1-4]"\]`},
			"no room there":           {0, hdd, nil, `"success":false,.*FailDisk: 56`},
			"room on the other":       {0, ssd, nil, `"success":true`},
			"a group that no one has": {500000, "lvm-vg/nvme", nil, `"success":false,.*FailDisk: 56`},
			"without kinds":           {0, hdd, []string{noKinds}, `"success":true`},
		} {
			if out := a.tell(t, "hail", request(t, c.free, c.kind), c.words...); !regexp.MustCompile(c.wants).MatchString(out) {
				t.Errorf("%s: %s", name, out)
			}
		}
	})
}

// request asks for the nodes of a mirrored instance with its disk on the given kind of storage, on the same nodes without instances.
func request(t *testing.T, free int, kind string) string {
	t.Helper()
	type object = map[string]any
	spec := func(n int) object {
		return object{"memory-size": n, "cpu-count": n, "disk-size": n, "disk-count": n, "nic-count": 0, "spindle-use": 1}
	}
	policy := object{
		"std": spec(1), "minmax": []object{{"min": spec(1), "max": spec(1 << 20)}}, "disk-templates": []string{"drbd"},
		"vcpu-ratio": 4, "spindle-ratio": 32,
	}
	nodes := object{}
	for n := 1; n <= 8; n++ {
		kinds := []object{{"kind": ssd, "total": 500000, "free": 400000}}
		if n <= 4 {
			kinds = append(kinds, object{"kind": hdd, "total": 900000, "free": free})
		}
		nodes[fmt.Sprintf("node%d", n)] = object{
			"tags": []string{}, "group": "g", "offline": false, "drained": false, "vm_capable": true,
			"ndparams":     object{"spindle_count": 1, "exclusive_storage": false},
			"total_memory": 65536, "reserved_memory": 512, "free_memory": 60000, "total_disk": 500000, "free_disk": 400000,
			"total_cpus": 16, "reserved_cpus": 1, "total_spindles": 0, "free_spindles": 0, "storage_kinds": kinds,
		}
	}
	text, err := json.Marshal(object{
		"cluster_tags": []string{}, "enabled_hypervisors": []string{"fake"}, "ipolicy": policy, "nodes": nodes, "instances": object{},
		"nodegroups": object{"g": object{"name": "default", "alloc_policy": "preferred", "networks": []string{}, "tags": []string{}, "ipolicy": policy}},
		"request": object{
			"type": "allocate", "name": "new", "required_nodes": 2, "memory": 1024, "vcpus": 1, "disk_template": "drbd", "spindle_use": 1,
			"tags": []string{}, "nics": []object{}, "disk_space_total": 10240,
			"disks": []object{{"size": 10240, "mode": "rw", "storage_kinds": object{kind: 10240}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
