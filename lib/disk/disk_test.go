package disk

import (
	"errors"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var (
	file  = &config.Disk{DevType: config.DTFile, LogicalID: config.LogicalID{"loop", "/srv/files/web/a.file.disk0"}, IVName: "disk/0", Size: 1024, Mode: "rw"}
	plain = &config.Disk{DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", "a.disk0"}, IVName: "disk/0", Size: 10, Mode: "rw"}
	block = &config.Disk{DevType: config.DTBlock, LogicalID: config.LogicalID{"manual", "/dev/disk/by-id/lun0"}, IVName: "disk/0", Size: 64, Mode: "rw"}
	ext   = &config.Disk{DevType: config.DTExt, LogicalID: config.LogicalID{"filext", "a.ext.disk0"}, IVName: "disk/0", Size: 32, Mode: "rw"}
)

// here is node1 of a cluster of two.
func here(nodes remote.Runner) On {
	cfg := &config.Config{NodeGroups: []*config.NodeGroup{{UUID: "g"}}, Nodes: []*config.Node{
		{UUID: "n1", Name: "node1", Group: "g", SecondaryIP: "198.51.100.11"}, {UUID: "n2", Name: "node2", Group: "g", SecondaryIP: "198.51.100.12"}}}
	return On{Runner: nodes, Config: cfg, Node: "node1"}
}

func TestCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd  remote.Cmd
		want string // the end of the line
	}{
		"links":      {here(nil).link("web", []*config.Disk{file, plain}), " sh /var/run/ganeti/instance-disks/web:0 /srv/files/web/a.file.disk0 /var/run/ganeti/instance-disks/web:1 /dev/xenvg/a.disk0"},
		"unlinks":    {unlink("web", 2), "timeout -k 5 60 rm -f -- /var/run/ganeti/instance-disks/web:0 /var/run/ganeti/instance-disks/web:1"},
		"wipes":      {here(nil).Wipe(plain, 3, 1), "timeout -k 5 3600 dd if=/dev/zero seek=3 bs=1048576 oflag=direct conv=notrunc of=/dev/xenvg/a.disk0 count=1"},
		"images":     {here(nil).Image(plain, "http://x/a b"), "/dev/xenvg/a.disk0 10 'http://x/a b'"},
		"odd a name": {unlink("a b", 1), "rm -f -- '/var/run/ganeti/instance-disks/a b:0'"},
	} {
		if got := tt.cmd.Line(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: got  %s\nwant %s", name, got, tt.want)
		}
		if tt.cmd.Changes == "" {
			t.Errorf("%s: it does not say what it changes", name)
		}
	}
}

// A disk that knows of spindles may come to a node that does not, and the other way round.
func TestTheNodeSaysWhetherADiskHasItsPhysicalVolumesToItself(t *testing.T) {
	two := *plain
	two.Spindles = new(int64(2))
	on := here(nil)
	if got, err := on.Spindles(&two); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	on.Config.Nodes[0].NDParams = config.Params{"exclusive_storage": true}
	if got, err := on.Spindles(&two); err != nil || got == nil || *got != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if err := on.Create(t.Context(), "web", plain); err == nil || !strings.HasPrefix(err.Error(), "Unspecified number of spindles: ") {
		t.Errorf("%v", err)
	}
}

func TestDescribe(t *testing.T) {
	hidden := *plain
	hidden.IVName = ""
	for _, tt := range []struct {
		disk *config.Disk
		want string
	}{
		{file, "<Disk(type=file, logical_id=('loop', '/srv/files/web/a.file.disk0'), children=[], visible as /dev/disk/0, size=1024m)>"},
		{ext, "<Disk(type=ext, logical_id=('filext', 'a.ext.disk0'), children=None, visible as /dev/disk/0, size=32m)>"},
		{plain, "<LogicalVolume(/dev/xenvg/a.disk0, visible as /dev/disk/0, size=10m)>"},
		{&hidden, "<LogicalVolume(/dev/xenvg/a.disk0, not visible, size=10m)>"},
	} {
		if got := Describe(tt.disk); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestChunk(t *testing.T) {
	for size, want := range map[int64]int64{1: 1, 64: 6, 10240: 1024, 1 << 30: 1024} {
		if got := Chunk(&config.Disk{Size: size}); got != want {
			t.Errorf("%d MiB are wiped %d at a time, want %d", size, got, want)
		}
	}
}

func TestABlockDeviceIsOnlyLookedFor(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: test -b /dev/disk/by-id/lun0", "").Fail("node1: test -b /dev/disk/by-id/lun0", 1, "")
	if err := here(nodes).Create(t.Context(), "web", block); err != nil {
		t.Error(err)
	}
	err := here(nodes).Attach(t.Context(), block)
	if err == nil || err.Error() != "/dev/disk/by-id/lun0: No such block device" || fault.Of(err).Class != fault.BlockDevice {
		t.Error(err)
	}
	if err := errors.Join(here(nodes).Remove(t.Context(), block), here(nodes).Detach(t.Context(), block)); err != nil {
		t.Error(err)
	}
}

func TestUnsupportedTemplatesAreRefused(t *testing.T) {
	nodes := remotetest.New(t)
	image := &config.Disk{DevType: "tape", LogicalID: config.LogicalID{"loop", "a"}, Size: 32, Mode: "rw"}
	for _, err := range []error{
		Supported("tape"), here(nodes).Create(t.Context(), "web", image), here(nodes).Attach(t.Context(), image),
		here(nodes).Detach(t.Context(), image), here(nodes).Remove(t.Context(), image), here(nodes).Grow(t.Context(), image, 1, false),
	} {
		if err == nil || err.Error() != "Disks of template 'tape' cannot be handled by this version" {
			t.Error(err)
		}
	}
	for _, template := range []string{config.DTDiskless, config.DTFile, config.DTSharedFile, config.DTBlock, config.DTPlain, config.DTDRBD, config.DTExt, config.DTRBD, config.DTGluster} {
		if err := Supported(template); err != nil {
			t.Error(template, err)
		}
	}
}

func TestADirectoryIsMadeOnlyWhereItIsAllowed(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: cat -- /etc/ganeti/file-storage-paths", "/elsewhere\n")
	err := here(nodes).MakeDir(t.Context(), file)
	want := "Failed to create directory '/srv/files/web' on node node1: Path '/srv/files/web' is not acceptable for file storage"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := here(nodes).MakeDir(t.Context(), plain); err != nil {
		t.Error(err) // it needs none
	}
}
