package disk

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

var mirrored = &config.Disk{DevType: config.DTDRBD, IVName: "disk/0", Size: 64, Mode: "rw", Nodes: []string{"n1", "n2"},
	LogicalID: config.DRBDID{NodeA: "n2", NodeB: "n1", Port: 11010, MinorA: 4, MinorB: 3, Secret: "5ec7e7"}.LogicalID(),
	Children: []*config.Disk{
		{DevType: config.DTPlain, LogicalID: config.LogicalID{"hdd", "a.disk0_data"}, Size: 64},
		{DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", "a.disk0_meta"}, Size: 128},
	}}

const (
	pvs     = "node1: pvs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -opv_name,vg_name,pv_free,pv_attr,pv_size,pv_name"
	devices = "/dev/vdb|xenvg|4000.00|a--|4092.00|/dev/vdb\n/dev/vdc|hdd|4000.00|a--|4092.00|/dev/vdc\n"
	minors  = "node1: sh -c '[ ! -e /proc/drbd ] || cat /proc/drbd' sh"
)

func TestDescribeMirror(t *testing.T) {
	want := "<DRBD8(hosts=n2/4-n1/3, port=11010, backend=<LogicalVolume(/dev/hdd/a.disk0_data, not visible, size=64m)>, " +
		"metadev=<LogicalVolume(/dev/xenvg/a.disk0_meta, not visible, size=128m)>, visible as /dev/disk/0, size=64m)>"
	if got := Describe(mirrored); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDeviceOfAMirrorIsTheMinorOfItsNode(t *testing.T) {
	if a, b := Device(mirrored, "n2"), here(nil).Device(mirrored); a != "/dev/drbd4" || b != "/dev/drbd3" {
		t.Errorf("%s and %s", a, b)
	}
}

// created expects the volumes of the mirror to be made.
func created(nodes *remotetest.Fake) *remotetest.Fake {
	for _, v := range []string{"hdd/a.disk0_data 64 vdc", "xenvg/a.disk0_meta 128 vdb"} {
		f := strings.Fields(v)
		vg, name, _ := strings.Cut(f[0], "/")
		nodes.Answer(pvs, devices).Answer("node1: lvcreate -Wn -L"+f[1]+"m -n"+name+" -i1 "+vg+" /dev/"+f[2], "").
			Answer("node1: lvs -o tags --noheadings --nosuffix /dev/"+f[0], "").Answer("node1: lvchange --addtag originstname+web /dev/"+f[0], "")
	}
	return nodes
}

func TestCreateMirror(t *testing.T) {
	show := "resource r { _remote_host { address ipv4 198.51.100.12:11010; } _this_host { address ipv4 198.51.100.11:11010; volume 0 { device minor 3; } } }"
	nodes := created(remotetest.New(t).InOrder().Answer(minors, "")).
		Answer("node1: blockdev --getsize /dev/xenvg/a.disk0_meta", "262144\n").
		Answer("node1: dd if=/dev/zero of=/dev/xenvg/a.disk0_meta bs=1048576 count=128 oflag=direct", "").
		Answer("node1: drbdmeta --force /dev/drbd3 v08 /dev/xenvg/a.disk0_meta flex-external create-md", "").
		Answer(minors, "").Answer("node1: drbdsetup new-resource resource3", "").Answer("node1: drbdsetup new-minor resource3 3 0", "").
		Answer("node1: drbdmeta /dev/drbd3 v08 /dev/xenvg/a.disk0_meta flex-external apply-al", "").
		Answer("node1: drbdsetup attach 3 /dev/hdd/a.disk0_data /dev/xenvg/a.disk0_meta flexible --on-io-error=detach --size 64m", "").
		Answer("node1: drbdsetup disk-options 3 --resync-rate 61440", "").
		Answer("node1: drbdsetup new-resource resource3", "").Answer("node1: drbdsetup new-minor resource3 3 0", "").
		Answer("node1: connect.sh resource3 ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010 --protocol C --after-sb-0pri discard-zero-changes --after-sb-1pri consensus --cram-hmac-alg md5", "").
		Answer("node1: drbdsetup show 3", show).Answer("node1: drbdsetup primary 3 --force", "")
	if err := here(nodes).Create(t.Context(), "web", mirrored); err != nil {
		t.Error(err)
	}
	if err := here(nodes).OpenNew(t.Context(), mirrored); err != nil {
		t.Error(err)
	}
}

func TestAMirrorThatCannotBeFormattedLeavesNothing(t *testing.T) {
	nodes := created(remotetest.New(t).InOrder().Answer(minors, "")).
		Answer("node1: blockdev --getsize /dev/xenvg/a.disk0_meta", "2048\n").
		Answer("node1: drbdsetup down resource3", "").
		Answer("node1: lvs --noheadings -olv_name hdd/a.disk0_data", "a").Answer("node1: lvremove -f hdd/a.disk0_data", "").
		Answer("node1: lvs --noheadings -olv_name xenvg/a.disk0_meta", "a").Answer("node1: lvremove -f xenvg/a.disk0_meta", "")
	if err := here(nodes).Create(t.Context(), "web", mirrored); err == nil || err.Error() != "drbd3: Meta device too small (1.00Mib)" {
		t.Error(err)
	}
}

const (
	volumesLine = "node1: lvs --noheadings '--separator=|' --units=k --nosuffix -ovg_name,lv_name,lv_attr,lv_kernel_major,lv_kernel_minor,vg_extent_size,stripes,devices"
	metaVolume  = "xenvg|a.disk0_meta|-wi-a-----|253|1|4096|1|/dev/vdb(0)\n"
	joined      = "resource r { _remote_host { address ipv4 198.51.100.12:11010; } _this_host { address ipv4 198.51.100.11:11010; volume 0 { device minor 3; } } }"
)

func connected(nodes *remotetest.Fake) *remotetest.Fake {
	return nodes.Answer(minors, "").Answer("node1: drbdsetup new-resource resource3", "").Answer("node1: drbdsetup new-minor resource3 3 0", "").
		Answer("node1: connect.sh resource3 ipv4:198.51.100.11:11010 ipv4:198.51.100.12:11010 --protocol C --after-sb-0pri discard-zero-changes --after-sb-1pri consensus --cram-hmac-alg md5", "").
		Answer("node1: drbdsetup show 3", joined)
}

func TestAMirrorWhoseVolumeIsLostWorksWithItsPeer(t *testing.T) {
	const refused = "Can't activate lv /dev/hdd/a.disk0_data: Failed to find logical volume"
	for name, tt := range map[string]struct {
		answer func(*remotetest.Fake) *remotetest.Fake
		want   string
	}{
		"it is not there": {func(f *remotetest.Fake) *remotetest.Fake { return connected(f.Answer(volumesLine, metaVolume)) }, ""},
		"a part of it is gone": {func(f *remotetest.Fake) *remotetest.Fake {
			return connected(f.Answer(volumesLine, "hdd|a.disk0_data|-wi-----p-|-1|-1|4096|1|[unknown](0)\n"+metaVolume))
		}, ""},
		"it is there": {func(f *remotetest.Fake) *remotetest.Fake {
			return f.Answer(volumesLine, "hdd|a.disk0_data|-wi-------|-1|-1|4096|1|/dev/vdc(0)\n"+metaVolume)
		}, refused},
		"nobody can say": {func(f *remotetest.Fake) *remotetest.Fake { return f.Fail(volumesLine, 5, "locked") }, refused},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := tt.answer(remotetest.New(t).Fail("node1: lvchange -ay /dev/hdd/a.disk0_data", 5, "Failed to find logical volume"))
			got := ""
			if err := here(nodes).Attach(t.Context(), mirrored); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAMirrorWhoseMetadataCannotBeReadWorksWithItsPeer(t *testing.T) {
	const read = "node1: dd if=/dev/xenvg/a.disk0_meta of=/dev/null bs=4096 count=32 iflag=direct"
	for _, status := range []int{1, 0, 124} {
		nodes := remotetest.New(t).Answer("node1: lvchange -ay /dev/hdd/a.disk0_data", "").Answer("node1: lvchange -ay /dev/xenvg/a.disk0_meta", "").
			Answer(minors, "").Answer("node1: drbdsetup new-resource resource3", "").Answer("node1: drbdsetup new-minor resource3 3 0", "").
			Fail("node1: drbdmeta /dev/drbd3 v08 /dev/xenvg/a.disk0_meta flex-external apply-al", 20, "no")
		switch status {
		case 0:
			nodes.Answer(read, "")
		case 1:
			connected(nodes.Fail(read, 1, "Input/output error"))
		default:
			nodes.Fail(read, status, "")
		}
		if err := here(nodes).Attach(t.Context(), mirrored); (err == nil) != (status == 1) {
			t.Errorf("reading ended with %d: %v", status, err)
		}
	}
}

func TestAMinorInUseIsNotTaken(t *testing.T) {
	nodes := remotetest.New(t).Answer(minors, " 3: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n")
	if err := here(nodes).Create(t.Context(), "web", mirrored); err == nil || err.Error() != "drbd3: minor is already in use at Create() time" {
		t.Error(err)
	}
}

func TestRemovingAMirrorThatIsGone(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: drbdsetup down resource3", "").
		Fail("node1: lvs --noheadings -olv_name hdd/a.disk0_data", 5, "").Fail("node1: lvs --noheadings -olv_name xenvg/a.disk0_meta", 5, "")
	if err := here(nodes).Remove(t.Context(), mirrored); err != nil {
		t.Error(err)
	}
}

func TestMetaVGFallsBackToTheClusters(t *testing.T) {
	cfg := &config.Config{Cluster: config.Cluster{VolumeGroupName: "vg_ganeti"}}
	if got := MetaVG(cfg, nil); got != "vg_ganeti" {
		t.Errorf("by itself %s", got)
	}
	cfg.Cluster.DiskParams = map[string]config.Params{config.DTDRBD: {"metavg": "xenvg"}}
	if got := MetaVG(cfg, nil); got != "vg_ganeti" {
		t.Errorf("as a cluster without --vg-name is made: %s", got)
	}
	cfg.Cluster.DiskParams = map[string]config.Params{config.DTDRBD: {"metavg": "fast"}}
	if got := MetaVG(cfg, nil); got != "fast" {
		t.Errorf("as set: %s", got)
	}
	group := &config.NodeGroup{DiskParams: map[string]config.Params{config.DTDRBD: {"metavg": "xenvg"}}}
	if got := MetaVG(cfg, group); got != "xenvg" {
		t.Errorf("as a group says: %s", got)
	}
}
