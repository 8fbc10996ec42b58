package gluster

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var gv0 = Of(config.Params{"host": "127.0.0.1", "port": int64(24007), "volume": "gv0"})

func TestCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd  remote.Cmd
		want string // the end of the line
	}{
		"source":     {source(), "timeout -k 5 60 findmnt -n -r -o SOURCE -t fuse.glusterfs -M /var/run/ganeti/gluster"},
		"mount":      {gv0.mount(), " sh /var/run/ganeti/gluster 24007 127.0.0.1:/gv0"},
		"mount IPv6": {Volume{"2001:db8::1", 24008, "a b"}.mount(), " sh /var/run/ganeti/gluster 24008 '[2001:db8::1]:/a b'"},
	} {
		if got := tt.cmd.Line(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if c := gv0.mount(); c.Changes != "attaches gluster volume gv0" || !strings.Contains(c.Line(), `mount -t glusterfs -o "server-port=$2" "$3" "$1"`) {
		t.Errorf("%q: %s", c.Changes, c.Line())
	}
}

func TestURI(t *testing.T) {
	for v, want := range map[Volume]string{gv0: "gluster://127.0.0.1:24007/gv0/ganeti/u.0", {"2001:db8::1", 1, "v"}: "gluster://[2001:db8::1]:1/v/ganeti/u.0"} {
		if got := v.URI(Prefix("u") + ".0"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := File("ganeti/u.0"); got != "/var/run/ganeti/gluster/ganeti/u.0" {
		t.Error(got)
	}
}

func TestMountLooksBeforeAndAfter(t *testing.T) {
	look, mount := "node1: "+remote.Quote(source().Argv...), "node1: "+remote.Quote(gv0.mount().Argv...)
	for name, tt := range map[string]struct {
		nodes  *remotetest.Fake
		failed string
	}{
		"mounted":      {remotetest.New(t).Answer(look, "127.0.0.1:/gv0\n"), ""},
		"older":        {remotetest.New(t).Answer(look, "other:gv0\n"), ""},
		"not yet":      {remotetest.New(t).InOrder().Fail(look, 1, "").Answer(mount, "").Answer(look, "127.0.0.1:/gv0\n"), ""},
		"in vain":      {remotetest.New(t).InOrder().Fail(look, 1, "").Answer(mount, "").Fail(look, 1, ""), "Gluster volume gv0 of 127.0.0.1 could not be mounted on /var/run/ganeti/gluster"},
		"another":      {remotetest.New(t).Answer(look, "127.0.0.1:/gv00\n"), "127.0.0.1:/gv00 is mounted on /var/run/ganeti/gluster, which should be Gluster volume gv0"},
		"the same end": {remotetest.New(t).Answer(look, "127.0.0.1:/a-gv0\n"), "127.0.0.1:/a-gv0 is mounted on /var/run/ganeti/gluster, which should be Gluster volume gv0"},
	} {
		err := gv0.Mount(t.Context(), tt.nodes, "node1")
		if tt.failed == "" && err != nil || tt.failed != "" && (err == nil || err.Error() != tt.failed || fault.Of(err).Class != fault.BlockDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
