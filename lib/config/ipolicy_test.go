package config

import (
	"reflect"
	"slices"
	"testing"
)

func TestPolicyViolationsAreGanetis(t *testing.T) {
	recorded := recordedConfig(t).ClusterPolicy()
	builtIn := DefaultIPolicy()
	big := builtIn.Clone()
	big.MinMax = append(big.MinMax, MinMax{Min: ISpec{SpecMemory: 65536, SpecCPUs: 1, SpecDiskCount: 1, SpecDiskSize: 1024, SpecNICs: 1, SpecSpindles: 1},
		Max: ISpec{SpecMemory: 99999, SpecCPUs: 8, SpecDiskCount: 16, SpecDiskSize: 1048576, SpecNICs: 8, SpecSpindles: 12}})
	plain := []DiskSizing{{1024, DTPlain}}
	for name, tt := range map[string]struct {
		policy IPolicy
		size   Sizing
		want   []string
	}{
		"fits":   {builtIn, Sizing{128, 1, 1, 1, plain, nil}, nil},
		"memory": {recorded, Sizing{16, 1, 1, 1, nil, nil}, []string{"memory-size value 16 is not in range [32, 32768]"}},
		"memory beyond all numbers": {recorded, SizingOf(Params{"maxmem": Long("99999999999999991611392"), "vcpus": int64(1), "spindle_use": int64(1)}),
			[]string{"memory-size value 99999999999999991611392 is not in range [32, 32768]"}},
		"processors below all numbers": {recorded, SizingOf(Params{"maxmem": int64(128), "vcpus": Long("-99999999999999999999999"), "spindle_use": int64(1)}),
			[]string{"cpu-count value -99999999999999999999999 is not in range [1, 16]"}},
		"processors":                  {recorded, Sizing{128, 99, 1, 1, nil, nil}, []string{"cpu-count value 99 is not in range [1, 16]"}},
		"disk size":                   {recorded, Sizing{128, 1, 1, 1, []DiskSizing{{32, DTFile}, {0, DTFile}}, nil}, []string{"disk-size/1 value 0 is not in range [4, 1048576]"}},
		"template":                    {recorded, Sizing{128, 1, 1, 1, plain, nil}, []string{"Disk template plain is not allowed (allowed templates: ext, file, sharedfile, blockdev, diskless)"}},
		"diskless too":                {builtIn, Sizing{64, 0, 0, 0, nil, nil}, []string{"memory-size value 64 is not in range [128, 32768]", "cpu-count value 0 is not in range [1, 8]", "nic-count value 0 is not in range [1, 8]", "spindle-use value 0 is not in range [1, 12]"}},
		"the nearest of two bounds":   {big, Sizing{500, 99, 1, 1, plain, nil}, []string{"cpu-count value 99 is not in range [1, 8]"}},
		"the first of two equal ones": {big, Sizing{50000, 1, 1, 1, plain, nil}, []string{"memory-size value 50000 is not in range [128, 32768]"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.policy.Violations(tt.size); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	few := MinMax{Min: ISpec{SpecDiskSize: 16}, Max: ISpec{SpecDiskSize: 64, SpecDiskCount: 1, SpecCPUs: 1}}
	ratio := 2.5
	narrow := IPolicy{MinMax: []MinMax{few}, DiskTemplates: []string{DTFile}, VCPURatio: &ratio}
	two := []DiskSizing{{16, DTFile}, {96, DTFile}}
	of := []string{"disk-size/1 value 96 is not in range [16, 64]", "disk-count value 2 is not in range [0, 1]"}
	if got := narrow.Violations(Sizing{0, 2, 0, 0, two, nil}); !slices.Equal(got, append([]string{"cpu-count value 2 is not in range [0, 1]"}, of...)) {
		t.Errorf("in Ganeti's order: %q", got)
	}
	if got := narrow.DiskViolations(two); !slices.Equal(got, of) {
		t.Errorf("of the disks alone: %q", got)
	}
	if got := narrow.Dict().String(); got != "{'minmax': [{'min': {'disk-size': 16}, 'max': {'disk-size': 64, 'disk-count': 1, 'cpu-count': 1}}], 'vcpu-ratio': 2.5, 'disk-templates': ['file']}" {
		t.Errorf("shown as %s", got)
	}
	only := builtIn.Clone()
	only.DiskTemplates = []string{DTPlain}
	if got := only.Violations(Sizing{128, 1, 1, 1, nil, nil}); !slices.Equal(got, []string{"Disk template diskless is not allowed (allowed templates plain)"}) {
		t.Errorf("diskless: %q", got)
	}
	if got := recorded.DiskViolations([]DiskSizing{{1023999104, DTFile}}); !slices.Equal(got, []string{"disk-size/0 value 1023999104 is not in range [4, 1048576]"}) {
		t.Errorf("growing: %q", got)
	}
}

func TestWrongPoliciesAreNamedInGanetisWords(t *testing.T) {
	change := func(f func(*IPolicy)) IPolicy { p := DefaultIPolicy(); f(&p); return p }
	for want, p := range map[string]IPolicy{
		"":                              DefaultIPolicy(),
		"Empty minmax specifications":   change(func(p *IPolicy) { p.MinMax = []MinMax{} }),
		"Invalid std specifications":    change(func(p *IPolicy) { p.Std[SpecDiskSize] = 1 }),
		"Invalid disk template(s) x, y": change(func(p *IPolicy) { p.DiskTemplates = []string{"x", "plain", "y"} }),
		"Missing instance specification: max, min":                                change(func(p *IPolicy) { p.MinMax = []MinMax{{}} }),
		"Missing instance specs parameters for min: memory-size":                  change(func(p *IPolicy) { delete(p.MinMax[0].Min, SpecMemory) }),
		"Missing instance specs parameters for std: disk-size":                    change(func(p *IPolicy) { delete(p.Std, SpecDiskSize) }),
		"Invalid specification of min/max values for memory-size: 99999999/32768": change(func(p *IPolicy) { p.MinMax[0].Min[SpecMemory] = 99999999 }),
		"Instance policy must contain at least one disk template":                 change(func(p *IPolicy) { p.DiskTemplates = []string{} }),
	} {
		got := ""
		if err := p.Check(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAGroupsPolicyFillsFromTheClusters(t *testing.T) {
	c := recordedConfig(t)
	ratio := 2.0
	g := c.NodeGroups[0]
	g.IPolicy = IPolicy{VCPURatio: &ratio, DiskTemplates: []string{DTPlain}}
	p := c.InstancePolicy(g)
	if *p.VCPURatio != 2 || *p.SpindleRatio != 32 || !reflect.DeepEqual(p.DiskTemplates, []string{DTPlain}) || p.MinMax[0].Max[SpecCPUs] != 16 {
		t.Errorf("policy %+v", p)
	}
	p.MinMax[0].Max[SpecCPUs] = 0
	if c.ClusterPolicy().MinMax[0].Max[SpecCPUs] != 16 {
		t.Error("changing the filled policy changed the cluster's")
	}
}

func TestAnInstancesSizingIsWhatThePolicySees(t *testing.T) {
	c := recordedConfig(t)
	got := c.Sizing(c.InstanceByName("inst1.example.com"))
	if want := (Sizing{Memory: 128, CPUs: 1, NICs: 1, Spindles: 1, Disks: []DiskSizing{{32, DTFile}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
