package balance

import "math"

// scorer computes exact scores of a list with a few nodes exchanged.
type scorer struct {
	online, offline []*Node
	at              []int // position of each node on its list
	table           *figureTable
}

func newScorer(nodes NodeList) *scorer {
	s := &scorer{at: make([]int, len(nodes))}
	for k, n := range nodes {
		switch {
		case n == nil:
		case n.Offline:
			s.at[k] = len(s.offline)
			s.offline = append(s.offline, n)
		default:
			s.at[k] = len(s.online)
			s.online = append(s.online, n)
		}
	}
	return s
}

// with returns the score with the given nodes in place of their older versions.
func (s *scorer) with(changed []*Node) float64 {
	var old [5]*Node
	for k, n := range changed {
		old[k] = s.exchange(n)
	}
	score := scoreOf(s.online, s.offline)
	for k := range changed {
		s.exchange(old[len(changed)-1-k])
	}
	return score
}

// figureTable holds the figures of the online nodes by column, and what else the score is made of.
type figureTable struct {
	columns    [figureCount][]float64
	deviations figures
	same       [figureCount]int // the first column with the same content
	sums       [countSums]float64
	pairs      int
}

// The sums of whole numbers: in which order they are added does not matter.
const (
	sumAtRisk = iota
	sumOffline
	sumOfflinePrimaries
	sumConflicts
	sumLocations
	countSums
)

func (s *scorer) tabulate() *figureTable {
	t := &figureTable{pairs: pairExcess(s.online)}
	for k := range t.columns {
		t.columns[k] = make([]float64, len(s.online))
	}
	var f figures
	for at, n := range s.online {
		n.figures(&n.state, &f)
		for k, x := range f {
			t.columns[k][at] = x
		}
		t.sums[sumAtRisk] += n.atRisk(&n.state)
		t.sums[sumConflicts] += float64(n.tags.excess())
		t.sums[sumLocations] += float64(n.state.locationScore)
	}
	for _, n := range s.offline {
		t.sums[sumOffline] += float64(n.nPri + n.nSec)
		t.sums[sumOfflinePrimaries] += float64(n.nPri)
	}
	for k := range t.columns {
		t.same[k] = k
		for j := range k {
			if t.same[j] == j && equalColumns(t.columns[j], t.columns[k]) {
				t.same[k] = j
				break
			}
		}
		t.deviations[k] = columnDeviation(t.columns[k])
	}
	return t
}

func equalColumns(a, b []float64) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}

// inState returns the score with an online node in another state, with the same tags on it.
func (s *scorer) inState(n *Node, after *state) float64 {
	if s.table == nil {
		s.table = s.tabulate()
	}
	t, at := s.table, s.at[n.Index]
	var now, before, deviations figures
	n.figures(after, &now)
	for k := range figureCount {
		column := t.columns[k]
		before[k], column[at] = column[at], now[k]
		switch j := t.same[k]; {
		case before[k] == now[k]:
			deviations[k] = t.deviations[k]
		case j < k && now[j] == now[k]:
			deviations[k] = deviations[j]
		default:
			deviations[k] = columnDeviation(column)
		}
	}
	sums := t.sums
	sums[sumAtRisk] += n.atRisk(after) - n.atRisk(&n.state)
	sums[sumLocations] += float64(after.locationScore - n.state.locationScore)
	score := t.score(&deviations, &sums)
	for k := range figureCount {
		t.columns[k][at] = before[k]
	}
	return score
}

// reservedColumn is that of the memory kept free for others, whose plain sum is a component as well.
const reservedColumn = 2

// score adds up what the components list, in their order.
func (t *figureTable) score(deviations *figures, sums *[countSums]float64) float64 {
	values := [...]float64{
		deviations[0], deviations[1], sums[sumAtRisk], deviations[2], sums[sumOffline], sums[sumOfflinePrimaries],
		deviations[3], deviations[4], deviations[5], deviations[6], deviations[7], sums[sumConflicts],
		deviations[8], deviations[9], deviations[10], deviations[11], deviations[12],
		sums[sumLocations], float64(t.pairs), columnSum(t.columns[reservedColumn]),
	}
	score := 0.0
	for k, value := range values {
		score += float64(components[k].weight * value)
	}
	return score
}

func columnSum(column []float64) float64 {
	sum := 0.0
	for _, x := range column {
		sum += x
	}
	return sum
}

// columnDeviation is the standard deviation of a column, in two passes.
func columnDeviation(column []float64) float64 {
	size := float64(len(column))
	mean := columnSum(column) / size
	squares := 0.0
	for _, x := range column {
		d := x - mean
		squares += float64(d * d)
	}
	return math.Sqrt(squares / size)
}

func (s *scorer) exchange(n *Node) *Node {
	list := s.online
	if n.Offline {
		list = s.offline
	}
	old := list[s.at[n.Index]]
	list[s.at[n.Index]] = n
	return old
}

// withGroup is like with for the nodes of one group only; changes of other nodes do not count.
func (s *scorer) withGroup(changed []*Node, group int) float64 {
	inside := make([]*Node, 0, len(changed))
	for _, n := range changed {
		if n.Group == group {
			inside = append(inside, n)
		}
	}
	return s.with(inside)
}

// afterPri returns the score with one more instance on a node that has room for it.
func (s *scorer) afterPri(n *Node, i *Instance, after *state) float64 {
	if n.Offline || len(i.ExclTags) > 0 {
		m, _ := n.addPri(i, true)
		return s.with([]*Node{m})
	}
	return s.inState(n, after)
}
