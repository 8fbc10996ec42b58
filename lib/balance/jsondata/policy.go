package jsondata

import (
	"fmt"

	"gantry/lib/balance"
)

// AsName reads a string that stands for something; kind is what the reference calls it.
func AsName[T any](v Value, kind string, parse func(string) (T, error)) (T, error) {
	s, err := AsString(v)
	if err != nil {
		var none T
		return none, cannotParse(kind, err)
	}
	return parse(s)
}

func cannotParse(what string, err error) error {
	return fmt.Errorf("Can't parse value for '%s': %w", what, err)
}

// AsTemplate reads a disk template.
func AsTemplate(v Value) (balance.Template, error) {
	return AsName(v, "DiskTemplate", balance.ParseTemplate)
}

// part reads one member of a policy and keeps the first error.
func part[T any](r Record, name string, read Reader[T], failed *error) T {
	t, err := Get(r, name, func(v Value) (T, error) {
		t, err := read(v)
		if err != nil && *failed == nil {
			*failed = cannotParse(name, err)
		}
		return t, err
	})
	if err != nil && *failed == nil {
		*failed = err
	}
	return t
}

// AsPolicy reads an instance policy.
func AsPolicy(v Value) (p balance.Policy, err error) {
	r, err := AsRecord(v)
	if err != nil {
		return p, err
	}
	p.MinMax = part(r, "minmax", AsList(asMinMax), &err)
	p.Std = part(r, "std", asSpec, &err)
	p.Templates = part(r, "disk-templates", AsList(AsTemplate), &err)
	p.VCPURatio = part(r, "vcpu-ratio", AsReal, &err)
	p.SpindleRatio = part(r, "spindle-ratio", AsReal, &err)
	return p, err
}

func asMinMax(v Value) (m balance.MinMax, err error) {
	r, err := AsRecord(v)
	if err != nil {
		return m, err
	}
	m.Min = part(r, "min", asSpec, &err)
	m.Max = part(r, "max", asSpec, &err)
	return m, err
}

func asSpec(v Value) (s balance.Spec, err error) {
	r, err := AsRecord(v)
	if err != nil {
		return s, err
	}
	s.Mem = part(r, "memory-size", AsInt, &err)
	s.CPU = part(r, "cpu-count", AsInt, &err)
	s.Disk = part(r, "disk-size", AsInt, &err)
	s.DiskCount = part(r, "disk-count", AsInt, &err)
	s.NICCount = part(r, "nic-count", AsInt, &err)
	s.SpindleUse = part(r, "spindle-use", AsInt, &err)
	return s, err
}
