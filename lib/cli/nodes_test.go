package cli

import (
	"strings"
	"testing"

	"gantry/lib/config"
)

// A script whose variable is empty must not run its command on every node.
func TestNodesHaveToBeNamedAndInTheGroup(t *testing.T) {
	cfg := &config.Config{
		NodeGroups: []*config.NodeGroup{{UUID: "g1", Name: "default"}, {UUID: "g2", Name: "west"}},
		Nodes: []*config.Node{{UUID: "n1", Name: "node1.example.com", Group: "g1"}, {UUID: "n2", Name: "node2.example.com", Group: "g2"},
			{UUID: "n3", Name: "node3.example.com", Group: "g2"}},
	}
	for name, tt := range map[string]struct {
		names []string
		group *string
		want  string
	}{
		"all":                   {nil, nil, "node1 node2 node3"},
		"of a group":            {nil, new("west"), "node2 node3"},
		"by the group's UUID":   {nil, new("g1"), "node1"},
		"of no group":           {nil, new(""), ""},
		"of an unknown group":   {nil, new("nosuch"), ""},
		"by name":               {[]string{"node2", "node1"}, nil, "node2 node1"},
		"by name and by group":  {[]string{"node2", "node1"}, new("west"), "node2"},
		"by name, and no group": {[]string{"node2"}, new(""), ""},
	} {
		nodes, err := chosenNodes(cfg, tt.names, tt.group)
		if got := strings.ReplaceAll(strings.Join(NodeNames(nodes), " "), ".example.com", ""); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tt.want)
		}
	}
	if _, err := chosenNodes(cfg, []string{"node9"}, new("west")); err == nil || err.Error() != "Node name node9 not found" {
		t.Error(err)
	}
}
