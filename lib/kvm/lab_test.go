package kvm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

func result(status, output string) remote.Result {
	n, _ := strconv.Atoi(status)
	return remote.Result{Status: n, Stdout: []byte(output)}
}

// lab runs commands on "nodes" that are mount namespaces of this machine, in a network of their own.
type lab struct {
	t     *testing.T
	nodes map[string]int // name to the process that holds its namespaces
}

// newLab needs root. Each node has its own /run and /var/log; nothing of this machine is touched.
func newLab(t *testing.T, nodes ...string) *lab {
	if os.Getenv("GANTRY_LAB") == "" {
		t.Skip("GANTRY_LAB IS NOT SET: no real qemu was started")
	}
	l := &lab{t, map[string]int{}}
	network := l.hold("unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep 300")
	for _, node := range nodes {
		l.nodes[node] = l.hold("nsenter", "--net=/proc/"+strconv.Itoa(network)+"/ns/net", "unshare", "--mount", "sh", "-c",
			"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mkdir -p /run/ganeti/instance-disks && echo ready && exec sleep 300")
	}
	return l
}

// hold starts a process that keeps a namespace and says "ready", and gives its number.
func (l *lab) hold(argv ...string) int {
	l.t.Helper()
	c := exec.Command(argv[0], argv[1:]...)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "ready\n" {
		l.t.Fatalf("%v: %s, %v", argv, line, err)
	}
	return c.Process.Pid
}

func (l *lab) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	argv := append([]string{"-m", "-n", "-t", strconv.Itoa(l.nodes[node]), "timeout", "60"}, c.Argv...)
	x := exec.CommandContext(ctx, "nsenter", argv...)
	x.Stdin = bytes.NewReader(c.Stdin)
	var out, diagnostics bytes.Buffer
	x.Stdout, x.Stderr = &out, &diagnostics
	err := x.Run()
	res := remote.Result{Stdout: out.Bytes(), Stderr: diagnostics.Bytes()}
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		res.Status = exit.ExitCode()
		if slices.Contains(c.OK, res.Status) {
			return res, nil
		}
	}
	if err != nil {
		return res, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: res.Status, Stderr: res.Stderr}
	}
	return res, nil
}

func (l *lab) sh(node, script string) string {
	l.t.Helper()
	out, err := l.Run(l.t.Context(), node, remote.Script(script))
	if err != nil {
		l.t.Fatalf("%s: %s: %v", node, script, err)
	}
	return strings.TrimSpace(string(out.Stdout))
}

// state is a guest's state on a node, the zero State if it is not there.
func (l *lab) state(node, name string) State {
	l.t.Helper()
	list, err := States(l.t.Context(), l, node, name)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == name {
			return s
		}
	}
	return State{}
}

func (l *lab) must(what string, err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
}

