package job

import (
	"testing"

	"gantry/lib/config"
)

func TestNamesInAJobAreFilledInAsGanetisMasterDoes(t *testing.T) {
	cfg := &config.Config{
		Cluster:   config.Cluster{MasterNode: "n1"},
		Nodes:     []*config.Node{{UUID: "n1", Name: "node1.example.com"}, {UUID: "n2", Name: "node2.example.com"}},
		Instances: []*config.Instance{{UUID: "i1", Name: "web.example.com"}},
	}
	for name, tt := range map[string]struct{ op, input, want string }{
		"instance": {"OP_INSTANCE_STARTUP", `{"instance_name":"web","force":false}`,
			`{"instance_name":"web.example.com","instance_uuid":"i1","force":false}`},
		"nothing known": {"OP_INSTANCE_STARTUP", `{"instance_name":"nosuch"}`, `{"instance_name":"nosuch"}`},
		"already there": {"OP_NODE_REMOVE", `{"node_name":"node2.example.com","node_uuid":"n2"}`, `{"node_name":"node2.example.com","node_uuid":"n2"}`},
		"what the operation makes": {"OP_INSTANCE_CREATE", `{"instance_name":"web.example.com","pnode":"node2","disks":[{"size":1}]}`,
			`{"instance_name":"web.example.com","pnode":"node2.example.com","pnode_uuid":"n2","disks":[{"size":1}]}`},
		"list":             {"OP_OOB_COMMAND", `{"node_names":["node2","node1"]}`, `{"node_names":["node2.example.com","node1.example.com"],"node_uuids":["n2","n1"]}`},
		"list, one not":    {"OP_OOB_COMMAND", `{"node_names":["node2","nosuch"]}`, `{"node_names":["node2","nosuch"],"node_uuids":[]}`},
		"delay, master":    {"OP_TEST_DELAY", `{"on_master":true,"on_nodes":[]}`, `{"on_master":true,"on_nodes":[],"on_node_uuids":["n1"]}`},
		"delay, no master": {"OP_TEST_DELAY", `{"on_master":false,"on_nodes":["node2"]}`, `{"on_master":false,"on_nodes":["node2.example.com"],"on_node_uuids":["n2"]}`},
		"absent":           {"OP_INSTANCE_FAILOVER", `{"target_node":null,"x":1}`, `{"target_node":null,"x":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := completeNames([]byte(tt.input), tt.op, cfg)
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}
