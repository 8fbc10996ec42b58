package query

import (
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/osdef"
	"gantry/lib/remote/remotetest"
)

func TestSystemsAreValidWhereAllNodesHaveThem(t *testing.T) {
	good := osdef.OS{Name: "noop", Valid: true, Variants: []string{"b", "a"}}
	less := osdef.OS{Name: "noop", Valid: true, Variants: []string{"a"}}
	cluster := &config.Cluster{HiddenOS: []string{"noop"}}
	for name, tt := range map[string]struct {
		nodes    map[string][]osdef.OS
		valid    bool
		variants []string
	}{
		"everywhere":         {map[string][]osdef.OS{"1": {good}, "2": {good}}, true, []string{"a", "b"}},
		"a variant is not":   {map[string][]osdef.OS{"1": {good}, "2": {less}}, true, []string{"a"}},
		"missing on one":     {map[string][]osdef.OS{"1": {good}, "2": nil}, false, []string{"a", "b"}},
		"broken on one":      {map[string][]osdef.OS{"1": {{Name: "noop"}}, "2": {less}}, false, []string{"a"}},
		"one that is hidden": {map[string][]osdef.OS{"1": {good, {Name: "noop"}}}, true, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			row := system(cluster, "noop", tt.nodes)
			if row.Valid != tt.valid || !slices.Equal(row.Variants, tt.variants) || !row.Hidden || row.Blacklisted {
				t.Errorf("got %+v", row)
			}
		})
	}
}

func TestSystemsOfANodeThatDoesNotAnswerAreLeftOut(t *testing.T) {
	cfg := &config.Config{Nodes: []*config.Node{{UUID: "1", Name: "node1", VMCapable: true}, {UUID: "2", Name: "node2", VMCapable: true, Offline: true}}}
	nodes := remotetest.New(t).Unknown("node1: " + osdef.Probe().Line())
	if rows := AskSystems(t.Context(), nodes, cfg); rows != nil {
		t.Errorf("got %v", rows)
	}
}
