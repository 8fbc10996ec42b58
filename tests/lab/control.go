package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNotUp is what a command gets that needs a lab where there is none.
var ErrNotUp = errors.New("the lab is not up")

// Controls are what labs of all kinds, of namespaces or of virtual machines, have done to them in one way.
type Controls struct {
	dir   string
	world int // process id, for the lab's own network
	kind  Kind
	limit time.Duration // of a command that Run runs
}

// Kind is what a kind of lab does in its own way.
type Kind interface {
	Number(node string) (int, error) // of a node's port on either wire, from its name, short or full
	Cable(net, way string) string    // how ip pulls ("down") or plugs in ("up") a cable of that wire, after "link set PORT "
	Command(node string, argv ...string) (*exec.Cmd, error)
	Do(ctx context.Context, node, text string) (Result, error)
}

// NewControls are those of the lab that keeps itself in dir.
func NewControls(dir string, kind Kind, limit time.Duration) (Controls, error) {
	s, err := ReadState(dir)
	if err != nil {
		return Controls{}, ErrNotUp
	}
	return Controls{dir: dir, world: s.World, kind: kind, limit: limit}, nil
}

// Dir is where the lab keeps itself. It is gone after Down.
func (c *Controls) Dir() string { return c.dir }

// Outside is argv outside all nodes, at the lab's own end of the networks.
func (c *Controls) Outside(argv ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/proc/" + strconv.Itoa(c.world) + "/ns/net"}, argv...)...)
}

// Pid is a node's process on this machine: process 1 of namespaces, or what plays a virtual machine.
func (c *Controls) Pid(node string) (int, error) {
	if _, err := c.kind.Number(node); err != nil {
		return 0, err
	}
	s, err := ReadState(c.dir)
	if err != nil {
		return 0, ErrNotUp
	}
	short, _, _ := strings.Cut(node, ".")
	pid, exists := s.Nodes[short]
	if !exists {
		return 0, fmt.Errorf("no such node: %q", node)
	}
	if pid == 0 {
		return 0, fmt.Errorf("%s has no power", short)
	}
	return pid, nil
}

// Kill takes a node's power away: its processes end at once, /run and /tmp are lost, the disk is kept.
func (c *Controls) Kill(node string) error { return c.ask("kill", node) }

// Power gives a node its power back and returns when its sshd answers.
func (c *Controls) Power(node string) error { return c.ask("start", node) }

// ask has the process that started the nodes do something.
func (c *Controls) ask(verb, node string) error {
	conn, err := net.Dial("unix", filepath.Join(c.dir, "control"))
	if err != nil {
		return ErrNotUp
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s\n", verb, node)
	answer, err := io.ReadAll(conn)
	if err == nil && string(answer) != Ready {
		err = fmt.Errorf("%s %s: %s", verb, node, answer)
	}
	return err
}

// Link pulls ("down") or plugs in ("up") a cable of a node: lan, san or both.
func (c *Controls) Link(node, net, way string) error {
	n, err := c.kind.Number(node)
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
		lines += fmt.Sprintf("link set %s%d %s\n", net, n, c.kind.Cable(net, way))
	}
	return IP(strconv.Itoa(c.world), lines)
}

// Cut isolates a node from everybody but the lab itself.
func (c *Controls) Cut(node string) error { return c.Link(node, "both", "down") }

// Heal undoes Cut.
func (c *Controls) Heal(node string) error { return c.Link(node, "both", "up") }

// nowhere is a hardware address that nobody has: what is sent there is lost without a word.
const nowhere = "02:00:de:ad:00:00"

// CutBetween keeps two nodes from hearing each other, as a broken switch would; all others hear both. It concerns the
// addresses they have at this moment, the cluster's among them.
func (c *Controls) CutBetween(a, b string) error {
	return c.between(a, b, "ip neigh replace %[1]s lladdr "+nowhere+" dev %[2]s nud permanent\n")
}

// HealBetween undoes CutBetween, as far as they still have the addresses they had then.
func (c *Controls) HealBetween(a, b string) error {
	return c.between(a, b, "ip neigh del %[1]s dev %[2]s\n")
}

func (c *Controls) between(a, b, line string) error {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		addresses, err := c.addresses(pair[1])
		if err != nil {
			return err
		}
		text := ""
		for address, dev := range addresses {
			text += fmt.Sprintf(line, address, dev)
		}
		if err := c.script(pair[0], text); err != nil {
			return err
		}
	}
	return nil
}

// script runs a shell text in a node, with arguments; what it says is worth a word only when it fails.
func (c *Controls) script(node, text string, args ...string) error {
	cmd, err := c.kind.Command(node, append([]string{"sh", "-ec", text, "lab"}, args...)...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", node, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// addresses lists what a node answers to, each with the interface on which others reach it.
func (c *Controls) addresses(node string) (map[string]string, error) {
	cmd, err := c.kind.Command(node, "ip", "-o", "-4", "addr", "show", "scope", "global")
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
