package vmlab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVirtualMachines uses one lab for all that a lab can do, since starting one takes its time.
func TestVirtualMachines(t *testing.T) {
	tree := t.TempDir()
	if err := os.MkdirAll(tree+"/usr/sbin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tree+"/usr/sbin/gnt-node", []byte("#!/bin/sh\necho list of $(hostname)\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := Start(t, Options{Bin: tree})
	for name, test := range map[string]func(*testing.T, *Lab){
		"nodes are machines of their own":             machines,
		"nodes mirror a volume with DRBD":             mirror,
		"nodes that are cut cannot hear each other":   cut,
		"a frozen node answers again":                 freeze,
		"a node without power keeps its disks":        power,
		"a node that restarts by itself is there":     restart,
		"what is pushed arrives with its permissions": push,
	} {
		t.Run(name, func(t *testing.T) { test(t, l) })
	}
	t.Run("nothing is left of a lab whose keeper was killed", func(t *testing.T) { killed(t, l) })
}

func machines(t *testing.T, l *Lab) {
	for _, tt := range []struct{ node, text, want string }{
		{"node1", "hostname", "node1.example.com\n"},
		{"node1", "ssh node2 hostname", "node2.example.com\n"},
		{"node2", "ssh -b 198.51.100.12 root@198.51.100.13 'echo $SSH_CONNECTION' | cut -d' ' -f1,3,4", "198.51.100.12 198.51.100.13 22\n"},
		{"node1", "vgs --noheadings -o name,size --units g | xargs", "vg_ganeti 24.00g vg_ganeti_hdd 24.00g\n"},
		{"node3", "vgs --noheadings -o name | xargs", "vg_ganeti\n"},
		{"node1", "gnt-node; ssh node3 gnt-node", "list of node1.example.com\nlist of node3.example.com\n"},
		{"node2", "sed -n 's/[.][0-9]* (.*//; 1p' /proc/drbd", "version: 8.4\n"},
		{"node1", "echo on the LUN | dd of=/dev/disk/by-id/gantry-lun1 conv=fsync 2>/dev/null; ssh node3 head -n 1 /dev/disk/by-id/gantry-lun1", "on the LUN\n"},
		{"node1", "ping -qc 1 -W 2 203.0.113.12 >/dev/null && echo a way around the cables", ""},
		{"node1", "modprobe -n openvswitch && modprobe -n dm-snapshot && type qemu-system-x86_64 ovs-vsctl systemd-run | wc -l", "3\n"},
		{"node1", "ls /dev/kvm 2>/dev/null", ""},
	} {
		if r := l.Run(tt.node, tt.text); r.Stdout != tt.want {
			t.Errorf("%s: %s\ngot  %q\nwant %q\n%s", tt.node, tt.text, r.Stdout, tt.want, r.Stderr)
		}
	}
	if r := l.Run("node1", "echo out; echo err >&2; exit 7"); r.Stdout != "out\n" || r.Stderr != "err\n" || r.Status != 7 {
		t.Errorf("Run = %+v", r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if r, err := l.Do(ctx, "node1", "sleep 4711"); err != nil || r.Status != 124 {
		t.Errorf("a command that takes too long: %+v, %v", r, err)
	}
	if got := l.Run("node1", "sleep 5; pgrep -fc 'sleep [4]711'").Stdout; got != "0\n" {
		t.Errorf("%q of the commands that took too long still run", got)
	}
}

func mirror(t *testing.T, l *Lab) {
	for i, node := range []string{"node1", "node2"} {
		l.Must(t, node, "set -e; lvcreate -qq -Wn -L 64m -n data vg_ganeti; lvcreate -qq -Wn -L 128m -n meta vg_ganeti\n"+
			"drbdmeta --force /dev/drbd0 v08 /dev/vg_ganeti/meta flex-external create-md >/dev/null; drbdsetup new-resource r0; drbdsetup new-minor r0 0 0\n"+
			"drbdsetup attach 0 /dev/vg_ganeti/data /dev/vg_ganeti/meta flexible\n"+
			"drbdsetup connect r0 ipv4:198.51.100.1"+strconv.Itoa(i+1)+":11000 ipv4:198.51.100.1"+strconv.Itoa(2-i)+":11000 --protocol C")
	}
	l.Must(t, "node1", "set -e; timeout 60 drbdsetup wait-connect 0; drbdsetup primary 0 --force; echo written | dd of=/dev/drbd0 bs=4096 conv=sync,fsync; "+
		"timeout 120 drbdsetup wait-sync 0; drbdsetup secondary 0")
	l.Must(t, "node2", "set -e; drbdsetup primary 0; [ $(head -n 1 /dev/drbd0) = written ]; drbdsetup secondary 0")
	for _, node := range []string{"node1", "node2"} {
		l.Must(t, node, "drbdsetup down r0 && lvremove -qq -f vg_ganeti/data vg_ganeti/meta")
	}
}

func hears(t *testing.T, l *Lab, from, to string, want bool) {
	t.Helper()
	if r := l.Run(from, "ping -qc 3 -i 0.3 -W 2 "+to); (r.Status == 0) != want {
		t.Errorf("%s to %s: status %d, want success %v: %s", from, to, r.Status, want, r.Stderr)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, l *Lab) {
	must(t, l.CutBetween("node1", "node2"))
	hears(t, l, "node1", "node2", false)
	hears(t, l, "node2", "198.51.100.11", false)
	hears(t, l, "node1", "node3", true)
	must(t, l.HealBetween("node1", "node2"))
	hears(t, l, "node1", "node2", true)
	must(t, l.Cut("node3"))
	if s, err := l.Status(); err != nil || s[2].String() != "node3 running "+strconv.Itoa(s[2].Pid)+" cut:lan,san" {
		t.Errorf("status: %v, %v", s, err)
	}
	hears(t, l, "node1", "node3", false)
	hears(t, l, "node2", "198.51.100.13", false)
	must(t, l.Link("node3", "san", "up"))
	hears(t, l, "node2", "198.51.100.13", true)
	hears(t, l, "node2", "node3", false)
	must(t, l.Heal("node3"))
	hears(t, l, "node1", "node3", true)
}

func freeze(t *testing.T, l *Lab) {
	must(t, l.Freeze("node2"))
	if s, err := l.Status(); err != nil || s[1].Word != "frozen" || s[0].Word != "running" {
		t.Errorf("status: %v, %v", s, err)
	}
	hears(t, l, "node1", "node2", false)
	must(t, l.Thaw("node2"))
	hears(t, l, "node1", "node2", true)
}

func power(t *testing.T, l *Lab) {
	l.Must(t, "node3", "lvcreate -qq -Wn -L 64m -n kept vg_ganeti && echo kept >/root/kept && sync && echo lost >/run/lost")
	must(t, l.Kill("node3"))
	if _, err := l.Do(t.Context(), "node3", "true"); err == nil {
		t.Error("a node without power runs a command")
	}
	hears(t, l, "node1", "node3", false)
	must(t, l.Power("node3"))
	if got := l.Must(t, "node3", "cat /root/kept; ls /dev/vg_ganeti/kept; [ ! -e /run/lost ] && lvremove -qq -f vg_ganeti/kept"); got != "kept\n/dev/vg_ganeti/kept\n" {
		t.Errorf("after a power cut: %q", got)
	}
	hears(t, l, "node1", "node3", true)
}

func restart(t *testing.T, l *Lab) {
	if l.UML {
		t.Skip("a node of user mode Linux that restarts by itself finds its cards in use")
	}
	before := l.Must(t, "node2", "cat /proc/sys/kernel/random/boot_id")
	l.Run("node2", "echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger")
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		r, err := l.Do(ctx, "node2", "cat /proc/sys/kernel/random/boot_id")
		cancel()
		if err == nil && r.Status == 0 && r.Stdout != before {
			return
		}
	}
	t.Error("the node did not come back")
}

func push(t *testing.T, l *Lab) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/script", []byte("#!/bin/sh\necho pushed\n"), 0o755))
	must(t, l.Push("node1", dir+"/script", "/opt/new/script"))
	must(t, l.Push("node1", dir, "/opt/all"))
	if got := l.Must(t, "node1", "/opt/new/script; /opt/all/script"); got != "pushed\npushed\n" {
		t.Errorf("got %q", got)
	}
	if err := l.Push("node1", dir+"/nothing", "/opt/x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pushing what is not there: %v", err)
	}
}

func killed(t *testing.T, l *Lab) {
	status, err := l.Status()
	must(t, err)
	must(t, syscall.Kill(l.Keeper, syscall.SIGKILL))
	for _, n := range status {
		for i := 0; syscall.Kill(n.Pid, 0) == nil; i++ {
			if i > 100 {
				t.Fatalf("%s still runs", n.Name)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	out, err := exec.Command("du", "-sk", l.config.Dir).Output()
	must(t, err)
	if size, _, _ := strings.Cut(string(out), "\t"); len(size) > 4 {
		t.Errorf("%s KiB are left", size)
	}
	sweep()
	if _, err := os.Stat(filepath.Join(l.config.Dir, "vmlab.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the next lab leaves it: %v", err)
	}
	// the test's own end finds no lab
	must(t, os.MkdirAll(l.config.Dir, 0o755))
	must(t, os.WriteFile(filepath.Join(l.config.Dir, "vmlab.json"), []byte("{}"), 0o644))
}
