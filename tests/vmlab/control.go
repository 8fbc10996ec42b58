package vmlab

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gantry/tests/lab"
)

// Kill takes a node's power away: everything in its memory is lost, what its disks were told to keep is kept.
func (l *Lab) Kill(node string) error { return l.ask("kill", node) }

// Power gives a node its power back and returns when it is ready.
func (l *Lab) Power(node string) error { return l.ask("start", node) }

// ask has the keeper do something.
func (l *Lab) ask(verb, node string) error {
	conn, err := net.Dial("unix", filepath.Join(l.config.Dir, "control"))
	if err != nil {
		return ErrNotUp
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s\n", verb, node)
	answer, err := io.ReadAll(conn)
	if err == nil && string(answer) != lab.Ready {
		err = fmt.Errorf("%s %s: %s", verb, node, answer)
	}
	return err
}

// Link pulls ("down") or plugs in ("up") a cable of a node: lan, san or both.
func (l *Lab) Link(node, net, way string) error {
	n, err := l.number(node)
	if err != nil {
		return err
	}
	if way != "up" && way != "down" {
		return fmt.Errorf("a cable is up or down, not %q", way)
	}
	which := []string{net}
	if net == "both" {
		which = nets[:2]
	}
	lines := ""
	for _, net := range which {
		if !slices.Contains(nets[:2], net) {
			return fmt.Errorf("unknown network %q", net)
		}
		lines += fmt.Sprintf("link set %s%d %s\n", net, n, way)
	}
	return lab.IP(strconv.Itoa(l.world), lines)
}

// Cut isolates a node from everybody but the lab itself.
func (l *Lab) Cut(node string) error { return l.Link(node, "both", "down") }

// Heal undoes Cut.
func (l *Lab) Heal(node string) error { return l.Link(node, "both", "up") }

// nowhere is a hardware address that nobody has: what is sent there is lost without a word.
const nowhere = "02:00:de:ad:00:00"

// CutBetween keeps two nodes from hearing each other, as a broken switch would; all others hear both. It concerns the
// addresses they have at this moment, the cluster's among them.
func (l *Lab) CutBetween(a, b string) error {
	return l.between(a, b, "ip neigh replace %[1]s lladdr "+nowhere+" dev %[2]s nud permanent\n")
}

// HealBetween undoes CutBetween, as far as they still have the addresses they had then.
func (l *Lab) HealBetween(a, b string) error {
	return l.between(a, b, "ip neigh del %[1]s dev %[2]s\n")
}

func (l *Lab) between(a, b, line string) error {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		addresses, err := l.addresses(pair[1])
		if err != nil {
			return err
		}
		text := ""
		for address, dev := range addresses {
			text += fmt.Sprintf(line, address, dev)
		}
		cmd, err := l.Command(pair[0], "sh", "-ec", text)
		if err != nil {
			return err
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", pair[0], err, out)
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
		case strings.HasPrefix(address, "192.0.2."):
			list[address] = "br0"
		case strings.HasPrefix(address, "198.51.100."):
			list[address] = "eth1"
		}
	}
	return list, nil
}

// Freeze makes a node hang, its kernel included: nobody answers.
func (l *Lab) Freeze(node string) error { return l.signal(node, syscall.SIGSTOP) }

// Thaw lets a frozen node go on. It believes that no time has passed.
func (l *Lab) Thaw(node string) error { return l.signal(node, syscall.SIGCONT) }

func (l *Lab) signal(node string, s syscall.Signal) error {
	n, err := l.number(node)
	if err != nil {
		return err
	}
	state, err := lab.ReadState(l.config.Dir)
	if err != nil {
		return ErrNotUp
	}
	pid := state.Nodes[l.name(n)]
	if pid == 0 {
		return fmt.Errorf("%s has no power", l.name(n))
	}
	return syscall.Kill(pid, s)
}

// Status lists the nodes in order.
func (l *Lab) Status() ([]lab.NodeStatus, error) {
	s, err := lab.ReadState(l.config.Dir)
	if err != nil {
		return nil, ErrNotUp
	}
	links, err := l.Outside("ip", "-o", "link").Output()
	if err != nil {
		return nil, fmt.Errorf("reading the lab's links: %w", err)
	}
	var list []lab.NodeStatus
	for n := 1; n <= l.machines(); n++ {
		node := lab.NodeStatus{Name: l.name(n), Pid: s.Nodes[l.name(n)], Word: "running"}
		switch {
		case node.Pid == 0:
			node.Word = "off"
		case lab.ProcessState(node.Pid) == 'T':
			node.Word = "frozen"
		}
		for line := range strings.Lines(string(links)) {
			for _, net := range nets[:2] {
				if strings.Contains(line, ": "+net+strconv.Itoa(n)+": ") && !strings.Contains(line, ",UP") {
					node.Cut = append(node.Cut, net)
				}
			}
		}
		list = append(list, node)
	}
	return list, nil
}
