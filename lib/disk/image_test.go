package disk

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

const (
	mappedImages = `[{"pool":"ssd","name":"a.rbd.disk0","snap":"-","device":"/dev/rbd4"}]`
	showImages   = "node1: rbd showmapped --format json"
)

func imageDisk() *config.Disk {
	return &config.Disk{DevType: config.DTRBD, LogicalID: config.LogicalID{"rbd", "a.rbd.disk0"}, IVName: "disk/0", Size: 32, Mode: "rw"}
}

// linked is the command that links the image.
func linked() string {
	return "node1: " + remote.Quote(remote.Script(linkScript, "/var/run/ganeti/rbd/a.rbd.disk0", "/dev/rbd4").Argv...)
}

// onPool is node1 whose group has its images in another pool.
func onPool(nodes remote.Runner, access string) On {
	on := here(nodes)
	on.Config.NodeGroups[0].DiskParams = map[string]config.Params{config.DTRBD: {"pool": "ssd", "access": access}}
	return on
}

func TestImageDisk(t *testing.T) {
	d := imageDisk()
	unlink := "node1: rm -f -- /var/run/ganeti/rbd/a.rbd.disk0"
	fake := remotetest.New(t).InOrder().
		Answer("node1: rbd create -p ssd a.rbd.disk0 --size 32", "").Answer(showImages, "[]").Answer("node1: rbd map -p ssd a.rbd.disk0", "").
		Answer(showImages, mappedImages).Answer(linked(), "").
		Answer("node1: rbd resize -p ssd a.rbd.disk0 --size 48", "").
		Answer(showImages, mappedImages).Answer(linked(), "").
		Answer(showImages, mappedImages).Answer(unlink, "").Answer("node1: rbd unmap /dev/rbd4", "").
		Answer(showImages, "[]").Answer(unlink, "").Answer("node1: rbd ls -p ssd --format json", `["a.rbd.disk0"]`).Answer("node1: rbd rm -p ssd a.rbd.disk0", "")
	on := onPool(fake, "kernelspace")
	err := on.Create(t.Context(), "web", d)
	for _, do := range []func() error{func() error { return on.Open(t.Context(), d) }, func() error { return on.Grow(t.Context(), d, 16, true) },
		func() error { return on.Grow(t.Context(), d, 16, false) }, func() error { return on.Attach(t.Context(), d) }, func() error { return on.Close(t.Context(), d) },
		func() error { return on.Detach(t.Context(), d) }, func() error { return on.Remove(t.Context(), d) }} {
		if err == nil {
			err = do()
		}
	}
	if err != nil {
		t.Error(err)
	}
	if got := on.link("web", []*config.Disk{d}).Line(); !strings.HasSuffix(got, " /var/run/ganeti/instance-disks/web:0 /var/run/ganeti/rbd/a.rbd.disk0") {
		t.Error(got)
	}
}

func TestAnImageThatCannotBeMappedIsRemoved(t *testing.T) {
	fake := remotetest.New(t).InOrder().Answer("node1: rbd create -p ssd a.rbd.disk0 --size 32", "").Answer(showImages, "[]").Fail("node1: rbd map -p ssd a.rbd.disk0", 6, "no module").
		Answer(showImages, "[]").Answer("node1: rm -f -- /var/run/ganeti/rbd/a.rbd.disk0", "").Answer("node1: rbd ls -p ssd --format json", `["a.rbd.disk0"]`).
		Answer("node1: rbd rm -p ssd a.rbd.disk0", "")
	err := onPool(fake, "kernelspace").Create(t.Context(), "web", imageDisk())
	if err == nil || err.Error() != "rbd map failed (exited with exit code 6): no module" {
		t.Error(err)
	}
}

func TestOnlyUserspaceDisksHaveAURI(t *testing.T) {
	for access, want := range map[string]string{"kernelspace": "", "userspace": "rbd:ssd/a.rbd.disk0"} {
		uriOf := func(on On, d *config.Disk) string {
			uri, err := on.URI(t.Context(), d)
			if err != nil {
				t.Error(err)
			}
			return uri
		}
		if got := uriOf(onPool(nil, access), imageDisk()); got != want {
			t.Errorf("%s: %q", access, got)
		}
		inGluster := here(nil)
		inGluster.Config.NodeGroups[0].DiskParams = map[string]config.Params{config.DTGluster: {"access": access, "host": "192.0.2.9"}}
		if got := uriOf(inGluster, glusterDisk()); want == "" && got != "" || want != "" && got != "gluster://192.0.2.9:24007/gv0/ganeti/u.0" {
			t.Errorf("%s: %q", access, got)
		}
		own := imageDisk()
		own.Params = config.Params{"access": access}
		for _, others := range []string{"kernelspace", "userspace"} {
			if got := uriOf(onPool(nil, others), own); got != want {
				t.Errorf("%s among disks with %s: %q", access, others, got)
			}
		}
		if got := uriOf(onPool(nil, access), file); got != "" {
			t.Errorf("%s: a file has %q", access, got)
		}
	}
}
