package balance

// Exhaustive tries every move; NextMove is how the tools find it.
func Exhaustive(t *Table, o Options) (*Placed, error) { return newSearch(t, o).exhaustive() }

// NextMove finds the best move without trying all.
func NextMove(t *Table, o Options) (*Placed, error) { return newSearch(t, o).best() }

// Judged finds the best move by judging each, the way for clusters whose instances all differ in size.
func Judged(t *Table, o Options) (*Placed, error) {
	s := newSearch(t, o)
	instances, err := s.candidates()
	if err != nil {
		return nil, err
	}
	b := newBounds(t.Nodes, newScorer(t.Nodes))
	if !b.valid {
		return s.exhaustive()
	}
	return s.judgeAll(b, instances), nil
}

// After makes a move.
func (t *Table) After(p *Placed) *Table { return t.after(p) }
