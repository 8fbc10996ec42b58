package balance

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/balance/number"
)

// Field prints one figure of a node for a table; false if there is no such field.
func (n *Node) Field(name string) (string, bool) {
	if print, ok := nodeFields[name]; ok {
		return print(n), true
	}
	return "", false
}

func wide(width int, text string) string { return fmt.Sprintf("%*s", width, text) }

func integer(width int, get func(n *Node) int) func(*Node) string {
	return func(n *Node) string { return fmt.Sprintf("%*d", width, get(n)) }
}

func fixed(width, decimals int, get func(n *Node) float64) func(*Node) string {
	return func(n *Node) string { return wide(width, number.Fixed(get(n), decimals)) }
}

var nodeFields = map[string]func(*Node) string{
	"idx":    integer(4, func(n *Node) int { return n.Index + n.FirstIndex }),
	"name":   func(n *Node) string { return n.Alias },
	"fqdn":   func(n *Node) string { return n.Name },
	"status": (*Node).flag,
	"tmem":   fixed(5, 0, func(n *Node) float64 { return n.TotalMem }),
	"nmem":   integer(5, func(n *Node) int { return n.NodeMem }),
	"xmem":   integer(5, func(n *Node) int { return n.missing }),
	"fmem":   integer(5, func(n *Node) int { return n.FreeMem }),
	"umem":   integer(5, (*Node).Unallocated),
	"amem":   integer(5, (*Node).available),
	"imem":   integer(5, func(n *Node) int { return n.instMem }),
	"rmem":   integer(5, func(n *Node) int { return n.reserved }),
	"tdsk":   fixed(5, 0, func(n *Node) float64 { return n.TotalDisk / 1024 }),
	"fdsk":   integer(5, func(n *Node) int { return n.freeDisk >> 10 }),
	"tcpu":   fixed(4, 0, func(n *Node) float64 { return n.TotalCPU }),
	"ucpu":   integer(4, func(n *Node) int { return n.usedCPU }),
	"pcnt":   integer(3, func(n *Node) int { return len(n.pri) }),
	"scnt":   integer(3, func(n *Node) int { return len(n.sec) }),
	"plist":  func(n *Node) string { return showInts(n.pri) },
	"slist":  func(n *Node) string { return showInts(n.sec) },
	"pfmem":  fixed(6, 4, func(n *Node) float64 { return float64(n.Unallocated()) / n.TotalMem }),
	"pfdsk":  fixed(6, 4, func(n *Node) float64 { return n.diskShare(&n.state) }),
	"rcpu":   fixed(5, 2, func(n *Node) float64 { return n.cpuRatio(&n.state) }),
	"cload":  fixed(5, 3, func(n *Node) float64 { return n.load.CPU }),
	"mload":  fixed(5, 3, func(n *Node) float64 { return n.load.Mem }),
	"dload":  fixed(5, 3, func(n *Node) float64 { return n.load.Disk }),
	"nload":  fixed(5, 3, func(n *Node) float64 { return n.load.Net }),
	"ptags":  func(n *Node) string { return n.tags.show() },
	"peermap": func(n *Node) string {
		return n.peers.show(n.FirstIndex)
	},
	"spindle_count": func(n *Node) string { return fmt.Sprint(n.Spindles) },
	"hi_spindles":   func(n *Node) string { return number.Show(n.hiSpindles) },
	"inst_spindles": func(n *Node) string { return number.Show(n.instSpindles) },
}

// flag is "-" for an offline node, "*" for one that could not take over from another.
func (n *Node) flag() string {
	switch {
	case n.Offline:
		return "-"
	case n.failN1:
		return "*"
	}
	return " "
}

func showInts(list []int) string {
	return strings.ReplaceAll(fmt.Sprint(list), " ", ",")
}

func (m multiset) show() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m.count)) {
		parts = append(parts, fmt.Sprintf("%s=%d", key, m.count[key]))
	}
	return strings.Join(parts, ",")
}

func (p peers) show(first int) string {
	parts := make([]string, len(p))
	for k, e := range p {
		parts[k] = fmt.Sprintf("(%d,%d)", e.node+first, e.mem)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
