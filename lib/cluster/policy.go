package cluster

import (
	"maps"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// PolicyOptions are the options of an instance policy as they were typed. nil is not given.
type PolicyOptions struct {
	Bounds        []map[string]unit.Params // of min and max
	Std           unit.Params
	DiskTemplates []string
	VCPURatio     *float64
	SpindleRatio  *float64
	Split         map[string]unit.Params // the old --specs-… options: min, max and std by specification
}

// specTypes are the types of the values of a specification.
var specTypes = config.Table{
	{Name: config.SpecCPUs, Type: config.Int},
	{Name: config.SpecDiskCount, Type: config.Int},
	{Name: config.SpecDiskSize, Type: config.Size},
	{Name: config.SpecMemory, Type: config.Size},
	{Name: config.SpecNICs, Type: config.Int},
	{Name: config.SpecSpindles, Type: config.Int},
}

// Given says whether any of the options was used.
func (o PolicyOptions) Given() bool {
	return o.Bounds != nil || o.Std != nil || o.DiskTemplates != nil || o.VCPURatio != nil || o.SpindleRatio != nil || len(o.Split) > 0
}

// Policy reads the options; what was not given stays empty.
func (o PolicyOptions) Policy() (p config.IPolicy, err error) {
	if len(o.Split) > 0 && (o.Bounds != nil || o.Std != nil) {
		return p, fault.Refuse(fault.WrongInput, "A --specs-xxx option cannot be specified together with any --ipolicy-xxx-specs option")
	}
	p = config.IPolicy{DiskTemplates: o.DiskTemplates, VCPURatio: o.VCPURatio, SpindleRatio: o.SpindleRatio}
	for _, bounds := range o.Bounds {
		m, err := minMax(bounds)
		if err != nil {
			return p, err
		}
		p.MinMax = append(p.MinMax, m)
	}
	if o.Std != nil {
		if p.Std, err = spec(o.Std); err != nil {
			return p, err
		}
	}
	if len(o.Split) > 0 {
		err = o.split(&p)
	}
	return p, err
}

func minMax(bounds map[string]unit.Params) (m config.MinMax, err error) {
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		s, err := spec(bounds[name])
		if err != nil {
			return m, err
		}
		switch name {
		case "min":
			m.Min = s
		case "max":
			m.Max = s
		default:
			return m, fault.New(fault.Type, "Invalid key in bounds specifications: %s", name)
		}
	}
	return m, nil
}

func spec(typed unit.Params) (config.ISpec, error) {
	forced, err := specTypes.Force(typed)
	if err != nil {
		return nil, err
	}
	s := config.ISpec{}
	for name, v := range forced {
		s[name], _ = v.(int64)
	}
	return s, nil
}

// split reads the old options: for one specification, its min, max and std. What they do not say comes from the defaults.
func (o PolicyOptions) split(p *config.IPolicy) error {
	defaults := config.DefaultIPolicy()
	m := config.MinMax{Min: maps.Clone(defaults.MinMax[0].Min), Max: maps.Clone(defaults.MinMax[0].Max)}
	p.Std = config.ISpec{}
	for _, name := range slices.Sorted(maps.Keys(o.Split)) {
		kind := specTypes.Get(name).Type
		forced, err := config.Table{{Name: "max", Type: kind}, {Name: "min", Type: kind}, {Name: "std", Type: kind}}.Force(o.Split[name])
		if err != nil {
			return err
		}
		for part, into := range map[string]config.ISpec{"min": m.Min, "max": m.Max, "std": p.Std} {
			if v, given := forced[part]; given {
				into[name], _ = v.(int64)
			}
		}
	}
	p.MinMax = []config.MinMax{m}
	return nil
}
