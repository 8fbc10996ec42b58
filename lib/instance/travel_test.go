package instance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/remote/remotetest"
)

// kvmState is what state.sh says of the guest web that does this.
func kvmState(status string) string {
	return "=== pids\n851 web\n=== down\n=== runtimes\nweb\n=== answers\nweb\t{\"return\": {}}\t{\"return\": {\"status\": \"" + status +
		"\"}}\t\n=== commands\n/proc/851/cmdline:qemu\x00/proc/851/cmdline:-name\x00/proc/851/cmdline:web\x00"
}

func kvmTravel(f *remotetest.Fake) *travel {
	return &travel{env: &job.Env{Nodes: f}, inst: &config.Instance{Name: "web", Hypervisor: config.HVKVM},
		source: &config.Node{Name: "node1"}, target: &config.Node{Name: "node2"}, hv: config.Params{}}
}

// A guest that once came here by a migration still calls that one completed; that is no proof that it has left.
func TestProvenToHaveLeft(t *testing.T) {
	for status, want := range map[string]bool{"postmigrate": true, "running": false, "paused": false, "finish-migrate": false} {
		err := kvmTravel(remotetest.New(t).Answer("node1: state.sh web", kvmState(status))).proven(t.Context())
		if (err == nil) != want {
			t.Errorf("%s: %v", status, err)
		}
		if err != nil && !errors.Is(err, job.ErrUnknown) {
			t.Errorf("%s: something would be taken back: %v", status, err)
		}
	}
	err := kvmTravel(remotetest.New(t).Unknown("node1: state.sh web")).proven(t.Context())
	if !isUnknown(err) {
		t.Errorf("nobody answers: %v", err)
	}
}

const queryMigrate = "node1: qmp.sh web"

// migrating is what qmp.sh brings of a source whose transfer stands like this.
func migrating(status string) string {
	return "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": {\"status\": \"" + status + "\"}}\n"
}

// The source is silent for a while: the transfer is followed again, and it takes a silence of some length to give up, with nothing taken back.
func TestASilentSourceIsAskedAgain(t *testing.T) {
	defer func(again, limit time.Duration) { askAgain, askLimit = again, limit }(askAgain, askLimit)
	askAgain, askLimit = time.Millisecond, time.Minute
	silent := func(n int) *remotetest.Fake {
		f := remotetest.New(t).InOrder().Answer(queryMigrate, migrating("active"))
		for range n {
			f.Unknown(queryMigrate)
		}
		return f
	}
	var said []string
	say := func(line string) { said = append(said, line) }
	f := silent(3).Answer(queryMigrate, migrating("completed")).Answer("node1: state.sh web", kvmState("postmigrate"))
	if err := kvmTravel(f).follow(t.Context(), say); err != nil || strings.Join(said, "|") != "* starting memory transfer|* memory transfer complete" {
		t.Errorf("%v, said %q", err, said)
	}
	askLimit = 0
	if err := kvmTravel(silent(1)).follow(t.Context(), say); !errors.Is(err, job.ErrUnknown) {
		t.Errorf("given up with %v", err)
	}
}

func TestVersionsAreListsAsInGaneti(t *testing.T) {
	facts := func(version string) string {
		return "=== memory\nMemTotal: 2048 kB\n=== cpus\n1\n=== time\n1.0\n=== kvm\nQEMU emulator version " + version + "\n"
	}
	nodes := remotetest.New(t).Answer("node1: facts.sh ''", facts("7.2.22 (Debian 1:7.2+dfsg-7)")).Answer("node2: facts.sh ''", facts("10.0.3"))
	from, to, err := kvmTravel(nodes).versions(t.Context())
	if err != nil || from != "[7, 2, 22]" || to != "[10, 0, 3]" {
		t.Errorf("%s, %s, %v", from, to, err)
	}
}
