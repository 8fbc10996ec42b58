package query

import (
	"math"
	"slices"

	"gantry/lib/config"
	"gantry/lib/unit"
)

// What the fields that every object has say of themselves.
const (
	serialDoc = "How often the object was changed"
	ctimeDoc  = "When it was made"
	mtimeDoc  = "When it was changed last"
	tagsDoc   = "Tags"
)

func paramDoc(name, family string) string {
	return `Value of the ` + family + ` parameter "` + name + `"`
}

// paramKind is the kind of a field that shows a parameter.
func paramKind(t config.Type) Kind {
	switch t {
	case config.Bool:
		return Bool
	case config.Int:
		return Number
	case config.Float:
		return Float
	case config.Size:
		return Unit
	}
	return Other
}

// paramTitle is the column head of a parameter's field.
func paramTitle(family string, p config.Param) string {
	if p.Title != "" {
		return p.Title
	}
	return family + "/" + p.Name
}

// texts is a list of strings as a cell value.
func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// plain is a map of parameters as a cell value.
func plain(p config.Params) map[string]any {
	out := make(map[string]any, len(p))
	for name, v := range p {
		out[name] = whole(v)
	}
	return out
}

// Orders of parameters that Ganeti shows in one of their own.
var (
	beOrder  = []string{"minmem", "maxmem", "vcpus", "auto_balance", "always_failover", "spindle_use"}
	nicOrder = []string{"mode", "link", "vlan"}
)

// inOrder is a map as a cell value, in an order of keys.
func inOrder[M ~map[string]V, V any](order []string, m M) unit.Dict {
	out := unit.Dict{}
	for _, name := range order {
		if v, ok := m[name]; ok {
			out = append(out, unit.Entry{Key: name, Value: whole(v)})
		}
	}
	return out
}

// whole is a number without its fraction where that is zero, as Ganeti's daemon passes numbers on within lists and maps.
func whole(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return v
}

func sortRows[T any](rows []T, name func(T) string) {
	slices.SortStableFunc(rows, func(a, b T) int { return unit.CompareNames(name(a), name(b)) })
}
