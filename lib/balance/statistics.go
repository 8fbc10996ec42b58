package balance

import "math"

// statistic is one component of the score in a form that can follow the change of one node. The results differ in the last
// bits from a full computation, so it is used exactly where the reference does: for pairs of nodes in an allocation.
type statistic struct {
	size, sum, variance float64 // of a spread; of the others only the sum is used
}

func spreadStatistic(nodes []*Node, f spread) statistic {
	s := statistic{size: float64(len(nodes))}
	for _, n := range nodes {
		s.sum += f(n, &n.state)
	}
	mean := s.sum / s.size
	squares := 0.0
	for _, n := range nodes {
		d := f(n, &n.state) - mean
		squares += float64(d * d)
	}
	s.variance = squares / s.size
	return s
}

// replaced returns the statistic of a spread after one value was replaced by another.
func (s statistic) replaced(x, y float64) statistic {
	ds := y - x
	dss := float64(y*y) - float64(x*x)
	t := (float64(s.size*dss) - float64(float64(2*s.sum)*ds)) - float64(ds*ds)
	s.sum += ds
	if s.variance += float64(t / float64(s.size*s.size)); !(s.variance >= 0) { // what is no number counts as nothing, too
		s.variance = 0
	}
	return s
}

// statistics are all components of the score of a list of nodes.
type statistics struct {
	parts [20]statistic
	empty bool // no node is online
	pairs map[string]bool
	total int // pairs counted with repetitions
}

// take makes them those of the nodes.
func (s *statistics) take(nodes NodeList) {
	online, offline := split(nodes)
	*s = statistics{empty: len(online) == 0, pairs: map[string]bool{}}
	for k := range components {
		switch c := &components[k]; {
		case c.spread != nil:
			s.parts[k] = spreadStatistic(online, c.spread)
		case c.online != nil:
			s.parts[k].sum = total(online, c.online)
		case c.offline != nil:
			s.parts[k].sum = total(offline, c.offline)
		}
	}
	for _, n := range online {
		s.total += n.locations.total
		for key := range n.locations.count {
			s.pairs[key] = true
		}
	}
}

// replaced changes the statistics for a node that takes the place of its older version. Pairs are left to pairScore.
func (s *statistics) replaced(before, after *Node) {
	for k := range components {
		c, p := &components[k], &s.parts[k]
		switch {
		case before.Offline && c.offline != nil:
			p.sum += c.offline(after, &after.state) - c.offline(before, &before.state)
		case before.Offline:
		case c.spread != nil:
			*p = p.replaced(c.spread(before, &before.state), c.spread(after, &after.state))
		case c.online != nil:
			p.sum += c.online(after, &after.state) - c.online(before, &before.state)
		}
	}
}

// score adds the components up; excess is that of the pairs.
func (s *statistics) score(excess int) float64 {
	score := 0.0
	if s.empty {
		return score
	}
	for k := range components {
		c := &components[k]
		value := s.parts[k].sum
		switch {
		case c.spread != nil:
			value = math.Sqrt(s.parts[k].variance)
		case c.pairs:
			value = float64(excess)
		}
		score += float64(c.weight * value)
	}
	return score
}

// pairExcess is the number of pairs beyond the first of each kind once the nodes are replaced. A kind that disappears
// still counts as one.
func (s *statistics) pairExcess(before, after []*Node) int {
	if s.total == 0 && after[0].locations.total == 0 {
		return s.total - len(s.pairs)
	}
	sum := s.total
	fresh := map[string]bool{}
	for k, n := range after {
		if before[k].Offline {
			continue
		}
		sum += n.locations.total - before[k].locations.total
		for key := range n.locations.count {
			if !s.pairs[key] {
				fresh[key] = true
			}
		}
	}
	return sum - len(s.pairs) - len(fresh)
}
