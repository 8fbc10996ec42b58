// Package simulate makes empty clusters from a short description, to see what would fit on them.
package simulate

import (
	"fmt"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Read makes a cluster with one group for each description: allocation policy, number of nodes, disk, memory, CPUs and,
// if given, spindles and exclusive storage.
func Read(descriptions []string) (*balance.Cluster, error) {
	c := &balance.Cluster{Policy: balance.DefaultPolicy()}
	for k, text := range descriptions {
		d, err := parse(text)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, &balance.Group{
			Name: fmt.Sprintf("group-%02d", k+1), UUID: fmt.Sprintf("fake-uuid-%02d", k+1), Index: k, FirstIndex: 1,
			Alloc: d.alloc, Policy: balance.DefaultPolicy(),
		})
		for j := 1; j <= d.nodes; j++ {
			c.Nodes = append(c.Nodes, d.node(k, j, len(c.Nodes)))
		}
	}
	return c, nil
}

// description is one group: sizes in MiB of each of its nodes.
type description struct {
	alloc                            balance.AllocPolicy
	nodes, disk, mem, cpus, spindles int
	exclusive                        bool
}

func (d description) node(group, position, index int) *balance.Node {
	return balance.NewNode(balance.Node{
		Name: fmt.Sprintf("node-%02d-%03d", group+1, position), Index: index, Group: group, FirstIndex: 1,
		TotalMem: float64(d.mem), FreeMem: d.mem, TotalDisk: float64(d.disk), TotalCPU: float64(d.cpus), CPUSpeed: 1,
		NodeCPU: 1, Spindles: d.spindles, Exclusive: d.exclusive, Master: group == 0 && position == 1,
	}, d.disk, 0)
}

func parse(text string) (d description, err error) {
	f := number.Split(text, ",")
	if len(f) == 5 {
		f = append(f, "1")
	}
	if len(f) == 6 {
		f = append(f, "False")
	}
	if len(f) != 7 {
		return d, fmt.Errorf("Invalid cluster specification, expected 6 comma-separated sections (allocation policy, "+
			"node count, disk size, memory size, number of CPUs, spindles) but got %d: '%s'", len(f), text)
	}
	if d.alloc, err = parseAlloc(f[0]); err != nil {
		return d, err
	}
	if d.nodes, err = number.Int("node count", f[1]); err != nil {
		return d, err
	}
	if d.disk, err = number.Unit(f[2]); err != nil {
		return d, fmt.Errorf("disk size: %w", err)
	}
	if d.mem, err = number.Unit(f[3]); err != nil {
		return d, fmt.Errorf("memory size: %w", err)
	}
	if d.cpus, err = number.Int("cpu count", f[4]); err != nil {
		return d, err
	}
	if d.spindles, err = number.Int("spindles", f[5]); err != nil {
		return d, err
	}
	d.exclusive, err = parseBool("exclusive storage", f[6])
	return d, err
}

func parseAlloc(s string) (balance.AllocPolicy, error) {
	p, err := balance.ParseAllocPolicy(s)
	if err == nil {
		return p, nil
	}
	if k := strings.Index("pau", s); len(s) == 1 && k >= 0 {
		return balance.AllocPolicy(k), nil
	}
	return p, fmt.Errorf("%w; Cannot parse AllocPolicy abbreviation '%s'", err, s)
}

// parseBool reads True or False, with any parentheses around.
func parseBool(what, s string) (bool, error) {
	inner := strings.TrimSpace(s)
	for strings.HasPrefix(inner, "(") && strings.HasSuffix(inner, ")") {
		inner = strings.TrimSpace(inner[1 : len(inner)-1])
	}
	switch inner {
	case "True":
		return true, nil
	case "False":
		return false, nil
	}
	return false, fmt.Errorf("%s: cannot parse string '%s'", what, s)
}
