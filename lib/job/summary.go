package job

import (
	"encoding/json"
	"strings"

	"gantry/lib/unit"
)

// summaryFields names the attribute that the list of jobs shows in parentheses after the opcode.
var summaryFields = map[string]string{
	"OP_CLUSTER_RENAME": "name", "OP_QUERY": "what", "OP_QUERY_FIELDS": "what", "OP_TAGS_GET": "kind", "OP_TAGS_SEARCH": "pattern",
	"OP_TEST_ALLOCATOR": "iallocator", "OP_TEST_DELAY": "duration",

	"OP_CLUSTER_VERIFY_GROUP": "group_name", "OP_GROUP_ADD": "group_name", "OP_GROUP_ASSIGN_NODES": "group_name",
	"OP_GROUP_EVACUATE": "group_name", "OP_GROUP_REMOVE": "group_name", "OP_GROUP_SET_PARAMS": "group_name",
	"OP_GROUP_VERIFY_DISKS": "group_name",

	"OP_BACKUP_EXPORT": "instance_name", "OP_BACKUP_PREPARE": "instance_name", "OP_BACKUP_REMOVE": "instance_name",
	"OP_INSTANCE_ACTIVATE_DISKS": "instance_name", "OP_INSTANCE_CHANGE_GROUP": "instance_name", "OP_INSTANCE_CONSOLE": "instance_name",
	"OP_INSTANCE_CREATE": "instance_name", "OP_INSTANCE_DEACTIVATE_DISKS": "instance_name", "OP_INSTANCE_FAILOVER": "instance_name",
	"OP_INSTANCE_GROW_DISK": "instance_name", "OP_INSTANCE_MIGRATE": "instance_name", "OP_INSTANCE_MOVE": "instance_name",
	"OP_INSTANCE_REBOOT": "instance_name", "OP_INSTANCE_RECREATE_DISKS": "instance_name", "OP_INSTANCE_REINSTALL": "instance_name",
	"OP_INSTANCE_REMOVE": "instance_name", "OP_INSTANCE_REPLACE_DISKS": "instance_name", "OP_INSTANCE_SET_PARAMS": "instance_name",
	"OP_INSTANCE_SHUTDOWN": "instance_name", "OP_INSTANCE_STARTUP": "instance_name",

	"OP_NETWORK_ADD": "network_name", "OP_NETWORK_CONNECT": "network_name", "OP_NETWORK_DISCONNECT": "network_name",
	"OP_NETWORK_REMOVE": "network_name", "OP_NETWORK_SET_PARAMS": "network_name",

	"OP_NODE_ADD": "node_name", "OP_NODE_EVACUATE": "node_name", "OP_NODE_MIGRATE": "node_name", "OP_NODE_MODIFY_STORAGE": "node_name",
	"OP_NODE_POWERCYCLE": "node_name", "OP_NODE_REMOVE": "node_name", "OP_NODE_SET_PARAMS": "node_name",
	"OP_REPAIR_NODE_STORAGE": "node_name",
}

// Summary is one line for each opcode, as the list of jobs shows it: INSTANCE_ADD(web).
func (j *Job) Summary() []string {
	lines := make([]string, len(j.Ops))
	for i := range j.Ops {
		lines[i] = j.Ops[i].Summary()
	}
	return lines
}

// Summary is the same for a job that is not submitted yet.
func (r Request) Summary() []string {
	var lines []string
	for _, op := range r.Ops {
		if input, err := encode(op, r.Options); err == nil {
			lines = append(lines, (&Op{Input: input}).Summary())
		}
	}
	return lines
}

// Summary is the opcode's name without OP_, and what it is about.
func (op *Op) Summary() string {
	id := op.OpID()
	name := strings.TrimPrefix(id, "OP_")
	field, ok := summaryFields[id]
	if !ok {
		return name
	}
	var in map[string]any
	if json.Unmarshal(op.Input, &in) != nil {
		return name
	}
	switch v := in[field].(type) {
	case nil:
		return name + "(None)"
	case float64:
		return name + "(" + unit.FormatFloat(v) + ")"
	case string:
		return name + "(" + v + ")"
	default:
		return name + "(" + unit.Str(v) + ")"
	}
}

// common reads the attributes that every opcode has.
func (op *Op) common() common {
	var c common
	if json.Unmarshal(op.Input, &c) != nil {
		return common{}
	}
	return c
}
