package kvm

import (
	"slices"
	"testing"

	"gantry/lib/config"
)

func TestGuestOf(t *testing.T) {
	net := &config.Network{UUID: "n1", Name: "net1"}
	disk := &config.Disk{UUID: "d1", DevType: "file", Size: 32, Mode: "rw"}
	inst := &config.Instance{UUID: "i1", Name: "web", Hypervisor: "kvm", NetworkPort: 11000, Disks: []string{"d1"},
		HVParams: config.Params{"acpi": false}, BEParams: config.Params{"vcpus": int64(4)},
		NICs: []config.NIC{{UUID: "x", MAC: "aa:00:00:00:00:01", Network: "n1", NICParams: config.Params{"link": "br7"}}}}
	cfg := &config.Config{Instances: []*config.Instance{inst}, Disks: []*config.Disk{disk}, Networks: []*config.Network{net},
		Cluster: config.Cluster{PrimaryIPFamily: 10, HVParams: map[string]config.Params{"kvm": {"disk_cache": "none"}},
			BEParams: map[string]config.Params{"default": {"maxmem": int64(512), "minmem": int64(256)}}}}
	g := GuestOf(cfg, inst)
	if g.VCPUs != 4 || g.MaxMem != 512 || g.MinMem != 256 || g.Port != 11000 || g.IPFamily != 6 {
		t.Errorf("%+v", g)
	}
	if g.HV.Bool("acpi") || g.HV.String("disk_cache") != "none" || g.HV.String("kvm_path") != "/usr/bin/kvm" {
		t.Errorf("hv %v", g.HV)
	}
	if g.Disks[0].Link != "/var/run/ganeti/instance-disks/web:0" || g.Disks[0].Size != 32 {
		t.Errorf("disk %+v", g.Disks[0])
	}
	if n := g.NICs[0]; n.NICParams.String("mode") != "bridged" || n.NICParams.String("link") != "br7" || n.NetInfo != net {
		t.Errorf("NIC %+v", n)
	}
	if inst.NICs[0].NICParams["mode"] != nil {
		t.Error("the configuration was changed")
	}
}

func TestPoolOf(t *testing.T) {
	if got := PoolOf([]config.UIDRange{{5002, 5003}, {4000, 4000}, {5003, 5004}}); !slices.Equal(got, []int64{4000, 5002, 5003, 5004}) {
		t.Errorf("%v", got)
	}
}
