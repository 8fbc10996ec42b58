package balance

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
)

// How many sizes of instances get sorted lists of targets: as they are, and where nearly alike ones are put together.
const (
	maxSizes = 1024
	fewSizes = 64
)

// pruner finds the best move of a table without looking at most of them.
type pruner struct {
	*judge
	chords    chords
	instances []*routed // the one with the lowest bound first
	sizes     []sized
}

// prune prepares a pruner; nil if the instances differ too much for it to pay.
func (s *search) prune(b *bounds, instances []*Instance, most, few int) *pruner {
	space := s.table.space
	count, ok := space.numberSizes(instances, most, few)
	if !ok {
		return nil
	}
	space.prepare(len(instances), count)
	p := &pruner{judge: newJudge(s, b, countPairs(s.table.Nodes)), instances: space.instances, sizes: space.sizes}
	for order, i := range instances {
		size := space.numbers[order]
		p.instances[order] = &space.routed[order]
		*p.instances[order] = routed{instance: i, order: order, size: size}
		p.sizes[size].sample = p.sizes[size].sample.with(i)
	}
	p.chords = b.newChords(p.reach())
	p.share(count, func(_ int, _ *judge, k int) { p.lowestPart(&p.sizes[k]) })
	p.share(len(instances), func(_ int, j *judge, k int) { p.rate(j, p.instances[k]) })
	slices.SortFunc(p.instances, func(a, b *routed) int { return cmp.Or(cmp.Compare(a.low, b.low), a.order-b.order) })
	return p
}

// workers is among how many cores so many items are shared.
func workers(count int) int { return min(runtime.GOMAXPROCS(0), count/8+1) }

// share has so many items worked on by all cores, each with a judge of its own.
func (p *pruner) share(count int, work func(worker int, j *judge, item int)) {
	n := workers(count)
	some := func(w int, j *judge) {
		for item := w * count / n; item < (w+1)*count/n; item++ {
			work(w, j, item)
		}
	}
	var wait sync.WaitGroup
	for w := 1; w < n; w++ {
		j := *p.judge
		wait.Go(func() { some(w, &j) })
	}
	some(0, p.judge)
	wait.Wait()
}

// reach finds the kinds of moves, and the ranges of what they do to the present primaries and secondaries and to the targets.
func (p *pruner) reach() (roles [3]spans) {
	found := make([][3]spans, workers(max(len(p.instances), len(p.sizes))))
	p.share(len(p.instances), func(w int, j *judge, k int) { p.route(j, p.instances[k], &found[w]) })
	p.share(len(p.sizes), func(w int, _ *judge, k int) { p.span(p.sizes[k].sample, &found[w][2]) })
	for w := range found {
		for role := range roles {
			roles[role].join(&found[w][role])
		}
	}
	return roles
}

// route finds the kinds of moves and the ranges of what they do to the nodes the instance is on.
func (p *pruner) route(j *judge, r *routed, roles *[3]spans) {
	j.take(r.instance)
	failover, kinds := j.kinds(r.instance)
	r.failover, r.count = failover, len(kinds)
	for k, kind := range kinds {
		r.routes[k] = route{kind: kind, role: asPrimary}
		if kind == ReplaceSecondary || kind == FailoverAndReplace {
			r.routes[k].role = asSecondary
		}
		changes := j.leaving(kind)
		roles[0].include(&changes[0])
		roles[1].include(&changes[1])
	}
}

// leaving is what a kind of move does to the present primary and secondary. It is worked out again rather than kept for all moves.
func (j *judge) leaving(kind MoveKind) (changes [2]change) {
	i, b := j.instance, j.bounds
	tagged := j.p.tags.excess()
	switch kind {
	case ReplaceSecondary:
		onP := j.without
		onP.takePrimary(j.p, i)
		onP.locationScore -= i.LocationScore // the new pair may have nothing in common
		b.change(j.p, &onP, tagged, &changes[0])
	case ReplaceAndFailover:
		b.asSecondaryAnywhere(j.p, j.without, i, j.withoutExcess, &changes[0])
	default:
		b.change(j.p, &j.without, j.withoutExcess, &changes[0])
	}
	switch kind {
	case FailoverToAny:
	case ReplaceSecondary, ReplaceAndFailover:
		b.change(j.s, &j.unmirrored, j.s.tags.excess(), &changes[1])
	case ReplacePrimary:
		between := j.unmirrored
		between.takePrimary(j.s, i)
		between.removePrimary(j.s, i)
		b.asSecondaryAnywhere(j.s, between, i, j.s.tags.excess(), &changes[1])
	case FailoverAndReplace:
		onS := j.unmirrored
		onS.takePrimary(j.s, i)
		onS.locationScore -= i.LocationScore
		b.change(j.s, &onS, j.s.tags.excessWith(i.ExclTags), &changes[1])
	}
	return changes
}

// span finds the ranges of the changes of the targets.
func (p *pruner) span(sample alike, arriving *spans) {
	for _, n := range p.targets {
		for role := asPrimary; role <= asSecondary; role++ {
			low, high := p.arrivals(n, sample, role)
			arriving.include(&low)
			arriving.include(&high)
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

// arrivalPart is what a target contributes at least for a size.
func (p *pruner) arrivalPart(n *Node, sample alike, role int) float64 {
	c, _ := p.arrivals(n, sample, role)
	return p.chords.part(&c)
}

func (p *pruner) lowestPart(of *sized) {
	for role := range of.lowest {
		of.lowest[role] = math.Inf(1)
		for _, n := range p.targets {
			of.lowest[role] = min(of.lowest[role], p.arrivalPart(n, of.sample, role))
		}
	}
}

// destinations are the targets in the order of what they contribute.
func (p *pruner) destinations(of *sized, role int) []destination {
	if list := of.sorted[role]; len(list) > 0 {
		return list
	}
	list := cleared(of.sorted[role], len(p.targets))
	for order, n := range p.targets {
		list[order] = destination{order, p.arrivalPart(n, of.sample, role)}
	}
	slices.SortFunc(list, func(a, b destination) int { return cmp.Or(cmp.Compare(a.part, b.part), a.order-b.order) })
	of.sorted[role] = list
	return list
}

// rate computes the bound of each route and the lowest of all moves of an instance.
func (p *pruner) rate(j *judge, r *routed) {
	r.low = p.table.Score
	j.take(r.instance)
	pairs := float64(len(r.instance.ExclTags) * len(j.p.locTags)) // at most so many pairs go
	if r.failover {
		if t, ok := j.failover(); ok {
			r.low = j.lowest(&t)
		}
	}
	for k := range r.count {
		x := &r.routes[k]
		changes := j.leaving(x.kind)
		x.part = p.chords.constant + p.chords.part(&changes[0]) + p.chords.part(&changes[1]) - pairs
		r.low = min(r.low, x.part+p.sizes[r.size].lowest[x.role])
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
		for k := range r.count {
			p.follow(lead, r, k)
		}
	}
	return lead.placed
}

// follow considers the targets of a route as long as one could be better.
func (p *pruner) follow(lead *leader, r *routed, k int) {
	x := &r.routes[k]
	for _, d := range p.destinations(&p.sizes[r.size], x.role) {
		if x.part+d.part > lead.score {
			return
		}
		if at := p.targets[d.order].Index; at != r.instance.Primary && at != r.instance.Secondary { // also where it has no disk on the latter
			p.consider(lead, r, Move{x.kind, at}, rank{r.order, d.order, k})
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
