package backup

import (
	"bytes"
	"errors"
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
	"gantry/lib/remote/remotetest"
)

func TestCommands(t *testing.T) {
	hop := []string{"ssh", "root@198.51.100.12"}
	s := Script{Dir: "/os/x", Log: "export-x-web-disk0", Env: []byte("export A='b'\n")}
	for name, tt := range map[string]struct {
		cmd  remote.Cmd
		want []string // the words after the text of the script
	}{
		"remove":       {remove("web.example.com"), []string{"timeout", "-k", "5", "600", "rm", "-rf", "--", "/var/lib/ganeti/export/web.example.com"}},
		"not above":    {remove("../../etc"), []string{"timeout", "-k", "5", "600", "rm", "-rf", "--", "/var/lib/ganeti/export/etc"}},
		"send":         {Send(s, None, nil, "/e/d"), []string{"export-x-web-disk0", "/os/x", "", "sh", "-c", storeScript, "sh", "/e/d", "", "excl"}},
		"send over":    {Send(s, "gzip-fast", hop, "/e/d"), []string{"export-x-web-disk0", "/os/x", "gzip -1", "ssh", "root@198.51.100.12", remote.Quote("sh", "-c", storeScript, "sh", "/e/d", "gzip -d", "excl")}},
		"receive":      {Receive(s, "gzip", nil, "/e/d"), []string{"export-x-web-disk0", "/os/x", "", "sh", "-c", loadScript, "sh", "/e/d", ""}},
		"receive over": {Receive(s, "lzop", hop, "/e/d"), []string{"export-x-web-disk0", "/os/x", "lzop -d", "ssh", "root@198.51.100.12", remote.Quote("sh", "-c", loadScript, "sh", "/e/d", "lzop")}},
		"transfer":     {Transfer("/dev/vg/a b", 20, "gzip", hop, "/dev/vg/c"), []string{"/dev/vg/a b", "20", "gzip", "ssh", "root@198.51.100.12", remote.Quote("sh", "-c", storeScript, "sh", "/dev/vg/c", "gzip -d", "nocreat,notrunc")}},
		"send raw":     {SendRaw("/dev/vg/a b", 20, "gzip", hop, "/e/d"), []string{"/dev/vg/a b", "20", "gzip", "ssh", "root@198.51.100.12", remote.Quote("sh", "-c", storeScript, "sh", "/e/d", "gzip -d", "excl")}},
		"receive raw":  {ReceiveRaw("/e/d", "gzip", nil, "/dev/vg/a"), []string{"/e/d", "", "", "sh", "-c", storeScript, "sh", "/dev/vg/a", "", "nocreat,notrunc"}},
		"convert":      {Convert("/dev/vg/a", 20, "/srv/a b"), []string{"/dev/vg/a", "20", "", "sh", "-c", storeScript, "sh", "/srv/a b", "", "nocreat,notrunc"}},
		"sizes":        {sizes("/e/a b"), []string{"/e/a b"}},
		"reach":        {Reach(hop), []string{"timeout", "-k", "5", "60", "ssh", "root@198.51.100.12", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := tt.cmd.Line()
			if want := remote.Quote(tt.want...); !strings.HasSuffix(line, want) {
				t.Errorf("got  %s\nwant %s", line, want)
			}
			if strings.Contains(line, "export A=") {
				t.Errorf("variables stand on the command line: %s", line)
			}
		})
	}
	if c := Send(s, None, hop, "/e/d"); !c.LendKey || !c.Secret || c.Changes == "" || string(c.Stdin) != "export A='b'\n" {
		t.Errorf("%+v", c)
	}
	if c := Transfer("/d", 1, None, hop, "/d"); !c.LendKey || c.Changes != "copies device /d" {
		t.Errorf("%+v", c)
	}
	if from, to, ok := Converted(Convert("/d", 1, "/a to").Changes); !ok || from != "/d" || to != "/a to" {
		t.Errorf("reads %q, %q, %v", from, to, ok)
	}
	if c := Send(s, None, nil, "/e/d"); c.LendKey {
		t.Error("the key is lent for a copy on one node")
	}
}

