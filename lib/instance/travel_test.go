package instance

import (
	"errors"
	"testing"

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
