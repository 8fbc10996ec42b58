package report

import (
	"strconv"

	"gantry/lib/balance/number"
)

// GroupRow is one group in a table of groups.
type GroupRow struct {
	Name                                     string
	Nodes, Instances, BadNodes, BadInstances int
	Score                                    float64
}

// Groups prints a table of groups, each line after the indent.
func Groups(list []GroupRow, indent string) string {
	columns := []column{
		{"Group", false}, {"Nodes", true}, {"Instances", true}, {"Bad_Nodes", true}, {"Bad_Instances", true}, {"N+1", false},
		{"Score", true},
	}
	var rows [][]string
	for _, g := range list {
		happy := "True"
		if g.BadNodes > 0 {
			happy = "False"
		}
		rows = append(rows, []string{
			g.Name, strconv.Itoa(g.Nodes), strconv.Itoa(g.Instances), strconv.Itoa(g.BadNodes), strconv.Itoa(g.BadInstances),
			happy, number.Fixed(g.Score, 8),
		})
	}
	return indented(layout(columns, rows), indent)
}
