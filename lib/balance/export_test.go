package balance

// Exhaustive tries every move; NextMove is how the tools find it.
func Exhaustive(t *Table, o Options) (*Placed, error) { return newSearch(t, o).exhaustive() }

// NextMove finds the best move without trying all.
func NextMove(t *Table, o Options) (*Placed, error) { return newSearch(t, o).best() }

// prepared is a search with its bounds, which are nil where they do not hold, and what can be moved.
func prepared(t *Table, o Options) (*search, *bounds, []*Instance, error) {
	s := newSearch(t, o)
	instances, err := s.candidates()
	b := newBounds(t.Nodes, newScorer(t.Nodes))
	if !b.valid {
		b = nil
	}
	return s, b, instances, err
}

// Judged finds the best move by judging each, the way for clusters whose instances all differ in size.
func Judged(t *Table, o Options) (*Placed, error) {
	s, b, instances, err := prepared(t, o)
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return s.exhaustive()
	}
	return s.judgeAll(b, instances), nil
}

// Coarse finds the best move with instances that are nearly alike put together, the way for clusters with too many sizes.
func Coarse(t *Table, o Options) (*Placed, error) {
	s, b, instances, err := prepared(t, o)
	if err != nil {
		return nil, err
	}
	if b != nil {
		if p := s.prune(b, instances, 0, 9); p != nil {
			return p.find(), nil
		}
	}
	return s.exhaustive()
}

// After makes a move.
func (t *Table) After(p *Placed) *Table { return t.after(p) }

// CanLose says whether a node could be lost, as it is worked out, and as moving one instance after the other has it.
func CanLose(p Part, n *Node) (got, want bool) {
	return AllocOptions{}.canLose(n, p.Nodes, p.Instances), AllocOptions{}.empties(n, p.Nodes, p.Instances)
}

// Redundant says of placements of another instance like one of the group whether any node could be lost then, as it is worked out for
// many placements, and as a look at every node has it.
func Redundant(p Part, like *Instance, pairs [][2]*Node, say func(at [2]*Node, got, want bool)) {
	o := AllocOptions{Capacity: true}
	l := &losses{AllocOptions: o, nodes: p.Nodes, instances: p.Instances}
	another := *like
	another.Index = len(p.Instances)
	for _, at := range pairs {
		a, why := o.pair(at[0], at[1], &another)
		if why != OK {
			continue
		}
		say(at, l.redundantWith(a), o.redundant(p.Nodes.with(a.Nodes...), p.Instances.with(another.Index, a.Instance)))
	}
}
