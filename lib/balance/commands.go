package balance

import (
	"fmt"
	"slices"
)

// Commands are what to run, as arguments of gnt-instance, for one job: all of a move, one after the other.
type Commands struct {
	Placed Placed
	Lines  []string
}

// Describe returns the letters that stand for a move.
func (p Placed) Describe(nodes NodeList) string {
	switch p.Move.Kind {
	case Failover:
		return "f"
	case FailoverToAny:
		return "fa:" + nodes[p.Move.Target].Alias
	case ReplacePrimary:
		return "f r:" + nodes[p.Move.Target].Alias + " f"
	case ReplaceSecondary:
		return "r:" + nodes[p.Move.Target].Alias
	case ReplaceAndFailover:
		return "r:" + nodes[p.Move.Target].Alias + " f"
	}
	return "f r:" + nodes[p.Move.Target].Alias
}

// Commands returns the commands for the move; name is what they call the instance.
func (p Placed) Commands(nodes NodeList, name string) []string {
	switchOver := "failover"
	if p.Instance.IsRunning() {
		switchOver = "migrate"
	}
	migrate := fmt.Sprintf("%s -f %s", switchOver, name)
	if p.Move.Kind == Failover {
		return []string{migrate}
	}
	target := nodes[p.Move.Target].Alias
	replace := fmt.Sprintf("replace-disks -n %s %s", target, name)
	switch p.Move.Kind {
	case FailoverToAny:
		return []string{fmt.Sprintf("%s -f -n %s %s", switchOver, target, name)}
	case ReplacePrimary:
		return []string{migrate, replace, migrate}
	case ReplaceSecondary:
		return []string{replace}
	case ReplaceAndFailover:
		return []string{replace, migrate}
	}
	return []string{migrate, replace}
}

// JobSets groups moves that touch different nodes and so can run at the same time. The grouping is greedy from the last
// move backwards; sets and the moves in them come out in the order of execution.
func JobSets(moves []Commands) [][]Commands {
	var sets [][]Commands
	var busy []int
	for k := len(moves) - 1; k >= 0; k-- {
		touched := moves[k].Placed.touched()
		shared := slices.ContainsFunc(touched, func(n int) bool { return slices.Contains(busy, n) })
		if shared || len(sets) == 0 {
			sets = append(sets, nil)
			busy = nil
		}
		last := len(sets) - 1
		sets[last] = append(sets[last], moves[k])
		busy = append(busy, touched...)
	}
	for _, set := range sets {
		slices.Reverse(set)
	}
	slices.Reverse(sets)
	return sets
}

func (p Placed) touched() []int {
	all := []int{p.OldPrimary, p.OldSecondary, p.Primary, p.Secondary}
	return slices.DeleteFunc(all, func(n int) bool { return n == None })
}

// Script returns the lines of a shell script that runs the jobs set by set.
func Script(sets [][]Commands) []string {
	var lines []string
	for k, set := range sets {
		lines = append(lines, "", fmt.Sprintf("echo jobset %d, %d jobs", k+1, len(set)))
		for j, job := range set {
			lines = append(lines, fmt.Sprintf("  echo job %d/%d", k+1, j+1), "  check")
			for _, command := range job.Lines {
				lines = append(lines, "  gnt-instance "+command)
			}
		}
	}
	return lines
}
