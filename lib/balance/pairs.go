package balance

import "slices"

// pairRates rates the secondaries for a primary, one primary after the other. Nodes in the same state rate the same, as the
// figures of a pair do not depend on where in the list the nodes are.
type pairRates struct {
	options  AllocOptions
	stats    statistics
	instance *Instance

	primary *Node
	inFull  bool       // pairs have to be worked out in full
	with    statistics // if not, those with the instance on the primary
	rated   []ratedPair
	found   []Allocated // of this primary
	after   state       // of the node that is looked at
}

type ratedPair struct {
	secondary *Node
	why       Failure
	score     float64
}

// maxRated bounds how many different secondaries are remembered for a primary.
const maxRated = 8

// take turns to a primary, which has room for the instance. What was found for the one before is kept no longer.
func (r *pairRates) take(pair placePair) {
	p := pair.primary
	r.primary, r.rated, r.found = p, r.rated[:0], slices.Grow(r.found[:0], pair.others)
	r.inFull = r.options.dedicated || p.Offline || len(r.instance.ExclTags) > 0 || len(p.locTags) > 0 || r.instance.LocationScore != 0
	if r.inFull {
		return
	}
	r.after = p.state
	p.tryPri(&r.after, r.instance, r.options.IgnoreSoftErrors)
	r.with = r.stats
	r.with.changed(p, &r.after)
}

func (r *pairRates) rate(s *Node) (*Allocated, Failure) {
	if r.inFull || s.Offline || s.locations.total > 0 {
		return r.full(s)
	}
	for k := range r.rated {
		if t := &r.rated[k]; t.secondary.ratesLike(s, r.primary.Index) {
			return r.allocated(s, t.score, t.why)
		}
	}
	r.after = s.state
	rated := ratedPair{secondary: s}
	if rated.why = r.after.addSecondary(s, r.instance, false, false, s.peers.find(r.primary.Index)); rated.why == OK {
		both := r.with
		both.changed(s, &r.after)
		rated.score = both.score(r.stats.total - len(r.stats.pairs))
	}
	if len(r.rated) < maxRated {
		r.rated = append(r.rated, rated)
	}
	return r.allocated(s, rated.score, rated.why)
}

func (r *pairRates) allocated(s *Node, score float64, why Failure) (*Allocated, Failure) {
	if why != OK {
		return nil, why
	}
	r.found = append(r.found, Allocated{on: [2]*Node{r.primary, s}, Score: score})
	return &r.found[len(r.found)-1], OK
}

// full makes the nodes, whose tags count as well.
func (r *pairRates) full(s *Node) (*Allocated, Failure) {
	p := r.primary
	if why := s.refusesSec(r.instance, p.Index); why != OK {
		return nil, why
	}
	placed, why := r.options.pair(p, s, r.instance)
	if why != OK {
		return nil, why
	}
	newP, newS := placed.Nodes[0], placed.Nodes[1]
	if r.options.dedicated {
		placed.metric = loss(p, newP).plus(loss(s, newS))
		return placed, OK
	}
	both := r.stats
	both.replaced(p, newP)
	both.replaced(s, newS)
	placed.Score = both.score(r.stats.pairExcess([]*Node{p, s}, placed.Nodes))
	return placed, OK
}

// ratesLike tells whether the two nodes are the same to an instance that runs on another one and is mirrored on either.
func (n *Node) ratesLike(m *Node, primary int) bool {
	return n == m || n.state == m.state && n.TotalMem == m.TotalMem && n.NodeMem == m.NodeMem && n.missing == m.missing &&
		n.TotalDisk == m.TotalDisk && n.TotalCPU == m.TotalCPU && n.CPUSpeed == m.CPUSpeed && n.Spindles == m.Spindles &&
		n.Exclusive == m.Exclusive && n.loDisk == m.loDisk && n.hiSpindles == m.hiSpindles &&
		n.peers.find(primary) == m.peers.find(primary)
}

// changed changes the statistics for a node in another state, with the same tags on it.
func (s *statistics) changed(n *Node, after *state) {
	var before, now figures
	n.figures(&n.state, &before)
	n.figures(after, &now)
	at := 0
	for k := range components {
		c, p := &components[k], &s.parts[k]
		switch {
		case c.spread != nil:
			*p = p.replaced(before[at], now[at])
			at++
		case c.online != nil:
			p.sum += c.online(n, after) - c.online(n, &n.state)
		}
	}
}