// A guest with a disk and a network interface is started, ballooned, given a second disk and NIC, rebooted softly, moved
// to another node while it runs, and stopped; at the end neither node has a file of it.
func TestLifeOfAGuest(t *testing.T) {
	l := newLab(t, "node1", "node2")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	image := filepath.Join(t.TempDir(), "disk")
	for _, suffix := range []string{"0", "1"} {
		l.must("disk image", os.WriteFile(image+suffix, make([]byte, 1<<20), 0o600))
	}
	for _, node := range []string{"node1", "node2"} {
		l.sh(node, "ln -s "+image+"0 /run/ganeti/instance-disks/web:0; ln -s "+image+"1 /run/ganeti/instance-disks/web:1")
	}
	l.sh("node1", "ip tuntap add dev tap0 mode tap vnet_hdr; ip tuntap add dev tap1 mode tap vnet_hdr; ip tuntap add dev tap2 mode tap vnet_hdr")

	e, err := ProbeEmulator(ctx, l, "node1", "/usr/bin/qemu-system-x86_64")
	l.must("probe", err)
	g := Guest{Name: "web", UUID: "0865fa6d-5175-4247-adfd-d0f702a76448", HV: defaults(), VCPUs: 2, MaxMem: 64, MinMem: 32}
	set(g.HV, "serial_console=true,cpu_mask=0:0,vnc_bind_address=127.0.0.1,vnc_password_file=/run/password")
	g.Port = 11000
	l.sh("node1", "echo secret >/run/password")
	g.Disks = []Disk{{Disk: config.Disk{UUID: "cd9b9125-97a7-4bc4-b352-c0fa767d94b6", DevType: "sharedfile", Mode: "rw", Size: 1}, Link: LinkPath("web", 0)}}
	g.NICs = []NIC{{NIC: config.NIC{UUID: "3483c47e-0dfd-414c-809a-c698e3d811b7", MAC: "aa:bb:cc:1c:9c:3f"}, Tap: "tap0"}}
	rt, err := Prepare(g, e)
	l.must("prepare", err)

	l.must("start", Start(ctx, l, "node1", rt, LaunchOf(g), e, nil))
	t.Cleanup(func() {
		for _, node := range []string{"node1", "node2"} {
			if err := Kill(context.Background(), l, node, "web"); err != nil {
				t.Error(err)
			}
		}
	})
	if s := l.state("node1", "web"); s.Status != "prelaunch" || s.VCPUs != 2 || s.Memory != 64 {
		t.Errorf("after start: %+v", s)
	}
	if err := Start(ctx, l, "node1", rt, LaunchOf(g), e, nil); err == nil || err.Error() != "Failed to start instance web: already running" {
		t.Errorf("second start: %v", err)
	}
	l.must("set up", SetUp(ctx, l, "node1", g, StartMemory(g, 4000)))
	l.must("resume", Resume(ctx, l, "node1", "web"))
	if s := l.state("node1", "web"); s.Status != "running" {
		t.Errorf("after resume: %+v", s)
	}
	if got := l.sh("node1", "stat -c %a /run/ganeti/kvm-hypervisor/conf/web.runtime; cat /run/ganeti/kvm-hypervisor/nic/web/0"); got != "600\ntap0" {
		t.Errorf("files: %s", got)
	}
	l.must("pause", Pause(ctx, l, "node1", "web"))
	if s := l.state("node1", "web"); s.Status != "paused" || !s.Running() {
		t.Errorf("after pause: %+v", s)
	}
	l.must("resume", Resume(ctx, l, "node1", "web"))
	l.must("balloon", Balloon(ctx, l, "node1", "web", 48)) // nobody in this guest obeys

	l.hotplug(ctx)
	l.softReboot(ctx, g, e)
	l.migrate(ctx, g, e)

	// The second QMP socket is free for a listener, as Ganeti's kvmd was one.
	l.sh("node2", "{ (echo '{\"execute\":\"qmp_capabilities\"}'; sleep 8) | socat STDIO UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/web.kvmd; } >/run/events 2>&1 & sleep 0.5")
	begin := time.Now()
	l.must("stop", Stop(ctx, l, "node2", "web", time.Second, true))
	if events := l.sh("node2", "cat /run/events"); !strings.Contains(events, `"event": "POWERDOWN"`) {
		t.Errorf("the guest was not asked to power off: %s", events)
	}
	if took := time.Since(begin); took < time.Second || took > 15*time.Second {
		t.Errorf("stop took %v", took)
	}
	for _, node := range []string{"node1", "node2"} {
		if left := l.sh(node, "find /run/ganeti/kvm-hypervisor ! -type d"); left != "" {
			t.Errorf("%s: left behind: %s", node, left)
		}
	}
	l.must("stop again", Stop(ctx, l, "node2", "web", time.Second, true))
}

func (l *lab) hotplug(ctx context.Context) {
	rt, _, err := ReadRuntime(ctx, l, "node1", "web")
	l.must("read runtime", err)
	d := Disk{Disk: config.Disk{UUID: "556d2746-552b-4e62-b2a4-ee7fb189c4b3", DevType: "file", Mode: "rw"}, Link: LinkPath("web", 1)}
	l.must("add disk", AddDisk(ctx, l, "node1", "web", &rt, d))
	n := NIC{NIC: config.NIC{UUID: "fe36753e-7f6b-4938-ab15-e1d1f0ccfb09", MAC: "aa:00:00:bb:43:9a"}, Tap: "tap1"}
	l.must("add NIC", AddNIC(ctx, l, "node1", "web", &rt, n))
	missing := Disk{Disk: config.Disk{UUID: "11111111-552b-4e62-b2a4-ee7fb189c4b3"}, Link: "/nosuch"}
	if err := AddDisk(ctx, l, "node1", "web", &rt, missing); err == nil || !strings.Contains(err.Error(), "No such file") {
		l.t.Errorf("adding a disk without a file: %v", err)
	}
	if len(rt.Disks) != 2 || len(rt.NICs) != 2 || rt.NICs[1].Slot.Addr != "0xf" {
		l.t.Errorf("runtime has %d disks, %d NICs at %v", len(rt.Disks), len(rt.NICs), rt.NICs[len(rt.NICs)-1].Slot)
	}
	if err := CanHotplug("nic", config.Params{"nic_type": "ne2k_isa"}); err == nil || err.Error() != "Hotplug is not supported for device type ne2k_isa" {
		l.t.Errorf("CanHotplug = %v", err)
	}
	data, err := rt.Encode()
	l.must("encode", err)
	l.must("write runtime", WriteRuntime(ctx, l, "node1", "web", data))
}

