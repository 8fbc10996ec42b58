package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/fault"
)

// matches says whether a row passes the filter. Before the nodes were asked (complete is false) a live field counts as
// passing; so does, in Ganeti, a cell without a normal value.
func (r *Resource[T]) matches(f *Filter, row T, complete bool) (bool, error) {
	switch f.Op {
	case OpOr, OpAnd:
		return r.joined(f, row, complete)
	case OpNot:
		return r.negated(f.Sub[0], row, complete)
	}
	field, ok := r.field(f.Field)
	if !ok {
		return false, fault.New(fault.Parameter, "Can't find field named '%s'", f.Field)
	}
	if field.Live && !complete {
		return true, nil
	}
	cell := field.Get(row)
	if cell.Status != Normal {
		return true, nil
	}
	return compare(f, cell.Value, field.Compare)
}

func (r *Resource[T]) joined(f *Filter, row T, complete bool) (bool, error) {
	for _, sub := range f.Sub {
		ok, err := r.matches(sub, row, complete)
		if err != nil || ok == (f.Op == OpOr) {
			return ok, err
		}
	}
	return f.Op == OpAnd, nil
}

// negated keeps a row whose condition cannot be decided yet.
func (r *Resource[T]) negated(f *Filter, row T, complete bool) (bool, error) {
	ok, err := r.matches(f, row, complete)
	return !ok || !complete && r.live(f), err
}

// live says whether a filter looks at a live field.
func (r *Resource[T]) live(f *Filter) bool {
	if f == nil {
		return false
	}
	if slices.ContainsFunc(f.Sub, r.live) {
		return true
	}
	field, ok := r.field(f.Field)
	return ok && field.Live
}

func compare(f *Filter, have any, how Compare) (bool, error) {
	switch f.Op {
	case OpTrue:
		b, ok := have.(bool)
		if !ok {
			return false, fault.New(fault.Parameter, "Unexpected value '%s' in boolean context", shown(have))
		}
		return b, nil
	case OpRegexp:
		s, ok := have.(string)
		if !ok {
			return false, fault.New(fault.Parameter, "Invalid field value used in regexp matching, expecting string but got '%s'", shown(have))
		}
		return f.match.MatchString(s), nil
	case OpContains:
		return contains(have, f.Value)
	case OpEqual, OpNotEqual:
		equal, err := equals(f.Value, have, how)
		return equal == (f.Op == OpEqual), err
	}
	return ordered(f, have, how)
}

func contains(have, want any) (bool, error) {
	list, ok := have.([]any)
	if !ok {
		return false, fault.New(fault.Generic, "Cannot convert value '%s', error: Unable to read list", shown(have))
	}
	if slices.Contains(list, want) {
		return true, nil
	}
	return false, nil
}

func equals(want, have any, how Compare) (bool, error) {
	if name, ok := want.(string); ok && how == AsHostname {
		full, ok := have.(string)
		return ok && sameHost(name, full), nil
	}
	order, err := order(have, want, how)
	return order == 0, err
}

// sameHost says whether a name, or the first labels of one, is meant by short. Lists tell small letters from capitals, other
// commands do not.
func sameHost(short, full string) bool {
	return short == full || strings.HasPrefix(full, short+".")
}

func ordered(f *Filter, have any, how Compare) (bool, error) {
	order, err := order(have, f.Value, how)
	if err != nil {
		return false, err
	}
	switch f.Op {
	case OpLess:
		return order < 0, nil
	case OpAtMost:
		return order <= 0, nil
	case OpGreater:
		return order > 0, nil
	}
	return order >= 0, nil
}

// order compares two values of one type: numbers with numbers, texts with texts.
func order(have, want any, how Compare) (int, error) {
	if stamp, ok := have.([]any); ok && how == AsTime && len(stamp) == 2 {
		have = stamp[0]
	}
	switch w := want.(type) {
	case float64:
		if h, ok := number(have); ok {
			return cmp.Compare(h, w), nil
		}
	case string:
		if h, ok := have.(string); ok {
			return strings.Compare(h, w), nil
		}
	case int64:
		if h, ok := number(have); ok {
			return cmp.Compare(h, float64(w)), nil
		}
	}
	return 0, fault.New(fault.Parameter, "Invalid types in comparison, trying to compare %s with '%s'", shown(have), typed(want))
}

// typed is a value of a filter as an error shows it.
func typed(want any) string {
	if s, ok := want.(string); ok {
		return "QuotedString " + shown(s)
	}
	return "NumericValue " + shown(want)
}

// shown is a value as an error shows it.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
