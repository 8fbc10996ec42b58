package config

import (
	"encoding/json"
	"strings"
	"testing"

	"gantry/lib/unit"
)

// typed is one pair of bounds as --ipolicy-bounds-specs gives it.
func typed(t *testing.T, s string) []map[string]unit.Params {
	t.Helper()
	list, err := unit.ParseSpecs("--ipolicy-bounds-specs", s)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// smallBounds are those of a small cluster.
const smallBounds = "min:cpu-count=1,disk-count=0,disk-size=4,memory-size=64,nic-count=0,spindle-use=1/max:cpu-count=2,disk-count=4,disk-size=1024,memory-size=256,nic-count=2,spindle-use=2"

func TestPolicyOptionsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ bounds, want string }{
		"incomplete":       {"min:memory-size=64", "Missing parameters in ipolicy spec min: cpu-count, disk-count, disk-size, nic-count, spindle-use"},
		"another key":      {"foo:memory-size=64", "Invalid key in bounds instance specifications: foo"},
		"default":          {"default", "Invalid key in bounds instance specifications: default"},
		"no size":          {"min:memory-size=x,nosuch=1", "Invalid parameter memory-size (x) in min instance specs: Invalid format"},
		"no number":        {"min:cpu-count=x,nosuch=1", "'cpu-count' (value x) is not a valid integer"},
		"no bound so low":  {strings.Replace(smallBounds, "cpu-count=1", "cpu-count=99999999999999999999", 1), "Invalid instance policy: Invalid specification of min/max values for cpu-count: 99999999999999999999/2"},
		"no size so low":   {strings.Replace(smallBounds, "memory-size=64", "memory-size=99999999999999999999", 1), "Invalid instance policy: Invalid specification of min/max values for memory-size: 100000000000000000000/256"},
		"none so high":     {strings.Replace(smallBounds, "nic-count=2", "nic-count=99999999999999999999", 1), "'nic-count' (value 99999999999999999999) is not a valid integer"},
		"no size so high":  {strings.Replace(smallBounds, "disk-size=1024", "disk-size=99999999999999999999", 1), "'disk-size' (value 100000000000000000000) is not a valid size. error: Invalid format"},
		"unknown quantity": {"min:nosuch=1", "Unknown parameter 'nosuch'"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := PolicyOptions{Bounds: typed(t, tt.bounds)}.Policy()
			if err == nil || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestPolicyOptionsComeBackAsTyped(t *testing.T) {
	p, err := PolicyOptions{Bounds: typed(t, smallBounds+"//"+smallBounds)}.Policy()
	if want := " --ipolicy-bounds-specs " + smallBounds + "//" + smallBounds; err != nil || p.Options(false) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, p.Options(false), want)
	}
	p.Std = p.MinMax[0].Min
	if want := " --ipolicy-std-specs cpu-count=1,disk-count=0,disk-size=4,memory-size=64,nic-count=0,spindle-use=1"; p.Options(true) != want+p.Options(false) {
		t.Errorf("of a cluster: %s", p.Options(true))
	}
}

func TestAStandardBeyondAllBoundsIsRefused(t *testing.T) {
	_, err := PolicyOptions{Std: unit.Params{SpecMemory: "99999999999999999999"}}.Policy()
	if err == nil || err.Error() != "Invalid instance policy: Invalid std specifications" {
		t.Errorf("%v", err)
	}
}

func TestPolicyChange(t *testing.T) {
	ratio := 3.0
	own := IPolicy{MinMax: []MinMax{{}}, DiskTemplates: []string{DTPlain}, VCPURatio: &ratio}
	for name, tt := range map[string]struct {
		o          PolicyOptions
		json, want string
	}{
		"nothing":      {PolicyOptions{}, `{}`, `{"minmax":[{"min":null,"max":null}],"vcpu-ratio":3,"disk-templates":["plain"]}`},
		"all default":  {PolicyOptions{Bounds: typed(t, "default"), DiskTemplates: []string{Default}, VCPURatio: Default}, `{"minmax":[],"disk-templates":[],"vcpu-ratio":0}`, `{}`},
		"no templates": {PolicyOptions{DiskTemplates: []string{}}, `{"disk-templates":[]}`, `{"minmax":[{"min":null,"max":null}],"vcpu-ratio":3}`},
		"a value":      {PolicyOptions{SpindleRatio: 2.5}, `{"spindle-ratio":2.5}`, `{"minmax":[{"min":null,"max":null}],"spindle-ratio":2.5,"vcpu-ratio":3,"disk-templates":["plain"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := tt.o.Change()
			if err != nil {
				t.Fatal(err)
			}
			sent, _ := json.Marshal(c)
			got, _ := json.Marshal(own.Changed(c))
			if string(sent) != tt.json || string(got) != tt.want {
				t.Errorf("%s gives %s\nwant %s and %s", sent, got, tt.json, tt.want)
			}
		})
	}
}

func TestOnlyAGroupCanGiveAValueBack(t *testing.T) {
	for want, o := range map[string]PolicyOptions{
		"":               {VCPURatio: 2.0, DiskTemplates: []string{DTPlain}},
		"vcpu-ratio":     {VCPURatio: Default},
		"spindle-ratio":  {SpindleRatio: 0.0},
		"disk-templates": {DiskTemplates: []string{}},
	} {
		if got := o.Unset(); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}

func TestStates(t *testing.T) {
	hv, err := HVStates([]unit.Ident{{Name: "kvm", Params: unit.Params{"mem_hv": "6"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := HVStates([]unit.Ident{{Name: "kvm", Params: unit.Params{"nosuch": "4"}}}); err == nil || err.Error() != "Unknown parameter 'nosuch'" {
		t.Errorf("unknown parameter: %v", err)
	}
	merged := MergeState(map[string]Params{"kvm": {"mem_node": int64(5)}}, hv)
	if len(merged["kvm"]) != 2 || merged["kvm"].Int("mem_node") != 5 || merged["kvm"].Int("mem_hv") != 6 {
		t.Errorf("merged %v", merged)
	}
}
