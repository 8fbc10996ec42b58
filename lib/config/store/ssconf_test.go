package store

import (
	"encoding/json"
	"maps"
	"os"
	"testing"
)

func TestSsconfFilesAreAsGanetiWritesThem(t *testing.T) {
	data, err := os.ReadFile("../testdata/ssconf.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	got := SSConf(realConfig(t))
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			t.Errorf("%s is no file of Ganeti's", name)
		}
	}
}
