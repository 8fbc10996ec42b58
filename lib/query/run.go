package query

import (
	"context"

	"gantry/lib/fault"
)

// Request is what a list command asks.
type Request struct {
	Fields []string
	Filter *Filter
}

// Result is the answer: one cell a column in each row.
type Result struct {
	Columns []Column
	Rows    [][]Cell
	Unknown []string // names of the request that are no fields
}

// Run selects rows and reads their fields. Complete is called once, with the rows that may still be asked for, if a field or
// the filter needs live data; it fills them in, or says why nothing may be shown.
func (r *Resource[T]) Run(ctx context.Context, req Request, rows []T, complete func(context.Context, []T) error) (*Result, error) {
	columns, unknown := r.Columns(req.Fields)
	rows, err := r.named(req.Filter, rows)
	if err != nil {
		return nil, err
	}
	if rows, err = r.filter(req.Filter, rows, false); err != nil {
		return nil, err
	}
	if r.needsLive(req) && complete != nil {
		if err := complete(ctx, rows); err != nil {
			return nil, err
		}
		if rows, err = r.filter(req.Filter, rows, true); err != nil {
			return nil, err
		}
	}
	result := &Result{Columns: columns, Unknown: unknown}
	getters := r.getters(columns)
	for _, row := range rows {
		cells := make([]Cell, len(getters))
		for i, get := range getters {
			cells[i] = get(row)
		}
		result.Rows = append(result.Rows, cells)
	}
	return result, nil
}

// getters finds the getter of each column once, not once a row.
func (r *Resource[T]) getters(columns []Column) []func(T) Cell {
	getters := make([]func(T) Cell, len(columns))
	for i, c := range columns {
		f, ok := r.field(c.Name)
		if !ok {
			f.Get = func(T) Cell { return Cell{Status: UnknownField} }
		}
		getters[i] = f.Get
	}
	return getters
}

func (r *Resource[T]) needsLive(req Request) bool {
	for _, name := range req.Fields {
		if f, ok := r.field(name); ok && f.Live {
			return true
		}
	}
	return r.live(req.Filter)
}

// named picks the rows of a filter made of plain names, in the order of the names, and refuses one that is missing.
func (r *Resource[T]) named(f *Filter, rows []T) ([]T, error) {
	names := f.names(r.NameField)
	if names == nil || r.Loose {
		return rows, nil
	}
	var picked []T
	for _, name := range names {
		row, ok := r.byName(name, rows)
		if !ok {
			return nil, fault.Refuse(fault.NotFound, "%s name %s not found", r.Noun, name)
		}
		picked = append(picked, row)
	}
	return picked, nil
}

// byName finds a row by its name, else by the only name that begins with the given labels.
func (r *Resource[T]) byName(name string, rows []T) (row T, ok bool) {
	field, _ := r.field(r.NameField)
	found := 0
	for _, candidate := range rows {
		full, _ := field.Get(candidate).Value.(string)
		if full == name {
			return candidate, true
		}
		if field.Compare == AsHostname && sameHost(name, full) {
			row = candidate
			found++
		}
	}
	return row, found == 1
}

func (r *Resource[T]) filter(f *Filter, rows []T, complete bool) ([]T, error) {
	if f == nil {
		return rows, nil
	}
	var kept []T
	for _, row := range rows {
		ok, err := r.matches(f, row, complete)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, row)
		}
	}
	return kept, nil
}
