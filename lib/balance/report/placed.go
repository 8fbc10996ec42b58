package report

import (
	"strconv"
	"strings"

	"gantry/lib/balance"
)

// Placed lists new instances with their nodes and sizes, and their spindles if those are handed out exclusively.
func Placed(nodes balance.NodeList, placed []*balance.Instance, exclusive bool) string {
	columns := []column{{"", false}, {"", false}, {"", false}, {"", true}, {"", true}, {"", true}, {"", true}}
	var rows [][]string
	for _, i := range placed {
		secondary, spindles := "", ""
		if i.Secondary != balance.None {
			secondary = nodes[i.Secondary].Name
		}
		if total, known := i.TotalSpindles(); exclusive && known {
			spindles = strconv.Itoa(total)
		} else if exclusive {
			spindles = "-"
		}
		rows = append(rows, []string{
			i.Name, nodes[i.Primary].Name, secondary, strconv.Itoa(i.Mem), strconv.Itoa(i.Disk), strconv.Itoa(i.VCPUs), spindles,
		})
	}
	_, body, _ := strings.Cut(layout(columns, rows), "\n")
	return body
}
