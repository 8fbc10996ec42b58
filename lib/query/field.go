package query

import (
	"slices"

	"gantry/lib/unit"
)

// Kind is the type of a field: it decides alignment and how a value is printed.
type Kind string

// The kinds, as list-fields names them.
const (
	Text      Kind = "Text"
	Bool      Kind = "Boolean"
	Number    Kind = "Number"
	Float     Kind = "Floating-point number"
	Unit      Kind = "Storage size" // MiB
	Timestamp Kind = "Timestamp"    // seconds since 1970
	Other     Kind = "Custom"
	NoKind    Kind = "Unknown"
)

// Right says whether columns of this kind are aligned to the right.
func (k Kind) Right() bool { return k == Number || k == Float || k == Unit }

// Status says what a cell holds.
type Status int

// The statuses. NoData: the node did not answer. Unavailable: there is no such thing, as memory of a stopped instance.
const (
	Normal Status = iota
	UnknownField
	NoData
	Unavailable
	Offline
)

// Cell is one value of one row: nil, bool, int64, float64, string, or lists ([]any) and maps (map[string]any, unit.Dict) of these.
type Cell struct {
	Status Status
	Value  any
}

func value(v any) Cell { return Cell{Value: v} }

var unavailable = Cell{Status: Unavailable}

// optional is a text that may be missing: the cell is then unavailable.
func optional(s string) Cell {
	if s == "" {
		return unavailable
	}
	return value(s)
}

// Compare says how a filter compares the values of a field.
type Compare int

// Ways to compare: as they are, as host names (a short name fits), as times (only the seconds count).
const (
	Plainly Compare = iota
	AsHostname
	AsTime
)

// Field is one field of a resource whose rows are of type T. Live fields need an answer from the nodes: their getter is only
// called after the rows were completed.
type Field[T any] struct {
	Name, Title string
	Kind        Kind
	Doc         string
	Live        bool
	Compare     Compare
	Get         func(T) Cell
}

// Column describes one column of a result.
type Column struct {
	Name, Title string
	Kind        Kind
	Doc         string
}

// Resource is something that can be listed.
type Resource[T any] struct {
	Noun      string // as in "Instance name nosuch not found"
	NameField string
	Loose     bool // a name that is not there is no error
	Fields    []Field[T]
}

// field finds a field by name.
func (r *Resource[T]) field(name string) (Field[T], bool) {
	i := slices.IndexFunc(r.Fields, func(f Field[T]) bool { return f.Name == name })
	if i < 0 {
		return Field[T]{}, false
	}
	return r.Fields[i], true
}

// Columns describes the named fields, all of them in natural order when names is empty. The second result lists the names
// that are no fields; they get a column all the same.
func (r *Resource[T]) Columns(names []string) (columns []Column, unknown []string) {
	if len(names) == 0 {
		for _, f := range r.Fields {
			names = append(names, f.Name)
		}
		unit.SortNames(names)
	}
	for _, name := range names {
		f, ok := r.field(name)
		if !ok {
			unknown = append(unknown, name)
			columns = append(columns, Column{Name: name, Title: name, Kind: NoKind, Doc: "Unknown field '" + name + "'"})
			continue
		}
		columns = append(columns, Column{Name: f.Name, Title: f.Title, Kind: f.Kind, Doc: f.Doc})
	}
	return columns, unknown
}
