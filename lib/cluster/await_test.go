package cluster

import (
	"slices"
	"testing"

	"gantry/lib/remote/remotetest"
)

func TestNodesAreToldOfAsTheyAnswer(t *testing.T) {
	fake := remotetest.New(t).Answer("node1: true", "").Answer("node2: true", "").Fail("node3: true", 255, "no route to host")
	var told []string
	silent, err := AwaitNodes(t.Context(), fake, []string{"node1", "node2", "node3"}, 0, func(name string, all []string) error {
		told = append(told, name)
		if !slices.Equal(told, all) {
			t.Errorf("%v, %v", told, all)
		}
		return nil
	})
	if err != nil || !slices.Equal(silent, []string{"node3"}) || !slices.Equal(told, []string{"node1", "node2"}) {
		t.Errorf("%v, %v, %v", silent, told, err)
	}
}
