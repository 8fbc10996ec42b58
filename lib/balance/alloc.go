package balance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/balance/number"
)

// AllocOptions say how new instances are placed.
type AllocOptions struct {
	IgnoreSoftErrors bool
	Capacity         bool     // keep the cluster able to lose any one node
	AcceptExisting   bool     // offline nodes need not be replaceable
	RestrictTo       []string // names of the only nodes to consider; nil means all
	ignoredGroups    map[int]bool
	broken           *error // set when an instance lacks its secondary node
	dedicated        bool   // rate places by what else would still fit
}

// Allocated is an instance on its new nodes.
type Allocated struct {
	Instance *Instance
	Nodes    []*Node // the nodes with the instance on them, the primary first
	Score    float64
	metric   *lostMetric // instead of the score where nodes are dedicated to few instances
	rated    *ratedPair  // what only has a score so far
}

// ratedPair is a pair of nodes whose score for an instance is known, while the nodes with the instance on them are not made.
type ratedPair struct {
	primary, secondary *Node
	instance           *Instance
}

// Names lists the names of the nodes.
func (a *Allocated) Names() []string {
	names := make([]string, len(a.Nodes))
	for k, n := range a.Nodes {
		names[k] = n.Name
	}
	return names
}

// Search is the outcome of looking for nodes.
type Search struct {
	Best      *Allocated // nil if there is no place
	Log       []string
	failures  failures
	successes int
}

// Describe says in one line how the search went.
func (s *Search) Describe() string {
	var reasons []string
	for _, why := range s.failures.seen() {
		reasons = append(reasons, fmt.Sprintf("%s: %d", why, s.failures[why]))
	}
	if s.Best == nil {
		if len(reasons) == 0 {
			reasons = []string{"unknown reasons"}
		}
		return "No valid allocation solutions, failure reasons: " + strings.Join(reasons, ", ")
	}
	score := number.Fixed(s.Best.Score, 8)
	if s.Best.metric != nil {
		score = s.Best.metric.String()
	}
	return fmt.Sprintf("score: %s, successes %d, failures %d (%s) for node(s) %s", score, s.successes, s.failures.total(),
		strings.Join(reasons, ", "), strings.Join(s.Best.Names(), "/"))
}

// places are the nodes to try: single ones, or pairs as a primary with its possible secondaries.
type places struct {
	single []*Node
	pairs  []placePair
}

type placePair struct {
	primary     *Node
	secondaries []*Node
}

// places lists the nodes to try for an instance that needs count nodes.
func (o AllocOptions) places(nodes NodeList, count int) (p places, err error) {
	candidates := slices.DeleteFunc(nodes.Present(), func(n *Node) bool {
		return n.Offline || (o.RestrictTo != nil && !slices.Contains(o.RestrictTo, n.Name))
	})
	switch count {
	case 1:
		p.single = candidates
		if len(candidates) == 0 {
			err = errors.New("No online nodes")
		}
	case 2:
		p.pairs = pairUp(candidates, candidates)
		if len(p.pairs) == 0 {
			err = errors.New("Not enough online nodes")
		}
	default:
		err = errors.New("Unsupported number of nodes, only one or two  supported")
	}
	return p, err
}

