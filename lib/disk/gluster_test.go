package disk

import (
	"context"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

func glusterDisk() *config.Disk {
	return &config.Disk{DevType: config.DTGluster, LogicalID: config.LogicalID{"loop", "ganeti/u.0"}, IVName: "disk/0", Size: 32, Mode: "rw"}
}

func TestGlusterDisk(t *testing.T) {
	const file, mounted = "/var/run/ganeti/gluster/ganeti/u.0", "node1: findmnt -n -r -o SOURCE -t fuse.glusterfs -M /var/run/ganeti/gluster"
	fake := remotetest.New(t)
	for range 4 {
		fake.Answer(mounted, "127.0.0.1:/gv0\n")
	}
	fake.Answer("node1: test -f "+file, "").Answer("node1: test -f "+file, "").Answer("node1: truncate --no-create --size '>"+"50331648' -- "+file, "").Answer("node1: rm -f -- "+file, "")
	on, d := here(&scripts{Runner: fake}), glusterDisk()
	err := on.Create(t.Context(), "web", d)
	for _, do := range []func() error{func() error { return on.Attach(t.Context(), d) }, func() error { return on.Open(t.Context(), d) },
		func() error { return on.Grow(t.Context(), d, 16, false) }, func() error { return on.Close(t.Context(), d) }, func() error { return on.Detach(t.Context(), d) },
		func() error { return on.Remove(t.Context(), d) }} {
		if err == nil {
			err = do()
		}
	}
	if err != nil {
		t.Error(err)
	}
	if want := []string{"/var/run/ganeti/gluster/ganeti", file + " 33554432"}; strings.Join(on.Runner.(*scripts).ran, ",") != strings.Join(want, ",") {
		t.Errorf("ran %q", on.Runner.(*scripts).ran)
	}
	if got := on.link("web", []*config.Disk{d}).Line(); !strings.HasSuffix(got, " /var/run/ganeti/instance-disks/web:0 "+file) {
		t.Error(got)
	}
}

func TestGlusterElsewhereIsRefused(t *testing.T) {
	on := here(remotetest.New(t))
	on.Config.Cluster.GlusterStorageDir = "/mnt"
	err := on.Attach(t.Context(), glusterDisk())
	if err == nil || err.Error() != "Gluster is mounted on /var/run/ganeti/gluster, and not on /mnt as the cluster says" {
		t.Error(err)
	}
}

// scripts does those commands that are texts for sh, and keeps their arguments.
type scripts struct {
	remote.Runner
	ran []string
}

func (s *scripts) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if c.Argv[0] != "sh" {
		return s.Runner.Run(ctx, node, c)
	}
	s.ran = append(s.ran, strings.Join(c.Argv[4:], " "))
	return remote.Result{}, nil
}
