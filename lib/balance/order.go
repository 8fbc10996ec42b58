package balance

// sortLike sorts as the reference does, where numbers that cannot be compared come out in an order of its own: whatever is
// neither less nor equal counts as greater. Runs that are in order, or in the opposite one, are found and merged in pairs.
func sortLike[T any](list []T, greater func(a, b T) bool) []T {
	runs := sortedRuns(list, greater)
	for len(runs) > 1 {
		var merged [][]T
		for k := 0; k+1 < len(runs); k += 2 {
			merged = append(merged, mergeRuns(runs[k], runs[k+1], greater))
		}
		if len(runs)%2 == 1 {
			merged = append(merged, runs[len(runs)-1])
		}
		runs = merged
	}
	if len(runs) == 0 {
		return nil
	}
	return runs[0]
}

func sortedRuns[T any](list []T, greater func(a, b T) bool) [][]T {
	var runs [][]T
	for len(list) > 0 {
		end := 1
		falling := len(list) > 1 && greater(list[0], list[1])
		for end < len(list) && greater(list[end-1], list[end]) == falling {
			end++
		}
		run := make([]T, end)
		for k, item := range list[:end] {
			if falling {
				k = end - 1 - k
			}
			run[k] = item
		}
		runs = append(runs, run)
		list = list[end:]
	}
	return runs
}

func mergeRuns[T any](a, b []T, greater func(a, b T) bool) []T {
	merged := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if greater(a[0], b[0]) {
			merged, b = append(merged, b[0]), b[1:]
		} else {
			merged, a = append(merged, a[0]), a[1:]
		}
	}
	return append(append(merged, a...), b...)
}
