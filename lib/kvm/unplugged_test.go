package kvm

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

const goneID = "nic-two"

func runtimeOf(ids ...string) string {
	rt := Runtime{HV: config.Params{}}
	for _, id := range ids {
		rt.NICs = append(rt.NICs, NIC{NIC: config.NIC{UUID: id, MAC: "aa:00:00:00:00:01"}, Slot: &Slot{Driver: "virtio-net-pci", ID: id}})
	}
	data, err := rt.Encode()
	if err == nil {
		rt, err = ParseRuntime(data)
	}
	if err == nil {
		data, err = rt.Encode()
	}
	if err != nil {
		panic(err)
	}
	return string(data)
}

// A job that was killed while it removed an interface: what the guest has decides, at whatever point that was.
func TestARemovalThatWasCutOffIsFinished(t *testing.T) {
	const (
		read   = "node1: cat -- /var/run/ganeti/kvm-hypervisor/conf/web.runtime"
		look   = `node1: sh -c 'cd "$1" && ls | wc -l && if [ -e "$2" ]; then cat "$2"; fi' sh /var/run/ganeti/kvm-hypervisor/nic/web 1`
		drop   = "node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 1"
		write  = `node1: sh -c 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"' sh /var/run/ganeti/kvm-hypervisor/conf/web.runtime`
		three  = greeting + `{"return": [{"bus": 0, "devices": [{"qdev_id": "nic-one"}, {"qdev_id": "nic-two"}, {"qdev_id": "nic-three"}]}]}` + "\n" + `{"return": []}`
		two    = greeting + `{"return": [{"bus": 0, "devices": [{"qdev_id": "nic-one"}, {"qdev_id": "nic-three"}]}]}` + "\n" + `{"return": []}`
		done   = greeting + `{"return": {}}`
		absent = greeting + `{"error": {"class": "GenericError", "desc": "Device 'nic-two' not found"}}`
	)
	all, left := runtimeOf("nic-one", goneID, "nic-three"), runtimeOf("nic-one", "nic-three")
	for name, tt := range map[string]struct {
		script func(*remotetest.Fake)
		tap    string
		fails  bool
		writes bool
	}{
		"the guest keeps it": {func(f *remotetest.Fake) { f.Answer(read, all).Answer(qmpLine("web"), three) }, "", false, false},
		"it is gone": {func(f *remotetest.Fake) {
			f.Answer(read, all).Answer(qmpLine("web"), two).Answer(qmpLine("web"), done).Answer(look, "3\ntap1").Answer(drop, "").Answer(write, "")
		}, "tap1", false, true},
		"its tap is forgotten": {func(f *remotetest.Fake) {
			f.Answer(read, all).Answer(qmpLine("web"), two).Answer(qmpLine("web"), absent).Answer(look, "2\ntap2").Answer(write, "")
		}, "", false, true},
		"all was done":   {func(f *remotetest.Fake) { f.Answer(read, left) }, "", false, false},
		"qemu is silent": {func(f *remotetest.Fake) { f.Answer(read, all).Answer(qmpLine("web"), "") }, "", true, false},
		"qemu says what?": {func(f *remotetest.Fake) {
			f.Answer(read, all).Answer(qmpLine("web"), greeting+"{\"return\": 1}\n{\"return\": []}\n")
		}, "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := remotetest.New(t).InOrder()
			tt.script(f)
			tap, err := FinishRemoval(t.Context(), f, "node1", "web", goneID)
			if (err != nil) != tt.fails || tap != tt.tap {
				t.Errorf("tap %q, %v", tap, err)
			}
			wrote := slices.ContainsFunc(f.Sent(), func(s remotetest.Sent) bool {
				return strings.HasPrefix(s.Cmd.Changes, "writes") && string(s.Cmd.Stdin) == left
			})
			if wrote != tt.writes {
				t.Errorf("wrote %v, want %v", wrote, tt.writes)
			}
		})
	}
}

func TestRemovedDevice(t *testing.T) {
	f := remotetest.New(t).Answer(qmpLine("web"), greeting+`{"return": {}}`).
		Answer(qmpLine("web"), greeting+`{"return": []}`+"\n"+`{"return": []}`)
	if err := unplug(t.Context(), f, "node1", "web", goneID); err != nil {
		t.Fatal(err)
	}
	if id, name, is := RemovedDevice(f.Sent()[0].Cmd.Changes); id != goneID || name != "web" || !is {
		t.Errorf("%q of %q, %v", id, name, is)
	}
	for _, other := range []string{"removes a device from instance web", "removes volume vg/a", "removes device"} {
		if _, _, is := RemovedDevice(other); is {
			t.Errorf("%q is one", other)
		}
	}
}
