package config

import "testing"

func TestDisksInFilesHaveNoVolumesAnywhere(t *testing.T) {
	cfg := &Config{Disks: []*Disk{{UUID: "f", DevType: DTFile, LogicalID: LogicalID{"loop", "/srv/f"}}, {UUID: "p", DevType: DTPlain, LogicalID: LogicalID{"xenvg", "d"}}}}
	if got := cfg.InstanceVolumes(&Instance{PrimaryNode: "n1", Disks: []string{"f"}}); len(got) != 0 {
		t.Errorf("of a file: %v", got)
	}
	if got := cfg.InstanceVolumes(&Instance{PrimaryNode: "n1", Disks: []string{"f", "p"}}); len(got) != 1 || len(got["n1"]) != 1 || got["n1"][0] != "xenvg/d" {
		t.Errorf("of a volume: %v", got)
	}
}
