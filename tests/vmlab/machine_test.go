package vmlab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// keptBy7 is a lab of process 7, and a file for its disks.
func keptBy7(t *testing.T, o Options) (config, *os.File) {
	t.Helper()
	o.Dir = "/tmp/x"
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return config{o, 7}, f
}

func TestMachineGetsItsDisksInOrder(t *testing.T) {
	c, f := keptBy7(t, Options{OVS: true, Memory: 1024})
	line := strings.Join(c.argv(2, "/cache/i", []disk{{file: f, format: "qcow2"}, {file: f, format: "raw", shared: true}, {file: f, format: "raw", only: true}}, "/dev/vdc"), " ")
	last := 0
	for _, want := range []string{
		"-name gantry-vmlab-node2 ", " -smp 2 -m 1024 ", " -kernel /cache/i/kernel.img -initrd /cache/i/initrd.img ", " lab.seed=/dev/vdc ",
		"-netdev tap,id=a,ifname=lan2,", "mac=02:00:00:00:00:02,", "-netdev tap,id=b,ifname=san2,", "-netdev tap,id=c,ifname=ctl2,",
		"-drive if=none,id=disk0,file=/proc/7/fd/", "format=qcow2,cache=unsafe,discard=unmap -device virtio-blk-pci,drive=disk0 ",
		"format=raw,cache=unsafe,discard=unmap,file.locking=off -device virtio-blk-pci,drive=disk1,share-rw=on ",
		"format=raw,cache=unsafe,discard=unmap,readonly=on -device virtio-blk-pci,drive=disk2",
	} {
		at := strings.Index(line[last:], want)
		if at < 0 {
			t.Fatalf("%q is not there, or too early, in\n%s", want, line)
		}
		last += at
	}
}

func TestUserModeLinuxGetsItsDisksInOrder(t *testing.T) {
	c, f := keptBy7(t, Options{UML: true})
	fd := fmt.Sprintf("=/proc/7/fd/%d", f.Fd())
	got := c.umlArgv(2, "/cache/i", "/cache/uml", []disk{{}, {file: f}, {file: f, shared: true}, {file: f, only: true, shared: true}}, "/dev/vdd")
	want := []string{"lab.seed=/dev/vdd", "ubd0=/tmp/x/root2,/cache/i/root.img", "vec0:transport=tap,ifname=lan2,mac=02:00:00:00:00:02,gro=1",
		"vec1:transport=tap,ifname=san2,mac=02:00:00:00:01:02,gro=1", "vec2:transport=tap,ifname=ctl2,mac=02:00:00:00:02:02,gro=1", "ubd1" + fd, "ubd2c" + fd, "ubd3rc" + fd}
	if !slices.Equal(got[len(got)-len(want):], want) || got[0] != "/cache/uml/linux" || got[1] != "mem=1280M" {
		t.Errorf("%q", got)
	}
}

func TestNamesOfMachines(t *testing.T) {
	o, err := Options{Dir: "/tmp/x", Nodes: 2, Master: true, Domain: "lab.test"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string]int{"node1": 1, "node2.lab.test": 2, "master": 3, "node3": 0, "node": 0, "other": 0, "node0": 0} {
		n, err := o.number(node)
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("number(%q) = %d, %v, want %d", node, n, err, want)
		}
	}
	if got := o.primary(3) + " " + o.secondary(3) + " " + o.primary(1); got != "192.0.2.1 198.51.100.1 192.0.2.11" {
		t.Errorf("addresses %q", got)
	}
	o.Master = false
	if _, err := o.number("master"); err == nil {
		t.Error("a lab without a master has one")
	}
	if _, err := (Options{Nodes: 10}).complete(); err == nil {
		t.Error("ten nodes are accepted")
	}
}

func TestHostNamesFollowTheDomain(t *testing.T) {
	c := config{Options: Options{Nodes: 1, Master: true, Domain: "lab.test"}}
	for _, tt := range []struct{ name, text, want string }{
		{"etc/hostname", "node2.example.com\n", "master.lab.test\n"},
		{"etc/hosts", "192.0.2.11 node1.example.com node1\n", "192.0.2.11 node1.lab.test node1\n192.0.2.1 master.lab.test master\n"},
		{"etc/ganeti/other", "node1.example.com", "node1.example.com"},
	} {
		if got := c.rename(2, tt.name, tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOnlyDebiansSourcesGoIntoTheImage(t *testing.T) {
	got := sourceList("http://m.example/debian/|bookworm|main|Debian\nhttp://m.example/debian-security/|bookworm-security|main|$(ORIGIN)\n" +
		"http://other.example/node|nodistro|main|. nodistro\nhttp://other.example/x|x|main|\n")
	want := "deb http://m.example/debian/ bookworm main\ndeb http://m.example/debian-security/ bookworm-security main\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLabRefusesWhatItCannotBe(t *testing.T) {
	if _, err := Attach("", t.TempDir()); !errors.Is(err, lab.ErrNotUp) {
		t.Errorf("attaching to an empty directory: %v", err)
	}
	if err := Down("", t.TempDir()); !errors.Is(err, lab.ErrNotUp) {
		t.Errorf("ending a lab that is none: %v", err)
	}
	if _, err := directory(strings.Repeat("long", 20), ""); err == nil {
		t.Error("a path that no socket fits in is accepted")
	}
	l := Lab{config: config{Options: Options{Nodes: 3, Dir: t.TempDir()}}}
	s := lab.State{Nodes: map[string]int{"node1": 0, "node2": 0, "node3": 0}}
	if err := s.Write(l.config.Dir); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.Controls, err = lab.NewControls(l.config.Dir, &l, time.Second); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{l.Link("node1", "ctl", "down"), l.Link("node1", "lan", "sideways"), l.Link("node4", "lan", "down"), l.Kill("node1"), l.Freeze("node9")} {
		if err == nil {
			t.Error("accepted")
		}
	}
	if _, err := l.Command("node1", "true"); err == nil || !strings.Contains(err.Error(), "no power") {
		t.Errorf("a command for a node without power: %v", err)
	}
}
