package instance

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// guests imitates kvm on the nodes of a world: qemu's word for what web does on each.
type guests map[string]string

// run is a command of a node; handled is false for those that have nothing to do with qemu.
func (g guests) run(node string, c remote.Cmd) (out string, handled bool) {
	is := func(name string) bool { return len(c.Argv) > 2 && strings.Contains(c.Argv[2], "\n# "+name+".sh") }
	switch {
	case is("state") && g[node] == "":
		return "=== pids\n=== down\n=== commands\n", true
	case is("state"):
		return kvmState(g[node]), true
	case is("stop"):
		delete(g, node)
		return "", true
	case is("ifup") && c.Argv[4] == "up":
		g["routes of "+node] = c.Env["IP"] + " on " + c.Argv[5]
		return c.Argv[5] + " 0", true
	case is("cleanup"), is("ifdown"):
		return "", true
	case is("qmp") && strings.Contains(string(c.Stdin), "migrate_cancel"):
		if strings.Contains(string(c.Stdin), "cont") {
			g[node] = "running"
		}
		return "{\"QMP\": {}}\n" + strings.Repeat("{\"return\": {}}\n", strings.Count(string(c.Stdin), "\n")), true
	case is("qmp") && strings.Contains(string(c.Stdin), "query-pci"):
		return "{\"QMP\": {}}\n{\"return\": {}}\n" + strings.Repeat("{\"return\": []}\n", 2), true
	case is("qmp") && strings.Contains(string(c.Stdin), "device_del") && g["kept by "+node] != "":
		return "{\"QMP\": {}}\n{\"return\": {}}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"" + g["kept by "+node] + "\"}}\n", true
	case is("qmp") && strings.Contains(string(c.Stdin), "_del"):
		return "{\"QMP\": {}}\n" + strings.Repeat("{\"return\": {}}\n", strings.Count(string(c.Stdin), "\n")), true
	case is("qmp"):
		return migrating(g["transfer from "+node]), true
	}
	return "", false
}

// kvmWorld is a world in which web is a guest of kvm that does this on the nodes.
func kvmWorld(t *testing.T, doing guests) *world {
	w := newWorld(t)
	w.guests = doing
	w.cfg.Cluster.EnabledHypervisors = []string{config.HVKVM}
	w.web().Hypervisor = config.HVKVM
	return w
}

// died marks node1 as off; node3 is the master then.
func (w *world) died() *world {
	w.cfg.Node("n1").Offline, w.cfg.Cluster.MasterNode, w.off["node1"] = true, "n3", true
	return w
}

// The source of a migration was the master and is gone, and so is all that it had written of it.
func TestWhatWaitsForASourceThatIsGoneIsEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		doing         guests
		died, cleanup bool
		failure       string
		left          guests
		primary       string
	}{
		"failover":                          {guests{"node2": kvm.Waiting}, true, false, "", guests{}, "n2"},
		"failover, the guest has arrived":   {guests{"node2": "running"}, true, false, "Instance web runs on node node2 already", guests{"node2": "running"}, "n1"},
		"failover, it does not say":         {guests{"node2": "?"}, true, false, "Instance web runs on node node2 already", guests{"node2": "?"}, "n1"},
		"failover, the source is there":     {guests{"node1": "running", "node2": kvm.Waiting}, false, false, "runs on node node2 already", guests{"node1": "running", "node2": kvm.Waiting}, "n1"},
		"cleanup":                           {guests{"node2": kvm.Waiting}, true, true, "not seem to be running at all", guests{}, "n1"},
		"cleanup, the guest has arrived":    {guests{"node2": "running"}, true, true, "", guests{"node2": "running"}, "n2"},
		"cleanup, the source came back":     {guests{"node2": kvm.Waiting}, false, true, "not seem to be running at all", guests{}, "n1"},
		"cleanup, the source runs it":       {guests{"node1": "running", "node2": kvm.Waiting}, false, true, "", guests{"node1": "running"}, "n1"},
		"cleanup, the source has sent it":   {guests{"node1": kvm.Left, "node2": kvm.Waiting}, false, true, "the guest has arrived", guests{"node1": kvm.Left, "node2": kvm.Waiting}, "n1"},
		"cleanup, nobody says what he does": {guests{"node1": "?", "node2": "?"}, false, true, "running on two nodes", guests{"node1": "?", "node2": "?"}, "n1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := kvmWorld(t, maps.Clone(tt.doing))
			if tt.died {
				w.died()
			}
			op := job.Operation(Failover{Name: "web", TargetNode: "node2"})
			if tt.cleanup {
				op = Migrate{Name: "web", TargetNode: "node2", Cleanup: true}
			}
			e := w.run(op)
			if tt.failure == "" && e.Err != nil || tt.failure != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure)) {
				t.Errorf("%v, want %q", e.Err, tt.failure)
			}
			if !maps.Equal(w.guests, tt.left) || w.web().PrimaryNode != tt.primary {
				t.Errorf("left %v, it belongs to %s", w.guests, w.web().PrimaryNode)
			}
		})
	}
}

