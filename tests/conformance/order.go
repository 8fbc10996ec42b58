package conformance

import (
	"fmt"
	"strings"
)

// Order follows what runs on the nodes and tells of commands that come too early to be safe. It knows what it has seen run; what
// somebody else did to a node makes it forget that node.
type Order struct {
	of      map[Command]string            // a node and a volume: the minor there that has it
	port    map[Command]string            // a node and a minor: the port of its connection, which both sides have in common
	primary map[string]map[string]Command // a port: the nodes where it is primary, and by which minor
	dual    map[string]bool               // a port: two primaries are allowed
	fresh   map[Command]bool              // a node and a minor: its metadata has just been made
}

// NewOrder knows nothing yet.
func NewOrder() *Order {
	return &Order{map[Command]string{}, map[Command]string{}, map[string]map[string]Command{}, map[string]bool{}, map[Command]bool{}}
}

// Forget drops what is known of a node.
func (o *Order) Forget(node string) {
	for c := range o.of {
		if c.Node == node {
			delete(o.of, c)
		}
	}
	for _, nodes := range o.primary {
		delete(nodes, node)
	}
}

// Step is Unsafe for what ran in a step of a record. What a record's helpers did, on a node or to it, is not in the log.
func (o *Order) Step(step Outcome, ran []Command) []string {
	if step.Helper || step.Directive != "" {
		for _, node := range append(strings.Fields(step.Directive), step.Node) {
			o.Forget(node)
		}
	}
	return o.Unsafe(ran)
}

// Unsafe follows the commands of one step.
func (o *Order) Unsafe(list []Command) (found []string) {
	for _, c := range list {
		if why := o.follow(c.Node, strings.Fields(strings.ReplaceAll(c.Line, "'", "")), c.Failed); why != "" {
			found = append(found, fmt.Sprintf("%s: %s: %s", c.Node, c.Line, why))
		}
	}
	return found
}

func (o *Order) follow(node string, words []string, failed bool) string {
	if len(words) < 2 {
		return ""
	}
	at := func(what string) Command { return Command{Node: node, Line: what} }
	switch words[0] {
	case "lvremove":
		return o.busy(at(volume(words[len(words)-1])))
	case "lvrename":
		if len(words) == 4 {
			return o.busy(at("/dev/" + words[1] + "/" + words[2]))
		}
	case "dd":
		for _, word := range words {
			if device, ok := strings.CutPrefix(word, "of="); ok {
				return o.busy(at(device))
			}
		}
	case "drbdmeta":
		if words[len(words)-1] == "create-md" && len(words) == 7 {
			if !failed {
				o.fresh[at(strings.TrimPrefix(words[2], "/dev/drbd"))] = true
			}
			return o.busy(at(words[4]))
		}
	case "drbdsetup":
		if len(words) > 2 {
			return o.mirror(at, node, words[1], words[2], words[3:], failed)
		}
	}
	return ""
}

// mirror follows a command of drbdsetup. What fails has changed nothing.
func (o *Order) mirror(at func(string) Command, node, verb, object string, args []string, failed bool) string {
	minor := strings.TrimPrefix(object, "resource")
	port := o.port[at(minor)]
	switch {
	case verb == "primary":
		var why string
		for other := range o.primary[port] {
			if other != node && !o.dual[port] {
				why = "it is primary on " + other
			}
		}
		if len(args) > 0 && args[0] == "--force" && !o.fresh[at(minor)] {
			why = "its metadata is not new: what the other side has would be lost"
		}
		if !failed && port != "" {
			if o.primary[port] == nil {
				o.primary[port] = map[string]Command{}
			}
			o.primary[port][node] = at(minor)
		}
		return why
	case failed:
	case verb == "attach" && len(args) > 1:
		o.of[at(args[0])], o.of[at(args[1])] = minor, minor
	case verb == "connect" && len(args) > 1:
		port = args[0][strings.LastIndexByte(args[0], ':')+1:]
		o.port[at(minor)] = port
		o.dual[port] = strings.Contains(strings.Join(args, " "), "--allow-two-primaries")
	case verb == "secondary":
		delete(o.primary[port], node)
	case verb == "detach", verb == "down":
		for c, m := range o.of {
			if c.Node == node && m == minor {
				delete(o.of, c)
			}
		}
		if verb == "down" {
			delete(o.primary[port], node)
			delete(o.port, at(minor))
			delete(o.fresh, at(minor))
		}
	}
	return ""
}

func (o *Order) busy(c Command) string {
	if minor, used := o.of[c]; used {
		return "minor " + minor + " has it"
	}
	return ""
}

// volume is a logical volume's device.
func volume(name string) string {
	if strings.HasPrefix(name, "/dev/") {
		return name
	}
	return "/dev/" + name
}
