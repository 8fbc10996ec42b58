package query

import (
	"testing"

	"gantry/lib/config"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

func TestTheSharedDirectoryIsAskedForWhereDisksCanBeInIt(t *testing.T) {
	c := &config.Cluster{SharedFileStorageDir: "/srv/shared files", EnabledDiskTemplates: []string{config.DTPlain}}
	if probes := sharedProbes(sharedDirectory(c)); probes != nil {
		t.Errorf("asked without the template: %v", probes)
	}
	c.EnabledDiskTemplates = append(c.EnabledDiskTemplates, config.DTSharedFile)
	const want = "timeout -k 5 60 timeout -s KILL 5 stat -f -c '%S %b %a' -- '/srv/shared files'"
	if probes := sharedProbes(sharedDirectory(c)); len(probes) != 1 || probes[0].Line() != want {
		t.Errorf("got  %v\nwant %s", probes, want)
	}
}

func TestANodeThatCannotLookAtTheSharedDirectorySaysNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		answer remote.Result
		want   *nodefacts.Dir
	}{
		"there":       {remote.Result{Stdout: []byte("4096 1000000 500000\n")}, &nodefacts.Dir{Exists: true, Total: 3906, Free: 1953}},
		"not there":   {remote.Result{Status: 1}, &nodefacts.Dir{}},
		"a hung look": {remote.Result{Status: 137}, nil},
	} {
		got, err := parseShared(tt.answer)
		if err != nil || (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
		}
	}
	if _, err := parseShared(remote.Result{Stdout: []byte("4096 x")}); err == nil {
		t.Error("a damaged answer is taken")
	}
}
