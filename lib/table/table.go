// Package table prints rows in Ganeti's columns, byte for byte, and the nested
// lists of the info commands.
//
// Columns are as wide as their widest cell, counted in characters, with one
// space between them; numbers stand right; the last column is not padded when
// it stands left. With a separator nothing is padded at all.
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/ll"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // numbers
}

// Table is what a list command prints.
type Table struct {
	Columns   []Column
	Rows      [][]string
	NoHeaders bool
	Separator *string // nil makes columns
	PadTitle  bool    // the last title is padded: so in the tables that no query is behind (gnt-os list, gnt-node volumes …)
}

// Write prints the table.
func (t Table) Write(w io.Writer) error {
	if t.Separator != nil {
		return t.joined(w)
	}
	lines := &columns{out: w, table: t}
	tab := tablewriter.NewTable(io.Discard, tablewriter.WithRenderer(lines), tablewriter.WithConfig(asIs))
	if !t.NoHeaders {
		tab.Header(hidden(t.titles()))
	}
	for _, row := range t.Rows {
		if err := tab.Append(hidden(row)); err != nil {
			return fmt.Errorf("making a table: %w", err)
		}
	}
	if err := tab.Render(); err != nil {
		return fmt.Errorf("printing a table: %w", err)
	}
	return nil
}

func (t Table) joined(w io.Writer) error {
	var b strings.Builder
	if !t.NoHeaders {
		b.WriteString(strings.Join(t.titles(), *t.Separator) + "\n")
	}
	for _, row := range t.Rows {
		b.WriteString(strings.Join(row, *t.Separator) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Table) titles() []string {
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	return titles
}

// asIs makes the library leave cells alone.
var asIs = func() tablewriter.Config {
	off := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Overwrite: true}},
	}
	return tablewriter.Config{Header: off, Row: off, Behavior: tw.Behavior{TrimSpace: tw.Off, TrimLine: tw.Off, TrimTab: tw.Off}}
}()

// The library changes tabs and newlines in cells, so stand-ins travel through it.
var (
	hide = strings.NewReplacer("\t", "\uE009", "\n", "\uE00A")
	show = strings.NewReplacer("\uE009", "\t", "\uE00A", "\n")
)

func hidden(row []string) []string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = hide.Replace(cell)
	}
	return cells
}

// columns is the renderer: it gathers the rows and writes them once their widths are known.
type columns struct {
	out   io.Writer
	table Table
	lines [][]string
}

func (c *columns) Start(io.Writer) error                   { return nil }
func (c *columns) Header(rows [][]string, _ tw.Formatting) { c.lines = append(c.lines, rows...) }
func (c *columns) Row(row []string, _ tw.Formatting)       { c.lines = append(c.lines, row) }
func (c *columns) Footer([][]string, tw.Formatting)        {}
func (c *columns) Line(tw.Formatting)                      {}
func (c *columns) Config() tw.Rendition                    { return tw.Rendition{} }
func (c *columns) Logger(*ll.Logger)                       {}

func (c *columns) Close() error {
	width := make([]int, len(c.table.Columns))
	for _, line := range c.lines {
		for i := range line {
			line[i] = show.Replace(line[i])
			width[i] = max(width[i], utf8.RuneCountInString(line[i]))
		}
	}
	var b strings.Builder
	for n, line := range c.lines {
		title := n == 0 && !c.table.NoHeaders
		for i, cell := range line {
			c.cell(&b, cell, i, width[i], title)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(c.out, b.String())
	return err
}

func (c *columns) cell(b *strings.Builder, cell string, i, width int, title bool) {
	if i > 0 {
		b.WriteByte(' ')
	}
	space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	last := i == len(c.table.Columns)-1
	switch {
	case c.table.Columns[i].Right:
		b.WriteString(space + cell)
	case last && !(title && c.table.PadTitle):
		b.WriteString(cell)
	default:
		b.WriteString(cell + space)
	}
}
