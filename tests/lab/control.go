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
	Pid  int      // process 1, as the machine numbers it; 0 without power
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
func (l *Lab) Status() ([]NodeStatus, error) {
	s, err := readState(l.dir)
	if err != nil {
		return nil, ErrNotUp
	}
	links, err := l.Outside("ip", "-o", "link").Output()
	if err != nil {
		return nil, fmt.Errorf("reading the lab's links: %w", err)
	}
	var list []NodeStatus
	for name, pid := range s.Nodes {
		n := NodeStatus{Name: name, Pid: pid, Word: "running"}
		switch {
		case pid == 0:
			n.Word = "off"
		case processState(pid) == 'T':
			n.Word = "frozen"
		}
		n.Cut = pulled(string(links), strings.TrimPrefix(name, "node"))
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b NodeStatus) int {
		na, _ := number(a.Name)
		nb, _ := number(b.Name)
		return na - nb
	})
	return list, nil
}

// pulled reads from "ip -o link" which of a node's ports are down.
func pulled(links, n string) (list []string) {
	for line := range strings.Lines(links) {
		for _, net := range nets {
			if strings.Contains(line, ": "+net+n+"@") && !strings.Contains(line, ",UP") && !strings.Contains(line, "<UP") {
				list = append(list, net)
			}
		}
	}
	return list
}
