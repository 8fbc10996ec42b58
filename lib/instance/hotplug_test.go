package instance

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/remote/remotetest"
)

const (
	readRuntime  = "node1: cat -- /var/run/ganeti/kvm-hypervisor/conf/web.runtime"
	writeRuntime = `node1: sh -c 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"' sh /var/run/ganeti/kvm-hypervisor/conf/web.runtime`
	qmpDone      = "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": {}}\n"
	noDevices    = "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": []}\n{\"return\": []}\n"
	oneDevice    = "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": [{\"bus\": 0, \"devices\": [{\"qdev_id\": \"nic-u1\"}]}]}\n{\"return\": []}\n"
)

// plugged does to interface u1 of a running guest what action says.
func plugged(t *testing.T, f *remotetest.Fake, action string) error {
	t.Helper()
	w := newWorld(t)
	m := &modify{onOne: onOne{env: &job.Env{Config: w.cfg, Nodes: f}, inst: w.web()}}
	return m.plugNIC(t.Context(), &nicStep{action: action, nic: config.NIC{UUID: "u1", MAC: "aa:00:00:00:00:02", NICParams: config.Params{"mode": "bridged", "link": "br0"}}})
}

func runtimeWith(command string, macs ...string) string {
	rt := kvm.Runtime{Command: strings.Fields(command), HV: config.Params{}}
	for _, mac := range macs {
		rt.NICs = append(rt.NICs, kvm.NIC{NIC: config.NIC{UUID: "u1", MAC: mac, NICParams: config.Params{"mode": "bridged", "link": "br0"}},
			Slot: &kvm.Slot{Driver: "virtio-net-pci", ID: "nic-u1", Bus: "pci.0", Addr: "0xd"}})
	}
	data, err := rt.Encode()
	if err != nil {
		panic(err) // texts
	}
	return string(data)
}

// While the guest has not got it the runtime file says so, or nobody could tell what was cut off.
func TestAnInterfaceThatIsChangedIsOutOfTheRuntimeMeanwhile(t *testing.T) {
	f := remotetest.New(t).InOrder().
		Answer(readRuntime, runtimeWith("kvm", "aa:00:00:00:00:01")).Answer("node1: cat -- /var/run/ganeti/kvm-hypervisor/nic/web/0", "tap3").
		Answer("node1: qmp.sh web", qmpDone).Answer("node1: qmp.sh web", noDevices).Answer("node1: qmp.sh web", qmpDone).
		Answer("node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 0", "").Answer("node1: ifdown.sh web tap3", "").Answer(writeRuntime, "").
		Answer(readRuntime, runtimeWith("kvm")).Answer("node1: user.sh web", "64001\n").Answer("node1: ifup.sh both '' '' '' user 64001", "tap4").
		Answer("node1: qmp.sh web", qmpDone+"{\"return\": {}}\n").
		Answer(`node1: sh -c 'umask 077 && printf %s "$2" >"$1"' sh /var/run/ganeti/kvm-hypervisor/nic/web/0 tap4`, "").
		Answer("node1: qmp.sh web", oneDevice).Answer(writeRuntime, "")
	if err := plugged(t, f, modifyDevice); err != nil {
		t.Error(err)
	}
	var wrote []string
	for _, s := range f.Sent() {
		if strings.HasPrefix(s.Cmd.Changes, "writes") {
			wrote = append(wrote, string(s.Cmd.Stdin))
		}
	}
	if want := []string{runtimeWith("kvm"), runtimeWith("kvm", "aa:00:00:00:00:02")}; !slices.Equal(wrote, want) {
		t.Errorf("wrote %q, want %q", wrote, want)
	}
}

// A guest in a chroot would lose the interface and not get it back. It can do without one.
func TestInterfacesOfAGuestInAChrootAreOnlyRemoved(t *testing.T) {
	const chrooted = "kvm -chroot /var/run/ganeti/kvm-hypervisor/chroot/web"
	for _, action := range []string{addDevice, modifyDevice} {
		f := remotetest.New(t).InOrder().Answer(readRuntime, runtimeWith(chrooted, "aa:00:00:00:00:01")).Answer(writeRuntime, "")
		if err := plugged(t, f, action); err == nil || !strings.Contains(err.Error(), "of a chrooted instance") {
			t.Errorf("%s: %v", action, err)
		}
	}
	f := remotetest.New(t).InOrder().
		Answer(readRuntime, runtimeWith(chrooted, "aa:00:00:00:00:01")).Answer("node1: cat -- /var/run/ganeti/kvm-hypervisor/nic/web/0", "tap3").
		Answer("node1: qmp.sh web", qmpDone).Answer("node1: qmp.sh web", noDevices).Answer("node1: qmp.sh web", qmpDone).
		Answer("node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 0", "").Answer("node1: ifdown.sh web tap3", "").Answer(writeRuntime, "")
	if err := plugged(t, f, removeDevice); err != nil {
		t.Errorf("remove: %v", err)
	}
}
