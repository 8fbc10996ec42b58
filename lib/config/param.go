package config

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Type is what a parameter's value has to be, in Ganeti's words.
type Type string

const (
	Bool        Type = "bool"
	Int         Type = "int"
	String      Type = "string"
	MaybeString Type = "maybe-string"
	Size        Type = "size"   // MiB; text with a unit is taken too
	Size64      Type = "size64" // a Size that may be what 64 bits leave of a larger one
	Float       Type = "float"
)

// OnNode is what a path has to be on every node that uses it.
type OnNode string

const (
	IsFile OnNode = "file"
	IsDir  OnNode = "directory"
)

// Param describes one parameter. The tables of them are in hv.go, hv_kvm.go and tables.go.
type Param struct {
	Name        string
	Type        Type
	Default     any
	Title       string // header of the field in list output; "" is the field's own name
	Required    bool   // an empty text is refused
	ClusterOnly bool   // the same for the whole cluster: an instance (or node) cannot have a value of its own
	Check       check
	OnNode      OnNode
}

// Table is a set of parameters, sorted by name.
type Table []Param

// Get returns the description of a parameter, nil when there is none of this name.
func (t Table) Get(name string) *Param {
	i, found := slices.BinarySearchFunc(t, name, func(p Param, name string) int { return strings.Compare(p.Name, name) })
	if !found {
		return nil
	}
	return &t[i]
}

// Names returns the names in their order.
func (t Table) Names() []string {
	names := make([]string, len(t))
	for i, p := range t {
		names[i] = p.Name
	}
	return names
}

// Defaults returns the built-in values.
func (t Table) Defaults() Params {
	out := make(Params, len(t))
	for _, p := range t {
		out[p.Name] = p.Default
	}
	return out
}

// Force returns the parameters with every value turned into its type, as Ganeti does with what was typed. Besides text it takes
// what key=value lists give: true (bare key), false (no_key), nil (-key). Allowed texts (such as "default") stay as they are.
func (t Table) Force(params map[string]any, allowed ...string) (Params, error) {
	forced, err := t.ForceLong(params, allowed...)
	if err != nil {
		return nil, err
	}
	return forced, t.Held(forced)
}

// ForceTyped is Force that refuses first what was typed first.
func (t Table) ForceTyped(order []string, params map[string]any, allowed ...string) (Params, error) {
	for _, name := range order {
		if v, given := params[name]; given {
			if _, err := t.Force(map[string]any{name: v}, allowed...); err != nil {
				return nil, err
			}
		}
	}
	return t.Force(params, allowed...)
}

// ForceLong is Force that lets a Long pass where a whole number or a size is expected. Nobody may keep one: see Held.
func (t Table) ForceLong(params map[string]any, allowed ...string) (Params, error) {
	out := make(Params, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		p := t.Get(name)
		if p == nil {
			return nil, fault.New(fault.Type, "Unknown parameter '%s'", name)
		}
		value := whole(params[name])
		if s, ok := value.(string); ok && slices.Contains(allowed, s) {
			out[name] = s
			continue
		}
		forced, why := p.Type.force(value)
		if why != "" {
			return nil, fault.New(fault.Type, "'%s' (value %s) is not a valid %s", name, unit.Str(value), why)
		}
		if f, ok := forced.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
			return nil, fault.NoNumber(f)
		}
		out[name] = forced
	}
	return out, nil
}

// Long is a whole number that no int64 holds, in digits. Ganeti takes them, only to find that they are out of bounds.
type Long string

// Held refuses parameters of which one is a Long.
func (t Table) Held(params Params) error {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if v, long := params[name].(Long); long {
			why := "integer"
			if check := t.Get(name).Check; check.ok != nil && !check.ok(params.Int(name)) {
				return checkFailed(name, check, string(v))
			}
			if t.Get(name).Type == Size {
				why = "size. error: Invalid format"
			}
			return fault.New(fault.Type, "'%s' (value %s) is not a valid %s", name, string(v), why)
		}
	}
	return nil
}

// whole makes a whole number one again where JSON has made it a float.
func whole(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
		return int64(f)
	}
	return v
}

// force returns the value in its type, or what it is not.
func (t Type) force(v any) (forced any, why string) {
	switch t {
	case Bool:
		return forceBool(v)
	case Int:
		return forceInt(v)
	case Float:
		return forceFloat(v)
	case Size:
		return forceSize(v, unit.ParseSize)
	case Size64:
		return forceSize(v, unit.ParseSize64)
	case MaybeString:
		if v == nil {
			return nil, ""
		}
	}
	switch s := v.(type) {
	case string:
		return s, ""
	case bool:
		if !s { // no_key takes the text away
			return "", ""
		}
	}
	return nil, "string"
}

// forceBool takes true and false only: Ganeti does not know yes and no here.
func forceBool(v any) (any, string) {
	switch b := v.(type) {
	case bool:
		return b, ""
	case nil:
		return false, ""
	case int64:
		return b != 0, ""
	case int:
		return b != 0, ""
	case float64:
		return b != 0, ""
	case string:
		switch strings.ToLower(b) {
		case "true":
			return true, ""
		case "false", "":
			return false, ""
		}
	}
	return nil, "boolean"
}

func forceInt(v any) (any, string) {
	switch n := v.(type) {
	case int64:
		return n, ""
	case int:
		return int64(n), ""
	case float64:
		return int64(n), ""
	case bool:
		if n {
			return int64(1), ""
		}
		return int64(0), ""
	case string:
		if i, err := unit.ParseInt(n); err == nil {
			return int64(i), ""
		}
		if digits, ok := unit.LongInt(n); ok {
			return Long(digits), ""
		}
	}
	return nil, "integer"
}

func forceFloat(v any) (any, string) {
	switch n := v.(type) {
	case float64:
		return n, ""
	case int64:
		return float64(n), ""
	case int:
		return float64(n), ""
	case bool:
		if n {
			return 1.0, ""
		}
		return 0.0, ""
	case string:
		text := strings.TrimSpace(n)
		if !strings.ContainsAny(text, "xXpP") { // Go reads hexadecimal floats, Python does not
			if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil || math.IsInf(f, 0) {
				return f, ""
			}
		}
	}
	return nil, "float"
}

func forceSize(v any, parse func(string) (int, error)) (any, string) {
	mib, err := parse(unit.Str(v))
	if digits, ok := unit.LongSize(unit.Str(v)); err != nil && ok {
		return Long(digits), ""
	}
	if err != nil {
		return nil, "size. error: " + err.Error()
	}
	return int64(mib), ""
}

// Default is also the word that takes a value back to that of the level above.
const valueDefault = Default

// Update returns old with the changes: "default" and nil take a value away.
func (p Params) Update(changes map[string]any) Params {
	out := p.Fill(nil)
	for name, v := range changes {
		if v == nil || v == valueDefault {
			delete(out, name)
			continue
		}
		out[name] = v
	}
	return out
}
