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
	for text, want := range map[string]string{
		`{"nics":[],"mode":"create"}`:            "Parameter 'OP_INSTANCE_CREATE.disks' fails validation",
		`{"disks":[],"nics":[]}`:                 "Parameter 'OP_INSTANCE_CREATE.mode' fails validation",
		`{"disks":[],"nics":[],"mode":"nosuch"}`: "Parameter 'OP_INSTANCE_CREATE.mode' fails validation",
		`{"disks":[],"mode":"create"}`:           "Parameter 'OP_INSTANCE_CREATE.nics' fails validation",
	} {
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