func (l *lab) softReboot(ctx context.Context, g Guest, e Emulator) {
	before := l.state("node1", "web").PID
	rt, _, err := ReadRuntime(ctx, l, "node1", "web")
	l.must("read runtime", err)
	l.must("stop keeping", StopKeeping(ctx, l, "node1", "web", true))
	launch := LaunchOf(g)
	launch.Taps = []string{"tap0", "tap1"}
	l.must("start again", Start(ctx, l, "node1", rt, launch, e, nil))
	l.must("resume", Resume(ctx, l, "node1", "web"))
	if s := l.state("node1", "web"); s.PID == before || s.Status != "running" {
		l.t.Errorf("after soft reboot: %+v, was %d", s, before)
	}
}

func (l *lab) migrate(ctx context.Context, g Guest, e Emulator) {
	l.sh("node2", "ip tuntap add dev tap3 mode tap vnet_hdr; ip tuntap add dev tap4 mode tap vnet_hdr")
	// Both nodes are one network here, and there the display's port is taken.
	rt, data, err := ReadRuntime(ctx, l, "node1", "web")
	l.must("read runtime", err)
	for i, word := range rt.Command {
		rt.Command[i] = strings.Replace(word, "127.0.0.1:5100", "127.0.0.1:5101", 1)
	}
	launch := LaunchOf(g)
	launch.Taps, launch.Incoming = []string{"tap3", "tap4"}, IncomingAt("127.0.0.1", 8102)
	l.must("accept", Accept(ctx, l, "node2", rt, launch, e, nil, "xbzrle"))
	if s := l.state("node2", "web"); s.Status != "inmigrate" {
		l.t.Errorf("target: %+v", s)
	}
	set(g.HV, "migration_caps=xbzrle")
	l.must("migrate", Migrate(ctx, l, "node1", "web", launch.Incoming, g.HV, true, e))
	var said []string
	l.must("transfer", Transfer(ctx, l, "node1", "web", "xbzrle", func(line string) { said = append(said, line) }))
	if got := fmt.Sprint(said); got != "[* starting memory transfer * memory transfer complete]" {
		l.t.Errorf("said %s", got)
	}
	if s := l.state("node1", "web"); s.Status != "postmigrate" {
		l.t.Errorf("source: %+v", s)
	}
	l.must("finish source", Kill(ctx, l, "node1", "web"))
	l.must("finish target", FinishTarget(ctx, l, "node2", "web", data, "xbzrle"))
	if s := l.state("node2", "web"); s.Status != "running" {
		l.t.Errorf("target: %+v", s)
	}
}

// A migration to where nobody listens ends in an error, and the guest runs on.
func TestFailedMigration(t *testing.T) {
	l := newLab(t, "node1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := ProbeEmulator(ctx, l, "node1", "/usr/bin/qemu-system-x86_64")
	l.must("probe", err)
	g := Guest{Name: "web", UUID: "0865fa6d-5175-4247-adfd-d0f702a76448", HV: defaults(), VCPUs: 1, MaxMem: 64}
	rt, err := Prepare(g, e)
	l.must("prepare", err)
	l.must("start", Start(ctx, l, "node1", rt, LaunchOf(g), e, nil))
	t.Cleanup(func() { l.must("kill", Kill(context.Background(), l, "node1", "web")) })
	l.must("resume", Resume(ctx, l, "node1", "web"))
	l.must("migrate", Migrate(ctx, l, "node1", "web", "127.0.0.1:8102", g.HV, false, e))
	err = Transfer(ctx, l, "node1", "web", "", func(string) {})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Transfer = %v", err)
	}
	l.must("abort", Abort(ctx, l, "node1", "web", ""))
	if s := l.state("node1", "web"); s.Status != "running" {
		t.Errorf("after abort: %+v", s)
	}
	if err := CleanUp(ctx, l, "node1", "web"); err == nil || err.Error() != "Cannot cleanup a live instance" {
		t.Errorf("CleanUp = %v", err)
	}
}

// A guest that ends while it is waited for is not waited for any longer, and one whose qemu stays behind is noticed too.
func TestStopNoticesTheEnd(t *testing.T) {
	l := newLab(t, "node1")
	e, err := ProbeEmulator(t.Context(), l, "node1", "/usr/bin/qemu-system-x86_64")
	l.must("probe", err)
	g := Guest{Name: "web", UUID: "0865fa6d-5175-4247-adfd-d0f702a76448", HV: defaults(), VCPUs: 1, MaxMem: 64}
	rt, err := Prepare(g, e)
	l.must("prepare", err)
	l.must("start", Start(t.Context(), l, "node1", rt, LaunchOf(g), e, nil))
	ended := make(chan error)
	go func() {
		time.Sleep(time.Second)
		ended <- change(t.Context(), l, "node1", "web", "ends", request{Execute: "quit"})
	}()
	begin := time.Now()
	l.must("stop", Stop(t.Context(), l, "node1", "web", 50*time.Second, true))
	l.must("quit", <-ended)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("stop took %v", took)
	}

	launch := LaunchOf(g)
	launch.UserShutdown = true
	rt.Command = append(rt.Command, "-no-reboot") // with which a reset ends the guest as its user would
	l.must("start", Start(t.Context(), l, "node1", rt, launch, e, nil))
	l.must("resume", Resume(t.Context(), l, "node1", "web"))
	l.must("reset", change(t.Context(), l, "node1", "web", "resets", request{Execute: "system_reset"}))
	var s State
	for range 20 {
		if s = l.state("node1", "web"); s.Down {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if s.PID == 0 || !s.Down || s.Running() {
		t.Errorf("after the guest's own shutdown: %+v", s)
	}
	begin = time.Now()
	l.must("stop", Stop(t.Context(), l, "node1", "web", 50*time.Second, true))
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("stop took %v", took)
	}
}

