package query

import (
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

func TestProvidersAreJudgedByGroup(t *testing.T) {
	cfg := &config.Config{
		NodeGroups: []*config.NodeGroup{{UUID: "g1", Name: "default"}, {UUID: "g2", Name: "west"}, {UUID: "g3", Name: "empty"}},
		Nodes: []*config.Node{{UUID: "n1", Name: "node1", Group: "g1", VMCapable: true}, {UUID: "n2", Name: "node2", Group: "g2", VMCapable: true},
			{UUID: "n3", Name: "node3", Group: "g2", VMCapable: true, Offline: true}},
	}
	const whole = "dir /x/filext\nmode 81ed create\nmode 81ed remove\nmode 81ed grow\nmode 81ed attach\nmode 81ed detach\nmode 81ed setinfo\nmode 81ed verify\n" +
		"mode 81a4 parameters.list\nline replica Copies\n"
	fake := remotetest.New(t).Answer("node1: probe.sh", whole).Answer("node2: probe.sh", "")
	rows := AskProviders(t.Context(), fake, cfg)
	if len(rows) != 1 || len(rows[0].Nodes) != 2 || len(rows[0].Parameters()) != 1 {
		t.Fatalf("%+v", rows)
	}
	if got, want := rows[0].Groups, (ProviderGroup{"default", true}); len(got) != 3 || got[0] != want || got[1].Valid || !got[2].Valid {
		t.Errorf("%+v", got)
	}
}
