package kvm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

const greeting = "{\"QMP\": {}}\n{\"return\": {}}\n"

// qmpLine is every exchange with a guest: the requests are on stdin.
func qmpLine(name string) string { return "node1: " + remote.Quote(exchange(name).Argv...) }

func stateLine() string { return "node1: " + remote.Quote(StateProbe().Argv...) }

// requests are the commands that were sent, without qmp_capabilities.
func requests(nodes *remotetest.Fake) string {
	var out []string
	for _, sent := range nodes.Sent() {
		for line := range strings.Lines(string(sent.Cmd.Stdin)) {
			if name := commandName(strings.TrimSpace(line)); name != "qmp_capabilities" {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestTransferSwitchesToPostcopyOnce(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer(qmpLine("web"), greeting+`{"return": {"status": "setup"}}`).
		Answer(qmpLine("web"), greeting+`{"return": {"status": "active", "ram": {"dirty-sync-count": 2, "total": 8, "transferred": 4}}}`).
		Answer(qmpLine("web"), greeting+`{"return": {}}`).
		Answer(qmpLine("web"), greeting+`{"return": {"status": "postcopy-active", "ram": {"dirty-sync-count": 3}}}`).
		Answer(qmpLine("web"), greeting+`{"return": {"status": "completed"}}`)
	var said []string
	if err := Transfer(t.Context(), nodes, "node1", "web", "xbzrle:postcopy-ram", func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, "; "); got != "* starting memory transfer; * memory transfer has switched to postcopy; * memory transfer complete" {
		t.Errorf("said %s", got)
	}
	if got := requests(nodes); got != "query-migrate query-migrate migrate-start-postcopy query-migrate query-migrate" {
		t.Errorf("asked %s", got)
	}
}

// That a transfer could not be looked at once says nothing of it; that nobody answers any more does.
func TestTransferIsLookedAtAgain(t *testing.T) {
	quiet := func(string) {}
	nodes := remotetest.New(t).InOrder().
		Answer(qmpLine("web"), greeting+`{"return": {"status": "active"}}`).
		Fail(qmpLine("web"), 1, "socat: Broken pipe").
		Answer(qmpLine("web"), greeting+`{"return": {"status": "completed"}}`)
	if err := Transfer(t.Context(), nodes, "node1", "web", "", quiet); err != nil {
		t.Error(err)
	}
	const refused = "socat: Connection refused"
	nodes = remotetest.New(t).InOrder().Fail(qmpLine("web"), 1, refused).Fail(qmpLine("web"), 1, refused).Fail(qmpLine("web"), 1, refused)
	if err := Transfer(t.Context(), nodes, "node1", "web", "", quiet); err == nil || requests(nodes) != "query-migrate query-migrate query-migrate" {
		t.Errorf("%v, asked %s", err, requests(nodes))
	}
}

func TestTransferFails(t *testing.T) {
	for answer, want := range map[string]string{
		`{"return": {"status": "failed"}}`:                         "hypervisor returned failure",
		`{"return": {"status": "failed", "error-desc": "no way"}}`: "no way",
		`{"return": {"status": "cancelled"}}`:                      "hypervisor returned failure",
	} {
		nodes := remotetest.New(t).Answer(qmpLine("web"), greeting+answer)
		if err := Transfer(t.Context(), nodes, "node1", "web", "", func(string) {}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", answer, err)
		}
	}
	nodes := remotetest.New(t).Unknown(qmpLine("web"))
	if err := Transfer(t.Context(), nodes, "node1", "web", "", func(string) {}); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("lost connection: %v", err)
	}
}

func TestAbortCleansUpAfterASourceThatIsGone(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer(stateLine(), "=== pids\n=== commands\n").
		Answer("node1: "+remote.Quote(cleanUp("web").Argv...), "")
	if err := Abort(t.Context(), nodes, "node1", "web", "xbzrle"); err != nil {
		t.Error(err)
	}
}

func TestAbortContinuesTheSource(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer(stateLine(), "=== pids\n7 web\n=== commands\n/proc/7/cmdline:kvm\x00/proc/7/cmdline:-name\x00/proc/7/cmdline:web\x00").
		Answer(qmpLine("web"), greeting+"{\"return\": {}}\n{\"return\": {}}\n").
		Answer(qmpLine("web"), greeting+"{\"return\": {}}\n")
	if err := Abort(t.Context(), nodes, "node1", "web", "xbzrle"); err != nil {
		t.Error(err)
	}
	if got := requests(nodes); got != "migrate_cancel cont migrate-set-capabilities" {
		t.Errorf("asked %s", got)
	}
}

// A start of which nobody knows whether it happened is neither repeated nor called a failure.
func TestUnknownStart(t *testing.T) {
	g := Guest{Name: "web", HV: defaults(), VCPUs: 1, MaxMem: 64}
	rt, err := Prepare(g, qemu72)
	if err != nil {
		t.Fatal(err)
	}
	c, err := start(rt, LaunchOf(g), qemu72, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes := remotetest.New(t).Unknown("node1: " + remote.Quote(c.Argv...))
	if err := Start(t.Context(), nodes, "node1", rt, LaunchOf(g), qemu72, nil); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("Start = %v", err)
	}
	if c.Changes != "starts instance web" || len(c.Stdin) == 0 {
		t.Errorf("changes %q, runtime of %d bytes", c.Changes, len(c.Stdin))
	}
}

func TestStartRefusals(t *testing.T) {
	g := Guest{Name: "web", HV: defaults(), VCPUs: 1, MaxMem: 64, Disks: []Disk{{Disk: config.Disk{UUID: "d-1-2-3-4", Mode: "ro"}}}}
	rt, err := Prepare(g, qemu72)
	if err != nil {
		t.Fatal(err)
	}
	nodes := remotetest.New(t)
	if err := Start(t.Context(), nodes, "node1", rt, LaunchOf(g), qemu72, nil); err == nil || err.Error() != "Instance has read-only disks which are not supported by KVM" {
		t.Errorf("read-only disk: %v", err)
	}
	rt.Disks = nil
	l := LaunchOf(g)
	l.Security = "pool"
	if err := Start(t.Context(), nodes, "node1", rt, l, qemu72, nil); err == nil || err.Error() != "Failed to find an unused user-id" {
		t.Errorf("empty pool: %v", err)
	}
	set(g.HV, "cdrom_image_path=http://192.0.2.254/x.iso")
	if _, err := Prepare(g, qemu72); err == nil || err.Error() != "Cdrom ISO image 'http://192.0.2.254/x.iso' is not accessible" {
		t.Errorf("image: %v", err)
	}
	if got := fmt.Sprint(ImageURLs(g.HV)); got != "[http://192.0.2.254/x.iso]" {
		t.Errorf("images to try: %s", got)
	}
}

func TestStartMemory(t *testing.T) {
	g := Guest{MinMem: 64, MaxMem: 128}
	for free, want := range map[int64]int64{32: 64, 100: 100, 4000: 128} {
		if got := StartMemory(g, free); got != want {
			t.Errorf("%d free: %d, want %d", free, got, want)
		}
	}
}

func TestStopAndItsLimit(t *testing.T) {
	c := stop("web", 2*time.Minute, true, false)
	if got := remote.Quote(c.Argv[4:]...); got != "web 120 yes ''" || c.Limit != 3*time.Minute {
		t.Errorf("%s within %v", got, c.Limit)
	}
	nodes := remotetest.New(t).Unknown("node1: " + remote.Quote(c.Argv...))
	if err := Stop(t.Context(), nodes, "node1", "web", 2*time.Minute, true); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("Stop = %v", err)
	}
}
