package balance

import (
	"cmp"
	"slices"
)

// How many sizes of instances get sorted lists of targets: as they are, and where nearly alike ones are put together.
const (
	maxSizes = 1024
	fewSizes = 64
)

// pruner finds the best move of a table without looking at most of them.
type pruner struct {
	*judge
	chords       chords
	roles        [3]spans // primary, secondary, target
	instances    []*routed
	samples      map[size]alike
	destinations map[size][2][]destination
}

// prune prepares a pruner; nil if the instances differ too much for it to pay.
func (s *search) prune(b *bounds, instances []*Instance, most, few int) *pruner {
	grain, ok := newGrain(instances, most, few)
	if !ok {
		return nil
	}
	p := &pruner{
		judge: newJudge(s, b, countPairs(s.table.Nodes)), samples: map[size]alike{}, destinations: map[size][2][]destination{},
	}
	for order, i := range instances {
		r := &routed{instance: i, order: order, size: grain.size(i)}
		p.samples[r.size] = p.samples[r.size].with(i)
		p.route(r)
		p.instances = append(p.instances, r)
	}
	p.span()
	p.chords = b.newChords(p.roles)
	p.sortDestinations()
	for _, r := range p.instances {
		p.rate(r)
	}
	slices.SortFunc(p.instances, func(a, b *routed) int { return cmp.Or(cmp.Compare(a.low, b.low), a.order-b.order) })
	return p
}

// route finds the kinds of moves and the ranges of what they do to the nodes the instance is on.
func (p *pruner) route(r *routed) {
	p.take(r.instance)
	failover, kinds := p.kinds(r.instance)
	r.failover, r.routes = failover, make([]route, len(kinds))
	for k, kind := range kinds {
		r.routes[k] = route{kind: kind, role: asPrimary}
		if kind == ReplaceSecondary || kind == FailoverAndReplace {
			r.routes[k].role = asSecondary
		}
		changes := p.leaving(kind)
		p.roles[0].include(&changes[0])
		p.roles[1].include(&changes[1])
	}
}

// leaving is what a kind of move does to the present primary and secondary. It is worked out again rather than kept for all moves.
func (p *pruner) leaving(kind MoveKind) (changes [2]change) {
	i, b := p.instance, p.bounds
	tagged := p.p.tags.excess()
	switch kind {
	case ReplaceSecondary:
		onP := p.without
		onP.takePrimary(p.p, i)
		onP.locationScore -= i.LocationScore // the new pair may have nothing in common
		b.change(p.p, &onP, tagged, &changes[0])
	case ReplaceAndFailover:
		b.asSecondaryAnywhere(p.p, p.without, i, p.withoutExcess, &changes[0])
	default:
		b.change(p.p, &p.without, p.withoutExcess, &changes[0])
	}
	switch kind {
	case FailoverToAny:
	case ReplaceSecondary, ReplaceAndFailover:
		b.change(p.s, &p.unmirrored, p.s.tags.excess(), &changes[1])
	case ReplacePrimary:
		between := p.unmirrored
		between.takePrimary(p.s, i)
		between.removePrimary(p.s, i)
		b.asSecondaryAnywhere(p.s, between, i, p.s.tags.excess(), &changes[1])
	case FailoverAndReplace:
		onS := p.unmirrored
		onS.takePrimary(p.s, i)
		onS.locationScore -= i.LocationScore
		b.change(p.s, &onS, p.s.tags.excessWith(i.ExclTags), &changes[1])
	}
	return changes
}

// span finds the ranges of the changes of the targets.
func (p *pruner) span() {
	for _, sample := range p.samples {
		for _, n := range p.targets {
			for role := asPrimary; role <= asSecondary; role++ {
				low, high := p.arrivals(n, sample, role)
				p.roles[2].include(&low)
				p.roles[2].include(&high)
			}
		}
	}
}

// arrival is the least change of a target.
func (p *pruner) arrival(n *Node, i *Instance, role int) (c change) {
	if role == asPrimary {
		p.bounds.asPrimaryAnywhere(n, i, &c)
	} else {
		p.bounds.asSecondaryAnywhere(n, n.state, i, n.tags.excess(), &c)
	}
	return c
}

