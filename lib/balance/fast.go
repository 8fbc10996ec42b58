package balance

import (
	"slices"
	"sync"
)

// trial is a move that is being judged: the nodes it touches and their states after it.
type trial struct {
	nodes   [3]*Node
	states  [3]state
	excess  [3]int // conflicting tags
	count   int
	primary *Node // the new one
}

func (t *trial) add(n *Node, s state, excess int) {
	t.nodes[t.count], t.states[t.count], t.excess[t.count] = n, s, excess
	t.count++
}

// judge rates the moves of one instance without making them.
type judge struct {
	*search
	bounds *bounds
	pairs  map[string]int // how often each pair of location and tag occurs
	scorer *scorer

	instance      *Instance
	p, s          *Node
	forced        bool  // the primary is offline, or soft errors do not count
	without       state // the primary node without the instance
	unmirrored    state // the secondary node without it
	withoutExcess int
}

// newJudge makes a judge with its own scorer; bounds and pairs may be shared.
func newJudge(s *search, b *bounds, pairs map[string]int) *judge {
	return &judge{search: s, bounds: b, pairs: pairs, scorer: newScorer(s.table.Nodes)}
}

// take turns to an instance.
func (j *judge) take(i *Instance) {
	j.instance = i
	j.p, j.s = j.table.Nodes[i.Primary], nil
	j.forced = j.mover.forcedFrom(j.p)
	j.without = j.p.state
	j.without.removePrimary(j.p, i)
	j.withoutExcess = j.p.tags.excessWithout(i.ExclTags)
	if i.Mirrored() {
		j.s = j.table.Nodes[i.Secondary]
		j.unmirrored = j.s.state
		j.unmirrored.removeSecondary(j.s, i, j.s.peers.find(i.Primary), j.s.peers.maxWithout(i.Primary))
	}
}

// primaryOn puts the instance on a node that is in the given state.
func (j *judge) primaryOn(n *Node, s state, i *Instance, force bool) (state, bool) {
	conflict := !force && n.tags.hasAny(i.ExclTags)
	return s, s.addPrimary(n, i, force, conflict) == OK
}

func (j *judge) secondaryOn(n *Node, s state, i *Instance, primary *Node, ignoreDisks, force bool) (state, bool) {
	return s, s.addSecondary(n, i, ignoreDisks, force, n.peers.find(primary.Index)) == OK
}

// try works a move out; false if it is not possible. It mirrors mover.apply.
func (j *judge) try(move Move) (t trial, ok bool) {
	var target *Node
	if move.Target != None {
		target = j.table.Nodes[move.Target]
	}
	switch move.Kind {
	case Failover:
		return j.failover()
	case FailoverToAny:
		return j.failoverToAny(target)
	case ReplacePrimary:
		return j.replacePrimary(target)
	case ReplaceSecondary:
		return j.replaceSecondary(target)
	case ReplaceAndFailover:
		return j.replaceAndFailover(target)
	}
	return j.failoverAndReplace(target)
}

func (j *judge) failover() (t trial, ok bool) {
	i := j.instance
	if !mayMigrate(j.p, j.s) {
		return t, false
	}
	onS, ok := j.primaryOn(j.s, j.unmirrored, i, j.forced)
	if !ok {
		return t, false
	}
	onP, ok := j.secondaryOn(j.p, j.without, i, j.s, j.p.Offline, j.forced)
	t.primary = j.s
	t.add(j.p, onP, j.withoutExcess)
	t.add(j.s, onS, j.s.tags.excessWith(i.ExclTags))
	return t, ok
}

func (j *judge) failoverToAny(target *Node) (t trial, ok bool) {
	i := j.instance
	if !mayMigrate(j.p, target) {
		return t, false
	}
	onT, ok := j.primaryOn(target, target.state, i, j.forced)
	t.primary = target
	t.add(j.p, j.without, j.withoutExcess)
	t.add(target, onT, target.tags.excessWith(i.ExclTags))
	return t, ok
}

func (j *judge) replacePrimary(target *Node) (t trial, ok bool) {
	i := at(j.instance, target, j.s)
	if !mayMigrate(j.p, j.s) || !mayMigrate(j.s, target) {
		return t, false
	}
	between, ok := j.primaryOn(j.s, j.unmirrored, i, j.forced)
	if !ok {
		return t, false
	}
	onT, ok := j.primaryOn(target, target.state, i, j.forced)
	if !ok {
		return t, false
	}
	between.removePrimary(j.s, i)
	onS, ok := j.secondaryOn(j.s, between, i, target, false, j.forced)
	t.primary = target
	t.add(j.p, j.without, j.withoutExcess)
	t.add(j.s, onS, j.s.tags.excess())
	t.add(target, onT, target.tags.excessWith(i.ExclTags))
	return t, ok
}

func (j *judge) replaceSecondary(target *Node) (t trial, ok bool) {
	i := at(j.instance, j.p, target)
	onT, ok := j.secondaryOn(target, target.state, i, j.p, false, j.mover.forcedFrom(j.s))
	if !ok {
		return t, false
	}
	onP, ok := j.primaryOn(j.p, j.without, i, true)
	t.primary = j.p
	t.add(j.p, onP, j.p.tags.excess())
	t.add(j.s, j.unmirrored, j.s.tags.excess())
	t.add(target, onT, target.tags.excess())
	return t, ok
}

