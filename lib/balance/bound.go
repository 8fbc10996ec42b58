package balance

import "math"

// figureCount is the number of components that are spreads.
const figureCount = 13

// figures are what the spreads are made of, for one node.
type figures [figureCount]float64

// figures computes the values in the order in which the spreads appear among the components.
func (n *Node) figures(s *state, f *figures) {
	f[0] = float64(n.unallocated(s)) / n.TotalMem
	f[1] = n.diskShare(s)
	f[2] = float64(s.reserved) / n.TotalMem
	f[3] = n.cpuRatio(s) / n.CPUSpeed
	f[4], f[5], f[6], f[7] = s.load.CPU, s.load.Mem, s.load.Disk, s.load.Net
	f[8] = s.instSpindles / n.hiSpindles
	f[9] = float64(s.freeMemF) / n.TotalMem
	f[10] = n.diskShareF(s)
	f[11] = n.cpuRatioF(s) / n.CPUSpeed
	f[12] = s.instSpindlesF / n.hiSpindles
}

// spreadWeights are the weights of the figures.
var spreadWeights = figures{0.5, 0.5, 1, 0.5, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5}

// change is the effect of replacing one node on the sums behind the score: of each figure the first moment and the second,
// around the present mean, and of the counts their weighted sum.
type change struct {
	first, second figures
	counts        float64
}

// bounds tells cheaply how low the score of a table can be after a few nodes change. The bound is below the exact score, by
// little more than the rounding errors of both.
type bounds struct {
	size    float64
	mean    figures
	squares figures // sums of the squared distances from the mean
	slack   figures // what rounding can make of the squares
	counts  float64
	margin  float64 // what rounding can make of the score, besides that
	index   []figures
	valid   bool // false if a value is not a finite number
}

const epsilon = 1.0 / (1 << 52)

func newBounds(nodes NodeList, scorer *scorer) *bounds {
	b := &bounds{size: float64(len(scorer.online)), index: make([]figures, len(nodes)), valid: true}
	var absolute figures
	for _, n := range scorer.online {
		f := &b.index[n.Index]
		n.figures(&n.state, f)
		for k, x := range f {
			b.mean[k] += x / b.size
			absolute[k] += math.Abs(x) / b.size
		}
		b.counts += n.counts(&n.state, n.tags.excess())
	}
	for _, n := range scorer.offline {
		b.counts += n.counts(&n.state, n.tags.excess())
	}
	b.counts += float64(pairExcess(scorer.online))
	rounding := 16 * (b.size + 16) * epsilon
	for _, n := range scorer.online {
		for k, x := range b.index[n.Index] {
			d := x - b.mean[k]
			b.squares[k] += d * d
		}
	}
	for k := range b.squares {
		b.slack[k] = rounding * b.squares[k]
		b.margin += spreadWeights[k] * rounding * (absolute[k] + math.Sqrt(b.squares[k]/b.size))
	}
	b.margin += rounding * math.Abs(b.counts)
	b.valid = !math.IsNaN(b.margin) && !math.IsInf(b.margin, 0)
	return b
}

// counts is the weighted sum of the components of a node that are no spreads, without those of pairs.
func (n *Node) counts(s *state, excess int) float64 {
	if n.Offline {
		return float64(4*(s.nPri+s.nSec) + 16*s.nPri)
	}
	return n.atRisk(s) + float64(2*excess+s.locationScore) + 0.25*n.reservedShare(s)
}

// change computes the effect of putting a node into another state, with another number of conflicting tags.
func (b *bounds) change(n *Node, s *state, excess int, c *change) {
	c.counts = n.counts(s, excess) - n.counts(&n.state, n.tags.excess())
	if n.Offline {
		c.first, c.second = figures{}, figures{}
		return
	}
	var after figures
	n.figures(s, &after)
	before := &b.index[n.Index]
	for k := range figureCount {
		x, y := before[k]-b.mean[k], after[k]-b.mean[k]
		c.first[k] = y - x
		c.second[k] = (y - x) * (y + x)
	}
}

// lowest is a lower bound of the score after the changes; pairs is the change of the number of pairs.
func (b *bounds) lowest(changes []*change, pairs int) float64 {
	score := b.counts + float64(pairs) - b.margin
	for _, c := range changes {
		score += c.counts
	}
	for k := range figureCount {
		first, second := 0.0, 0.0
		for _, c := range changes {
			first += c.first[k]
			second += c.second[k]
		}
		square := b.squares[k] + second - first*first/b.size
		square -= b.slack[k] + 64*epsilon*(math.Abs(second)+b.squares[k])
		if square > 0 {
			score += spreadWeights[k] * math.Sqrt(square/b.size)
		}
	}
	return score
}
