package listing

import (
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/table"
	"gantry/lib/unit"
)

// Sheet is a table that no query is behind: all of its fields, of which the user chooses.
type Sheet[T any] []SheetField[T]

// SheetField is a column of a sheet. Exactly one of its functions is set: sizes are in MiB.
type SheetField[T any] struct {
	Name, Title string
	Right       bool
	Text        func(row T) string
	Size        func(row T) int64
}

// Names are all fields.
func (s Sheet[T]) Names() []string {
	names := make([]string, len(s))
	for i, f := range s {
		names[i] = f.Name
	}
	return names
}

// Choose gives the fields that the user wants, and refuses those that do not exist.
func (s Sheet[T]) Choose(l *Options) (Sheet[T], error) {
	var chosen Sheet[T]
	var unknown []string
	for _, name := range l.Fields() {
		i := slices.IndexFunc(s, func(f SheetField[T]) bool { return f.Name == name })
		if i < 0 {
			unknown = append(unknown, name)
			continue
		}
		chosen = append(chosen, s[i])
	}
	if len(unknown) > 0 {
		return nil, fault.Refuse(fault.WrongInput, "Unknown output fields selected: %s", strings.Join(unknown, ","))
	}
	return chosen, nil
}

// Print prints rows.
func (s Sheet[T]) Print(env *cli.Env, l *Options, rows []T) error {
	t := table.Table{PadTitle: true}
	for _, f := range s {
		t.Columns = append(t.Columns, table.Column{Title: f.Title, Right: f.Right || f.Size != nil})
	}
	for _, row := range rows {
		cells := make([]string, len(s))
		for i, f := range s {
			if f.Size != nil {
				cells[i] = unit.FormatSize(float64(f.Size(row)), l.Units())
			} else {
				cells[i] = f.Text(row)
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return l.Write(env.Out, t)
}
