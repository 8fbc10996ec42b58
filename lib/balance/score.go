package balance

import "math"

// Metric is one component of the score with its current value.
type Metric struct {
	Name          string
	Value, Weight float64
}

// spread is a component that is the standard deviation of a figure over the online nodes.
type spread func(n *Node, s *state) float64

// count is a component that is a sum of a figure over some nodes.
type count func(n *Node, s *state) float64

// component is one row of the score: how a figure of each node becomes one number.
type component struct {
	name    string
	weight  float64
	spread  spread
	online  count // summed over online nodes
	offline count // summed over offline nodes
	pairs   bool  // instances of one kind at one location, over all online nodes together
}

// components are the rows of the score, in the order in which they are added up.
var components = []component{
	{name: "free_mem_cv", weight: 0.5, spread: func(n *Node, s *state) float64 { return float64(n.unallocated(s)) / n.TotalMem }},
	{name: "free_disk_cv", weight: 0.5, spread: (*Node).diskShare},
	{name: "n1_cnt", weight: 1, online: (*Node).atRisk},
	{name: "reserved_mem_cv", weight: 1, spread: (*Node).reservedShare},
	{name: "offline_all_cnt", weight: 4, offline: func(_ *Node, s *state) float64 { return float64(s.nPri + s.nSec) }},
	{name: "offline_pri_cnt", weight: 16, offline: func(_ *Node, s *state) float64 { return float64(s.nPri) }},
	{name: "vcpu_ratio_cv", weight: 0.5, spread: func(n *Node, s *state) float64 { return n.cpuRatio(s) / n.CPUSpeed }},
	{name: "cpu_load_cv", weight: 1, spread: func(_ *Node, s *state) float64 { return s.load.CPU }},
	{name: "mem_load_cv", weight: 1, spread: func(_ *Node, s *state) float64 { return s.load.Mem }},
	{name: "disk_load_cv", weight: 1, spread: func(_ *Node, s *state) float64 { return s.load.Disk }},
	{name: "net_load_cv", weight: 1, spread: func(_ *Node, s *state) float64 { return s.load.Net }},
	{name: "pri_tags_score", weight: 2, online: func(n *Node, _ *state) float64 { return float64(n.tags.excess()) }},
	{name: "spindles_cv", weight: 0.5, spread: func(n *Node, s *state) float64 { return s.instSpindles / n.hiSpindles }},
	{name: "free_mem_cv_forth", weight: 0.5, spread: func(n *Node, s *state) float64 { return float64(s.freeMemF) / n.TotalMem }},
	{name: "free_disk_cv_forth", weight: 0.5, spread: (*Node).diskShareF},
	{name: "vcpu_ratio_cv_forth", weight: 0.5, spread: func(n *Node, s *state) float64 { return n.cpuRatioF(s) / n.CPUSpeed }},
	{name: "spindles_cv_forth", weight: 0.5, spread: func(n *Node, s *state) float64 { return s.instSpindlesF / n.hiSpindles }},
	{name: "location_score", weight: 1, online: func(_ *Node, s *state) float64 { return float64(s.locationScore) }},
	{name: "location_exclusion_score", weight: 1, pairs: true},
	{name: "reserved_mem_rtotal", weight: 0.25, online: (*Node).reservedShare},
}

// atRisk is the number of instances of a node that could not take over from another that fails.
func (n *Node) atRisk(s *state) float64 {
	if !s.failN1 {
		return 0
	}
	return float64(s.nSec + s.nPri)
}

func (n *Node) reservedShare(s *state) float64 { return float64(s.reserved) / n.TotalMem }

// split separates online from offline nodes, each in index order.
func split(nodes []*Node) (online, offline []*Node) {
	for _, n := range nodes {
		switch {
		case n == nil:
		case n.Offline:
			offline = append(offline, n)
		default:
			online = append(online, n)
		}
	}
	return online, offline
}

// Metrics returns the components of the score of a list of nodes, none if no node is online.
func Metrics(nodes []*Node) []Metric {
	online, offline := split(nodes)
	if len(online) == 0 {
		return nil
	}
	metrics := make([]Metric, len(components))
	for k := range components {
		c := &components[k]
		metrics[k] = Metric{c.name, c.value(online, offline), c.weight}
	}
	return metrics
}

// Score tells how unevenly the nodes are used; lower is better.
func Score(nodes []*Node) float64 {
	online, offline := split(nodes)
	return scoreOf(online, offline)
}

func scoreOf(online, offline []*Node) float64 {
	score := 0.0
	if len(online) == 0 {
		return score
	}
	for k := range components {
		c := &components[k]
		score += float64(c.weight * c.value(online, offline))
	}
	return score
}

func (c *component) value(online, offline []*Node) float64 {
	switch {
	case c.spread != nil:
		return deviation(online, c.spread)
	case c.online != nil:
		return total(online, c.online)
	case c.offline != nil:
		return total(offline, c.offline)
	}
	return float64(pairExcess(online))
}

func total(nodes []*Node, f count) float64 {
	sum := 0.0
	for _, n := range nodes {
		sum += f(n, &n.state)
	}
	return sum
}

// deviation is the standard deviation over the nodes, in two passes.
func deviation(nodes []*Node, f spread) float64 {
	sum := 0.0
	for _, n := range nodes {
		sum += f(n, &n.state)
	}
	size := float64(len(nodes))
	mean := sum / size
	squares := 0.0
	for _, n := range nodes {
		d := f(n, &n.state) - mean
		squares += float64(d * d)
	}
	return math.Sqrt(squares / size)
}

// pairExcess counts, over all nodes together, instances with an exclusion tag at a location beyond the first.
func pairExcess(online []*Node) int {
	sum := 0
	keys := map[string]bool{}
	for _, n := range online {
		sum += n.locations.total
		for key := range n.locations.count {
			keys[key] = true
		}
	}
	return sum - len(keys)
}

// Optimum is the score that memory kept free for failing nodes costs even in the best case.
func Optimum(nodes []*Node) float64 {
	var sum, largest float64
	demand, size := 0, 0
	for _, n := range nodes {
		if n == nil {
			continue
		}
		size++
		sum += n.TotalMem
		if size == 1 || n.TotalMem > largest {
			largest = n.TotalMem
		}
		for _, p := range n.peers {
			demand += p.mem
		}
	}
	rest := sum - largest
	if size <= 1 || !(rest > 0) { // not a number counts as nothing left
		return 0
	}
	return 0.25 * (float64(demand)/rest - float64(demand)/sum)
}
