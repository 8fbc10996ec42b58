package rbd

import (
	"testing"

	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var image = Image{Pool: "rbd", Name: "a.rbd.disk0"}

func TestCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd           remote.Cmd
		want, changes string
	}{
		"create":   {image.create(1024), "timeout -k 5 60 rbd create -p rbd a.rbd.disk0 --size 1024", "creates image rbd/a.rbd.disk0"},
		"odd pool": {Image{"my pool", "a"}.create(1), "timeout -k 5 60 rbd create -p 'my pool' a --size 1", "creates image my pool/a"},
		"map":      {image.mapping(), "timeout -k 5 60 rbd map -p rbd a.rbd.disk0", "attaches image rbd/a.rbd.disk0"},
		"mapped":   {showMapped(), "timeout -k 5 60 rbd showmapped --format json", ""},
		"unmap":    {image.unmap("/dev/rbd3"), "timeout -k 5 60 rbd unmap /dev/rbd3", "detaches image rbd/a.rbd.disk0"},
		"unlink":   {image.unlink(), "timeout -k 5 60 rm -f -- /var/run/ganeti/rbd/a.rbd.disk0", "unlinks image rbd/a.rbd.disk0"},
		"list":     {image.list(), "timeout -k 5 60 rbd ls -p rbd --format json", ""},
		"remove":   {image.remove(), "timeout -k 5 3600 rbd rm -p rbd a.rbd.disk0", "removes image rbd/a.rbd.disk0"},
		"resize":   {image.resize(2048), "timeout -k 5 60 rbd resize -p rbd a.rbd.disk0 --size 2048", "grows image rbd/a.rbd.disk0"},
	} {
		if got := tt.cmd.Line(); got != tt.want || tt.cmd.Changes != tt.changes {
			t.Errorf("%s: %s, %q", name, got, tt.cmd.Changes)
		}
	}
	if got := image.URI(); got != "rbd:rbd/a.rbd.disk0" {
		t.Error(got)
	}
}

const (
	show  = "node1: rbd showmapped --format json"
	other = `[{"id":"0","pool":"other","namespace":"","name":"a.rbd.disk0","snap":"-","device":"/dev/rbd0"}]`
	here  = `[{"id":"0","pool":"other","namespace":"","name":"a.rbd.disk0","snap":"-","device":"/dev/rbd0"},
		{"id":"1","pool":"rbd","namespace":"","name":"a.rbd.disk0","snap":"-","device":"/dev/rbd1"}]`
	older = `{"0":{"pool":"rbd","name":"a.rbd.disk0","snap":"-","device":"/dev/rbd7"}}`
)

func TestAttachMapsOnce(t *testing.T) {
	const mapping = "node1: rbd map -p rbd a.rbd.disk0"
	for name, tt := range map[string]struct {
		nodes        *remotetest.Fake
		want, failed string
	}{
		"mapped":        {remotetest.New(t).Answer(show, here), "/dev/rbd1", ""},
		"mapped, older": {remotetest.New(t).Answer(show, older), "/dev/rbd7", ""},
		"not mapped":    {remotetest.New(t).InOrder().Answer(show, other).Answer(mapping, "/dev/rbd1\n").Answer(show, here), "/dev/rbd1", ""},
		"lost":          {remotetest.New(t).InOrder().Answer(show, "[]").Answer(mapping, "").Answer(show, "{}"), "", "rbd map succeeded, but could not find the rbd block device in output of showmapped, for volume: a.rbd.disk0"},
		"refused":       {remotetest.New(t).InOrder().Answer(show, "[]").Fail(mapping, 110, "timed out"), "", "rbd map failed (exited with exit code 110): timed out"},
		"twice": {remotetest.New(t).Answer(show, `[{"pool":"rbd","name":"a.rbd.disk0","device":"/dev/rbd1"},{"pool":"rbd","name":"a.rbd.disk0","device":"/dev/rbd2"}]`),
			"", "rbd volume a.rbd.disk0 is mapped more than once"},
	} {
		got, err := image.Attach(t.Context(), tt.nodes, "node1")
		if got != tt.want || tt.failed == "" && err != nil || tt.failed != "" && (err == nil || err.Error() != tt.failed || fault.Of(err).Class != fault.BlockDevice) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRemoveUnmapsFirst(t *testing.T) {
	const unlink, list = "node1: rm -f -- /var/run/ganeti/rbd/a.rbd.disk0", "node1: rbd ls -p rbd --format json"
	for name, tt := range map[string]struct {
		nodes  *remotetest.Fake
		failed string
	}{
		"mapped":  {remotetest.New(t).InOrder().Answer(show, here).Answer(unlink, "").Answer("node1: rbd unmap /dev/rbd1", "").Answer(list, `["a.rbd.disk0"]`).Answer("node1: rbd rm -p rbd a.rbd.disk0", ""), ""},
		"gone":    {remotetest.New(t).InOrder().Answer(show, "[]").Answer(unlink, "").Answer(list, `["a.rbd.disk01"]`), ""},
		"busy":    {remotetest.New(t).InOrder().Answer(show, here).Answer(unlink, "").Fail("node1: rbd unmap /dev/rbd1", 16, "busy"), "rbd unmap failed (exited with exit code 16): busy"},
		"no pool": {remotetest.New(t).InOrder().Answer(show, "[]").Answer(unlink, "").Fail(list, 2, "no such pool"), "rbd ls failed (exited with exit code 2): no such pool"},
	} {
		if err := image.Remove(t.Context(), tt.nodes, "node1"); tt.failed == "" && err != nil || tt.failed != "" && (err == nil || err.Error() != tt.failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseMapped(f *testing.F) {
	for _, text := range []string{here, older, "[]", "{}", "null", `[{"pool":1}]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		if all, err := parseMapped(out); err != nil && all != nil {
			t.Errorf("%v with %v", all, err)
		}
	})
}
