package kvm

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
)

func TestAnswers(t *testing.T) {
	sent := exchange("web", request{Execute: "query-status"}, request{Execute: "cont"}).Stdin
	if want := "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n{\"execute\":\"cont\"}\n"; string(sent) != want {
		t.Fatalf("sent %s", sent)
	}
	const hello = "{\"QMP\": {\"version\": {}}}\n{\"return\": {}}\n"
	const event = "{\"timestamp\": {\"seconds\": 1}, \"event\": \"RESUME\"}\n"
	got, err := answers(sent, []byte(hello+"{\"return\": {\"status\": \"running\"}}\n"+event+"{\"return\": {}}\n"))
	if err != nil || len(got) != 2 || string(got[0]) != `{"status": "running"}` {
		t.Errorf("answers = %s, %v", got, err)
	}
	got, err = answers(sent, []byte(hello+"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n"))
	if refused, is := errors.AsType[*QMPError](err); len(got) != 0 || !is || refused.Error() != "kvm: error executing the query-status command: no (GenericError):" {
		t.Errorf("refused: %s, %v", got, err)
	}
	if _, err = answers(sent, []byte(hello)); err == nil || !strings.Contains(err.Error(), "before it answered query-status") {
		t.Errorf("cut off: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("{\"QMP\": {}}\n{\"return\": {}}\n{\"error\": {\"desc\": \"x\"}}\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		sent := exchange("web", request{Execute: "query-status"}).Stdin
		if got, err := answers(sent, out); err == nil && len(got) != 1 {
			t.Errorf("%d answers to one question", len(got))
		}
	})
}

const stateOutput = "=== pids\n10 web\n11 reused\n12 dead\n13 paused\n=== down\noff\n=== runtimes\nweb\n=== answers\n" +
	"web\t{\"return\": {}}\t{\"return\": {\"status\": \"running\"}}\t{\"return\": {\"actual\": 67108864}}\t\n" +
	"paused\t{\"return\": {}}\t{\"return\": {\"status\": \"shutdown\"}}\t\n=== commands\n" +
	"/proc/10/cmdline:/usr/bin/kvm\x00/proc/10/cmdline:-name\x00/proc/10/cmdline:web,debug-threads=on\x00/proc/10/cmdline:-m\x00/proc/10/cmdline:128\x00" +
	"/proc/10/cmdline:-smp\x00/proc/10/cmdline:2,cores=2\x00/proc/11/cmdline:cat\x00/proc/11/cmdline:reused\x00" +
	"/proc/13/cmdline:kvm\x00/proc/13/cmdline:-name\x00/proc/13/cmdline:paused\x00/proc/13/cmdline:-m\x00/proc/13/cmdline:64\x00"

func TestParseStates(t *testing.T) {
	got, err := ParseStates([]byte(stateOutput))
	want := []State{
		{Name: "web", PID: 10, Memory: 64, VCPUs: 2, Status: "running"},
		{Name: "paused", PID: 13, Memory: 64, Status: "shutdown", Down: true},
		{Name: "off", Down: true},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("ParseStates = %+v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
	if !got[0].Running() || got[1].Running() || got[2].Running() {
		t.Error("only web runs")
	}
}

// A qemu that does not answer keeps nobody waiting who asks after many.
func TestStatusProbeLimitsEachQuestion(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "ctrl"), 0o755), os.WriteFile(filepath.Join(dir, "timeout"), []byte("#!/bin/sh\necho \"$@\" >"+dir+"/asked\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	qemu, err := net.Listen("unix", filepath.Join(dir, "ctrl", "web.qmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer qemu.Close()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	argv := StatusProbe("web").Argv
	argv[2] = strings.ReplaceAll(argv[2], "/var/run/ganeti/kvm-hypervisor", dir)
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil || !strings.Contains(string(out), "\nweb\t\n") || !strings.HasPrefix(string(asked), "5 socat UNIX-CONNECT:") {
		t.Errorf("%v, %q, asked %q", err, out, asked)
	}
}

func FuzzParseStates(f *testing.F) {
	f.Add([]byte(stateOutput))
	f.Fuzz(func(t *testing.T, out []byte) {
		list, err := ParseStates(out)
		for _, s := range list {
			if err == nil && s.PID == 0 && !s.Down {
				t.Errorf("%+v neither runs nor is down", s)
			}
		}
	})
}

func TestParseEmulator(t *testing.T) {
	out := "=== help\nQEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n-drive [,auto-read-only=on|off]\n-spice [port=port]\n" +
		"=== machines\nSupported machines are:\npc   Standard PC (alias of pc-i440fx-7.2)\npc-i440fx-7.2 Standard PC (default)\n" +
		"=== devices\nStorage devices:\nname \"scsi-hd\", bus SCSI\n=== interfaces\nlo\nbr0\n=== addresses\n1: lo    inet 127.0.0.1/8 scope host lo\n=== reachable\nhttp://x/a.iso\n"
	e, err := parseEmulator([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case e.Version != [3]int{7, 2, 22}, e.DefaultMachine != "pc-i440fx-7.2", !e.AutoReadOnly, !e.Spice, !e.Devices["scsi-hd"],
		e.Addresses["lo"][0] != "127.0.0.1", e.Addresses["br0"] == nil, !e.ReachableISO["http://x/a.iso"]:
		t.Errorf("%+v", e)
	}
	if _, err := parseEmulator([]byte("=== help\nsh: kvm: not found\n")); err == nil {
		t.Error("no version, no error")
	}
}

func FuzzParseEmulator(f *testing.F) {
	f.Add([]byte("=== help\nQEMU emulator version 7.2.22\n=== addresses\n1: lo inet 127.0.0.1/8\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		e, err := parseEmulator(out)
		if err == nil && e.DefaultMachine == "" {
			t.Error("no default machine")
		}
	})
}

func TestDisplaysOfInterfaces(t *testing.T) {
	g := Guest{Name: "web", Port: 11000, HV: config.Params{"spice_bind": "br0"}}
	for family, want := range map[int]string{4: "192.0.2.11", 6: "2001:db8::1"} {
		g.IPFamily = family
		if got, _, err := spiceAddress(g, qemu72); err != nil || got != want {
			t.Errorf("IPv%d: %s, %v", family, got, err)
		}
	}
	for where, want := range map[string]string{"br0": "192.0.2.11:5100", "::1": "[::1]:5100", "0.0.0.0": ":5100"} {
		if got, err := vncDisplay(where, 11000, qemu72); err != nil || got != want {
			t.Errorf("%s: %s, %v", where, got, err)
		}
	}
	if _, err := vncDisplay("nosuch", 11000, qemu72); err == nil {
		t.Error("an unknown interface is accepted")
	}
}

func TestStartFailures(t *testing.T) {
	for said, want := range map[string]string{
		"10":                        "Failed to start instance web: already running",
		"11 1\n":                    "Failed to start instance web: exited with exit code 1 ()",
		"11 1\nqemu: -x: invalid\n": "Failed to start instance web: exited with exit code 1 (qemu: -x: invalid\n)",
		"11 139\n":                  "Failed to start instance web: terminated by signal 11 ()",
		"12":                        "Failed to start instance web",
		"13 5000\n":                 "Error while executing backend function: 'getpwuid(): uid not found: 5000'",
		"0 4711\n":                  "",
	} {
		status, output, _ := strings.Cut(said, " ")
		out := result(status, output)
		var got string
		if err := startFailure("web", out); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

func TestConsoles(t *testing.T) {
	for given, want := range map[string]string{
		"serial_console=false":       "No serial shell for instance web",
		"vnc_bind_address=0.0.0.0":   "Instance web has VNC listening on node1:11000 (display 5100), URL <vnc://node1:11000/>",
		"vnc_bind_address=192.0.2.1": "Instance web has VNC listening on 192.0.2.1:11000 (display 5100), URL <vnc://192.0.2.1:11000/>",
		"spice_bind=192.0.2.1":       "Instance web has SPICE listening on 192.0.2.1:11000",
	} {
		hv := defaults()
		set(hv, given)
		if got := ConsoleOf("web", "node1", 11000, hv).Text("web"); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
	hv := defaults()
	set(hv, "serial_console=true")
	c := ConsoleOf("web", "node1", 11000, hv)
	if want := "STDIO,raw,echo=0,escape=0x1d UNIX-CONNECT:/var/run/ganeti/kvm-hypervisor/ctrl/web.serial"; c.Kind != "ssh" ||
		strings.Join(c.Argv[len(c.Argv)-2:], " ") != want {
		t.Errorf("%+v", c)
	}
}

func TestMigrationRequests(t *testing.T) {
	hv := config.Params{"migration_bandwidth": int64(32), "migration_downtime": int64(30), "migration_caps": "xbzrle:auto-converge"}
	got := string(exchange("web", migrate("198.51.100.12:8102", hv, false, qemu72)...).Stdin)
	want := `{"execute":"qmp_capabilities"}
{"execute":"stop"}
{"execute":"migrate-set-parameters","arguments":{"downtime-limit":30,"max-bandwidth":33554432,"max-postcopy-bandwidth":33554432}}
{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"xbzrle","state":true},{"capability":"auto-converge","state":true}]}}
{"execute":"migrate","arguments":{"uri":"tcp:198.51.100.12:8102"}}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if at := IncomingAt("2001:db8::1", 8102); at != "[2001:db8::1]:8102" {
		t.Errorf("listens at %s", at)
	}
}

func TestProgress(t *testing.T) {
	p, err := parseProgress([]byte(`{"status": "active", "ram": {"total": 200, "transferred": 84, "dirty-sync-count": 2}}`))
	if err != nil || !p.Active() || p.Transferred != 84 || p.Total != 200 || p.DirtySync != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, status := range []string{"completed", "failed", "cancelled", "cancelling", "none", ""} {
		if (Progress{Status: status}).Active() {
			t.Errorf("%q is active", status)
		}
	}
}

func TestHotplugRequests(t *testing.T) {
	rt := Runtime{HV: defaults(), NICs: []NIC{{Slot: &Slot{Bus: pciBus, Addr: "0xc"}}}}
	slot, err := occupied(rt).nicSlot(rt.HV, "cac9bde1-6563-41b6-0-0")
	if err != nil || slot.Addr != "0xd" {
		t.Fatalf("slot %v, %v", slot, err)
	}
	slot.Addr = "0xf"
	n := NIC{NIC: config.NIC{MAC: "aa:00:00:a9:52:6a"}, Slot: slot, Tap: "tap2"}
	got := string(exchange("web", addNIC(n, rt)...).Stdin)
	want := `{"execute":"qmp_capabilities"}
{"execute":"netdev_add","arguments":{"downscript":"no","id":"nic-cac9bde1-6563-41b6","ifname":"tap2","script":"no","type":"tap"}}
{"execute":"device_add","arguments":{"addr":"0xf","bus":"pci.0","driver":"virtio-net-pci","id":"nic-cac9bde1-6563-41b6","mac":"aa:00:00:a9:52:6a","netdev":"nic-cac9bde1-6563-41b6"}}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d := Disk{Slot: &Slot{Driver: "virtio-blk-pci", ID: "disk-2b4d6d7d-5738-45f4", Bus: pciBus, Addr: "0x10"}, Link: LinkPath("web", 2)}
	got = string(exchange("web", addDisk(d, rt)...).Stdin)
	want = `{"execute":"qmp_capabilities"}
{"execute":"human-monitor-command","arguments":{"command-line":"drive_add dummy file=/var/run/ganeti/instance-disks/web:2,if=none,id=disk-2b4d6d7d-5738-45f4,format=raw,auto-read-only=off,aio=threads"}}
{"execute":"device_add","arguments":{"addr":"0x10","bus":"pci.0","drive":"disk-2b4d6d7d-5738-45f4","driver":"virtio-blk-pci","id":"disk-2b4d6d7d-5738-45f4"}}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPin(t *testing.T) {
	masks, err := ParseMasks("0-1,4:all:2")
	if err != nil {
		t.Fatal(err)
	}
	if got := remote.Quote(pin("web", masks, []int{100, 101, 102}).Argv[4:]...); got != "0,1,4 100 2 102" {
		t.Errorf("each: %s", got)
	}
	if got := remote.Quote(pin("web", masks[:1], nil).Argv[4:]...); got != "0,1,4 "+Root+"/pid/web" {
		t.Errorf("all: %s", got)
	}
}

func TestSlotsRunOut(t *testing.T) {
	s := newSlots(config.Params{"kvm_pci_reservations": int64(31)})
	if slot, err := s.pciSlot("e1000", "nic-1"); err != nil || slot.Addr != "0x1f" {
		t.Errorf("%v, %v", slot, err)
	}
	if _, err := s.pciSlot("e1000", "nic-2"); err == nil || err.Error() != "All slots are occupied" {
		t.Errorf("%v", err)
	}
}

// TestScripts keeps the scripts clean; each is checked together with the functions it is sent with.
func TestScripts(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"qmp": guestScript + qmpScript, "start": guestScript + startScript, "stop": guestScript + stopScript,
		"cleanup": guestScript + cleanupScript, "state": guestScript + stateScript, "console": consoleScript, "emulator": emulatorScript, "checknode": checkNodeScript,
		"dropnic": dropNICScript, "user": guestScript + userScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin, c.Env = strings.NewReader(text), append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}

// FuzzMasks: the lists of CPUs that an operator writes, and what qemu says of its threads and of a migration.
func FuzzMasks(f *testing.F) {
	for _, seed := range []string{"0-1,4:all:2", "65535-65535", "1-", `[{"cpu-index":1,"thread-id":5},{"cpu-index":0}]`, `{"status":"active","ram":{"total":1}}`, "null", "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if masks, err := ParseMasks(text); err == nil && len(masks) != strings.Count(text, ":")+1 {
			t.Errorf("%d masks in %q", len(masks), text)
		}
		if threads, err := parseThreads([]byte(text)); err == nil && len(threads) > len(text) {
			t.Errorf("%d threads in %q", len(threads), text)
		}
		parseProgress([]byte(text))
	})
}
