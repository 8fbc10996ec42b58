package extstorage

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var volume = Volume{Provider: "filext", Name: "1.ext.disk0", UUID: "9f50", Params: config.Params{"provider": "filext", "access": "kernelspace", "replica": "2"}}

// What scripts see was recorded from Ganeti.
func TestEnvironment(t *testing.T) {
	always := map[string]string{"EXTP_ACCESS": "kernelspace", "EXTP_PROVIDER": "filext", "EXTP_REPLICA": "2", "VOL_NAME": "1.ext.disk0", "VOL_UUID": "9f50"}
	for name, tt := range map[string]struct {
		do   func(r remote.Runner) error
		more map[string]string
	}{
		"create":  {func(r remote.Runner) error { return volume.Create(t.Context(), r, "node1", 32) }, map[string]string{"VOL_SIZE": "32"}},
		"attach":  {func(r remote.Runner) error { _, err := volume.Attach(t.Context(), r, "node1"); return err }, nil},
		"detach":  {func(r remote.Runner) error { return volume.Detach(t.Context(), r, "node1") }, nil},
		"remove":  {func(r remote.Runner) error { return volume.Remove(t.Context(), r, "node1") }, nil},
		"grow":    {func(r remote.Runner) error { return volume.Grow(t.Context(), r, "node1", 32, 48) }, map[string]string{"VOL_SIZE": "32", "VOL_NEW_SIZE": "48"}},
		"setinfo": {func(r remote.Runner) error { return volume.SetInfo(t.Context(), r, "node1", "originstname+web") }, map[string]string{"VOL_METADATA": "originstname+web"}},
		"open":    {func(r remote.Runner) error { return volume.Open(t.Context(), r, "node1", true) }, map[string]string{"VOL_OPEN_EXCLUSIVE": "True"}},
		"close":   {func(r remote.Runner) error { return volume.Close(t.Context(), r, "node1") }, nil},
		"snapshot": {func(r remote.Runner) error { return volume.Snapshot(t.Context(), r, "node1", "s", 32) },
			map[string]string{"VOL_SNAPSHOT_NAME": "s", "VOL_SNAPSHOT_SIZE": "32"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := remotetest.New(t).Answer("node1: action.sh "+name+" filext 1.ext.disk0", "/dev/loop0\n")
			if err := tt.do(fake); err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(always)
			maps.Copy(want, tt.more)
			if got := fake.Sent()[0].Cmd; !maps.Equal(got.Env, want) || got.Changes == "" {
				t.Errorf("environment %v, changes %q", got.Env, got.Changes)
			}
		})
	}
}

func TestAttachment(t *testing.T) {
	got := parseAttachment([]byte("/dev/loop3\nkvm:file:/srv/x\n"))
	if got.Device != "/dev/loop3" || got.URIs["kvm"] != "file:/srv/x" {
		t.Errorf("%+v", got)
	}
	got = parseAttachment([]byte("\nKVM:rbd:x\nkvm:rbd:y\n"))
	if uri, err := volume.URI(got, "kvm"); got.Device != "" || uri != "rbd:x" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := volume.URI(got, "xen-pvm")
	if err == nil || err.Error() != "Userspace access is not supported by the 'filext' ExtStorage provider for the 'xen-pvm' hypervisor" {
		t.Error(err)
	}
}

// What was a device once, and is none any more, must not be taken for the volume.
func TestLink(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	run, root := provider(t, map[string]string{"attach": "cat " + said, "detach": "exit 0"})
	for _, tt := range []struct{ action, said, link string }{
		{"attach", "/dev/loop0\n", "/dev/loop0"}, {"attach", "\nkvm:rbd:x\n", NoDevice}, {"detach", "", ""},
		{"attach", "\nkvm:rbd:x\n", NoDevice}, {"attach", "/dev/loop1\nkvm:rbd:x\n", "/dev/loop1"},
	} {
		if err := os.WriteFile(said, []byte(tt.said), 0o600); err != nil {
			t.Fatal(err)
		}
		out, status := run(tt.action, "filext", "v")
		link, _ := os.Readlink(filepath.Join(root, "run/extstorage/v"))
		if status != 0 || tt.action == "attach" && !strings.HasPrefix(out, tt.said) || link != tt.link {
			t.Errorf("%+v: %d, %q, link %q", tt, status, out, link)
		}
	}
}