func (j *judge) replaceAndFailover(target *Node) (t trial, ok bool) {
	i := at(j.instance, target, j.p)
	if !mayMigrate(j.p, target) {
		return t, false
	}
	onT, ok := j.primaryOn(target, target.state, i, j.mover.force)
	if !ok {
		return t, false
	}
	onP, ok := j.secondaryOn(j.p, j.without, i, target, false, j.mover.forcedFrom(j.s))
	t.primary = target
	t.add(j.p, onP, j.withoutExcess)
	t.add(j.s, j.unmirrored, j.s.tags.excess())
	t.add(target, onT, target.tags.excessWith(i.ExclTags))
	return t, ok
}

func (j *judge) failoverAndReplace(target *Node) (t trial, ok bool) {
	i := at(j.instance, j.s, target)
	if !mayMigrate(j.p, j.s) {
		return t, false
	}
	onS, ok := j.primaryOn(j.s, j.unmirrored, i, j.forced)
	if !ok {
		return t, false
	}
	onT, ok := j.secondaryOn(target, target.state, i, j.s, false, j.forced)
	t.primary = j.s
	t.add(j.p, j.without, j.withoutExcess)
	t.add(j.s, onS, j.s.tags.excessWith(i.ExclTags))
	t.add(target, onT, target.tags.excess())
	return t, ok
}

// lowest is a lower bound of the score after a trial.
func (j *judge) lowest(t *trial) float64 {
	var effects [3]change
	var changes [3]*change
	for k := range t.count {
		changes[k] = &effects[k]
		j.bounds.change(t.nodes[k], &t.states[k], t.excess[k], &effects[k])
	}
	return j.bounds.lowest(changes[:t.count], j.pairChange(t.primary))
}

// pairChange is how the number of pairs beyond the first of each kind changes when the instance runs on another node. If its
// tags repeat, the answer is a bound.
func (j *judge) pairChange(to *Node) int {
	change := 0
	for _, tag := range j.instance.ExclTags {
		for _, where := range j.p.locTags {
			if !j.p.Offline && !counted(to, where) && j.pairs[where+"\x00"+tag] > 1 {
				change--
			}
		}
		for _, where := range to.locTags {
			if !to.Offline && !counted(j.p, where) && j.pairs[where+"\x00"+tag] > 0 {
				change++
			}
		}
	}
	if repeats(j.instance.ExclTags) {
		return min(change, -len(j.instance.ExclTags)*len(j.p.locTags))
	}
	return change
}

// counted tells whether a location of the node counts for the score.
func counted(n *Node, where string) bool { return !n.Offline && slices.Contains(n.locTags, where) }

func repeats(tags []string) bool {
	for k, tag := range tags {
		if slices.Contains(tags[:k], tag) {
			return true
		}
	}
	return false
}

// best returns the first of the best moves of the instances, nil if none gets below the limit. A move that cannot get below
// what was found before, here or by another judge, is not worked out exactly.
func (j *judge) best(instances []*Instance, limit float64, shared *lowestFound) *Placed {
	var best *Placed
	for _, i := range instances {
		j.take(i)
		for _, move := range j.moves(i) {
			t, ok := j.try(move)
			if !ok {
				continue
			}
			low := j.lowest(&t)
			if low >= limit || low > shared.get() {
				continue
			}
			if p := j.search.try(i, move, j.scorer); p != nil && limit > p.Score {
				best, limit = p, p.Score
				shared.offer(p.Score)
			}
		}
	}
	return best
}

// lowestFound is the lowest score found so far by all judges.
type lowestFound struct {
	mu    sync.RWMutex
	score float64
}

func (l *lowestFound) get() float64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.score
}

func (l *lowestFound) offer(score float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.score = min(l.score, score)
}

// best returns the same move as exhaustive.
func (s *search) best() (*Placed, error) {
	b := newBounds(s.table.Nodes, newScorer(s.table.Nodes))
	if !b.valid {
		return s.exhaustive()
	}
	instances, err := s.candidates()
	if err != nil {
		return nil, err
	}
	if p := s.prune(b, instances, maxSizes, fewSizes); p != nil {
		return p.find(), nil
	}
	return s.judgeAll(b, instances), nil
}

// judgeAll judges every move of the instances. Judges share the work; what they find is folded in the order of the instances,
// so the answer does not depend on their number.
func (s *search) judgeAll(b *bounds, instances []*Instance) *Placed {
	n := workers(len(instances))
	found := make([]*Placed, n)
	shared := &lowestFound{score: s.table.Score}
	pairs := countPairs(s.table.Nodes)
	var wait sync.WaitGroup
	for w := range n {
		part := instances[w*len(instances)/n : (w+1)*len(instances)/n]
		wait.Go(func() { found[w] = newJudge(s, b, pairs).best(part, s.table.Score, shared) })
	}
	wait.Wait()
	var best *Placed
	for _, p := range found {
		if p != nil && (best == nil || best.Score > p.Score) {
			best = p
		}
	}
	return best
}

func countPairs(nodes NodeList) map[string]int {
	pairs := map[string]int{}
	for _, n := range nodes {
		if n == nil || n.Offline {
			continue
		}
		for key, count := range n.locations.count {
			pairs[key] += count
		}
	}
	return pairs
}