func pairUp(primaries, candidates []*Node) []placePair {
	var pairs []placePair
	for _, p := range primaries {
		pair := placePair{primary: p}
		for _, s := range candidates {
			if s.Index != p.Index && s.Group == p.Group {
				pair.secondaries = append(pair.secondaries, s)
			}
		}
		if len(pair.secondaries) > 0 {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// search tries all places and returns the best one. The instance has the index it will have on the list.
func (o AllocOptions) search(nodes NodeList, instances InstanceList, i *Instance, p places) *Search {
	best := &Search{}
	if p.pairs == nil {
		o.collectSingles(best, nodes, instances, i, p.single)
	} else {
		o.collectPairs(best, nodes, instances, i, p.pairs)
	}
	return best
}

func (o AllocOptions) collectSingles(best *Search, nodes NodeList, instances InstanceList, i *Instance, candidates []*Node) {
	var scorer *scorer // made when there is something to rate: most trials find no place
	var found []*Allocated
	for _, p := range candidates {
		placed, why := o.single(p, i)
		if why != OK {
			best.failures[why]++
			continue
		}
		if o.dedicated {
			placed.metric = loss(p, placed.Nodes[0])
		} else {
			if scorer == nil {
				scorer = newScorer(nodes)
			}
			placed.Score = scorer.with(placed.Nodes)
		}
		found = append(found, placed)
	}
	(&losses{AllocOptions: o, nodes: nodes, instances: instances}).settle(best, found)
}

func (o AllocOptions) single(p *Node, i *Instance) (*Allocated, Failure) {
	if why := p.Policy.check(i, p.Exclusive); why != OK {
		return nil, why
	}
	after, why := p.addPri(i, o.IgnoreSoftErrors)
	if why != OK {
		return nil, why
	}
	return &Allocated{Instance: i.placed(p.Index, None), Nodes: []*Node{after}}, OK
}

func (o AllocOptions) collectPairs(best *Search, nodes NodeList, instances InstanceList, i *Instance, pairs []placePair) {
	var rate *rater
	l := &losses{AllocOptions: o, nodes: nodes, instances: instances}
	for _, pair := range pairs {
		if why := o.refuses(pair.primary, i); why != OK { // whatever the secondary is
			best.failures[why] += len(pair.secondaries)
			continue
		}
		if rate == nil {
			rate = &rater{AllocOptions: o, stats: newStatistics(nodes)}
		}
		one := &Search{}
		var found []*Allocated
		for _, s := range pair.secondaries {
			placed, why := rate.pair(pair.primary, s, i)
			if why != OK {
				one.failures[why]++
				continue
			}
			found = append(found, placed)
		}
		l.settle(one, found)
		best.merge(one)
	}
}

// merge adds the outcome of further places; of equal ones the later wins.
func (s *Search) merge(other *Search) {
	s.failures.add(other.failures)
	s.successes += other.successes
	if other.Best == nil {
		return
	}
	if s.Best == nil || !s.Best.less(other.Best) {
		s.Best = other.Best
	}
}

func (a *Allocated) less(b *Allocated) bool {
	if a.metric != nil {
		return a.metric.compare(b.metric) < 0
	}
	return a.Score < b.Score
}

// greater is true, too, for scores that are not numbers.
func (a *Allocated) greater(b *Allocated) bool {
	if a.metric != nil {
		return a.metric.compare(b.metric) > 0
	}
	return !(a.Score <= b.Score)
}

// refuses says why an instance cannot have the node as its primary; OK if it can.
func (o AllocOptions) refuses(p *Node, i *Instance) Failure {
	if why := p.Policy.check(i, p.Exclusive); why != OK {
		return why
	}
	return p.refusesPri(i, o.IgnoreSoftErrors)
}

// pair puts an instance on two nodes.
func (o AllocOptions) pair(p, s *Node, i *Instance) (*Allocated, Failure) {
	placed := i.placed(p.Index, s.Index)
	placed.LocationScore = commonTags(p, s)
	newP, why := p.addPri(placed, o.IgnoreSoftErrors)
	if why != OK {
		return nil, why
	}
	newS, why := s.addSec(placed, p.Index, false, false)
	return &Allocated{Instance: placed, Nodes: []*Node{newP, newS}}, why
}

// rater finds the scores of pairs without making nodes: of most pairs nothing but the score is ever wanted.
type rater struct {
	AllocOptions
	stats   *statistics
	changed statistics
	placed  Instance
	p, s    Node
}

// pair tries a secondary for a primary that has room.
func (r *rater) pair(p, s *Node, i *Instance) (*Allocated, Failure) {
	if why := s.refusesSec(i, p.Index); why != OK {
		return nil, why
	}
	if r.dedicated {
		placed, why := r.AllocOptions.pair(p, s, i)
		if why == OK {
			placed.metric = loss(p, placed.Nodes[0]).plus(loss(s, placed.Nodes[1]))
		}
		return placed, why
	}
	r.placed, r.p, r.s = *i, *p, *s
	r.placed.Primary, r.placed.Secondary, r.placed.LocationScore = p.Index, s.Index, commonTags(p, s)
	if why := p.tryPri(&r.p.state, &r.placed, r.IgnoreSoftErrors); why != OK {
		return nil, why
	}
	r.p.tagPrimary(p, &r.placed)
	if why := r.s.state.addSecondary(s, &r.placed, false, false, s.peers.find(p.Index)); why != OK {
		return nil, why
	}
	r.changed = *r.stats
	r.changed.replaced(p, &r.p)
	r.changed.replaced(s, &r.s)
	score := r.changed.score(r.stats.pairExcess([]*Node{p, s}, []*Node{&r.p, &r.s}))
	return &Allocated{Score: score, rated: &ratedPair{p, s, i}}, OK
}

// make puts the instance on the nodes that have only been rated.
func (l *losses) make(a *Allocated) {
	if a.rated == nil {
		return
	}
	made, _ := l.pair(a.rated.primary, a.rated.secondary, a.rated.instance)
	a.Instance, a.Nodes, a.rated = made.Instance, made.Nodes, nil
}

// settle picks the best of the places found, of equal ones the last, that leaves the cluster able to lose a node.
func (l *losses) settle(s *Search, found []*Allocated) {
	slices.Reverse(found)
	found = sortLike(found, (*Allocated).greater)
	s.successes = len(found)
	for _, a := range found {
		l.make(a)
		if l.redundantWith(a) {
			s.Best = a
			return
		}
		s.failures[FailN1]++
		s.successes--
	}
}
