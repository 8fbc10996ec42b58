package kvm

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// The files of the tap devices are numbered as the interfaces of the runtime are, whatever qemu says.
func TestARefusedRemovalKeepsTheTapFilesInStep(t *testing.T) {
	const (
		drop    = "node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 1"
		done    = greeting + `{"return": {}}`
		none    = greeting + `{"return": []}` + "\n" + `{"return": []}`
		refused = greeting + `{"error": {"class": "GenericError", "desc": "it is busy"}}`
	)
	for name, tt := range map[string]struct {
		script func(*remotetest.Fake)
		err    string
		lost   bool
	}{
		"removed": {func(f *remotetest.Fake) { f.Answer(qmpLine("web"), done).Answer(drop, "") }, "", false},
		"refused": {func(f *remotetest.Fake) { f.Answer(qmpLine("web"), refused).Answer(drop, "") }, "it is busy", false},
		"lost":    {func(f *remotetest.Fake) { f.Unknown(qmpLine("web")) }, "connection lost", true}, // the runtime is not written then
	} {
		t.Run(name, func(t *testing.T) {
			rt, err := ParseRuntime([]byte(runtimeOf("nic-one", goneID, "nic-three")))
			if err != nil {
				t.Fatal(err)
			}
			f := remotetest.New(t).InOrder().Answer(qmpLine("web"), done).Answer(qmpLine("web"), none)
			tt.script(f)
			err = RemoveNIC(t.Context(), f, "node1", "web", &rt, goneID)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) || (remote.OutcomeOf(err) == remote.Unknown) != tt.lost {
				t.Errorf("%v, want %q", err, tt.err)
			}
			if len(rt.NICs) != 2 || rt.NICs[1].UUID != "nic-three" {
				t.Errorf("the runtime has %+v", rt.NICs)
			}
		})
	}
}

func TestNoInterfaceForAGuestInAChroot(t *testing.T) {
	rt := Runtime{Command: []string{"kvm", "-name", "web"}, HV: config.Params{}}
	if err := CanAddNIC(rt); err != nil {
		t.Error(err)
	}
	rt.Command = append(rt.Command, "-chroot", "/var/run/ganeti/kvm-hypervisor/chroot/web")
	if err := CanAddNIC(rt); err == nil || !strings.HasPrefix(err.Error(), "Hotplug is not supported for network interfaces of a chrooted instance") {
		t.Errorf("in a chroot: %v", err)
	}
}
