package main

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/table"
)

func ownSettings() (*config.Config, *config.NodeGroup) {
	cfg := &config.Config{Cluster: config.Cluster{IPolicy: config.DefaultIPolicy(), NDParams: config.NDParams.Defaults()}}
	cfg.Cluster.DiskParams = map[string]config.Params{}
	for _, template := range config.DiskTemplates {
		cfg.Cluster.DiskParams[template] = config.DiskTable(template).Defaults()
	}
	own := 3.5
	spec := config.ISpec{"cpu-count": 1, "disk-count": 0, "disk-size": 4, "memory-size": 64, "nic-count": 0, "spindle-use": 1}
	return cfg, &config.NodeGroup{Name: "two", NDParams: config.Params{"spindle_count": int64(3)},
		DiskParams: map[string]config.Params{"drbd": {"protocol": "B"}, "plain": {}},
		IPolicy:    config.IPolicy{VCPURatio: &own, DiskTemplates: []string{"file"}, MinMax: []config.MinMax{{Min: spec, Max: spec}}}}
}

// The recorded answer of Ganeti to the same settings, but for the order of bounds and ratios, which it leaves open.
const shown = `- Node group: two
  Node parameters: 
    cpu_speed: default (1)
    exclusive_storage: default (False)
    oob_program: default ()
    ovs: default (False)
    ovs_link: default ()
    ovs_name: default (switch1)
    spindle_count: 3
    ssh_port: default (22)
  Disk parameters: 
    blockdev: default ({})
    diskless: default ({})
    drbd: 
      protocol: B
    ext: 
      access: default (kernelspace)
    file: default ({})
    gluster: 
      access: default (kernelspace)
      host: default (127.0.0.1)
      port: default (24007)
      volume: default (gv0)
    plain: {}
    rbd: 
      access: default (kernelspace)
      pool: default (rbd)
    sharedfile: default ({})
  Instance policy: 
    bounds specs: 
      - max/0: 
          cpu-count: 1
          disk-count: 0
          disk-size: 4
          memory-size: 64
          nic-count: 0
          spindle-use: 1
        min/0: 
          cpu-count: 1
          disk-count: 0
          disk-size: 4
          memory-size: 64
          nic-count: 0
          spindle-use: 1
    allowed disk templates: file
    vcpu-ratio: 3.5
    spindle-ratio: default (32)
`

func TestInfoTellsWhatIsTheGroupsOwn(t *testing.T) {
	cfg, g := ownSettings()
	var out strings.Builder
	if err := table.Info(&out, []any{describe(cfg, g)}); err != nil || out.String() != shown {
		t.Errorf("%v\ngot  %s\nwant %s", err, out.String(), shown)
	}
}

func TestChosenPassesOverWhatIsNotThere(t *testing.T) {
	cfg := &config.Config{NodeGroups: []*config.NodeGroup{{UUID: "u1", Name: "west"}, {UUID: "u2", Name: "east"}, {UUID: "u3", Name: "north"}}}
	for words, want := range map[string]string{"": "east north west", "west east west": "east west", "u3": "north", "nosuch": ""} {
		var names []string
		for _, g := range chosen(cfg, strings.Fields(words)) {
			names = append(names, g.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q gives %q, want %q", words, got, want)
		}
	}
}
