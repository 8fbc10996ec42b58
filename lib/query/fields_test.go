package query

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// TestFieldsAreGanetis compares names, titles and kinds of all fields with those of Ganeti 3.0.2.
func TestFieldsAreGanetis(t *testing.T) {
	f, err := os.Open("testdata/fields.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]struct{ Name, Title, Kind string }
	if err := json.NewDecoder(z).Decode(&want); err != nil {
		t.Fatal(err)
	}
	have := map[string][]Column{}
	have["instance"], _ = Instances().Columns(nil)
	have["node"], _ = Nodes().Columns(nil)
	have["network"], _ = Networks().Columns(nil)
	have["group"], _ = Groups().Columns(nil)
	have["job"], _ = Jobs().Columns(nil)
	have["lock"], _ = Locks().Columns(nil)
	have["export"], _ = Exports().Columns(nil)
	have["filter"], _ = Filters().Columns(nil)
	kinds := map[string]Kind{"text": Text, "bool": Bool, "number": Number, "float": Float, "unit": Unit, "timestamp": Timestamp, "other": Other}
	for resource, columns := range have {
		if len(columns) != len(want[resource]) {
			t.Errorf("%s has %d fields, want %d", resource, len(columns), len(want[resource]))
		}
		ours := map[string]Column{}
		for _, c := range columns {
			ours[c.Name] = c
		}
		for _, w := range want[resource] {
			c, ok := ours[w.Name]
			if !ok {
				t.Errorf("%s: no field %s", resource, w.Name)
				continue
			}
			if c.Title != w.Title || c.Kind != kinds[w.Kind] {
				t.Errorf("%s.%s is %q (%s), want %q (%s)", resource, w.Name, c.Title, c.Kind, w.Title, kinds[w.Kind])
			}
			if c.Doc == "" {
				t.Errorf("%s.%s is not described", resource, w.Name)
			}
		}
	}
}
