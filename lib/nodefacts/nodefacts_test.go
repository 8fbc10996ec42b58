package nodefacts

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

const answer = `=== memory
MemTotal:       16316412 kB
MemFree:         1048575 kB
Buffers:            2047 kB
Cached:          3145728 kB
Active:          2097152 kB
HugePages_Total:       0
=== cpus
4
=== boot
6a0f1c9e-7d2e-4c5c-9d0e-1f4f4a0b0c0d
=== time
1795328659.012345678
=== interfaces
lo 
br0 bridge
eth0 
=== addresses
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever
2: br0    inet 192.0.2.11/24 brd 192.0.2.255 scope global br0
2: br0    inet6 2001:db8::1/64 scope global
=== kvm
QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)
=== missing
socat
=== storage
yes yes 4096 66060288 18036736 /srv/my files
no no 0 0 0 /srv/nosuch
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	if f.MemoryTotal != 15933 || f.MemoryFree != 1023+1+3072 || f.MemoryUsed != 2048 || f.CPUs != 4 || f.CPUNodes != 1 {
		t.Errorf("%+v", f)
	}
	if !f.Time.Equal(time.Unix(1795328659, 12345678)) || !strings.HasPrefix(f.BootID, "6a0f") || f.KVMVersion != "7.2.22" {
		t.Errorf("%v %s %s", f.Time, f.BootID, f.KVMVersion)
	}
	if !f.Interfaces["br0"].Bridge || f.Interfaces["eth0"].Bridge || !f.HasAddress("192.0.2.11") || !f.HasAddress("2001:db8::1") || f.HasAddress("192.0.2.1") {
		t.Errorf("%+v", f.Interfaces)
	}
	if got := f.Dirs["/srv/my files"]; got != (Dir{true, true, 258048, 70456}) {
		t.Errorf("%+v", got)
	}
	if got := f.Dirs["/srv/nosuch"]; got != (Dir{}) || !slices.Equal(f.Missing, []string{"socat"}) {
		t.Errorf("%+v %v", got, f.Missing)
	}
	for _, bad := range []string{"", strings.Replace(answer, "1795328659.", "x", 1), strings.Replace(answer, "=== cpus\n4", "=== cpus\n", 1),
		strings.Replace(answer, "yes yes", "yes", 1) + "short\n"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// here runs commands on this machine.
type here struct{}

func (here) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	out, err := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...).Output()
	return remote.Result{Stdout: out}, err
}

func TestThisMachine(t *testing.T) {
	dir := t.TempDir()
	f, err := Get(t.Context(), here{}, "node1", Options{KVM: "/nosuch/kvm", Dirs: []string{dir, dir + "/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if f.MemoryTotal <= 0 || f.CPUs <= 0 || time.Since(f.Time).Abs() > time.Minute || !slices.Contains(f.Interfaces["lo"].Addresses, "127.0.0.1") {
		t.Errorf("%+v", f)
	}
	if d := f.Dirs[dir]; !d.Exists || !d.Writable || d.Total <= 0 || d.Free > d.Total || f.Dirs[dir+"/x"].Exists {
		t.Errorf("%+v", f.Dirs)
	}
	if !slices.Contains(f.Missing, "/nosuch/kvm") {
		t.Errorf("missing: %v", f.Missing)
	}
}

func TestGather(t *testing.T) {
	got, err := Gather(t.Context(), here{}, "node1",
		remote.Script(`printf '%s|' "$@"`, "a b", "$HOME", "it's", "", `"`), remote.Command("printf", `\0x\n`), remote.Command("sh", "-c", "cat; exit 3"), remote.Command("true"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`a b|$HOME|it's||"|`, "\x00x\n", "", ""} {
		if string(got[i].Stdout) != want {
			t.Errorf("%d: %q, want %q", i, got[i].Stdout, want)
		}
	}
	if got[2].Status != 3 || got[3].Status != 0 {
		t.Errorf("status %d, %d", got[2].Status, got[3].Status)
	}
	if got, err := Gather(t.Context(), here{}, "node1"); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

func TestGatherCutOff(t *testing.T) {
	const out = "one\nB 0\ntwo"
	if _, err := split("B", []byte(out), 2); err == nil || !strings.Contains(err.Error(), "after 1 of 2 parts") {
		t.Errorf("split = %v", err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("one\nB 0\n\nB 1\n"), 2)
	f.Fuzz(func(t *testing.T, out []byte, n int) {
		n &= 7
		if got, err := split("B", out, n); err == nil && len(got) != n {
			t.Errorf("%d results of %d", len(got), n)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(answer))
	f.Fuzz(func(t *testing.T, out []byte) {
		if facts, err := Parse(out); err == nil && facts.MemoryTotal == 0 {
			t.Error("no memory, no error")
		}
	})
}

func TestUnreachableNode(t *testing.T) {
	nodes := remotetest.New(t).Unknown("node1: " + remote.Quote(Probe(Options{}).Argv...))
	if _, err := Get(t.Context(), nodes, "node1", Options{}); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("Get = %v", err)
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"facts": factsScript, "gather": gatherScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin, c.Env = strings.NewReader(text), append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}
