package instance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job/jobtest"
)

// withNetwork connects a network of six addresses, the first of which is the gateway's, to the group, without a bridge.
func (w *world) withNetwork() *world {
	net := &config.Network{UUID: "net", Name: "net1", Network: "10.1.0.0/29", Gateway: "10.1.0.1", MACPrefix: "aa:bb:cc"}
	if err := net.InitPool(); err != nil {
		w.t.Fatal(err)
	}
	w.cfg.Networks = append(w.cfg.Networks, net)
	w.cfg.NodeGroups[0].Networks = map[string]config.Params{"net": {"mode": "routed", "link": "100", "vlan": ""}}
	return w
}

func inNetwork(ips ...string) func(op *Create) {
	return func(op *Create) {
		for _, ip := range ips {
			op.NICs = append(op.NICs, map[string]any{"network": "net1", "ip": ip})
		}
	}
}

func TestAddressesComeFromTheNetwork(t *testing.T) {
	w := newWorld(t).withOS("").withNetwork()
	e := w.run(newInstance("db", inNetwork("pool", "10.1.0.5", "none")))
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	want := []string{" - INFO: NIC/0 inherits netparams ['100', 'routed', '']", " - INFO: Chose IP 10.1.0.2 from network net1",
		" - INFO: NIC/1 inherits netparams ['100', 'routed', '']", " - INFO: NIC/2 inherits netparams ['100', 'routed', '']"}
	if !slices.Equal(e.Messages[:4], want) {
		t.Errorf("said %q, want %q", e.Messages[:4], want)
	}
	var got []string
	for _, nic := range w.cfg.InstanceByName("db").NICs {
		got = append(got, fmt.Sprint(nic.IP, nic.Network, nic.NICParams["link"], strings.HasPrefix(nic.MAC, "aa:bb:cc:")))
	}
	if want := []string{"10.1.0.2net100true", "10.1.0.5net100true", "net100true"}; !slices.Equal(got, want) {
		t.Errorf("interfaces %q, want %q", got, want)
	}
	if m := w.cfg.Networks[0].Map(); m != "XXX..X.X" || len(w.cfg.Reservations) > 0 {
		t.Errorf("the network is %s, reserved %v", m, w.cfg.Reservations)
	}
	if e := w.run(Remove{Name: "db", ShutdownTimeout: 1}); e.Err != nil || w.cfg.Networks[0].Map() != "XX.....X" {
		t.Errorf("after the end %s, %v", w.cfg.Networks[0].Map(), e.Err)
	}
}

func TestAddressesAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(op *Create)
		failure string
	}{
		"one that is taken":           {inNetwork("10.1.0.1"), "IP address 10.1.0.1 already in use or does not belong to network net1"},
		"one of another network":      {inNetwork("10.9.0.1"), "IP address 10.9.0.1 already in use or does not belong to network net1"},
		"one asked for twice":         {inNetwork("10.1.0.4", "10.1.0.4"), "IP address 10.1.0.4 already in use or does not belong to network net1"},
		"one that another job has":    {inNetwork("10.1.0.6"), "IP address 10.1.0.6 already in use or does not belong to network net1"},
		"more than there are":         {inNetwork("pool", "pool", "pool", "pool", "pool"), "Unable to get a free IP for NIC 4 from the address pool"},
		"an alone one in the net":     {func(op *Create) { op.NICs = []map[string]any{{"mode": "routed", "ip": "10.1.0.3"}} }, "The requested IP address (10.1.0.3) belongs to network net1, but the target NIC does not."},
		"a pool without a network":    {func(op *Create) { op.NICs = []map[string]any{{"ip": "pool"}} }, "if ip=pool, parameter network must be passed too"},
		"a mode beside the network":   {func(op *Create) { inNetwork("pool")(op); op.NICs[0]["mode"] = "routed" }, "If network is given, no mode or link is allowed to be passed"},
		"a network that is not there": {func(op *Create) { op.NICs = []map[string]any{{"network": "nosuch"}} }, "Network 'nosuch' not found"},
		"no address at all":           {func(op *Create) { op.NICs = []map[string]any{{"ip": "300.1.1.1"}} }, "Invalid IP address '300.1.1.1'"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withOS("").withNetwork()
			others := &config.Reservation{Job: 99, Network: "net", IP: "10.1.0.6"}
			w.cfg.Reservations = []*config.Reservation{others}
			e := w.run(newInstance("db", tt.change))
			if e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure) {
				t.Errorf("error %v, want one with %q", e.Err, tt.failure)
			}
			if m := w.cfg.Networks[0].Map(); m != "XX.....X" || w.cfg.InstanceByName("db") != nil {
				t.Errorf("the network is %s", m)
			}
		})
	}
}

// What a creation reserved that was refused later is free again for the next one.
func TestAddressesAreGivenBack(t *testing.T) {
	w := newWorld(t).withOS("").withNetwork()
	e := w.run(newInstance("db", func(op *Create) { inNetwork("pool")(op); op.OSType = "nosuch" }))
	if e.Err == nil || len(w.cfg.Reservations) > 0 {
		t.Fatalf("%v, reserved %v", e.Err, w.cfg.Reservations)
	}
	e = w.run(newInstance("db", inNetwork("pool")))
	if e.Err != nil || w.cfg.InstanceByName("db").NICs[0].IP != "10.1.0.2" {
		t.Errorf("%v, %+v", e.Err, w.cfg.InstanceByName("db"))
	}
}

// Whoever wants to disconnect the network sees them while the disks are being made.
func TestInterfacesAreReservedWithTheirNetworks(t *testing.T) {
	w := newWorld(t).withFiles().withNetwork()
	var reserved []string
	e := w.run(newInstance("db", func(op *Create) {
		inFiles(4)(op)
		inNetwork("none", "pool")(op)
		op.NICs = append(op.NICs, map[string]any{"mode": "routed", "ip": "10.9.0.1"})
	}),
		jobtest.Before(2, func(cfg *config.Config) {
			for _, r := range cfg.Reservations {
				if r.MAC != "" {
					reserved = append(reserved, r.Network+" "+r.IP)
				}
			}
		}))
	if e.Err != nil || !slices.Equal(reserved, []string{"net ", "net 10.1.0.2", " "}) {
		t.Errorf("%v, reserved %q", e.Err, reserved)
	}
}
