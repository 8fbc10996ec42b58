package main

import (
	"encoding/json"
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
	op, err := definition(0, one(`{"instance_name":"web","disks":[],"nics":[{}],"pnode":"node1","name_check":false}`))
	if err != nil || op.Name != "web" || op.NameCheck || !op.Start || op.PNode != "node1" {
		t.Errorf("%+v, %v", op, err)
	}
	if _, err := definition(3, one(`{"name":"web","zone":1}`)); err == nil || err.Error() != "Unknown fields in definition 3: name, zone" {
		t.Error(err)
	}
}