// It is looked at once more before anything is ended: the guest may have arrived meanwhile.
func TestOnlyWhatStillWaitsIsEnded(t *testing.T) {
	for status, failure := range map[string]string{"running": "Instance web runs on node node2", "": "Instance web runs on node node2"} {
		travel := kvmTravel(remotetest.New(t).Answer("node2: state.sh web", kvmState(status)))
		o := relocation{onOne: onOne{env: travel.env, inst: travel.inst}, target: travel.target}
		if err := o.endWaiting(t.Context()); err == nil || err.Error() != failure {
			t.Errorf("%q: %v", status, err)
		}
	}
}

// The next job finds the guest where it has arrived, and the node that it has left is off.
func TestAGuestThatHasLeftADeadNodeIsFollowed(t *testing.T) {
	w := newWorld(t).running("node2").died()
	if err := w.resolve("node2: starts instance web"); err != nil || w.web().PrimaryNode != "n2" {
		t.Errorf("%v, it belongs to %s", err, w.web().PrimaryNode)
	}
}

// A job that was killed while an interface was removed leaves nothing open for ever.
func TestEveryIntentOfARemovedDeviceIsResolved(t *testing.T) {
	for _, change := range []string{"removes device nic-two from instance web", "removes a network interface of instance web", "forgets a network interface of instance web", "removes a device from instance web"} {
		w := kvmWorld(t, guests{"node1": "running"})
		if Resolvers()[strings.Fields(change)[0]] == nil {
			t.Errorf("nobody resolves %q", change)
			continue
		}
		w.write(filepath.Join("node1", "kvm-hypervisor", "conf", "web.runtime"), `[["kvm"], [], {}, []]`, 0o600)
		if err := w.resolve("node1: removes device nic-two from instance web", "node1: "+change); err != nil {
			t.Errorf("%s: %v", change, err)
		}
		w = kvmWorld(t, guests{"node1": "running"}) // the runtime file is lost
		if err := w.resolve("node1: " + change); strings.Contains(change, "nic-two") != (err != nil) {
			t.Errorf("%s without a runtime file: %v", change, err)
		}
	}
}

// A job that was killed while it changed interface nic1 of a running guest, which is taken out and put back.
func TestADeviceThatWasBeingAddedIsWithdrawn(t *testing.T) {
	const (
		brings  = "node1: brings up network interface 0 of instance web"
		adds    = "node1: adds device nic-nic1 to instance web"
		removes = "node1: removes device nic-nic1 from instance web"
		sweeps  = "node1: removes network interfaces of instance web"
		without = `[["kvm"], [], {}, []]`
		with    = `[["kvm"], [{"uuid": "nic1", "mac": "aa:00:00:00:00:01", "nicparams": {}, "hvinfo": {"driver": "virtio-net-pci", "id": "nic-nic1"}}], {}, []]`
		said    = "The guest of instance web does not have network interface 0; 'gnt-instance reboot web' gives it back"
	)
	for name, tt := range map[string]struct {
		runtime string
		inst    bool // the configuration has it
		changes []string
		begun   []string // the beginning of it
		warned  bool
	}{
		"a new one":              {without, false, []string{brings, adds}, []string{removes, "node1: removes a device from instance web", sweeps}, false},
		"a changed one":          {without, true, []string{removes, brings, adds}, []string{removes, "node1: removes a device from instance web", sweeps}, true},
		"only its tap is made":   {without, false, []string{brings}, []string{sweeps}, false},
		"a changed one is there": {with, true, []string{brings, adds}, []string{sweeps}, false},
		"one that is not kept":   {with, false, []string{brings, adds}, []string{removes, "node1: removes a device from instance web", "node1: removes a network interface of instance web"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := kvmWorld(t, guests{"node1": "running"})
			w.ran = Modify{}.OpID()
			if tt.inst {
				w.web().NICs = []config.NIC{{UUID: "nic1", MAC: "aa:00:00:00:00:01"}}
			}
			w.write("node1/kvm-hypervisor/conf/web.runtime", tt.runtime, 0o600)
			w.write("node1/kvm-hypervisor/nic/web/0", "tap3", 0o600)
			e := w.resolved(tt.changes...)
			if e.Err != nil || len(w.begun) < len(tt.begun) || !slices.Equal(w.begun[:len(tt.begun)], tt.begun) {
				t.Errorf("%v, did %q, want %q", e.Err, w.begun, tt.begun)
			}
			if warned := strings.Contains(strings.Join(e.Messages, "\n"), said); warned != tt.warned {
				t.Errorf("said %q", e.Messages)
			}
		})
	}
}

