package text

import (
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Write prints a cluster as a data file. The nodes and instances may be a part of the cluster, but none of the instances may
// have a node outside.
func Write(c *balance.Cluster, nodes balance.NodeList, instances balance.InstanceList) (string, error) {
	var b strings.Builder
	for _, g := range c.Groups {
		b.WriteString(formatGroup(g))
	}
	b.WriteString("\n")
	for _, n := range nodes.Present() {
		b.WriteString(formatNode(n, c.Groups) + writeKinds(c.Stored(n, instances)) + "\n")
	}
	b.WriteString("\n")
	for _, i := range instances.Present() {
		if i.Secondary != balance.None && nodes[i.Secondary] == nil {
			return "", fmt.Errorf("the secondary node of instance %s is not among the nodes saved", i.Name)
		}
		b.WriteString(formatInstance(i, c.Nodes) + writeNeeds(i.Needs) + "\n")
	}
	b.WriteString("\n")
	for _, tag := range c.Tags {
		b.WriteString(tag + "\n")
	}
	b.WriteString("\n")
	b.WriteString(formatPolicy("", c.Policy))
	for _, g := range c.Groups {
		b.WriteString(formatPolicy(g.Name, g.Policy))
	}
	return b.String(), nil
}

func formatGroup(g *balance.Group) string {
	return strings.Join([]string{
		g.Name, g.UUID, g.Alloc.String(), strings.Join(g.Tags, ","), strings.Join(g.Networks, ","),
	}, "|") + "\n"
}

func formatNode(n *balance.Node, groups []*balance.Group) string {
	flag := "N"
	switch {
	case n.Offline:
		flag = "Y"
	case n.Master:
		flag = "M"
	}
	return fmt.Sprintf("%s|%s|%d|%d|%s|%d|%s|%s|%s|%d|%s|%s|%d|%d|%s",
		n.Name, number.Fixed(n.TotalMem, 0), n.NodeMem, n.FreeMem, number.Fixed(n.TotalDisk, 0), n.FreeDisk(),
		number.Fixed(n.TotalCPU, 0), flag, groups[n.Group].UUID, n.Spindles, strings.Join(n.Tags, ","), yesNo(n.Exclusive),
		n.FreeSpindles(), n.NodeCPU, number.Plain(n.CPUSpeed))
}

func formatInstance(i *balance.Instance, nodes []*balance.Node) string {
	secondary := ""
	if i.Secondary != balance.None {
		secondary = nodes[i.Secondary].Name
	}
	spindles := "-"
	if total, known := i.TotalSpindles(); known {
		spindles = strconv.Itoa(total)
	}
	return fmt.Sprintf("%s|%d|%d|%d|%s|%s|%s|%s|%s|%s|%d|%s|%s",
		i.Name, i.Mem, i.Disk, i.VCPUs, i.Status, yesNo(i.AutoBalance), nodes[i.Primary].Name, secondary, i.Template,
		strings.Join(i.Tags, ","), i.SpindleUse, spindles, yesNo(i.Forthcoming))
}

func yesNo(b bool) string {
	if b {
		return "Y"
	}
	return "N"
}
