package balance_test

import (
	"os"
	"path/filepath"
	"testing"

	"gantry/lib/balance"
	"gantry/lib/balance/text"
)

const data = "../../tests/htools/testdata/data"

// load reads a recorded cluster and returns its groups, none if the file is no cluster.
func load(t *testing.T, name string) []balance.Part {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := text.Read(string(raw))
	if err != nil {
		return nil
	}
	if _, err := (balance.Merge{}).Apply(c); err != nil {
		return nil
	}
	return c.Parts()
}

var searchOptions = map[string]balance.Options{
	"all moves":       {DiskMoves: true, InstanceMoves: true},
	"evacuation":      {DiskMoves: true, InstanceMoves: true, Evacuate: true, Restricted: true},
	"secondaries":     {DiskMoves: true, IgnoreSoftErrors: true},
	"instances alone": {InstanceMoves: true},
}

func TestSearchFindsTheMoveThatTryingAllFinds(t *testing.T) {
	names, err := filepath.Glob(data + "/*.data")
	if err != nil || len(names) < 100 {
		t.Fatalf("%d recorded clusters: %v", len(names), err)
	}
	for k, name := range names {
		if info, err := os.Stat(name); err != nil || info.Size() > 6000 {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			for title, o := range searchOptions {
				if title != "all moves" && k%4 != 0 {
					continue
				}
				for _, part := range load(t, name) {
					compareSteps(t, title, balance.NewTable(part.Nodes, part.Instances), o)
				}
			}
		})
	}
}

// compareSteps follows the best moves for a few steps.
func compareSteps(t *testing.T, title string, table *balance.Table, o balance.Options) {
	t.Helper()
	for step := range 4 {
		want, wantErr := balance.Exhaustive(table, o)
		for way, find := range map[string]func(*balance.Table, balance.Options) (*balance.Placed, error){
			"pruned": balance.NextMove, "judged": balance.Judged, "coarse": balance.Coarse,
		} {
			got, err := find(table, o)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%s, %s, step %d: error %v, want %v", title, way, step, err, wantErr)
			}
			if !same(got, want) {
				t.Fatalf("%s, %s, step %d: got %+v, want %+v", title, way, step, got, want)
			}
		}
		if want == nil {
			return
		}
		table = table.After(want)
	}
}

func same(a, b *balance.Placed) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Instance == b.Instance && a.Move == b.Move && a.Score == b.Score
}
