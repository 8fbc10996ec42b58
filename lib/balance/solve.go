package balance

// Solve balances a group: it makes the best move again and again until none helps. progress is called after each move.
func Solve(start *Table, o Options, progress func(Placed)) (*Table, []Placed, error) {
	goal := Optimum(start.Nodes) + o.MinScore
	table := start
	var made []Placed
	for (o.MaxMoves < 0 || len(made) < o.MaxMoves) && table.Score > goal {
		best, err := newSearch(table, o).best()
		if err != nil {
			return table, made, err
		}
		if best == nil || !o.worthwhile(table.Score, best.Score) {
			break
		}
		made = append(made, *best)
		if progress != nil {
			progress(*best)
		}
		table = table.after(best)
	}
	return table, made, nil
}

// worthwhile tells whether a step gains enough: once the score is low, small gains end the search.
func (o Options) worthwhile(before, after float64) bool {
	return after < before && (before > o.MinGainLimit || before-after >= o.MinGain)
}
