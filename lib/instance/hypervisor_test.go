package instance

import (
	"slices"
	"testing"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/kvm"
	"gantry/lib/remote/remotetest"
)

// What a guest that died has left is removed with the first tap device of the next one: the others are new then.
func TestOnlyTheFirstTapIsMadeAfresh(t *testing.T) {
	const first, second = "node1: ifup.sh both '' '' afresh user root", "node1: ifup.sh both '' '' '' user root"
	w := newWorld(t)
	inst := w.web()
	inst.NICs = []config.NIC{{UUID: "u1", MAC: "aa:00:00:00:00:01"}, {UUID: "u2", MAC: "aa:00:00:00:00:02"}}
	runtime := kvm.Runtime{HV: config.Params{}}
	for _, nic := range inst.NICs {
		runtime.NICs = append(runtime.NICs, kvm.NIC{NIC: nic})
	}
	for name, bring := range map[string]func(*remotetest.Fake) ([]string, error){
		"start": func(f *remotetest.Fake) ([]string, error) {
			return tapsUp(t.Context(), f, "node1", bridge.NICsOf(w.cfg, inst), runtime, false)
		},
		"migration": func(f *remotetest.Fake) ([]string, error) {
			return tapsUp(t.Context(), f, "node1", runtimeNICs(w.cfg, inst, runtime), runtime, true)
		},
	} {
		taps, err := bring(remotetest.New(t).InOrder().Answer(first, "tap4").Answer(second, "tap5"))
		if err != nil || !slices.Equal(taps, []string{"tap4", "tap5"}) {
			t.Errorf("%s: %v, %v", name, taps, err)
		}
	}
}
