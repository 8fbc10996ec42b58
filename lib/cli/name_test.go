package cli

import "testing"

// A script whose variable is empty must not have a node chosen for it.
func TestANameMayNotBeEmpty(t *testing.T) {
	for value, want := range map[string]string{
		"":      "Failed to parse request: SubmitJob: Can't parse value for 'target_node': Received empty value for non-empty list",
		"node2": "",
	} {
		var node string
		f := &Flag{}
		f.NameVar(&node, "target_node")
		err := f.set("--target-node", value)
		if want == "" && (err != nil || node != value) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %q, %v", value, node, err)
		}
	}
}

func TestNoneOfSeveralNamesMayBeEmpty(t *testing.T) {
	var groups []string
	f := &Flag{}
	f.NamesVar(&groups, "target_groups")
	if err := f.set("--to", "west"); err != nil || len(groups) != 1 {
		t.Errorf("%q, %v", groups, err)
	}
	want := "Failed to parse request: SubmitJob: Can't parse value for 'target_groups': Received empty value for non-empty list"
	if err := f.set("--to", ""); err == nil || err.Error() != want || len(groups) != 1 {
		t.Errorf("%q, %v", groups, err)
	}
}
