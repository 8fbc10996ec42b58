package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestDefinitions(t *testing.T) {
	one := func(text string) map[string]json.RawMessage {
		var d map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	op, err := definition(0, one(`{"instance_name":"web","mode":"create","disks":[],"nics":[{}],"pnode":"node1","name_check":false}`))
	if err != nil || op.Name != "web" || op.NameCheck || !op.Start || op.PNode != "node1" {
		t.Errorf("%+v, %v", op, err)
	}
	if _, err := definition(3, one(`{"name":"web","zone":1}`)); err == nil || err.Error() != "Unknown fields in definition 3: name, zone" {
		t.Error(err)
	}
	for text, attribute := range map[string]string{
		`{}`:                     "instance_name",
		`{"instance_name":null}`: "instance_name",
		`{"instance_name":"web","nics":[],"mode":"create"}`:                               "disks",
		`{"instance_name":"web","disks":[],"nics":[]}`:                                    "mode",
		`{"instance_name":"web","disks":[],"nics":[],"mode":"nosuch"}`:                    "mode",
		`{"instance_name":"web","disks":[],"mode":"create"}`:                              "nics",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[{"nosuch":"1"}]}`:      "nics",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[{"vlan":1}]}`:          "nics",
		`{"instance_name":"web","disks":[{"size":1.5}],"mode":"create","nics":[]}`:        "disks",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"ip_check":"x"}`:     "ip_check",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"start":null}`:       "start",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"pnode":""}`:         "pnode",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"tags":["a",""]}`:    "tags",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"disk_template":1}`:  "disk_template",
		`{"instance_name":"web","disks":[],"mode":"create","nics":[],"hypervisor":"esx"}`: "hypervisor",
	} {
		want := "Parameter 'OP_INSTANCE_CREATE." + attribute + "' fails validation"
		if _, err := definition(0, one(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestDefinitionsAreAList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "instances.json")
	for text, fits := range map[string]bool{"[]": true, "[{}]": true, "{}": false, "[1]": false, "[null]": false, "null": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readDefinitions(file); fits != (err == nil) || err != nil && err.Error() != "The instance definition file is not List of Dictionary" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAFileWithoutAValueIsToldOfInPythonsWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "instances.json")
	for text, want := range map[string]string{
		"":            "Expecting value: line 1 column 1 (char 0)",
		"not json":    "Expecting value: line 1 column 1 (char 0)",
		" \n\n  x":    "Expecting value: line 3 column 3 (char 5)",
		"[{\"a\": 1}": "unexpected end of JSON input",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readDefinitions(file); err == nil || err.Error() != "Can't parse the instance definition file: "+want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
