package cluster

import (
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

func tagged1() *config.Config {
	return &config.Config{
		Cluster: config.Cluster{UUID: "c", ClusterName: "cluster.example.com", MasterNode: "n", MasterIP: "192.0.2.10", CandidatePool: 10, MACPrefix: "aa:00:00",
			EnabledHypervisors: []string{"fake"}, Tags: []string{"prod"}},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred", Tags: []string{"production"}}},
		Nodes: []*config.Node{{UUID: "n", Name: "node1.example.com", PrimaryIP: "192.0.2.11", SecondaryIP: "192.0.2.11", Group: "g",
			MasterCandidate: true, MasterCapable: true, VMCapable: true, Tags: []string{"rack:1"}}},
	}
}

func runTags(t *testing.T, op job.Operation) jobtest.Ended {
	t.Helper()
	create := func() job.Operation { return &AddTags{} }
	if op.OpID() == "OP_TAGS_DEL" {
		create = func() job.Operation { return &RemoveTags{} }
	}
	return jobtest.Run(t, remotetest.New(t), tagged1(), op, create)
}

func TestTagsAreAddedOnceAndRemovedTogether(t *testing.T) {
	end := runTags(t, Adding(TagsOfNode)("node1", []string{"ssd", "rack:1"}))
	if end.Err != nil || !slices.Equal(end.Config.Nodes[0].Tags, []string{"rack:1", "ssd"}) {
		t.Errorf("added: %q, %v", end.Config.Nodes[0].Tags, end.Err)
	}
	end = runTags(t, Removing(TagsOfCluster)("", []string{"prod", "x", "a"}))
	if end.Err == nil || end.Err.Error() != "Tag(s) 'a', 'x' not found" || end.Commits != 0 {
		t.Errorf("removed: %v", end.Err)
	}
	end = runTags(t, Removing(TagsOfGroup)("default", []string{"production"}))
	if end.Err != nil || len(end.Config.NodeGroups[0].Tags) != 0 {
		t.Errorf("removed: %q, %v", end.Config.NodeGroups[0].Tags, end.Err)
	}
}

func TestTagsOfUnknownThingsAreRefused(t *testing.T) {
	for kind, want := range map[string]string{TagsOfInstance: "Instance 'x' not known", TagsOfNode: "Node 'x' not known",
		TagsOfGroup: "Node group 'x' not found", TagsOfNetwork: "Network 'x' not found"} {
		if end := runTags(t, Adding(kind)("x", []string{"t"})); end.Err == nil || end.Err.Error() != want {
			t.Errorf("%s: got %v, want %s", kind, end.Err, want)
		}
	}
	if _, err := TagsOf(TagsOfGroup)(tagged1(), "x"); err == nil || err.Error() != "NodeGroup name x not found" {
		t.Errorf("listed: %v", err)
	}
}

func TestSearchTagsFindsThemWhereverTheyAre(t *testing.T) {
	found, err := SearchTags(tagged1(), "^prod")
	if err != nil || !slices.Equal(found, []FoundTag{{"/cluster", "prod"}, {"/nodegroup/default", "production"}}) {
		t.Errorf("got %v, %v", found, err)
	}
	if _, err := SearchTags(tagged1(), "("); err == nil {
		t.Error("( was taken for a regular expression")
	}
	if _, err := SearchTags(tagged1(), ""); fault.Of(err).Class != fault.Protocol {
		t.Errorf("an empty pattern: %v", err)
	}
}
