package report

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

var instanceColumns = []column{
	{"F", false}, {"Name", false}, {"Pri_node", false}, {"Sec_node", false}, {"Auto_bal", false}, {"vcpu", true},
	{"mem", true}, {"dsk", true}, {"lCpu", true}, {"lMem", true}, {"lDsk", true}, {"lNet", true},
}

// Instances prints a table of instances. It fails on one whose node is not on the list.
func Instances(nodes balance.NodeList, instances balance.InstanceList) (string, error) {
	var rows [][]string
	for _, i := range instances.Present() {
		row, err := instanceRow(nodes, i)
		if err != nil {
			return layout(instanceColumns, rows), err
		}
		rows = append(rows, row)
	}
	return layout(instanceColumns, rows), nil
}

func instanceRow(nodes balance.NodeList, i *balance.Instance) ([]string, error) {
	secondary := ""
	if i.Secondary != balance.None {
		s := nodes[i.Secondary]
		if s == nil {
			return nil, fmt.Errorf("the secondary node of instance %s is not among the nodes shown", i.Name)
		}
		secondary = s.Name
	}
	running, auto := " ", "N"
	if i.IsRunning() {
		running = "R"
	}
	if i.AutoBalance {
		auto = "Y"
	}
	return []string{
		running, i.Name, nodes[i.Primary].Name, secondary, auto, fmt.Sprintf("%3d", i.VCPUs), fmt.Sprintf("%5d", i.Mem),
		fmt.Sprintf("%5d", i.Disk>>10), load(i.Util.CPU), load(i.Util.Mem), load(i.Util.Disk), load(i.Util.Net),
	}, nil
}

func load(x float64) string { return fmt.Sprintf("%5s", number.Fixed(x, 3)) }
