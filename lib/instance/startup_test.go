package instance

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/kvm"
	"gantry/lib/remote/remotetest"
)

var nowhere = []string{}

func TestStartup(t *testing.T) {
	w := newWorld(t)
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node1"}, "node1 up disks=true")
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node1"}, "node1 up disks=true") // again makes no difference
}

func TestStartupTellsHooks(t *testing.T) {
	w := newWorld(t)
	w.web().PrimaryNode = "n2"
	e := w.run(Startup{Name: "web", Force: true})
	var seen []string
	for _, h := range e.Hooks {
		seen = append(seen, h.Node+" "+h.Dir+" FORCE="+h.Env["GANETI_FORCE"]+h.Env["GANETI_POST_INSTANCE_STATUS"])
	}
	want := []string{"node1 instance-start-pre.d FORCE=True", "node2 instance-start-pre.d FORCE=True",
		"node1 instance-start-post.d FORCE=Trueup", "node2 instance-start-post.d FORCE=Trueup", "node1 config-update-post.d FORCE=True"}
	if !slices.Equal(seen, want) {
		t.Errorf("hooks: %q, want %q", seen, want)
	}
}

func TestStartupWithoutRemembering(t *testing.T) {
	w := newWorld(t)
	w.expect(w.run(Startup{Name: "web", NoRemember: true}), "", []string{"node1"}, "node1 down disks=false")
}

func TestStartupTakesParametersForOnce(t *testing.T) {
	w := newWorld(t)
	e := w.run(Startup{Name: "web", BEParams: config.Params{"memory": "96"}})
	w.expect(e, "", []string{"node1"}, "node1 up disks=true")
	if be := w.web().BEParams; len(be) > 0 {
		t.Errorf("kept: %v", be)
	}
	s, err := stateOf(t.Context(), w, w.web(), "node1")
	if err != nil || s.Memory != 96 {
		t.Errorf("memory %d, %v", s.Memory, err)
	}
}

// Nothing is started, and nothing noted, when the instance runs elsewhere or nobody can tell.
func TestStartupNeedsProof(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(w *world)
		failure string
		where   []string
	}{
		"it runs elsewhere":             {func(w *world) { w.put("node3") }, "Instance web runs on node node3", []string{"node3"}},
		"another node does not answer":  {func(w *world) { w.off["node2"] = true }, "Cannot prove that instance web does not run on node node2", nowhere},
		"its own node does not answer":  {func(w *world) { w.off["node1"] = true }, "Error checking node node1", nowhere},
		"it is marked offline":          {func(w *world) { w.web().AdminState = config.AdminOffline }, "Instance 'web' is marked to be offline, can't use instance from outside down, up states", nowhere},
		"its node is marked offline":    {func(w *world) { w.cfg.Node("n1").Offline = true }, "Can't use offline node: node1", nowhere},
		"there is not enough memory":    {func(w *world) { w.web().BEParams = config.Params{"minmem": int64(1 << 30)} }, "Not enough memory on node node1 for starting instance web", nowhere},
		"there is no such parameter":    {nil, "Unknown parameter 'nosuch'", nowhere},
		"this is not the master at all": {nil, "another master", nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			op := Startup{Name: "web"}
			var options []jobtest.Option
			switch {
			case tt.prepare != nil:
				tt.prepare(w)
			case strings.Contains(tt.failure, "nosuch"):
				op.BEParams = config.Params{"nosuch": "1"}
			default:
				options = append(options, jobtest.Fenced(errors.New("there is another master")))
			}
			state := w.web().AdminState
			w.expect(w.run(op, options...), tt.failure, tt.where, "node1 "+state+" disks=false")
			if len(w.begun) > 0 {
				t.Errorf("changed: %q", w.begun)
			}
		})
	}
}

// A node that a person has declared off proves nothing, and need not.
func TestStartupPassesOverOfflineNodes(t *testing.T) {
	w := newWorld(t)
	w.off["node2"], w.cfg.Node("n2").Offline = true, true
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node1"}, "node1 up disks=true")
}

// The disks are given up and the instance is marked as before: otherwise the watcher would try for ever what a person has seen fail.
func TestFailedStartupGoesBackToWhatWasWanted(t *testing.T) {
	w := newWorld(t)
	w.mends["node1: starts instance web"] = refused
	e := w.run(Startup{Name: "web"})
	w.expect(e, "Could not start instance 'web'", nowhere, "node1 down disks=false")
	if want := " - INFO: Instance web could not be started, it is marked down again"; !slices.Contains(e.Messages, want) {
		t.Errorf("messages %q", e.Messages)
	}
}

