package main

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/instance"
	"gantry/lib/table"
)

// shown is an instance as info prints it, without its hypervisor parameters.
func shown(t *testing.T, v view) string {
	t.Helper()
	var b strings.Builder
	if err := table.Info(&b, []any{v.pairs()}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestInfo(t *testing.T) {
	cfg := small()
	inst := cfg.InstanceByName("db.example.com")
	inst.AdminState, inst.OS, inst.Hypervisor, inst.BEParams = config.AdminUp, "noop", config.HVFake, config.Params{"vcpus": int64(2)}
	inst.NICs = []config.NIC{{UUID: "nic", MAC: "aa:00:00:00:00:01", NICParams: config.Params{"mode": "bridged", "link": "br0", "vlan": ""}}}
	cfg.Disks = []*config.Disk{{UUID: "d", DevType: config.DTPlain, LogicalID: config.LogicalID{"vg", "lv"}, IVName: "disk/0", Size: 2048, Mode: "rw"}}
	text := shown(t, view{cfg, inst, instance.Seen{State: "down", Disks: map[string]instance.Device{"d": {Path: "/dev/vg/lv", Block: true, Major: 254, Minor: 3}}}, true})
	for _, line := range []string{
		"- Instance name: db.example.com\n", "  State: configured to be up, actual state is down\n",
		"    - primary: node2.example.com\n      group: default (UUID g)\n    - secondaries: \n", "  Allocated network port: None\n",
		"    maxmem: default (128)\n    memory: default (128)\n", "    vcpus: 2\n", "    - nic/0: \n      MAC: aa:00:00:00:00:01\n      IP: None\n",
		"    - disk/0: plain, size 2.0G\n      access mode: rw\n      logical_id: vg/lv\n      on primary: /dev/vg/lv (254:3)\n      name: None\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("lacks %q:\n%s", line, text)
		}
	}
}

func TestInfoOfMirroredDisk(t *testing.T) {
	cfg := small()
	text := shown(t, view{cfg: cfg, inst: cfg.InstanceByName("db.example.com")})
	for _, line := range []string{"    - secondaries: node1.example.com (group default, group UUID g)\n", "      nodeA: node2.example.com, minor=0\n      nodeB: node1.example.com, minor=0\n      port: 11000\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("lacks %q:\n%s", line, text)
		}
	}
	if strings.Contains(text, "actual state") || strings.Contains(text, "on primary") {
		t.Errorf("says what nobody asked:\n%s", text)
	}
}

func TestDisplay(t *testing.T) {
	for bound, want := range map[string]string{
		"": "", "0.0.0.0": "vnc to node2.example.com:11000 (display 5100)",
		"127.0.0.1": "vnc to 127.0.0.1:11000 (node node2.example.com) (display 5100)", "/run/vnc": "vnc to node2.example.com:/run/vnc",
	} {
		cfg := small()
		inst := cfg.InstanceByName("db.example.com")
		inst.NetworkPort = 11000
		if got := (view{cfg: cfg, inst: inst}).display(config.Params{"vnc_bind_address": bound}); got != want {
			t.Errorf("%q: %q, want %q", bound, got, want)
		}
	}
}