// The console joins a terminal to the serial line and wakes a guest that waits.
func TestConsoleWakesTheGuest(t *testing.T) {
	l := newLab(t, "node1")
	e, err := ProbeEmulator(t.Context(), l, "node1", "/usr/bin/qemu-system-x86_64")
	l.must("probe", err)
	g := Guest{Name: "web", UUID: "0865fa6d-5175-4247-adfd-d0f702a76448", HV: defaults(), VCPUs: 1, MaxMem: 64, Paused: true}
	set(g.HV, "serial_console=true")
	rt, err := Prepare(g, e)
	l.must("prepare", err)
	l.must("start", Start(t.Context(), l, "node1", rt, LaunchOf(g), e, nil))
	t.Cleanup(func() { l.must("kill", Kill(context.Background(), l, "node1", "web")) })
	l.must("resume", Resume(t.Context(), l, "node1", "web"))
	l.must("pause", Pause(t.Context(), l, "node1", "web"))
	line := remote.Quote(ConsoleOf("web", "node1", 0, g.HV).Argv...)
	// A shell that does not exec its last command would leave timeout in a group of its own behind the terminal's, where
	// setting the terminal stops the whole group.
	out, err := l.Run(t.Context(), "node1", remote.Command("env", "SHELL=/bin/sh",
		"script", "--quiet", "--return", "--log-out", "/dev/null", "--command", "timeout --foreground 6 "+line))
	if err != nil && !strings.Contains(err.Error(), "124") {
		t.Errorf("console: %v", err)
	}
	if !strings.Contains(string(out.Stdout), "Instance web is paused, unpausing\r\n") {
		t.Errorf("console: %q", out.Stdout)
	}
	if s := l.state("node1", "web"); s.Status != "running" {
		t.Errorf("after the console: %+v", s)
	}
}

// What qemu says when it refuses its command line is in the error, as Ganeti has it.
func TestFailedStart(t *testing.T) {
	l := newLab(t, "node1")
	e, err := ProbeEmulator(t.Context(), l, "node1", "/usr/bin/qemu-system-x86_64")
	l.must("probe", err)
	g := Guest{Name: "web", UUID: "0865fa6d-5175-4247-adfd-d0f702a76448", HV: defaults(), VCPUs: 1, MaxMem: 64}
	set(g.HV, "soundhw=ac97")
	rt, err := Prepare(g, e)
	l.must("prepare", err)
	err = Start(t.Context(), l, "node1", rt, LaunchOf(g), e, nil)
	want := "Failed to start instance web: exited with exit code 1 (qemu-system-x86_64: -soundhw: invalid option\n)"
	if err == nil || err.Error() != want {
		t.Errorf("Start = %v", err)
	}
	g.HV["soundhw"], g.HV["security_model"], g.HV["use_chroot"] = "", "pool", true
	rt, err = Prepare(g, e)
	l.must("prepare", err)
	err = Start(t.Context(), l, "node1", rt, LaunchOf(g), e, []int64{5000})
	if err == nil || err.Error() != "Error while executing backend function: 'getpwuid(): uid not found: 5000'" {
		t.Errorf("Start = %v", err)
	}
	l.must("start as nobody", Start(t.Context(), l, "node1", rt, LaunchOf(g), e, []int64{65534}))
	if got := l.sh("node1", "cat /run/ganeti/kvm-hypervisor/uid/web; ps -o user= -p $(cat /run/ganeti/kvm-hypervisor/pid/web)"); got != "65534nobody" {
		t.Errorf("user: %s", got)
	}
	l.must("kill", Kill(t.Context(), l, "node1", "web"))
	if left := l.sh("node1", "find /run/ganeti/kvm-hypervisor ! -type d; find /run/ganeti/uid-pool /run/ganeti/kvm-hypervisor/chroot -mindepth 1"); left != "/run/ganeti/uid-pool/5000" {
		t.Errorf("left behind: %s", left)
	}
}
