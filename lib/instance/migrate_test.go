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

func TestMigrate(t *testing.T) {
	w := newWorld(t).running("node1")
	w.moving = true
	e := w.run(Migrate{Name: "web", TargetNode: "node2", AllowRuntimeChanges: true})
	w.expect(e, "", []string{"node2"}, "node2 up disks=true")
	want := []string{"Migrating instance web", "* checking disk consistency between source and target", "* closing instance disks on node node2",
		"* opening instance disks on node node1 in shared mode", "* opening instance disks on node node2 in shared mode",
		"* preparing node2 to accept the instance", "* migrating instance to node2", "* starting memory transfer", "* memory transfer complete",
		"* closing instance disks on node node1", "* opening instance disks on node node2 in exclusive mode", "* done"}
	if !slices.Equal(e.Messages, want) {
		t.Errorf("messages %q", e.Messages)
	}
}

func TestMigrateRefused(t *testing.T) {
	w := newWorld(t)
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2"}), "Can't migrate, please use failover: Instance web is not running", nowhere, "node1 down disks=false")
	w.running("node1").addFile()
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2"}), "Instance's disk layout 'file' does not allow migrations", []string{"node1"}, "node1 up disks=true")
}

// There is nothing to be sent any more, nor to be stopped for a failover: the guest runs elsewhere, or is lost.
func TestMigrateRefusesWhatHasLeft(t *testing.T) {
	for status, want := range map[string]string{"running": "", kvm.Left: "Instance web has left node node1 already; run 'gnt-instance migrate --cleanup -n node2 web' first"} {
		w := newWorld(t)
		w.web().Hypervisor = config.HVKVM
		m := &migrate{relocation: relocation{source: w.cfg.Node("n1"), target: w.cfg.Node("n2"), onOne: onOne{
			env: &job.Env{Nodes: remotetest.New(t).Answer(askState, kvmState(status)), Config: w.cfg}, inst: w.web()}}}
		if err := m.checkRuns(t.Context(), true); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %q", status, err, want)
		}
	}
}

func TestMigrateFallsBackToFailover(t *testing.T) {
	w := newWorld(t)
	w.web().AdminState = config.AdminUp
	e := w.run(Migrate{Name: "web", TargetNode: "node2", AllowFailover: true})
	w.expect(e, "", []string{"node2"}, "node2 up disks=true")
	if !slices.Contains(e.Messages, " - INFO: Can't migrate, instance offline, fallback to failover") {
		t.Errorf("messages %q", e.Messages)
	}
	w = newWorld(t).running("node1")
	w.web().BEParams = config.Params{"always_failover": true}
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2"}), "", []string{"node2"}, "node2 up disks=true")
}

// The guest has arrived, but nobody knows whether that is recorded: --cleanup finds it.
func TestMigrateWithUnknownCommit(t *testing.T) {
	w := newWorld(t).running("node1")
	w.moving = true
	e := w.run(Migrate{Name: "web", TargetNode: "node2"}, jobtest.FailingUpdate(1, store.Unknown, errors.New("the master's disk is silent")))
	w.expect(e, "the master's disk is silent", []string{"node2"}, "node1 up disks=true")
	e = w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true})
	w.expect(e, "", []string{"node2"}, "node2 up disks=true")
	if !slices.Contains(e.Messages, "* instance running on secondary node (node2), updating config") {
		t.Errorf("messages %q", e.Messages)
	}
}

func TestCleanupFindsTheGuestElsewhere(t *testing.T) {
	w := newWorld(t)
	w.web().AdminState, w.web().DisksActive = config.AdminUp, true
	w.put("node3")
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true}), "", []string{"node3"}, "node3 up disks=true")
}

func TestCleanupRefused(t *testing.T) {
	w := newWorld(t)
	w.web().AdminState = config.AdminUp
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true}), "Instance does not seem to be running at all", nowhere, "node1 up disks=false")
	w.off["node3"] = true
	w.expect(w.run(Migrate{Name: "web", TargetNode: "node2", Cleanup: true}), "Can't contact node node3", nowhere, "node1 up disks=false")
}

// Of several processes of one guest qemu's words say which counts.
func TestVerdict(t *testing.T) {
	up := func(status string) state { return state{Running: true, Status: status} }
	for name, tt := range map[string]struct {
		source, target state
		others         int
		want           string
	}{
		"on the source":          {up("running"), state{}, 0, ""},
		"on the target":          {state{}, up("running"), 0, ""},
		"paused by its operator": {up("paused"), state{}, 0, ""},
		"on two":                 {up("running"), up("running"), 0, "running on two nodes"},
		"on two, one unforeseen": {up("running"), state{}, 1, "running on two nodes"},
		"on two others":          {state{}, state{}, 2, "running on two nodes"},
		"nowhere":                {state{}, state{}, 0, "not seem to be running at all"},
		"given away and lost":    {up(kvm.Left), state{}, 0, "not seem to be running at all"},
		"an empty shell":         {state{}, up(kvm.Waiting), 0, "not seem to be running at all"},
	} {
		err := verdict(tt.source, tt.target, tt.others)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
