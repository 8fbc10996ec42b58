package conformance

import (
	"fmt"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// unified shows two texts as diff -u does, with three lines around every change.
func unified(want, got string) string {
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	var out strings.Builder
	quiet := 0
	ops := script(a, b)
	for i, op := range ops {
		if op.mark == ' ' && !near(ops, i) {
			quiet++
			continue
		}
		if quiet > 0 {
			fmt.Fprintf(&out, "  ... %d lines\n", quiet)
			quiet = 0
		}
		text := strings.TrimSuffix(op.line, "\n")
		if text == op.line && text != "" && op.mark != ' ' {
			text += " (no newline)"
		}
		if op.line != "" {
			fmt.Fprintf(&out, "%c %s\n", op.mark, text)
		}
	}
	return out.String()
}

type edit struct {
	mark rune // ' ', '-' only recorded, '+' only ours
	line string
}

func near(ops []edit, i int) bool {
	for j := max(0, i-3); j <= min(len(ops)-1, i+3); j++ {
		if ops[j].mark != ' ' {
			return true
		}
	}
	return false
}

// script is the shortest way from a to b, by the table of longest common subsequences.
func script(a, b []string) (ops []edit) {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			ops = append(ops, edit{' ', a[i]})
			i++
			j++
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			ops = append(ops, edit{'-', a[i]})
			i++
		default:
			ops = append(ops, edit{'+', b[j]})
			j++
		}
	}
	return ops
}
