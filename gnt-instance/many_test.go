package main

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// small is a cluster of two nodes with an instance on each, and one on the second that has a copy on the first.
func small() *config.Config {
	return &config.Config{
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default"}},
		Nodes: []*config.Node{
			{UUID: "n1", Name: "node1.example.com", Group: "g", Tags: []string{"old"}},
			{UUID: "n2", Name: "node2.example.com", Group: "g", Tags: []string{"new"}},
		},
		Disks: []*config.Disk{{UUID: "d", DevType: config.DTDRBD, LogicalID: config.DRBDID{NodeA: "n2", NodeB: "n1", Port: 11000}.LogicalID()}},
		Instances: []*config.Instance{
			{UUID: "i10", Name: "web10.example.com", PrimaryNode: "n1", Tags: []string{"web"}},
			{UUID: "i2", Name: "web2.example.com", PrimaryNode: "n2", Tags: []string{"web"}},
			{UUID: "i3", Name: "db.example.com", PrimaryNode: "n2", Disks: []string{"d"}},
		},
	}
}

func TestChoose(t *testing.T) {
	for name, tt := range map[string]struct {
		mode    string
		names   []string
		want    string // short names
		failure string
	}{
		"by name":                {byName, []string{"web10", "web2", "nosuch"}, "web2 web10", ""},
		"by name, twice":         {byName, []string{"db", "db.example.com"}, "db", ""},
		"by no name":             {byName, nil, "", "No instance names passed"},
		"everything":             {everything, nil, "db web2 web10", ""},
		"everything and more":    {everything, []string{"db"}, "", "Cluster filter mode takes no arguments"},
		"by tag":                 {byTags, []string{"x", "web"}, "web2 web10", ""},
		"by no tag":              {byTags, nil, "", "No instance tags passed"},
		"by node":                {"nodes", []string{"node1"}, "web10 db", ""},
		"by primary":             {"nodes-pri", []string{"node2"}, "db web2", ""},
		"by secondary":           {"nodes-sec", []string{"node1"}, "db", ""},
		"by no node":             {"nodes", nil, "", "No node names passed"},
		"by node's tag":          {"nodes-by-tags", []string{"old"}, "web10 db", ""},
		"by primary's tag":       {"nodes-pri-by-tags", []string{"new", "old"}, "web10 db web2", ""},
		"by secondary's tag":     {"nodes-sec-by-tags", []string{"new"}, "", ""},
		"by no tag of any nodes": {"nodes-by-tags", nil, "", "No node tags passed"},
	} {
		m := &many{mode: tt.mode, names: tt.names}
		got, err := m.choose(small())
		if tt.failure != "" || err != nil {
			if err == nil || err.Error() != tt.failure {
				t.Errorf("%s: error %v, want %q", name, err, tt.failure)
			}
			continue
		}
		var want []string
		for short := range strings.FieldsSeq(tt.want) {
			want = append(want, short+".example.com")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
