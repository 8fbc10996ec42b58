package iallocator

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// opcodes lists what has to be run to move an instance, as Ganeti writes it in JSON.
func opcodes(m balance.Evacuated, nodes []*balance.Node) string {
	var ops []string
	for _, step := range m.Steps {
		switch step.Kind {
		case balance.Failover:
			ops = append(ops, switchOver(m.Instance, ""))
		case balance.FailoverToAny:
			ops = append(ops, switchOver(m.Instance, nodes[step.Target].Name))
		default:
			ops = append(ops, replaceSecondary(m.Instance, nodes[step.Target].Name))
		}
	}
	return list(ops, same)
}

func switchOver(i *balance.Instance, target string) string {
	if target != "" {
		target = `,"target_node":` + jsondata.Quote(target)
	}
	name := jsondata.Quote(i.Name)
	if i.Forthcoming {
		return fmt.Sprintf(`{"OP_ID":"OP_INSTANCE_FAILOVER","instance_name":%s,"shutdown_timeout":120,`+
			`"ignore_consistency":false%s,"ignore_ipolicy":false,"cleanup":false}`, name, target)
	}
	return fmt.Sprintf(`{"OP_ID":"OP_INSTANCE_MIGRATE","instance_name":%s%s,"allow_runtime_changes":false,`+
		`"ignore_ipolicy":false,"cleanup":false,"allow_failover":true,"ignore_hvversions":true}`, name, target)
}

func replaceSecondary(i *balance.Instance, node string) string {
	return fmt.Sprintf(`{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","instance_name":%s,"early_release":false,"ignore_ipolicy":false,`+
		`"mode":"replace_new_secondary","disks":[],"remote_node":%s}`, jsondata.Quote(i.Name), jsondata.Quote(node))
}
