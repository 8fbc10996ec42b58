package job

import (
	"bytes"
	"encoding/json"
	"slices"

	"gantry/lib/config"
)

// named are the attributes of opcodes that name nodes or an instance, each with the one beside it that holds their UUIDs.
var named = []struct {
	name, uuid string
	find       func(cfg *config.Config, name string) (full, uuid string)
	except     string // the operation that makes what it names
}{
	{"instance_name", "instance_uuid", instanceNamed, "OP_INSTANCE_CREATE"},
	{"node_name", "node_uuid", nodeNamed, "OP_NODE_ADD"},
	{"pnode", "pnode_uuid", nodeNamed, ""},
	{"snode", "snode_uuid", nodeNamed, ""},
	{"src_node", "src_node_uuid", nodeNamed, ""},
	{"target_node", "target_node_uuid", nodeNamed, ""},
	{"remote_node", "remote_node_uuid", nodeNamed, ""},
	{"nodes", "node_uuids", nodeNamed, ""},
	{"node_names", "node_uuids", nodeNamed, ""},
	{"on_nodes", "on_node_uuids", nodeNamed, ""},
}

func instanceNamed(cfg *config.Config, name string) (full, uuid string) {
	if i := cfg.MatchInstance(name); i != nil {
		return i.Name, i.UUID
	}
	return "", ""
}

func nodeNamed(cfg *config.Config, name string) (full, uuid string) {
	if n := cfg.MatchNode(name); n != nil {
		return n.Name, n.UUID
	}
	return "", ""
}

// complete notes in the job file what the names in an opcode stand for: Ganeti's master fills in full names and UUIDs, and lists
// of jobs show them. It says nothing about what the operation works on.
func (r *runner) complete(env *Env) error {
	input := r.w.job.Ops[env.index].Input
	completed, err := completeNames(input, env.Op, env.Config)
	if err != nil || bytes.Equal(input, completed) {
		return err
	}
	return r.w.note(event{Kind: evInput, Time: r.w.stamp(), Op: env.index, Input: completed})
}

func completeNames(input json.RawMessage, op string, cfg *config.Config) (json.RawMessage, error) {
	all, err := attributesOf(input)
	if err != nil {
		return nil, err
	}
	for _, n := range named {
		given := all.get(n.name)
		if given == nil || op == n.except {
			continue
		}
		full, uuid := lookUp(*given, func(name string) (string, string) { return n.find(cfg, name) })
		if full != nil {
			*given = full
		}
		if master := all.get("on_master"); n.name == "on_nodes" && full != nil && master != nil && string(*master) == "true" {
			uuid = append(uuid.([]string), cfg.Cluster.MasterNode)
		}
		all = all.set(n.uuid, uuid, n.name)
	}
	return all.object(), nil
}

// lookUp finds what a name stands for, or each of a list. full is nil when one is not known.
func lookUp(value json.RawMessage, find func(string) (full, uuid string)) (full json.RawMessage, uuid any) {
	var one string
	if json.Unmarshal(value, &one) == nil {
		name, uuid := find(one)
		if uuid == "" {
			return nil, nil
		}
		return asJSON(name), uuid
	}
	names, uuids := []string{}, []string{}
	if json.Unmarshal(value, &names) != nil {
		return nil, nil
	}
	for i, name := range names {
		full, uuid := find(name)
		if uuid == "" {
			return nil, []string{}
		}
		names[i], uuids = full, append(uuids, uuid)
	}
	return asJSON(names), uuids
}

// attributes are those of an object in JSON, in their order.
type attributes []attribute

type attribute struct {
	name  string
	value json.RawMessage
}

func attributesOf(object json.RawMessage) (all attributes, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		all = append(all, attribute{name.(string), value})
	}
	return all, nil
}

func (all attributes) index(name string) int {
	return slices.IndexFunc(all, func(a attribute) bool { return a.name == name })
}

// get gives the place of a value, nil when there is none.
func (all attributes) get(name string) *json.RawMessage {
	if i := all.index(name); i >= 0 {
		return &all[i].value
	}
	return nil
}

// set sets a value; a new one comes after another attribute. nil sets nothing.
func (all attributes) set(name string, value any, after string) attributes {
	if value == nil {
		return all
	}
	if i := all.index(name); i >= 0 {
		all[i].value = asJSON(value)
		return all
	}
	return slices.Insert(all, all.index(after)+1, attribute{name, asJSON(value)})
}

func (all attributes) object() json.RawMessage {
	parts := make([][]byte, len(all))
	for i, a := range all {
		parts[i] = slices.Concat(asJSON(a.name), []byte(":"), a.value)
	}
	return slices.Concat([]byte("{"), bytes.Join(parts, []byte(",")), []byte("}"))
}

// asJSON writes texts, which cannot fail.
func asJSON(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}
