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

// A job that was killed while it added a device: the guest keeps what the runtime file and the configuration name.
func TestADeviceThatWasHalfAddedIsTakenBack(t *testing.T) {
	const (
		read    = "node1: cat -- /var/run/ganeti/kvm-hypervisor/conf/web.runtime"
		look    = `node1: sh -c 'cd "$1" && ls | wc -l && if [ -e "$2" ]; then cat "$2"; fi' sh /var/run/ganeti/kvm-hypervisor/nic/web 1`
		drop    = "node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 1"
		write   = `node1: sh -c 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"' sh /var/run/ganeti/kvm-hypervisor/conf/web.runtime`
		done    = greeting + `{"return": {}}`
		none    = greeting + `{"return": []}` + "\n" + `{"return": []}`
		text    = greeting + `{"return": "Device 'nic-two' not found\r\n"}` + "\n"
		deleted = text + `{"return": {}}`
		refusal = `{"error": {"class": "GenericError", "desc": "Device 'nic-two' not found"}}`
		absent  = text + refusal
		gone    = greeting + refusal
		unknown = greeting + `{"error": {"class": "DeviceNotFound", "desc": "Device 'nic-two' not found"}}`
		busy    = greeting + `{"error": {"class": "GenericError", "desc": "Device nic-two is already in the process of unplug"}}`
	)
	both, first := runtimeOf("nic-one", goneID), runtimeOf("nic-one")
	const takes = "device_del query-pci query-block human-monitor-command netdev_del"
	for name, tt := range map[string]struct {
		script func(*remotetest.Fake)
		wanted bool
		asked  string
		err    string
	}{
		"it is recorded": {func(f *remotetest.Fake) { f.Answer(read, both) }, true, "", ""},
		"the guest has it": {func(f *remotetest.Fake) {
			f.Answer(read, first).Answer(qmpLine("web"), done).Answer(qmpLine("web"), none).Answer(qmpLine("web"), deleted)
		}, true, takes, ""},
		"its host's side is there": {func(f *remotetest.Fake) {
			f.Answer(read, first).Answer(qmpLine("web"), unknown).Answer(qmpLine("web"), deleted)
		}, true, "device_del human-monitor-command netdev_del", ""},
		"nothing is there": {func(f *remotetest.Fake) {
			f.Answer(read, first).Answer(qmpLine("web"), unknown).Answer(qmpLine("web"), absent)
		}, true, "device_del human-monitor-command netdev_del", ""},
		"it is on its way": {func(f *remotetest.Fake) { f.Answer(read, first).Answer(qmpLine("web"), busy) }, true, "device_del", "in the process of unplug"},
		"the job's configuration was not written": {func(f *remotetest.Fake) {
			f.Answer(read, both).Answer(qmpLine("web"), done).Answer(qmpLine("web"), none).Answer(qmpLine("web"), deleted).
				Answer(read, both).Answer(qmpLine("web"), none).Answer(qmpLine("web"), gone).Answer(look, "2\ntap1").Answer(drop, "").Answer(write, "")
		}, false, takes + " query-pci query-block netdev_del " + first, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := remotetest.New(t).InOrder()
			tt.script(f)
			err := TakeBack(t.Context(), f, "node1", "web", goneID, func(uuid string) bool { return tt.wanted && uuid == goneID })
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v, want %q", err, tt.err)
			}
			if got := requests(f); got != tt.asked {
				t.Errorf("asked %s, want %s", got, tt.asked)
			}
		})
	}
}

func TestAddedDevice(t *testing.T) {
	f := remotetest.New(t).Answer(qmpLine("web"), greeting+`{"return": {}}`)
	if err := plug(t.Context(), f, "node1", "web", goneID, []request{{Execute: "device_add"}}); err != nil {
		t.Fatal(err)
	}
	if id, name, is := AddedDevice(f.Sent()[0].Cmd.Changes); id != goneID || name != "web" || !is {
		t.Errorf("%q of %q, %v", id, name, is)
	}
	for _, other := range []string{"adds a device to instance web", "adds tags to instance web", "adds device nic-two"} {
		if _, _, is := AddedDevice(other); is {
			t.Errorf("%q is one", other)
		}
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
