package balance

import (
	"errors"
	"fmt"
	"iter"
	"math"
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
	broken           *error     // set when an instance lacks its secondary node
	dedicated        bool       // rate places by what else would still fit
	rates            *pairRates // of the instance before, whose memory the next one may use; nil if there is none
	suspect          *int       // the node that could not be lost last time; nil if all have to be looked at in order
}

// Allocated is an instance on its new nodes.
type Allocated struct {
	Instance *Instance
	Nodes    []*Node // the nodes with the instance on them, the primary first
	Score    float64
	on       [2]*Node    // the nodes without it; no secondary is nil
	metric   *lostMetric // instead of the score where nodes are dedicated to few instances
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

// placePair keeps the primary among the others of its group, so that all primaries of a group share one list.
type placePair struct {
	primary *Node
	group   []*Node // the secondaries, and the primary if it is one of the candidates
	others  int     // the number of secondaries
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
		if p.pairs = pairUp(candidates); len(p.pairs) == 0 {
			err = errors.New("Not enough online nodes")
		}
	default:
		err = errors.New("Unsupported number of nodes, only one or two  supported")
	}
	return p, err
}

func pairUp(candidates []*Node) []placePair {
	groups := map[int][]*Node{}
	for _, n := range candidates {
		groups[n.Group] = append(groups[n.Group], n)
	}
	pairs := make([]placePair, 0, len(candidates))
	for _, p := range candidates {
		if group := groups[p.Group]; len(group) > 1 {
			pairs = append(pairs, placePair{p, group, len(group) - 1})
		}
	}
	return pairs
}

// secondaries lists the possible ones.
func (p placePair) secondaries() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, s := range p.group {
			if s.Index != p.primary.Index && !yield(s) {
				return
			}
		}
	}
}

// search tries all places and returns the best one. The instance has the index it will have on the list.
func (o AllocOptions) search(nodes NodeList, instances InstanceList, i *Instance, p places) (best Search) {
	if p.pairs == nil {
		o.collectSingles(&best, nodes, instances, i, p.single)
	} else {
		o.collectPairs(&best, nodes, instances, i, p.pairs)
	}
	return best
}

func (o AllocOptions) collectSingles(best *Search, nodes NodeList, instances InstanceList, i *Instance, candidates []*Node) {
	var scorer *scorer // made when there is something to rate: most trials find no place
	var found []*Allocated
	for _, p := range candidates {
		if why := p.Policy.check(i, p.Exclusive); why != OK {
			best.failures[why]++
			continue
		}
		after := p.state
		if why := p.tryPri(&after, i, o.IgnoreSoftErrors); why != OK {
			best.failures[why]++
			continue
		}
		if scorer == nil && !o.dedicated {
			scorer = newScorer(nodes)
		}
		found = append(found, o.rateSingle(scorer, p, i, &after))
	}
	(&losses{AllocOptions: o, nodes: nodes, instances: instances}).settle(best, i, found)
}

// rateSingle makes the node only where it is needed for the rating.
func (o AllocOptions) rateSingle(scorer *scorer, p *Node, i *Instance, after *state) *Allocated {
	a := &Allocated{on: [2]*Node{p}}
	switch {
	case o.dedicated:
		a.make(o, i)
		a.metric = loss(p, a.Nodes[0])
	case len(i.ExclTags) == 0:
		a.Score = scorer.inState(p, after)
	default:
		a.make(o, i)
		a.Score = scorer.with(a.Nodes)
	}
	return a
}

// ratesOf prepares for rating pairs for an instance, with what was used for the one before where there is one.
func (o AllocOptions) ratesOf(nodes NodeList, i *Instance) *pairRates {
	r := o.rates
	if r == nil {
		r = &pairRates{}
	}
	r.options, r.instance = o, i
	r.stats.take(nodes)
	return r
}

func (o AllocOptions) collectPairs(best *Search, nodes NodeList, instances InstanceList, i *Instance, pairs []placePair) {
	var rates *pairRates
	var found []*Allocated
	l := &losses{AllocOptions: o, nodes: nodes, instances: instances}
	for _, pair := range pairs {
		if why := pair.primary.refuses(i, o.IgnoreSoftErrors); why != OK { // whatever the secondary is
			best.failures[why] += pair.others
			continue
		}
		if rates == nil {
			rates = o.ratesOf(nodes, i)
		}
		rates.take(pair)
		one := &Search{}
		found = found[:0]
		for s := range pair.secondaries() {
			placed, why := rates.rate(s)
			if why != OK {
				one.failures[why]++
				continue
			}
			found = append(found, placed)
		}
		l.settle(one, i, found)
		best.merge(one)
	}
}

// make puts the instance on its new nodes, which have room for it.
func (a *Allocated) make(o AllocOptions, i *Instance) {
	p, s := a.on[0], a.on[1]
	if s != nil {
		made, _ := o.pair(p, s, i)
		a.Instance, a.Nodes = made.Instance, made.Nodes
		return
	}
	a.Instance = i.placed(p.Index, None)
	after, _ := p.addPri(i, o.IgnoreSoftErrors)
	a.Nodes = []*Node{after}
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
func (n *Node) refuses(i *Instance, force bool) Failure {
	if why := n.Policy.check(i, n.Exclusive); why != OK {
		return why
	}
	return n.refusesPri(i, force)
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

// settle picks the best of the places found, of equal ones the last, that leaves the cluster able to lose a node.
func (l *losses) settle(s *Search, i *Instance, found []*Allocated) {
	s.successes = len(found)
	first := lowest(found)
	if first != nil && l.suits(first, i) { // mostly: nothing has to be sorted
		s.choose(first)
		return
	}
	slices.Reverse(found)
	for _, a := range sortLike(found, (*Allocated).greater) {
		if a != first && l.suits(a, i) {
			s.choose(a)
			return
		}
		s.failures[FailN1]++
		s.successes--
	}
}

// choose keeps a place, which is one of many that are kept no longer.
func (s *Search) choose(a *Allocated) {
	best := *a
	s.Best = &best
}

// lowest is what comes first in the order of the reference; nil if there are scores that are not numbers.
func lowest(found []*Allocated) *Allocated {
	var first *Allocated
	for _, a := range found {
		if math.IsNaN(a.Score) {
			return nil
		}
		if first == nil || !a.greater(first) {
			first = a
		}
	}
	return first
}

func (l *losses) suits(a *Allocated, i *Instance) bool {
	if a.Nodes == nil {
		a.make(l.AllocOptions, i)
	}
	return l.redundantWith(a)
}
