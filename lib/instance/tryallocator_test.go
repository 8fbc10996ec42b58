package instance

import (
	"encoding/json"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/iallocator"
)

func TestRequestsOfAllocators(t *testing.T) {
	w := newWorld(t)
	cfg := w.cfg
	bridge, mac := "br0", "00:11:22:33:44:55"
	fresh := TryAllocator{Name: "new", Memory: 128, VCPUs: 1, OS: "noop", DiskTemplate: config.DTDRBD, Count: 2, Tags: []string{}, Hypervisor: "fake",
		Disks: []AllocatorDisk{{Size: 32, Mode: "rw"}}, NICs: []map[string]*string{{"mac": &mac, "bridge": &bridge}}}
	for mode, want := range map[string]string{
		AskAllocate: `"name":"new","disk_template":"drbd"`,
		AskMulti:    `"type":"multi-allocate"`,
	} {
		op := fresh
		op.Mode = mode
		request, template, hypervisor, err := (&tryAllocator{TryAllocator: op}).request(cfg)
		text, _ := json.Marshal(request)
		if err != nil || template != config.DTDRBD || hypervisor != "fake" || !strings.Contains(string(text), want) ||
			!strings.Contains(string(text), `"required_nodes":2`) || !strings.Contains(string(text), `"disk_space_total":160`) {
			t.Errorf("%s: %s, %v", mode, text, err)
		}
		if mode == AskMulti && (!strings.Contains(string(text), `"name":"new0"`) || !strings.Contains(string(text), `"name":"new1"`)) {
			t.Errorf("%s", text)
		}
	}
	for mode, want := range map[string]any{
		AskEvacuate:    iallocator.Evacuate{Instances: []string{"web"}, Mode: "all", Type: "node-evacuate"},
		AskChangeGroup: iallocator.ChangeGroup{Instances: []string{"web"}, Targets: []string{cfg.NodeGroups[0].UUID}, Type: "change-group"},
	} {
		op := &tryAllocator{TryAllocator: TryAllocator{Mode: mode, Instances: []string{"web"}, EvacMode: "all"}, instances: []*config.Instance{w.web()}}
		request, _, _, err := op.request(cfg)
		got, _ := json.Marshal(request)
		if text, _ := json.Marshal(want); err != nil || string(got) != string(text) {
			t.Errorf("%s, %v; want %s", got, err, text)
		}
	}
}

func TestAllocatorsAreNotTriedWithNothing(t *testing.T) {
	for want, op := range map[string]TryAllocator{
		"Missing allocator name":                {Direction: "out", Mode: AskAllocate, Name: "new"},
		"Instance 'web' already in the cluster": {Mode: AskAllocate, Name: "web"},
		"Request parameter 'disk_template' has invalid type <class 'NoneType'>/value None": {Mode: AskMulti, Name: "new"},
		"Instance 'nosuch' not known":                      {Mode: AskRelocate, Name: "nosuch"},
		"Missing instances":                                {Mode: AskEvacuate},
		"Invalid test allocator mode 'allocate-secondary'": {Mode: AskSecondary, Name: "web"},
	} {
		w := newWorld(t)
		if e := w.run(op); e.Err == nil || !strings.Contains(e.Err.Error(), want) {
			t.Errorf("%s: %v", want, e.Err)
		}
	}
}

func TestSecretParametersAreNotTold(t *testing.T) {
	w := newWorld(t)
	e := w.run(TestOSParams{OSParamsSecret: Private{"key": "geheim"}})
	if e.Err != nil || len(e.Messages) != 1 || e.Messages[0] != "Secret OS parameters: key (6 characters)" {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	if e := w.run(TestOSParams{}); e.Err == nil {
		t.Error("nothing to show, and no complaint")
	}
}