// provider makes one on this machine, and gives the script with its directories, below root, in place of a node's.
func provider(t *testing.T, scripts map[string]string) (run func(args ...string) (string, int), root string) {
	t.Helper()
	root = t.TempDir()
	dir := filepath.Join(root, "ext", "filext")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range scripts {
		if !strings.HasPrefix(text, "#!") {
			text = "#!/bin/sh\n" + text
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	places := strings.NewReplacer("/usr/share/ganeti/extstorage", root+"/ext", "/var/log/ganeti/extstorage", root+"/log", "/var/run/ganeti", root+"/run")
	run = func(args ...string) (string, int) {
		cmd := exec.Command("sh", append([]string{"-c", places.Replace(actionScript), "sh"}, args...)...)
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		logs, _ := filepath.Glob(root + "/log/*")
		return strings.ReplaceAll(string(out), root, "") + strings.Repeat("+", len(logs)), cmd.ProcessState.ExitCode()
	}
	return run, root
}

func TestActions(t *testing.T) {
	run, _ := provider(t, map[string]string{"create": "pwd; exit 0", "attach": "echo /dev/loop0", "remove": "echo no; echo never >&2; exit 3", "detach": "exit 0"})
	for _, tt := range []struct {
		args   []string
		out    string
		status int
	}{
		{[]string{"attach", "filext", "v"}, "/dev/loop0\n", 0},
		{[]string{"create", "filext", "v/0"}, "+", 0},
		{[]string{"remove", "filext", "v"}, "3\nno\nnever\n++", 12},
		{[]string{"open", "filext", "v"}, "++", 11},
		{[]string{"create", "nosuch", "v"}, "++", 10},
	} {
		if out, status := run(tt.args...); out != tt.out || status != tt.status {
			t.Errorf("%q: %q, %d", tt.args, out, status)
		}
	}
}

// A shell keeps no variable of such a name, so the script is no shell's.
func TestParametersOfAnyName(t *testing.T) {
	odd := Volume{Provider: "filext", Name: "v", Params: config.Params{"cache-mode": "it's $(none)", "9.é": "a=b", "replica": "2"}}
	fake := remotetest.New(t).Answer("node1: action.sh attach filext v 'EXTP_9.É=a=b' 'EXTP_CACHE-MODE=it'\\''s $(none)'", "/dev/loop0\n")
	if _, err := odd.Attach(t.Context(), fake, "node1"); err != nil {
		t.Fatal(err)
	}
	sent := fake.Sent()[0].Cmd
	if want := map[string]string{"EXTP_REPLICA": "2", "VOL_NAME": "v", "VOL_UUID": ""}; !maps.Equal(sent.Env, want) {
		t.Errorf("environment %v", sent.Env)
	}
	const script = "#!/usr/bin/env perl\nprint join('|', map {\"$_=$ENV{$_}\"} grep {/^EXTP_/} sort keys %ENV); exit 3"
	run, _ := provider(t, map[string]string{"attach": script, "create": script})
	for _, action := range []string{"attach", "create"} {
		out, status := run(append([]string{action}, sent.Argv[5:]...)...)
		if !strings.HasPrefix(out, "3\nEXTP_9.É=a=b|EXTP_CACHE-MODE=it's $(none)") || status != 12 {
			t.Errorf("%s: %q, %d", action, out, status)
		}
	}
	odd.Params = config.Params{"a=b": "c"}
	if env := odd.action("attach", nil).Env; env["EXTP_A=B"] != "c" { // and so it is refused
		t.Errorf("environment %v", env)
	}
}

func TestFailuresAreGanetis(t *testing.T) {
	const create = "node1: action.sh create filext 1.ext.disk0"
	for want, fake := range map[string]*remotetest.Fake{
		"Directory for External Storage Provider filext not found in search path": remotetest.New(t).Fail(create, 10, ""),
	} {
		if err := volume.Create(t.Context(), fake, "node1", 32); err == nil || err.Error() != want {
			t.Error(err)
		}
	}
	if err := volume.Create(t.Context(), remotetest.New(t).Unknown(create), "node1", 32); remote.OutcomeOf(err) != remote.Unknown {
		t.Error(err)
	}
}

const diagnosed = `dir /usr/share/ganeti/extstorage/filext
mode 81ed create
mode 81ed remove
mode 81ed grow
mode 81ed attach
mode 81ed detach
mode 81ed setinfo
mode 81ed verify
mode 81ed snapshot
mode 81a4 parameters.list
line replica Number of replicas
line fromsnap Create from this snapshot
line cache-mode	 How writes are held
line bare
dir /usr/share/ganeti/extstorage/half
mode 81a4 create
`

func TestProviders(t *testing.T) {
	list, err := parseProviders([]byte(diagnosed))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	want := []Parameter{{"bare", ""}, {"cache-mode", "How writes are held"}, {"fromsnap", "Create from this snapshot"}, {"replica", "Number of replicas"}}
	if p := list[0]; p.Name != "filext" || !p.Valid || !slices.Equal(p.Parameters, want) {
		t.Errorf("%+v", p)
	}
	if p := list[1]; p.Valid || p.Reason != "File 'create' under path '/usr/share/ganeti/extstorage/half' is not executable" {
		t.Errorf("%+v", p)
	}
}

func FuzzProviders(f *testing.F) {
	f.Add([]byte(diagnosed))
	f.Add([]byte("mode x"))
	f.Fuzz(func(t *testing.T, out []byte) {
		list, err := parseProviders(out)
		for _, p := range list {
			if err == nil && p.Valid == (p.Reason != "") {
				t.Errorf("%+v", p)
			}
		}
	})
}