// Nobody knows that it does not run: the wish stays noted with the open intent.
func TestStartupThatNobodyKnowsTheEndOfStaysWanted(t *testing.T) {
	w := newWorld(t)
	w.mends["node1: starts instance web"] = vanished
	w.expect(w.run(Startup{Name: "web"}), "It is not known whether", nowhere, "node1 up disks=true")
}

// An instance that was to run before the failed start is still to run.
func TestFailedStartupKeepsTheWish(t *testing.T) {
	w := newWorld(t)
	w.web().AdminState = config.AdminUp
	w.mends["node1: starts instance web"] = refused
	w.expect(w.run(Startup{Name: "web"}), "Could not start instance 'web'", nowhere, "node1 up disks=false")
}

// When nobody knows whether it was started the node is asked. Its word counts if it says yes; a no may be too early.
func TestStartupOfUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	w.mends["node1: starts instance web"] = unheard
	e := w.run(Startup{Name: "web"})
	w.expect(e, "", []string{"node1"}, "node1 up disks=true")
	for _, in := range e.Job.Intents {
		if in.Open() {
			t.Errorf("left open: %s", in.Changes)
		}
	}

	w = newWorld(t)
	w.mends["node1: starts instance web"] = vanished
	e = w.run(Startup{Name: "web"})
	w.expect(e, "It is not known whether instance web runs on node node1", nowhere, "node1 up disks=true")
	if n := len(e.Job.Intents); n == 0 || !e.Job.Intents[n-1].Open() {
		t.Error("nobody is told that the start is open")
	}
}

func TestStartupThatCannotBeNotedStartsNothing(t *testing.T) {
	w := newWorld(t)
	full := errors.New("no space left on device")
	w.expect(w.run(Startup{Name: "web"}, jobtest.FailingUpdate(1, store.NotCommitted, full)), "no space left", nowhere, "node1 down disks=false")
	w.expect(w.run(Startup{Name: "web"}, jobtest.FailingUpdate(1, store.Unknown, full)), "no space left", nowhere, "node1 down disks=false")
	if slices.ContainsFunc(w.begun, func(s string) bool { return strings.Contains(s, "starts") }) {
		t.Errorf("started: %q", w.begun)
	}
}

func TestStartupOnOfflineNodeOnlyNotes(t *testing.T) {
	w := newWorld(t)
	w.cfg.Node("n1").Offline = true
	e := w.run(Startup{Name: "web", IgnoreOffline: true, BEParams: config.Params{"vcpus": "2"}})
	w.expect(e, "", nowhere, "node1 up disks=true")
	want := []string{" - WARNING: Ignoring offline primary node", " - WARNING: Overridden parameters are ignored", " - INFO: Primary node offline, marked instance as started"}
	if !slices.Equal(e.Messages, want) {
		t.Errorf("messages %q", e.Messages)
	}
}

func TestShutdown(t *testing.T) {
	w := newWorld(t).running("node1")
	w.expect(w.run(Shutdown{Name: "web"}), "", nowhere, "node1 down disks=false")
	w.expect(w.run(Shutdown{Name: "web"}), "", nowhere, "node1 down disks=false")
}

func TestShutdownRefused(t *testing.T) {
	w := newWorld(t).running("node1")
	w.cfg.Node("n1").Offline = true
	w.expect(w.run(Shutdown{Name: "web"}), "Can't use offline node: node1", []string{"node1"}, "node1 up disks=true")
	w.expect(w.run(Shutdown{Name: "nosuch"}), "Instance 'nosuch' not known", []string{"node1"}, "node1 up disks=true")
}

// It is not wanted any more, stopped or not: the mark stays, and the next shutdown repeats the rest.
func TestShutdownThatFails(t *testing.T) {
	w := newWorld(t).running("node1")
	w.mends["node1: stops instance web"] = refused
	w.expect(w.run(Shutdown{Name: "web"}), "Could not shutdown instance 'web'", []string{"node1"}, "node1 down disks=true")
	w.expect(w.run(Shutdown{Name: "web"}), "", nowhere, "node1 down disks=false")
}

func TestShutdownOfUnknownOutcome(t *testing.T) {
	w := newWorld(t).running("node1")
	w.mends["node1: stops instance web"] = unheard
	w.expect(w.run(Shutdown{Name: "web"}), "", nowhere, "node1 down disks=false")

	w = newWorld(t).running("node1")
	w.mends["node1: stops instance web"] = vanished
	w.expect(w.run(Shutdown{Name: "web"}), "Instance web still runs on node node1", []string{"node1"}, "node1 down disks=true")
}

