package creation

import (
	"encoding/json"
	"strings"
	"testing"

	"gantry/lib/instance"
	"gantry/lib/unit"
)

// typed is what the options of add were given.
func typed(t *testing.T, change func(w *Creation)) *Creation {
	t.Helper()
	w := &Creation{Op: instance.NewCreate()}
	w.Op.DiskTemplate = "file"
	change(w)
	return w
}

func idents(t *testing.T, option string, words ...string) []unit.Ident {
	t.Helper()
	var list []unit.Ident
	for _, word := range words {
		ident, err := unit.ParseIdent(option, word)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ident)
	}
	return list
}

func TestDisksAndInterfaces(t *testing.T) {
	for name, tt := range map[string]struct {
		disks, nics []string
		size        int
		want        string // disks, then interfaces, as JSON
	}{
		"a size alone":    {nil, nil, 32, `[{"size":32}] [{}]`},
		"two disks":       {[]string{"0:size=1g,name=root", "1:size=16m,mode=ro"}, nil, 0, `[{"name":"root","size":1024},{"mode":"ro","size":16}] [{}]`},
		"one left out":    {[]string{"1:size=32m"}, nil, 0, `[{},{"size":32}] [{}]`},
		"an adopted one":  {[]string{"0:adopt=/dev/disk/x"}, nil, 0, `[{"adopt":"/dev/disk/x","size":0}] [{}]`},
		"an interface":    {[]string{"0:size=4"}, []string{"0:ip=pool,network=net1"}, 0, `[{"size":4}] [{"ip":"pool","network":"net1"}]`},
		"the second only": {[]string{"0:size=4"}, []string{"1:link=br1"}, 0, `[{"size":4}] [{},{"link":"br1"}]`},
	} {
		w := typed(t, func(w *Creation) {
			w.disks, w.nics = idents(t, "--disk", tt.disks...), idents(t, "--net", tt.nics...)
			if tt.size > 0 {
				w.size = &tt.size
			}
		})
		if err := w.Complete(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		disks, _ := json.Marshal(w.Op.Disks)
		nics, _ := json.Marshal(w.Op.NICs)
		if got := string(disks) + " " + string(nics); got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestMistakesOfAdd(t *testing.T) {
	size := 32
	for want, change := range map[string]func(w *Creation){
		"No disk information specified":                   func(*Creation) {},
		"Please use either the '--disk' or '-s' option":   func(w *Creation) { w.size = &size; w.disks = idents(t, "--disk", "0:size=1") },
		"Diskless instance but disk information passed":   func(w *Creation) { w.Op.DiskTemplate = "diskless"; w.size = &size },
		"Missing size or adoption source for disk 0":      func(w *Creation) { w.disks = idents(t, "--disk", "0") },
		"Only one of 'size' and 'adopt' allowed (disk 0)": func(w *Creation) { w.disks = idents(t, "--disk", "0:size=1,adopt=x") },
		"Unknown unit: X": func(w *Creation) { w.disks = idents(t, "--disk", "0:size=10X") },
		"Invalid disk index passed: invalid literal for int() with base 10: 'x'": func(w *Creation) { w.disks = idents(t, "--disk", "x:size=1") },
		"Invalid disk index passed: 1000000000":                                  func(w *Creation) { w.disks = idents(t, "--disk", "1000000000:size=1") },
		"Invalid NIC index passed: -1":                                           func(w *Creation) { w.nics = idents(t, "--net", "-1:link=br0") },
		"Unknown parameter 'nosuch'":                                             func(w *Creation) { w.nics = idents(t, "--net", "0:nosuch=1") },
		"'memory' (value lots) is not a valid size": func(w *Creation) {
			w.size, w.backend = &size, unit.Params{"memory": "lots"}
		},
	} {
		if err := typed(t, change).Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestNodesAndTags(t *testing.T) {
	size, tags := 32, "web,db:main"
	w := typed(t, func(w *Creation) { w.size, w.tags, w.node = &size, &tags, new("node1:node2") })
	if err := w.Complete(); err != nil || w.Op.PNode != "node1" || w.Op.SNode != "node2" || strings.Join(w.Op.Tags, " ") != "web db:main" {
		t.Errorf("%+v, %v", w.Op, err)
	}
}

// What Ganeti's daemons do not even take into the queue makes no job.
func TestWellFormed(t *testing.T) {
	op := instance.NewCreate()
	op.Hypervisor = "nosuchhv"
	want := `Failed to parse request: SubmitJob: Can't parse value for 'hypervisor': Invalid string value for type Hypervisor: "nosuchhv"`
	if err := op.WellFormed(); err == nil || err.Error() != want {
		t.Error(err)
	}
}

// A script whose variable is empty must not have an allocator choose.
func TestAnEmptyNodeIsRefused(t *testing.T) {
	size := 16
	for node, want := range map[string]string{"": "'pnode'", ":node2": "'pnode'", "node1:": "'snode'", "node1": "", "node1:node2:node3": ""} {
		err := typed(t, func(w *Creation) { w.node, w.size = &node, &size }).Complete()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("-n %q: %v", node, err)
		}
	}
}

func TestAnEmptyHypervisorIsNotTheDefaultOne(t *testing.T) {
	size := 16
	err := typed(t, func(w *Creation) { w.hypervisor, w.size = &unit.Ident{}, &size }).Complete()
	if want := `Failed to parse request: SubmitJob: Can't parse value for 'hypervisor': Invalid string value for type Hypervisor: ""`; err == nil || err.Error() != want {
		t.Error(err)
	}
}
