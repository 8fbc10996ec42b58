package report

import (
	"strings"

	"gantry/lib/balance"
)

// DefaultNodeFields are the columns of a node table when none are asked for.
var DefaultNodeFields = strings.Fields(`status name tmem nmem imem xmem fmem umem rmem tdsk fdsk tcpu ucpu pcnt scnt
	pfmem pfdsk rcpu cload mload dload nload`)

const unknownField = "<unknown field>"

var nodeColumns = map[string]column{
	"idx": {"Index", true}, "name": {"Name", false}, "fqdn": {"Name", false}, "status": {"F", false},
	"tmem": {"t_mem", true}, "nmem": {"n_mem", true}, "xmem": {"x_mem", true}, "fmem": {"f_mem", true},
	"umem": {"u_mem", true}, "amem": {"a_mem", true}, "imem": {"i_mem", true}, "rmem": {"r_mem", true},
	"tdsk": {"t_dsk", true}, "fdsk": {"f_dsk", true}, "tcpu": {"pcpu", true}, "ucpu": {"vcpu", true},
	"pcnt": {"pcnt", true}, "scnt": {"scnt", true}, "plist": {"primaries", true}, "slist": {"secondaries", true},
	"pfmem": {"p_fmem", true}, "pfdsk": {"p_fdsk", true}, "rcpu": {"r_cpu", true}, "cload": {"lCpu", true},
	"mload": {"lMem", true}, "dload": {"lDsk", true}, "nload": {"lNet", true}, "ptags": {"PrimaryTags", false},
	"peermap": {"PeerMap", false}, "spindle_count": {"NodeSpindles", true}, "hi_spindles": {"MaxSpindles", true},
	"inst_spindles": {"InstSpindles", true},
}

// Nodes prints a table of nodes. No fields are the default ones; a first field "+" adds to them.
func Nodes(nodes balance.NodeList, fields []string) string {
	switch {
	case len(fields) == 0:
		fields = DefaultNodeFields
	case fields[0] == "+":
		fields = append(append([]string{}, DefaultNodeFields...), fields[1:]...)
	}
	columns := make([]column, len(fields))
	for k, f := range fields {
		c, ok := nodeColumns[f]
		if !ok {
			c = column{name: unknownField}
		}
		columns[k] = c
	}
	var rows [][]string
	for _, n := range nodes.Present() {
		row := make([]string, len(fields))
		for k, f := range fields {
			row[k] = nodeField(n, f)
		}
		rows = append(rows, row)
	}
	return layout(columns, rows)
}

func nodeField(n *balance.Node, field string) string {
	if value, ok := n.Field(field); ok {
		return value
	}
	return unknownField
}
