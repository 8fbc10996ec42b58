package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// lines answers a gathering of two probes.
type lines map[string][2]string

func (l lines) Run(_ context.Context, node string, c remote.Cmd) (remote.Result, error) {
	said, ok := l[node]
	if !ok {
		return remote.Result{}, &remote.Error{Node: node, Outcome: remote.Failed, Err: errors.New("no route to host")}
	}
	var out []byte
	for _, part := range said {
		out = fmt.Appendf(out, "%s\n%s 0\n", part, c.Argv[4]) // the boundary of this gathering
	}
	return remote.Result{Stdout: out}, nil
}

const (
	allVolumes   = "  xenvg|d|1024.00|-wi-ao----\n  xenvg|m|128.00|-wi-ao----\n"
	wellMirrored = "version: 8.4.11\n 4: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n 5: cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate C r-----\n"
)

func disksOf(t *testing.T, said lines, change func(*config.Config)) DisksFound {
	t.Helper()
	cfg := cluster3()
	mirrorWeb(cfg)
	if change != nil {
		change(cfg)
	}
	end := jobtest.Run(t, remotetest.New(t), cfg, GroupDisks{Group: "default"}, func() job.Operation { return &GroupDisks{} }, jobtest.Through(said))
	var found DisksFound
	if err := json.Unmarshal(end.Result, &found); err != nil || end.Err != nil {
		t.Fatalf("%v: %s", end.Err, end.Result)
	}
	return found
}

func TestALookThatWaitsForNobodyLocksOnlyItsGroup(t *testing.T) {
	cfg := cluster3()
	mirrorWeb(cfg)
	for strict, want := range map[bool]bool{true: true, false: false} {
		work := GroupDisks{Group: "default", Strict: &strict}.Work(&job.Env{Config: cfg})
		locks, err := work.Locks(cfg)
		if got := len(locks) > 1; err != nil || got != want {
			t.Errorf("strict %v: %v, %v", strict, locks, err)
		}
	}
	no := false
	end := jobtest.Run(t, remotetest.New(t), cfg, GroupDisks{Group: "default", Strict: &no}, func() job.Operation { return &GroupDisks{} },
		jobtest.Through(lines{"node2": {allVolumes, wellMirrored}, "node3": {"", wellMirrored}}))
	if want := `[{},[],{"web":[["node3","xenvg/d"],["node3","xenvg/m"]]}]`; end.Err != nil || string(end.Result) != want {
		t.Errorf("got  %s (%v)\nwant %s", end.Result, end.Err, want)
	}
}

func TestDisksOfAGroup(t *testing.T) {
	nothing := DisksFound{map[string]string{}, []string{}, map[string][][2]string{}}
	for name, tt := range map[string]struct {
		node2, node3 [2]string
		change       func(*config.Config)
		want         DisksFound
	}{
		"all is well": {[2]string{allVolumes, wellMirrored}, [2]string{allVolumes, wellMirrored}, nil, nothing},
		"a volume that is not open": {[2]string{"  xenvg|d|1024.00|-wi-a-----\n  xenvg|m|128.00|-wi-ao----\n", wellMirrored}, [2]string{allVolumes, wellMirrored}, nil,
			DisksFound{nothing.Broken, []string{"web"}, nothing.Missing}},
		"alone": {[2]string{allVolumes, "version: 8.4.11\n 4: cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown r-----\n"}, [2]string{allVolumes, wellMirrored}, nil,
			DisksFound{nothing.Broken, []string{"web"}, nothing.Missing}},
		"without its disk": {[2]string{allVolumes, wellMirrored}, [2]string{allVolumes, "version: 8.4.11\n 5: cs:Connected ro:Secondary/Primary ds:Diskless/UpToDate C r-----\n"}, nil,
			DisksFound{nothing.Broken, []string{"web"}, nothing.Missing}},
		"no minor": {[2]string{allVolumes, wellMirrored}, [2]string{allVolumes, "version: 8.4.11\n"}, nil, DisksFound{nothing.Broken, []string{"web"}, nothing.Missing}},
		"a volume is missing": {[2]string{allVolumes, wellMirrored}, [2]string{"  xenvg|d|1024.00|-wi-ao----\n", wellMirrored}, nil,
			DisksFound{nothing.Broken, []string{}, map[string][][2]string{"web": {{"node3", "xenvg/m"}}}}},
		"no instance runs":              {change: func(c *config.Config) { c.InstanceByName("web").DisksActive = false }, want: nothing},
		"an offline node is not judged": {node2: [2]string{allVolumes, wellMirrored}, change: func(c *config.Config) { c.NodeByName("node3").Offline = true }, want: nothing},
	} {
		t.Run(name, func(t *testing.T) {
			if got := disksOf(t, lines{"node2": tt.node2, "node3": tt.node3}, tt.change); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestDisksOnASilentNodeAreMissingAndItIsNamed(t *testing.T) {
	got := disksOf(t, lines{"node2": {allVolumes, wellMirrored}}, nil)
	want := DisksFound{map[string]string{"node3": "no route to host"}, []string{}, map[string][][2]string{"web": {{"node3", "xenvg/d"}, {"node3", "xenvg/m"}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestDisksSubmitsAJobForEachGroupThatMayHaveLostSome(t *testing.T) {
	create := func() job.Operation { return &Disks{} }
	for name, tt := range map[string]struct {
		change func(*config.Config)
		group  string
		jobs   int
		fails  bool
	}{
		"mirrored":     {mirrorWeb, "", 1, false},
		"shared disks": {func(*config.Config) {}, "", 1, false},
		"external disks": {func(c *config.Config) {
			for _, d := range c.Disks {
				d.DevType = config.DTExt
			}
		}, "", 0, false},
		"no disks":         {func(c *config.Config) { c.Instances[0].Disks, c.Disks = nil, nil }, "", 0, false},
		"the named group":  {mirrorWeb, "default", 1, false},
		"an unknown group": {mirrorWeb, "nosuch", 0, true},
	} {
		cfg := cluster3()
		tt.change(cfg)
		end := jobtest.Run(t, remotetest.New(t), cfg, Disks{Group: &tt.group}, create)
		if len(end.Jobs) != tt.jobs || (end.Err != nil) != tt.fails {
			t.Errorf("%s: %d jobs, %v", name, len(end.Jobs), end.Err)
		}
	}
}