// arrivals are the least and the most of the changes of a target that instances of one size can make. A figure is a straight line
// in the size, so that its square has its most at an end, and its least there or, if the line crosses the mean, at nothing.
func (p *pruner) arrivals(n *Node, a alike, role int) (low, high change) {
	low = p.arrival(n, a.least, role)
	if a.least == a.most {
		return low, low
	}
	high = p.arrival(n, a.most, role)
	low.counts = min(low.counts, high.counts)
	for k := range figureCount {
		x := p.bounds.index[n.Index][k] - p.bounds.mean[k]
		one, other := low.second[k], high.second[k]
		low.second[k], high.second[k] = min(one, other), max(one, other)
		if crosses := (x+low.first[k])*(x+high.first[k]) <= 0; crosses && !n.Offline && one != other {
			low.second[k] = -x * x
		}
	}
	return low, high
}

func (p *pruner) sortDestinations() {
	for size, sample := range p.samples {
		var lists [2][]destination
		for role := asPrimary; role <= asSecondary; role++ {
			list := make([]destination, 0, len(p.targets))
			for order, n := range p.targets {
				c, _ := p.arrivals(n, sample, role)
				list = append(list, destination{n, order, p.chords.part(&c)})
			}
			slices.SortFunc(list, func(a, b destination) int { return cmp.Or(cmp.Compare(a.part, b.part), a.order-b.order) })
			lists[role] = list
		}
		p.destinations[size] = lists
	}
}

// rate computes the bound of each route and the lowest of all moves of an instance.
func (p *pruner) rate(r *routed) {
	r.low = p.table.Score
	p.take(r.instance)
	pairs := float64(len(r.instance.ExclTags) * len(p.p.locTags)) // at most so many pairs go
	if r.failover {
		if t, ok := p.judge.failover(); ok {
			r.low = p.lowest(&t)
		}
	}
	for k := range r.routes {
		x := &r.routes[k]
		changes := p.leaving(x.kind)
		x.part = p.chords.constant + p.chords.part(&changes[0]) + p.chords.part(&changes[1]) - pairs
		if list := p.destinations[r.size][x.role]; len(list) > 0 {
			r.low = min(r.low, x.part+list[0].part)
		}
	}
}

// rank is the position of a move among all: of equal scores the first wins.
type rank struct{ instance, target, kind int }

func (a rank) before(b rank) bool {
	return cmp.Or(a.instance-b.instance, a.target-b.target, a.kind-b.kind) < 0
}

// leader is the best move so far.
type leader struct {
	placed *Placed
	rank   rank
	score  float64 // that of the table as long as there is no move
}

// find returns the best move, the first of equal ones.
func (p *pruner) find() *Placed {
	lead := &leader{score: p.table.Score}
	for _, r := range p.instances {
		if r.low > lead.score {
			break
		}
		p.take(r.instance)
		if r.failover {
			p.consider(lead, r, Move{Failover, None}, rank{r.order, -1, 0})
		}
		for k := range r.routes {
			p.follow(lead, r, k)
		}
	}
	return lead.placed
}

// follow considers the targets of a route as long as one could be better.
func (p *pruner) follow(lead *leader, r *routed, k int) {
	x := &r.routes[k]
	for _, d := range p.destinations[r.size][x.role] {
		if x.part+d.part > lead.score {
			return
		}
		if at := d.node.Index; at != r.instance.Primary && at != r.instance.Secondary { // also where it has no disk on the latter
			p.consider(lead, r, Move{x.kind, d.node.Index}, rank{r.order, d.order, k})
		}
	}
}

func (p *pruner) consider(lead *leader, r *routed, move Move, at rank) {
	t, ok := p.judge.try(move)
	if !ok || p.lowest(&t) > lead.score {
		return
	}
	placed := p.search.try(r.instance, move, p.scorer)
	if placed == nil || placed.Score > lead.score {
		return
	}
	if placed.Score < lead.score || (lead.placed != nil && at.before(lead.rank)) {
		*lead = leader{placed, at, placed.Score}
	}
}
