package report

import (
	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Score prints the components of a score, each line after the indent.
func Score(metrics []balance.Metric, indent string) string {
	rows := make([][]string, len(metrics))
	for k, m := range metrics {
		rows[k] = []string{m.Name, number.Fixed(m.Value, 8), "x" + number.Fixed(m.Weight, 2)}
	}
	return indented(layout([]column{{"Field", false}, {"Value", true}, {"Weight", true}}, rows), indent)
}
