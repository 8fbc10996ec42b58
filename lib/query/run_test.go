package query

import (
	"context"
	"fmt"
	"testing"

	"gantry/lib/config"
)

func threeInstances() *config.Config {
	cfg := &config.Config{
		Nodes: []*config.Node{
			{UUID: "n1", Name: "node1.example.com"}, {UUID: "n2", Name: "node2.example.com", Offline: true}, {UUID: "n3", Name: "node3.example.com"},
		},
	}
	for i, node := range []string{"n1", "n2", "n3", "n1"} {
		cfg.Instances = append(cfg.Instances, &config.Instance{UUID: fmt.Sprint("u", i), Name: fmt.Sprintf("inst%d.example.com", 10-i), PrimaryNode: node,
			Hypervisor: config.HVFake, AdminState: config.AdminUp, Tags: []string{"web"}})
	}
	return cfg
}

// answer is what the nodes say: node1 runs one of its two instances, node3 does not answer.
func answer(_ context.Context, rows []*InstanceRow) error {
	for _, r := range rows {
		if r.Instance.PrimaryNode == "n1" {
			r.Live = InstanceLive{Answered: true}
		}
		if r.Instance.Name == "inst10.example.com" {
			r.Live = InstanceLive{Answered: true, Running: true, On: "n1", Memory: 128, VCPUs: 1}
		}
	}
	return nil
}

func TestLists(t *testing.T) {
	for name, tt := range map[string]struct {
		args   []string
		force  bool
		fields []string
		want   string
	}{
		"natural order, states": {nil, false, []string{"name", "status", "oper_ram"},
			"inst7.example.com ERROR_down - inst8.example.com ERROR_nodedown ? inst9.example.com ERROR_nodeoffline * inst10.example.com running 128 "},
		"order of the request":   {[]string{"inst10", "inst7.example.com"}, false, []string{"name"}, "inst10.example.com inst7.example.com "},
		"pattern":                {[]string{"inst1*"}, false, []string{"name"}, "inst10.example.com "},
		"filter on live data":    {[]string{`status == "running"`}, true, []string{"name"}, "inst10.example.com "},
		"negated live condition": {[]string{`not status == "running" and pnode == "node1"`}, true, []string{"name"}, "inst7.example.com "},
		"no value counts as yes": {[]string{`oper_ram > 100`}, true, []string{"name"},
			"inst7.example.com inst8.example.com inst9.example.com inst10.example.com "},
		"tag": {[]string{`"web" in tags and name =* "inst8*"`}, true, []string{"name", "nosuch"}, "inst8.example.com ?? "},
	} {
		t.Run(name, func(t *testing.T) {
			filter, err := Select(tt.args, tt.force, "name", false)
			if err != nil {
				t.Fatal(err)
			}
			result, err := Instances().Run(t.Context(), Request{Fields: tt.fields, Filter: filter}, InstanceRows(threeInstances()), answer)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, row := range result.Rows {
				for i, cell := range row {
					got += Format{Units: "m"}.Text(result.Columns[i], cell) + " "
				}
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		args  []string
		force bool
		want  string
	}{
		"missing name":       {[]string{"inst7", "nosuch"}, false, "Instance name nosuch not found"},
		"unknown field":      {[]string{"nosuch"}, true, "Can't find field named 'nosuch'"},
		"two filters":        {[]string{"a", "b"}, true, "Exactly one argument must be given as a filter"},
		"in what is no list": {[]string{"1 in disk.count"}, true, "Cannot convert value '0', error: Unable to read list"},
		"regexp on a list": {[]string{"tags =~ m/x/"}, true,
			`Invalid field value used in regexp matching, expecting string but got '["web"]'`},
	} {
		t.Run(name, func(t *testing.T) {
			filter, err := Select(tt.args, tt.force, "name", false)
			if err == nil {
				_, err = Instances().Run(t.Context(), Request{Fields: []string{"name"}, Filter: filter}, InstanceRows(threeInstances()), answer)
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestANumberOfAJobIsNoText(t *testing.T) {
	filter, err := Select([]string{`id == "1"`}, true, "id", true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Jobs().Run(t.Context(), Request{Fields: []string{"id"}, Filter: filter}, []*JobRow{{ID: 1}}, nil)
	if want := `Invalid types in comparison, trying to compare 1 with 'QuotedString "1"'`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNodesAreOnlyAskedForLiveFields(t *testing.T) {
	asked := false
	_, err := Instances().Run(t.Context(), Request{Fields: []string{"name", "pnode"}}, InstanceRows(threeInstances()),
		func(context.Context, []*InstanceRow) error { asked = true; return nil })
	if err != nil || asked {
		t.Errorf("asked = %v, err = %v", asked, err)
	}
}