func TestReboot(t *testing.T) {
	for _, kind := range []string{RebootSoft, RebootHard, RebootFull} {
		w := newWorld(t).running("node1")
		w.expect(w.run(Reboot{Name: "web", Type: kind}), "", []string{"node1"}, "node1 up disks=true")
	}
}

func TestRebootStartsWhatIsStopped(t *testing.T) {
	w := newWorld(t)
	e := w.run(Reboot{Name: "web", Type: RebootHard})
	w.expect(e, "", []string{"node1"}, "node1 up disks=true")
	if !slices.Contains(e.Messages, " - INFO: Instance web was already stopped, starting now") {
		t.Errorf("messages %q", e.Messages)
	}
	w = newWorld(t)
	w.put("node2")
	w.expect(w.run(Reboot{Name: "web", Type: RebootHard}), "Instance web runs on node node2", []string{"node2"}, "node1 down disks=false")
	w.expect(w.run(Reboot{Name: "web", Type: "warm"}), "fails validation", []string{"node2"}, "node1 down disks=false")
}

// rebootOf is the check of a reboot of web, a guest of kvm on node1 that has the status, while its own transfer stands like this and node2
// answers or does not.
func rebootOf(t *testing.T, status, transfer, elsewhere string) error {
	t.Helper()
	nodes := remotetest.New(t).Answer("node1: state.sh web", kvmState(status))
	if transfer == "silent" {
		nodes.Fail(queryMigrate, 1, "")
	} else {
		nodes.Answer(queryMigrate, migrating(transfer))
	}
	switch elsewhere {
	case "":
	case "silent":
		nodes.Unknown("node2: state.sh web")
	default:
		nodes.Answer("node2: state.sh web", elsewhere)
	}
	w := newWorld(t)
	w.web().Hypervisor = config.HVKVM
	w.cfg.Disks = []*config.Disk{{UUID: "d", DevType: config.DTDRBD, Nodes: []string{"n1", "n2"}}}
	w.web().Disks = []string{"d"}
	r := &reboot{Reboot: Reboot{Type: RebootHard}, onOne: onOne{env: &job.Env{Nodes: nodes, Config: w.cfg}, inst: w.web()}}
	return r.checkGuest(t.Context(), "node1")
}

// A guest that is on its node needs no word of another. One that is not, or may leave, is stopped for nothing but a start that is safe.
func TestRebootNeedsProofWhereTheGuestIsNotForCertain(t *testing.T) {
	const none = noGuest
	for name, tt := range map[string]struct{ status, transfer, elsewhere, failure string }{
		"it runs":                          {"running", "", "", ""},
		"its operator has paused it":       {"paused", "", "", ""},
		"it came by a migration":           {"running", "completed", "", ""},
		"it is on its way":                 {"running", "active", "", "Instance web is on its way to another node"},
		"it runs on there, after postcopy": {"finish-migrate", "postcopy-active", "", "Instance web is on its way to another node"},
		"it has arrived":                   {kvm.Left, "completed", kvmState("running"), "Instance web runs on node node2"},
		"it may have arrived":              {kvm.Left, "completed", "silent", "Cannot prove that instance web does not run on node node2"},
		"it is lost":                       {kvm.Left, "completed", none, "has given its memory to another node; end it with 'gnt-instance shutdown web'"},
		"it has not begun":                 {kvm.Unborn, "", none, ""},
		"it has begun elsewhere":           {kvm.Unborn, "", kvmState("running"), "Instance web runs on node node2"},
		"its user has ended it":            {"shutdown", "silent", none, ""},
		"nobody knows whether it stays":    {"running", "silent", "", "Error checking node node1"},
		"it has not come":                  {kvm.Waiting, "", kvmState("running"), "Instance web runs on node node2"},
	} {
		err := rebootOf(t, tt.status, tt.transfer, tt.elsewhere)
		if tt.failure == "" && err != nil || tt.failure != "" && (err == nil || !strings.Contains(err.Error(), tt.failure)) {
			t.Errorf("%s: %v, want %q", name, err, tt.failure)
		}
	}
}

func TestRebootThatFails(t *testing.T) {
	w := newWorld(t).running("node1")
	w.mends["node1: starts instance web"] = refused
	w.expect(w.run(Reboot{Name: "web", Type: RebootFull}), "Could not start instance for full reboot", nowhere, "node1 up disks=false")
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node1"}, "node1 up disks=true")
}

