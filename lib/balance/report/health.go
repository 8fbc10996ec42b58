package report

import (
	"fmt"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Health lists the nodes that could not take over from another, those that could, and which of the latter break their
// policy.
func Health(nodes balance.NodeList, bad []*balance.Node) string {
	var badNames, goodNames, states []string
	isBad := map[int]bool{}
	for _, n := range bad {
		isBad[n.Index] = true
		badNames = append(badNames, n.Name)
	}
	for _, n := range nodes.Present() {
		if isBad[n.Index] {
			continue
		}
		goodNames = append(goodNames, n.Name)
		state := "Ok ()"
		if why := n.PolicyViolation(); why != balance.OK {
			state = "Bad " + why.String()
		}
		states = append(states, fmt.Sprintf("(%s,%s)", number.Quote(n.Name), state))
	}
	return "Bad nodes: " + number.QuoteList(badNames) + "\nN+1 happy nodes: " + number.QuoteList(goodNames) +
		"\nNode policy status: [" + strings.Join(states, ",") + "]"
}
