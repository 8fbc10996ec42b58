package disk

import (
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

func kept() (*config.Config, *config.Disk) {
	cfg := &config.Config{NodeGroups: []*config.NodeGroup{{UUID: "g"}}, Nodes: []*config.Node{{UUID: "n1", Name: "node1", Group: "g"}}}
	return cfg, &config.Disk{UUID: "d", DevType: config.DTExt, Size: 32, LogicalID: config.LogicalID{"filext", "1.ext.disk0"},
		Params: config.Params{"provider": "filext", "replica": "2"}}
}

// expecting answers these scripts in turn.
func expecting(t *testing.T, actions ...string) *remotetest.Fake {
	fake := remotetest.New(t).InOrder()
	for _, a := range actions {
		fake.Answer("node1: action.sh "+a+" filext 1.ext.disk0", "/dev/loop0\n")
	}
	return fake
}

func TestExternalDisk(t *testing.T) {
	cfg, d := kept()
	fake := expecting(t, "create", "attach", "open", "setinfo", "grow", "setinfo", "open", "close", "detach", "detach", "remove")
	on := On{Runner: fake, Config: cfg, Node: "node1"}
	err := on.Create(t.Context(), "web", d)
	for _, do := range []func() error{func() error { return on.Grow(t.Context(), d, 16, false) }, func() error { return on.Grow(t.Context(), d, 16, true) },
		func() error { return on.SetInfo(t.Context(), "www", d) },
		func() error { on.Shared = true; return on.Open(t.Context(), d) }, func() error { return on.Close(t.Context(), d) },
		func() error { return on.Detach(t.Context(), d) }, func() error { return on.Remove(t.Context(), d) }} {
		if err == nil {
			err = do()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, s := range fake.Sent() {
		for _, name := range []string{"VOL_OPEN_EXCLUSIVE", "VOL_METADATA", "VOL_NEW_SIZE", "EXTP_REPLICA"} {
			if v := s.Cmd.Env[name]; v != "" && name != "EXTP_REPLICA" {
				seen = append(seen, v)
			}
		}
		if s.Cmd.Env["EXTP_REPLICA"] != "2" || s.Cmd.Env["EXTP_PROVIDER"] != "filext" || s.Cmd.Env["EXTP_ACCESS"] != "kernelspace" {
			t.Errorf("%v", s.Cmd.Env)
		}
	}
	if want := []string{"True", "originstname+web", "48", "originstname+www", "False"}; !slices.Equal(seen, want) {
		t.Errorf("scripts saw %q", seen)
	}
	if got := on.Device(d); got != "/var/run/ganeti/extstorage/1.ext.disk0" {
		t.Error(got)
	}
}

func TestSnapshotOfAnExternalDisk(t *testing.T) {
	cfg, d := kept()
	fake := remotetest.New(t).InOrder().Answer("node1: action.sh snapshot filext 1.ext.disk0", "").
		Answer("node1: action.sh attach filext 1.ext.disk0.snap", "/dev/loop1\n").Answer("node1: action.sh detach filext 1.ext.disk0.snap", "").
		Answer("node1: action.sh remove filext 1.ext.disk0.snap", "")
	on := On{Runner: fake, Config: cfg, Node: "node1"}
	if err := on.Snapshot(t.Context(), d); err != nil {
		t.Error(err)
	}
	if err := on.Remove(t.Context(), SnapshotOf(d)); err != nil {
		t.Error(err)
	}
	sent := fake.Sent()
	if env := sent[0].Cmd.Env; env["VOL_NAME"] != "1.ext.disk0" || env["VOL_SNAPSHOT_NAME"] != "1.ext.disk0.snap" || env["VOL_SNAPSHOT_SIZE"] != "32" {
		t.Errorf("%v", env)
	}
	if env := sent[3].Cmd.Env; env["VOL_NAME"] != "1.ext.disk0.snap" || env["VOL_UUID"] != "" {
		t.Errorf("%v: it may be taken for the disk", env)
	}
}

func TestAnExternalDiskThatCannotBeAttachedIsRemoved(t *testing.T) {
	cfg, d := kept()
	fake := remotetest.New(t).InOrder().Answer("node1: action.sh create filext 1.ext.disk0", "").Answer("node1: action.sh attach filext 1.ext.disk0", "\nkvm:file:/x\n").
		Answer("node1: action.sh detach filext 1.ext.disk0", "").Answer("node1: action.sh remove filext 1.ext.disk0", "")
	err := On{Runner: fake, Config: cfg, Node: "node1"}.Create(t.Context(), "web", d)
	if err == nil || err.Error() != "External storage's attach script of provider filext names no device" {
		t.Error(err)
	}
}

// openedBy is node1 whose group has its external disks opened like that, and whose provider says that when it attaches one.
func openedBy(t *testing.T, access, attached string) (On, *config.Disk) {
	cfg, d := kept()
	cfg.NodeGroups[0].DiskParams = map[string]config.Params{config.DTExt: {"access": access}}
	return On{Runner: remotetest.New(t).Always("node1: action.sh attach filext 1.ext.disk0", attached), Config: cfg, Node: "node1"}, d
}

func TestWhoOpensAnExternalDisk(t *testing.T) {
	const (
		noDevice = "External storage's attach script of provider filext names no device"
		noURI    = "Userspace access is not supported by the 'filext' ExtStorage provider for the 'kvm' hypervisor"
	)
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	for _, tt := range []struct{ access, attached, refused, uri, without string }{
		{"kernelspace", "/dev/loop0\n", "", "", ""},
		{"kernelspace", "/dev/loop0\nkvm:rbd:x\n", "", "", ""},
		{"kernelspace", "\nkvm:rbd:x\n", noDevice, "", ""},
		{"userspace", "/dev/loop0\nkvm:rbd:x\n", "", "rbd:x", ""},
		{"userspace", "\nkvm:rbd:x\n", "", "rbd:x", ""},
		{"userspace", "/dev/loop0\n", "", "", noURI},
		{"userspace", "\n", noURI, "", noURI},
	} {
		on, d := openedBy(t, tt.access, tt.attached)
		if err := on.Attach(t.Context(), d); text(err) != tt.refused {
			t.Errorf("%+v: attached: %v", tt, err)
		}
		if uri, err := on.URI(t.Context(), d); uri != tt.uri || text(err) != tt.without {
			t.Errorf("%+v: %q, %v", tt, uri, err)
		}
	}
}

func TestPathOfAnExternalDisk(t *testing.T) {
	cfg, d := kept()
	for link, want := range map[string]string{"/dev/loop0\n": "/dev/loop0", ".\n": ""} {
		fake := remotetest.New(t).Answer("node1: readlink -- /var/run/ganeti/extstorage/1.ext.disk0", link)
		if path, err := (On{Runner: fake, Config: cfg, Node: "node1"}).Path(t.Context(), d); path != want || err != nil {
			t.Errorf("%q: %q, %v", link, path, err)
		}
	}
}

// A snapshot is read, and so it has a device whoever opens the disk itself.
func TestASnapshotNeedsADevice(t *testing.T) {
	on, d := openedBy(t, "userspace", "")
	on.Runner = remotetest.New(t).InOrder().Answer("node1: action.sh snapshot filext 1.ext.disk0", "").
		Answer("node1: action.sh attach filext 1.ext.disk0.snap", "\nkvm:rbd:x\n").Answer("node1: action.sh detach filext 1.ext.disk0.snap", "").
		Answer("node1: action.sh remove filext 1.ext.disk0.snap", "")
	if err := on.Snapshot(t.Context(), d); err == nil || err.Error() != "External storage's attach script of provider filext names no device" {
		t.Error(err)
	}
}
