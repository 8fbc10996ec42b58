package config

import (
	"testing"

	"gantry/lib/unit"
)

func TestStatesAreKeptByHypervisorAndByStorage(t *testing.T) {
	hv, err := HVStates([]unit.Ident{{Name: "kvm", Params: unit.Params{"mem_node": "64"}}})
	if err != nil {
		t.Fatal(err)
	}
	all := UpdateHVState(map[string]Params{"kvm": {"cpu_node": int64(3)}}, hv)
	if all["kvm"].Int("mem_node") != 64 || all["kvm"].Int("cpu_node") != 3 || all["kvm"].Int("cpu_total") != 1 {
		t.Errorf("got %v", all)
	}
	disk, err := DiskStates([]unit.Ident{{Name: "plain/xenvg", Params: unit.Params{"disk_reserved": "10"}}, {Name: "plain/other", Params: unit.Params{}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := UpdateDiskState(nil, disk)["plain"]; got["xenvg"].Int("disk_reserved") != 10 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if _, err := DiskStates([]unit.Ident{{Name: "plain"}}); err == nil {
		t.Error("a state of no storage is taken")
	}
	if _, err := HVStates([]unit.Ident{{Name: "kvm", Params: unit.Params{"nosuch": "1"}}}); err == nil {
		t.Error("an unknown parameter is taken")
	}
}