// As Ganeti does, which looks at the types of all hypervisors' parameters, and then at what the instance's own knows.
func TestAParameterOfAnotherHypervisorIsNotSupported(t *testing.T) {
	for value, want := range map[string]string{"true": "Parameter 'acpi' is not supported", "1": "'acpi' (value 1) is not a valid boolean"} {
		w := newWorld(t)
		w.web().Hypervisor = config.HVFake
		if e := w.run(Startup{Name: "web", HVParams: config.Params{"acpi": value}}); e.Err == nil || e.Err.Error() != want {
			t.Errorf("acpi=%s: %v, want %s", value, e.Err, want)
		}
	}
}

const (
	noGuest  = "=== pids\n=== commands\n"
	askState = "node1: state.sh web"
	asksQemu = "node1: emulator.sh /usr/bin/kvm"
)

// kvmWeb is a diskless guest of kvm on the one node of a cluster, which is scripted. Its qemu cannot be asked for its version:
// there each start ends.
func kvmWeb(t *testing.T, op job.Operation, create func() job.Operation, script func(*remotetest.Fake)) error {
	t.Helper()
	w := newWorld(t)
	w.web().Hypervisor, w.cfg.Nodes = config.HVKVM, w.cfg.Nodes[:1]
	nodes := remotetest.New(t).InOrder()
	script(nodes)
	return jobtest.Run(t, nodes, w.cfg, op, create).Err
}

// What a start has left that was cut off between its qemu and the guest's first instruction is no guest that runs.
func TestStartupBeginsAnewWhereTheGuestHasNotBegun(t *testing.T) {
	create := func() job.Operation { return &Startup{} }
	err := kvmWeb(t, Startup{Name: "web"}, create, func(f *remotetest.Fake) {
		f.Answer(askState, kvmState(kvm.Unborn)).
			Answer(askState, kvmState(kvm.Unborn)).Answer("node1: stop.sh web 0 no ''", "").Answer("node1: ifdown.sh web", "").
			Fail(asksQemu, 127, "").Answer("node1: stop.sh web 0 no ''", "").Answer("node1: ifdown.sh web", "").
			Answer(askState, noGuest).Answer(askState, noGuest)
	})
	if err == nil || !strings.Contains(err.Error(), "Could not start instance 'web'") {
		t.Errorf("it was not started: %v", err)
	}
	for _, tt := range []struct {
		status string
		paused bool
	}{{"running", false}, {"paused", false}, {kvm.Unborn, true}} {
		err := kvmWeb(t, Startup{Name: "web", Paused: tt.paused}, create, func(f *remotetest.Fake) {
			f.Answer(askState, kvmState(tt.status)).Answer(askState, kvmState(tt.status))
		})
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// The qemu of a guest that its user has powered off may stay, and would keep another from being started.
func TestRebootEndsWhatAUserHasPoweredOff(t *testing.T) {
	err := kvmWeb(t, Reboot{Name: "web", Type: RebootHard, ShutdownTimeout: 7}, func() job.Operation { return &Reboot{} }, func(f *remotetest.Fake) {
		f.Answer(queryMigrate, migrating("")).Answer(askState, kvmState("shutdown")).
			Answer("node1: stop.sh web 7 yes ''", "").Answer("node1: ifdown.sh web", "").
			Answer(askState, noGuest).Fail(asksQemu, 127, "").Answer("node1: stop.sh web 0 no ''", "").Answer("node1: ifdown.sh web", "")
	})
	if err == nil || !strings.Contains(err.Error(), "Could not start instance for full reboot") {
		t.Errorf("it was not started: %v", err)
	}
}

// qemu is given what the provider of the disk says, and nothing else when that is nothing.
func TestQemuOpensAnExternalDiskByItself(t *testing.T) {
	w := newWorld(t)
	w.web().Hypervisor, w.web().Disks = config.HVKVM, []string{"d"}
	w.cfg.Disks = []*config.Disk{{UUID: "d", DevType: config.DTExt, LogicalID: config.LogicalID{"san", "v"}, Params: config.Params{"access": "userspace"}}}
	for said, want := range map[string]string{"\nkvm:rbd:x\n": "rbd:x", "/dev/loop0\n": ""} {
		nodes := remotetest.New(t).Answer("node1: action.sh attach san v", said)
		if want == "" {
			if err := startKVM(t.Context(), nodes, w.cfg, w.web(), "node1", false); err == nil || !strings.HasPrefix(err.Error(), "Userspace access is not supported by the 'san' ") {
				t.Error(err)
			}
			continue
		}
		if g, err := guestOn(t.Context(), nodes, w.cfg, w.web(), "node1"); err != nil || g.Disks[0].URI != want || g.Disks[0].Link == "" {
			t.Errorf("%+v, %v", g.Disks, err)
		}
	}
}
