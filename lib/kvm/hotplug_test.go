package kvm

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
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

// A guest may take its time, and let go of a device when nobody waits for that any more.
func TestADeviceThatTheGuestHasLetGoOfIsRemoved(t *testing.T) {
	rt, err := ParseRuntime([]byte(runtimeOf("nic-one", goneID)))
	if err != nil {
		t.Fatal(err)
	}
	f := remotetest.New(t).InOrder().
		Answer(qmpLine("web"), greeting+`{"error": {"class": "DeviceNotFound", "desc": "Device 'nic-two' not found"}}`).
		Answer(qmpLine("web"), greeting+`{"return": {}}`).
		Answer("node1: dropnic.sh /var/run/ganeti/kvm-hypervisor/nic/web 1", "")
	if err := RemoveNIC(t.Context(), f, "node1", "web", &rt, goneID); err != nil || len(rt.NICs) != 1 {
		t.Errorf("%v, the runtime has %+v", err, rt.NICs)
	}
}

// A tap device for a guest that runs already is made for its user; to guess one could give it to somebody else.
func TestUserOf(t *testing.T) {
	const line = "node1: user.sh web"
	if user, err := UserOf(t.Context(), remotetest.New(t).Answer(line, "64001\n"), "node1", "web"); user != "64001" || err != nil {
		t.Errorf("%q, %v", user, err)
	}
	for name, f := range map[string]*remotetest.Fake{
		"it is gone":   remotetest.New(t).Fail(line, 1, ""),
		"nothing said": remotetest.New(t).Answer(line, ""),
	} {
		if user, err := UserOf(t.Context(), f, "node1", "web"); user != "" || err == nil {
			t.Errorf("%s: %q, %v", name, user, err)
		}
	}
}

// A guest is any process here that says it has that name.
func TestTheUserOfAGuestIsThatOfItsProcess(t *testing.T) {
	guest := exec.CommandContext(t.Context(), "sh", "-c", "read -r line", "-name", "web")
	in, err := guest.StdinPipe()
	if err == nil {
		err = guest.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(in.Close(), guest.Wait()) }() // it ends with a failure, as nothing was said
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/pid", 0o755), os.WriteFile(dir+"/pid/web", []byte(strconv.Itoa(guest.Process.Pid)), 0o600)); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(guestScript+userScript, Root, dir)
	if got := run(t, remote.Script(text, "web").Argv); strings.TrimSpace(string(got)) != strconv.Itoa(os.Geteuid()) {
		t.Errorf("user %q", got)
	}
}

func TestAnInterfaceIsInTheRuntimeAsSoonAsTheGuestHasIt(t *testing.T) {
	const file = `node1: sh -c 'umask 077 && printf %s "$2" >"$1"' sh /var/run/ganeti/kvm-hypervisor/nic/web/1 tap4`
	rt, err := ParseRuntime([]byte(runtimeOf("nic-one")))
	if err != nil {
		t.Fatal(err)
	}
	f := remotetest.New(t).InOrder().Answer(qmpLine("web"), greeting+strings.Repeat("{\"return\": {}}\n", 2)).Fail(file, 1, "no space left on device")
	err = AddNIC(t.Context(), f, "node1", "web", &rt, NIC{NIC: config.NIC{UUID: "two", MAC: "aa:00:00:00:00:02"}, Tap: "tap4"})
	if err == nil || len(rt.NICs) != 2 || rt.NICs[1].UUID != "two" {
		t.Errorf("%v, the runtime has %+v", err, rt.NICs)
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
