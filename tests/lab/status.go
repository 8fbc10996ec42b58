package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NodeStatus is how a node stands at the moment.
type NodeStatus struct {
	Name string
	Pid  int      // see Controls.Pid; 0 without power
	Word string   // running, frozen or off
	Cut  []string // the networks whose cable is pulled
}

func (n NodeStatus) String() string {
	line := n.Name + " " + n.Word
	if n.Pid != 0 {
		line += " " + strconv.Itoa(n.Pid)
	}
	if len(n.Cut) > 0 {
		line += " cut:" + strings.Join(n.Cut, ",")
	}
	return line
}

// Status lists the nodes in order.
func (c *Controls) Status() ([]NodeStatus, error) {
	s, err := ReadState(c.dir)
	if err != nil {
		return nil, ErrNotUp
	}
	links, err := c.Outside("ip", "-o", "link").Output()
	if err != nil {
		return nil, fmt.Errorf("reading the lab's links: %w", err)
	}
	var list []NodeStatus
	ports := map[string]int{}
	for name, pid := range s.Nodes {
		n := NodeStatus{Name: name, Pid: pid, Word: "running"}
		switch {
		case pid == 0:
			n.Word = "off"
		case ProcessState(pid) == 'T':
			n.Word = "frozen"
		}
		if ports[name], err = c.kind.Number(name); err != nil {
			return nil, err
		}
		n.Cut = pulled(string(links), strconv.Itoa(ports[name]))
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b NodeStatus) int { return ports[a.Name] - ports[b.Name] })
	return list, nil
}

// pulled reads from "ip -o link" which of a node's ports are down, or in no switch.
func pulled(links, n string) (list []string) {
	for line := range strings.Lines(links) {
		for _, net := range nets {
			port := strings.Contains(line, ": "+net+n+"@") || strings.Contains(line, ": "+net+n+": ")
			if up := strings.Contains(line, ",UP") || strings.Contains(line, "<UP"); port && !(up && strings.Contains(line, " master "+net+" ")) {
				list = append(list, net)
			}
		}
	}
	return list
}
