// Package report prints nodes, instances and scores the way the htools do.
package report

import (
	"strings"
	"unicode/utf8"
)

// column is the head of one column; numbers are aligned to the right.
type column struct {
	name    string
	numeric bool
}

// layout prints rows below the heads of their columns. Every cell is as wide as the widest of its column, also the last.
func layout(columns []column, rows [][]string) string {
	widths := make([]int, len(columns))
	head := make([]string, len(columns))
	for k, c := range columns {
		head[k] = c.name
		widths[k] = utf8.RuneCountInString(c.name)
	}
	for _, row := range rows {
		for k, cell := range row {
			widths[k] = max(widths[k], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		for k, cell := range row {
			b.WriteByte(' ')
			b.WriteString(Pad(cell, widths[k], columns[k].numeric))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Pad fills text with blanks to a width counted in characters, on the left if right is set.
func Pad(text string, width int, right bool) string {
	blanks := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
	if right {
		return blanks + text
	}
	return text + blanks
}

// indented puts the indent before every line.
func indented(lines, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(indent)
		b.WriteString(line)
	}
	return b.String()
}
