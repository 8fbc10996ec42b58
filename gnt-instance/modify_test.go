package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"gantry/lib/instance"
	"gantry/lib/unit"
)

func TestDeviceChanges(t *testing.T) {
	for typed, want := range map[string]any{
		"add":                       instance.DeviceChange{Action: "add", Which: "-1", Params: map[string]any{}},
		"add:link=br0":              instance.DeviceChange{Action: "add", Which: "-1", Params: map[string]any{"link": "br0"}},
		"remove":                    instance.DeviceChange{Action: "remove", Which: "-1", Params: map[string]any{}},
		"2:add,ip=pool":             instance.DeviceChange{Action: "add", Which: "2", Params: map[string]any{"ip": "pool"}},
		"-1:remove":                 instance.DeviceChange{Action: "remove", Which: "-1", Params: map[string]any{}},
		"eth0:modify,ip=none":       instance.DeviceChange{Action: "modify", Which: "eth0", Params: map[string]any{"ip": "none"}},
		"0:link=br1":                instance.DeviceChange{Action: "modify", Which: "0", Params: map[string]any{"link": "br1"}},
		"0:remove,ip=10.0.0.1":      "Not accepting parameters on removal/detach",
		"0:add,remove":              "Cannot do more than one of the following operations at the same time",
		"remove:mac=aa:00:00:00:00": "Not accepting parameters on removal/detach",
	} {
		ident, err := unit.ParseIdent("--net", typed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := deviceChanges([]unit.Ident{ident})
		if words, refused := want.(string); refused {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v, want %q", typed, err, words)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].Action != want.(instance.DeviceChange).Action || got[0].Which != want.(instance.DeviceChange).Which ||
			!reflect.DeepEqual(map[string]any(got[0].Params), want.(instance.DeviceChange).Params) {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
}

// What was changed is printed in the order in which it was typed, numbers as they are.
func TestChangesAsTyped(t *testing.T) {
	m := modification{order: []string{"vcpus", "maxmem", "acpi"}}
	var changes []change
	if err := json.Unmarshal([]byte(`[["nic.0","add"],["hv/acpi",true],["be/maxmem",192],["be/vcpus",2],["admin_state",null]]`), &changes); err != nil {
		t.Fatal(err)
	}
	want := []change{{"nic.0", "add"}, {"hv/acpi", "True"}, {"be/vcpus", "2"}, {"be/maxmem", "192"}, {"admin_state", "None"}}
	if got := m.asTyped(changes); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestModifyNeedsSomething(t *testing.T) {
	m := modification{}
	if err := m.complete(); err == nil || err.Error() != "Please give at least one of the parameters." {
		t.Error(err)
	}
	m = modification{osType: new(""), primary: new("")}
	if err := m.complete(); err == nil || err.Error() != "Please give at least one of the parameters." {
		t.Error(err)
	}
	for name, m := range map[string]modification{
		"Failed to parse request: SubmitJob: Can't parse value for 'pnode': Received empty value for non-empty list":   {primary: new(""), online: true},
		"Failed to parse request: SubmitJob: Can't parse value for 'os_name': Received empty value for non-empty list": {osType: new(""), online: true},
		"Missing required parameter 'size'": {disks: []unit.Ident{{Name: "add", Params: unit.Params{}}}},
		"Invalid format":                    {disks: []unit.Ident{{Name: "add", Params: unit.Params{"size": true}}}},
		"Unknown parameter 'nosuch'":        {be: unit.Params{"nosuch": "1"}},
		"Provider option is missing, use either the '--ext-params' or '-e' option":                        {op: instance.Modify{DiskTemplate: "ext"}},
		"Specifying file-based configuration arguments requires converting to a file-based disk template": {op: instance.Modify{OS: "x", FileDriver: "loop"}},
	} {
		if err := m.complete(); err == nil || err.Error() != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
}