// What is behind a disk that the guest does not let go of stays, and who wants to end the guest need not wait for it.
func TestTheFileOfADiskThatAGuestKeepsStays(t *testing.T) {
	for kept, left := range map[string]int{"in the process of unplug": 1, "": 0} {
		w := kvmWorld(t, guests{"node1": "running", "kept by node1": kept})
		w.ran = Modify{}.OpID()
		w.write("node1/kvm-hypervisor/conf/web.runtime", `[["kvm"], [], {}, []]`, 0o600)
		w.write("disk", "", 0o600)
		err := w.resolve("node1: creates file "+w.dir+"/disk", "node1: adds device disk-1 to instance web")
		if (err != nil) != (kept != "") || err != nil && !(strings.Contains(err.Error(), kept) && strings.Contains(err.Error(), job.ErrLater.Error())) {
			t.Errorf("%q: %v", kept, err)
		}
		if files, _ := filepath.Glob(w.dir + "/disk"); len(files) != left {
			t.Errorf("%q: left %v, want %d", kept, files, left)
		}
	}
}

// The job that had made the tap devices is gone: their names stand on the target.
func TestRoutedInterfacesAreConfiguredByACleanup(t *testing.T) {
	const runtime = `[["kvm"], [{"uuid": "u1", "mac": "aa:00:00:00:00:01", "ip": "198.51.100.7", "nicparams": {"mode": "routed", "link": "main"}}], {}, []]`
	for name, tt := range map[string]struct {
		taps   string
		died   bool
		warned bool
		want   string
	}{
		"from the source":    {"tap3", false, false, "198.51.100.7 on tap3"},
		"the source is gone": {"tap4", true, false, "198.51.100.7 on tap4"},
		"no tap":             {"", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := kvmWorld(t, guests{"node1": kvm.Left, "node2": "running"})
			w.web().NICs = []config.NIC{{UUID: "u1", MAC: "aa:00:00:00:00:01", IP: "198.51.100.7", NICParams: config.Params{"mode": "routed", "link": "main"}}}
			w.write("node1/kvm-hypervisor/conf/web.runtime", runtime, 0o600)
			w.write("node2/kvm-hypervisor/conf/other.runtime", "", 0o600)
			if tt.taps != "" {
				w.write("node2/kvm-hypervisor/nic/web/0", tt.taps, 0o600)
			}
			if tt.died {
				w.died()
			}
			e := w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true})
			warned := strings.Contains(strings.Join(e.Messages, "\n"), "it has 1 interfaces there, and 0 tap devices are known")
			if e.Err != nil || warned != tt.warned || w.web().PrimaryNode != "n2" {
				t.Errorf("%v, it belongs to %s, messages %q", e.Err, w.web().PrimaryNode, e.Messages)
			}
			if got := w.guests["routes of node2"]; got != tt.want {
				t.Errorf("configured %q, want %q", got, tt.want)
			}
		})
	}
}

// A guest that was paused to be migrated and whose target is gone goes on where it was, once a person has said that the target is off.
func TestACleanupLetsAGuestGoOnWhoseTargetIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		doing   guests
		offline bool
		failure string
		status  string
	}{
		"the transfer failed":       {guests{"node1": "paused", "transfer from node1": "failed"}, true, "", "running"},
		"nobody says that it is":    {guests{"node1": "paused", "transfer from node1": "failed"}, false, "Can't contact node node2", "paused"},
		"it was paused before":      {guests{"node1": "paused"}, true, "", "paused"},
		"it has given itself away":  {guests{"node1": kvm.Left, "transfer from node1": "completed"}, true, "not seem to be running at all", kvm.Left},
		"it runs on":                {guests{"node1": "running", "transfer from node1": "cancelled"}, true, "", "running"},
		"it came by an earlier one": {guests{"node1": "running", "transfer from node1": "completed"}, true, "", "running"},
	} {
		t.Run(name, func(t *testing.T) {
			w := kvmWorld(t, maps.Clone(tt.doing))
			w.cfg.Node("n2").Offline, w.off["node2"] = tt.offline, true
			e := w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true})
			if tt.failure == "" && e.Err != nil || tt.failure != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure)) {
				t.Errorf("%v, want %q", e.Err, tt.failure)
			}
			if w.guests["node1"] != tt.status || w.web().PrimaryNode != "n1" {
				t.Errorf("it is %q and belongs to %s", w.guests["node1"], w.web().PrimaryNode)
			}
		})
	}
}
