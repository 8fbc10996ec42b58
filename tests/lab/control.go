package lab

import (
	_ "embed" // for the scripts
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kill takes a node's power away: its processes end at once, /run and /tmp are lost, the disk is kept.
func (l *Lab) Kill(node string) error { return l.ask("kill", node) }

// Power gives a node its power back and returns when its sshd answers.
func (l *Lab) Power(node string) error { return l.ask("start", node) }

// Link pulls ("down") or plugs in ("up") a cable of a node: lan, san or both.
func (l *Lab) Link(node, net, way string) error {
	n, err := number(node)
	if err != nil {
		return err
	}
	if way != "up" && way != "down" {
		return fmt.Errorf("a cable is up or down, not %q", way)
	}
	which := []string{strings.TrimSuffix(net, "0")} // recorded scenarios call them lan0 and san0
	if net == "both" {
		which = nets
	}
	lines := ""
	for _, net := range which {
		if !slices.Contains(nets, net) {
			return fmt.Errorf("unknown network %q", net)
		}
		lines += fmt.Sprintf("link set %s%d %s\n", net, n, way)
	}
	return IP(strconv.Itoa(l.world), lines)
}

// Cut isolates a node from everybody.
func (l *Lab) Cut(node string) error { return l.Link(node, "both", "down") }

// Heal undoes Cut.
func (l *Lab) Heal(node string) error { return l.Link(node, "both", "up") }

// nowhere is a hardware address that nobody has: what is sent there is lost without a word.
const nowhere = "02:00:de:ad:00:00"

// CutBetween keeps two nodes from hearing each other, as a broken switch would; all others hear both. It concerns the
// addresses they have at this moment, the cluster's among them.
func (l *Lab) CutBetween(a, b string) error {
	return l.between(a, b, "neigh replace %[1]s lladdr "+nowhere+" dev %[2]s nud permanent\n")
}

// HealBetween undoes CutBetween, as far as they still have the addresses they had then.
func (l *Lab) HealBetween(a, b string) error {
	return l.between(a, b, "neigh del %[1]s dev %[2]s\n")
}

func (l *Lab) between(a, b, line string) error {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		pid, err := l.pid(pair[0])
		if err != nil {
			return err
		}
		addresses, err := l.addresses(pair[1])
		if err != nil {
			return err
		}
		lines := ""
		for address, dev := range addresses {
			lines += fmt.Sprintf(line, address, dev)
		}
		if err := IP(pid, lines); err != nil {
			return err
		}
	}
	return nil
}

// addresses lists what a node answers to, each with the interface on which others reach it.
func (l *Lab) addresses(node string) (map[string]string, error) {
	cmd, err := l.Command(node, "ip", "-o", "-4", "addr", "show", "scope", "global")
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("reading the addresses of %s: %w", node, err)
	}
	list := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		address, _, _ := strings.Cut(f[3], "/")
		switch {
		case strings.HasPrefix(address, primaryNet):
			list[address] = "br0"
		case strings.HasPrefix(address, secondaryNet):
			list[address] = "eth1"
		}
	}
	return list, nil
}

// fillScript makes a file system of its own for a directory, with its content and no byte more.
//
//go:embed fill.sh
var fillScript string

// drainScript gives the directory its place on the disk back, with the content it has by then.
//
//go:embed drain.sh
var drainScript string

// Fill makes the file system of a directory full. The node should be quiet: files that are open stay those of the disk.
func (l *Lab) Fill(node, dir string) error { return l.script(node, fillScript, dir) }

// Drain undoes Fill.
func (l *Lab) Drain(node, dir string) error { return l.script(node, drainScript, dir) }

func (l *Lab) script(node, script, arg string) error {
	cmd, err := l.Command(node, "sh", "-c", script, "lab", arg)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", node, err, strings.TrimSpace(string(out)))
	}
	return nil
}

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
	s, err := ReadState(l.dir)
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
		case ProcessState(pid) == 'T':
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