func TestListTellsAnEmptyDirectoryFromNone(t *testing.T) {
	line := "node1: " + remote.Quote(list().Argv...)
	nodes := remotetest.New(t).Answer(line, "a.example.com\nb b\n").Answer(line, "").Fail(line, 10, "")
	if got, err := List(t.Context(), nodes, "node1"); err != nil || !slices.Equal(got, []string{"a.example.com", "b b"}) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := List(t.Context(), nodes, "node1"); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := List(t.Context(), nodes, "node1"); !errors.Is(err, ErrNoDir) {
		t.Error(err)
	}
}

func TestReadRefusesWhatIsNoExport(t *testing.T) {
	line := "node1: " + remote.Quote(read("/e").Argv...)
	for text, want := range map[string]string{
		"":                          "Export info file doesn't have the required fields",
		"[export]\nversion = 0\n":   "Export info file doesn't have the required fields",
		"[export]\nno equals sign!": `Export info file has a line that cannot be read: "no equals sign!"`,
		"  x\n[export]\n":           `Export info file has a line without a key: "  x"`,
	} {
		if _, err := Read(t.Context(), remotetest.New(t).Answer(line, text), "node1", "/e"); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	d, err := Read(t.Context(), remotetest.New(t).Answer(line, "[export]\nversion = 1\n[instance]\n"), "node1", "/e")
	if err != nil || d.CheckVersion() == nil || d.CheckVersion().Error() != "Wrong export version 1 (wanted 0)" {
		t.Errorf("%v, %v", d, err)
	}
}

// recorded is what Ganeti wrote for an instance of the hypervisor fake.
const recorded = `[export]
version = 0
timestamp = 1795330760
source = 9b72b2b9
os = envdump+default
compression = none

[instance]
name = inst2.example.com
maxmem = 128
minmem = 128
memory = 128
vcpus = 1
disk_template = file
hypervisor = fake
tags = a
nic0_mac = aa:00:00:d3:1f:b1
nic0_ip = None
nic0_network = None
nic0_name = None
nic0_link = br0
nic0_mode = bridged
nic0_vlan = 
nic_count = 1
disk0_ivname = disk/0
disk0_dump = fa9dbe87
disk0_size = 32
disk0_name = None
disk1_ivname = disk/1
disk1_dump = 6efa9109
disk1_size = 16
disk1_name = None
disk_count = 2

[hypervisor]

[backend]
always_failover = False
auto_balance = True
maxmem = 128
minmem = 128
spindle_use = 1
vcpus = 1

[os]
dhcp = yes

[os_private]

`

func TestDescriptionIsWrittenAsGanetiDoes(t *testing.T) {
	cfg := &config.Config{
		Cluster: config.Cluster{BEParams: map[string]config.Params{config.Default: {"maxmem": int64(128), "minmem": int64(128), "vcpus": int64(1)}},
			NICParams: map[string]config.Params{config.Default: {"link": "br0"}}},
		Disks: []*config.Disk{{UUID: "fa9dbe87", IVName: "disk/0", Size: 32, DevType: "file"}, {UUID: "6efa9109", IVName: "disk/1", Size: 16, DevType: "file"}},
	}
	inst := &config.Instance{Name: "inst2.example.com", OS: "envdump+default", PrimaryNode: "9b72b2b9", Hypervisor: "fake", Disks: []string{"fa9dbe87", "6efa9109"},
		NICs: []config.NIC{{MAC: "aa:00:00:d3:1f:b1"}}, OSParams: config.Params{"dhcp": "yes"}, Tags: []string{"a"}}
	d := Describe(cfg, inst, time.Unix(1795330760, 0))
	delete(d["hypervisor"], "migration_mode")
	if got := string(d.Text()); got != recorded {
		t.Errorf("got\n%s", got)
	}
	back, err := Parse([]byte(recorded))
	if err != nil || string(back.Text()) != recorded {
		t.Errorf("read and written again: %v\n%s", err, back.Text())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte("[a]\nb: c\n d\n# e\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(d.Text())
		if err != nil {
			return // a value may look like a section or a comment once it stands alone
		}
		for section := range again {
			if !slices.Contains(sections, section) && d[section] == nil {
				t.Errorf("section %q came out of nothing", section)
			}
		}
	})
}

func TestJudgeBlamesTheEndThatFailed(t *testing.T) {
	for name, tt := range map[string]struct {
		script, out    string
		sent, received string
	}{
		"the export script":          {"export", "script 3\npack 0\ncopy 0\n\nlog", "exited with exit code 3", ""},
		"no room":                    {"export", "copy 1\npack 141\nscript 141\n\nlog", "", "exited with exit code 1"},
		"the way was lost":           {"export", "copy 255\npack 141\nscript 141\n\nlog", "", "exited with exit code 255"},
		"the import script":          {"import", "script 1\npack 141\ncopy 141\n\nlog", "", "exited with exit code 1"},
		"the source of an import":    {"import", "copy 255\npack 0\nscript 0\n\nlog", "exited with exit code 255", ""},
		"a file that does not unzip": {"import", "copy 0\npack 1\nscript 0\n\nlog", "", "exited with exit code 1"},
		"nobody says why":            {"import", "\n\nlog", "ended in the middle", ""},
	} {
		c := Judge(tt.script, remote.Result{Status: 10, Stdout: []byte(tt.out)})
		if c.Sent != tt.sent || c.Received != tt.received || string(c.Log) != "log" || c.OK() {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if !Judge("export", remote.Result{}).OK() {
		t.Error("a copy that went well is blamed")
	}
}

// makeOS makes an OS definition whose scripts are these texts.
func makeOS(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a command in a mount namespace that has /var/log for itself.
func run(t *testing.T, c remote.Cmd) remote.Result {
	t.Helper()
	argv := append([]string{"--mount", "sh", "-c", `mount -t tmpfs tmpfs /var/log && exec "$@"`, "sh"}, c.Argv...)
	x := exec.CommandContext(t.Context(), "unshare", argv...)
	x.Stdin = bytes.NewReader(c.Stdin)
	var said bytes.Buffer
	x.Stderr = &said
	out, err := x.Output()
	if x.ProcessState == nil || !slices.Contains([]int{0, failed}, x.ProcessState.ExitCode()) {
		t.Fatalf("%v\n%s", err, out)
	}
	return remote.Result{Stdout: out, Stderr: said.Bytes(), Status: x.ProcessState.ExitCode()}
}

// The scripts run for real: a dump goes out and comes in again, and what fails is found.
func TestDumpsAreCopied(t *testing.T) {
	if os.Getenv("GANTRY_LAB") == "" {
		t.Skip("GANTRY_LAB IS NOT SET: nothing was copied")
	}
	data := strings.Repeat("some data\x00\xff", 200_000)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := makeOS(t, map[string]string{
		"export": `[ -z "$FAIL" ] || { echo "no more" >&2; exit "$FAIL"; }; env >&2; stat -c %s "$EXPORT_DEVICE" >&"$EXP_SIZE_FD"; exec cat "$EXPORT_DEVICE"`,
		"import": `[ -z "$FAIL" ] || { echo "no more" >&2; exit "$FAIL"; }; head -c "$SIZE" >"$IMPORT_DEVICE"`,
	})
	script := func(env string) Script { return Script{Dir: dir, Log: "x", Env: []byte(env)} }
	here := []string{"sh", "-c"} // a hop that stays
	for _, tool := range []string{None, "gzip", "gzip-fast"} {
		dump, back := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "back")
		send := "export EXPORT_DEVICE=" + remote.Quote(disk) + "\n"
		out := run(t, Send(script(send), tool, here, dump))
		if c := Judge("export", out); !c.OK() {
			t.Fatalf("%s: %+v\n%s", tool, c, c.Log)
		}
		if !strings.HasPrefix(string(out.Stderr), strconv.Itoa(len(data))+"\n") || !strings.Contains(string(out.Stderr), " copied, ") {
			t.Errorf("%s: said %q of its size", tool, out.Stderr)
		}
		if got, _ := os.ReadFile(dump); string(got) != data {
			t.Errorf("%s: a dump of %d bytes", tool, len(got))
		}
		if c := Judge("export", run(t, Send(script(send), tool, here, dump))); c.Received == "" || c.Sent != "" {
			t.Errorf("%s: over a file that is there: %+v", tool, c)
		}
		// Half of it is enough for this script; the rest does not break the pipe.
		receive := "export IMPORT_DEVICE=" + remote.Quote(back) + " SIZE=1000000\n"
		if c := Judge("import", run(t, Receive(script(receive), tool, here, dump))); !c.OK() {
			t.Fatalf("%s: %+v\n%s", tool, c, c.Log)
		}
		if got, _ := os.ReadFile(back); string(got) != data[:1000000] {
			t.Errorf("%s: %d bytes came back", tool, len(got))
		}
	}
	gone := filepath.Join(t.TempDir(), "none", "dump")
	if c := Judge("export", run(t, Send(script("export EXPORT_DEVICE="+remote.Quote(disk)), None, here, gone))); c.Received == "" || c.Sent != "" {
		t.Errorf("nowhere to write: %+v", c)
	}
	if c := Judge("import", run(t, Receive(script(""), None, here, gone))); c.Sent == "" {
		t.Errorf("nothing to read: %+v", c)
	}
	fails := script("export FAIL=7 EXPORT_DEVICE=x IMPORT_DEVICE=x\n")
	if c := Judge("export", run(t, Send(fails, None, here, filepath.Join(t.TempDir(), "d")))); c.Sent != "exited with exit code 7" || string(c.Log) != "no more\n" {
		t.Errorf("%+v %q", c, c.Log)
	}
	if c := Judge("import", run(t, Receive(fails, None, here, disk))); c.Received != "exited with exit code 7" {
		t.Errorf("%+v %q", c, c.Log)
	}
}

// A volume is larger than its disk when its group has large extents.
func TestOnlyTheDiskIsCopied(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	data := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB
	if err := os.WriteFile(from, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	stays := []string{"sh", "-c"} // a hop that does
	for name, c := range map[string]remote.Cmd{"converted": Convert(from, 2, to), "moved": Transfer(from, 2, "gzip", stays, to), "dumped": SendRaw(from, 2, None, stays, to)} {
		if err := os.WriteFile(to, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "dumped" {
			os.Remove(to)
		}
		if out, err := exec.CommandContext(t.Context(), c.Argv[0], c.Argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != data[:2<<20] {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestDevicesAreCopiedOverWhatIsThere(t *testing.T) {
	transfer := func(from, tool, to string) Copied {
		t.Helper()
		c := Transfer(from, 3, tool, []string{"sh", "-c"}, to) // a hop that stays
		out, err := exec.CommandContext(t.Context(), c.Argv[0], c.Argv[1:]...).Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != failed) {
			t.Fatal(err)
		}
		if err == nil {
			return Judge("export", remote.Result{})
		}
		return Judge("export", remote.Result{Status: failed, Stdout: out})
	}
	dir := t.TempDir()
	from, to, gone := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, "gone")
	data := strings.Repeat("some data\x00\xff", 200_000)
	if err := os.WriteFile(from, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{None, "gzip-fast"} {
		if err := os.WriteFile(to, make([]byte, len(data)+3), 0o600); err != nil {
			t.Fatal(err)
		}
		if c := transfer(from, tool, to); !c.OK() {
			t.Errorf("%s: %+v", tool, c)
		}
		if got, _ := os.ReadFile(to); string(got) != data+"\x00\x00\x00" {
			t.Errorf("%s: %d bytes", tool, len(got))
		}
	}
	if c := transfer(from, None, gone); c.Received == "" || c.Sent != "" || len(c.Log) == 0 {
		t.Errorf("onto nothing: %+v", c)
	}
	if c := transfer(gone, None, to); c.Sent != "exited with exit code 1" {
		t.Errorf("from nothing: %+v", c)
	}
}

func TestAFinishedExportTakesThePlaceOfTheOneBefore(t *testing.T) {
	base := t.TempDir()
	fresh, final := filepath.Join(base, "web.new"), filepath.Join(base, "web")
	for _, round := range []string{"first", "second"} {
		if err := os.Mkdir(fresh, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, round), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		x := exec.CommandContext(t.Context(), "sh", "-c", finishScript, "sh", fresh, final)
		x.Stdin = strings.NewReader("[export]\n")
		if out, err := x.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		names := []string{}
		entries, _ := os.ReadDir(final)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, []string{"config.ini", round}) {
			t.Errorf("%s: %q", round, names)
		}
	}
	if entries, _ := os.ReadDir(base); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"send": loggedScript + sendScript, "receive": loggedScript + receiveScript, "store": storeScript, "load": loadScript, "finish": finishScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}
