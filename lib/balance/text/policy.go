package text

import (
	"fmt"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// policy reads owner, standard spec, minimum and maximum specs, templates, vcpu ratio, spindle ratio. Without an owner it
// is the cluster's.
func (r *reader) policy(f []string) error {
	p, err := parsePolicy(f)
	if err != nil {
		return err
	}
	if f[0] == "" {
		r.cluster.Policy = p
		return nil
	}
	g, err := balance.FindGroup(r.cluster.Groups, f[0])
	if err != nil {
		return err
	}
	g.Policy = p
	return nil
}

func parsePolicy(f []string) (p balance.Policy, err error) {
	if len(f) < 6 {
		return p, fmt.Errorf("Invalid ipolicy data: '%s'", number.QuoteList(f))
	}
	if p.Std, err = parseSpec(f[0]+"/stdspec", f[1]); err != nil {
		return p, err
	}
	if p.MinMax, err = parsePairs(f[0], number.Split(f[2], ";")); err != nil {
		return p, err
	}
	for _, name := range number.Split(f[3], ",") {
		t, err := balance.ParseTemplate(name)
		if err != nil {
			return p, err
		}
		p.Templates = append(p.Templates, t)
	}
	if p.VCPURatio, err = number.Real(f[0]+"/vcpu_ratio", f[4]); err != nil {
		return p, err
	}
	p.SpindleRatio, err = number.Real(f[0]+"/spindle_ratio", f[5])
	return p, err
}

func parsePairs(owner string, specs []string) ([]balance.MinMax, error) {
	if len(specs)%2 != 0 {
		return nil, fmt.Errorf("Odd number of min/max specs for %s", owner)
	}
	var pairs []balance.MinMax
	for k := 0; k < len(specs); k += 2 {
		low, err := parseSpec(owner+"/minspec", specs[k])
		if err != nil {
			return nil, err
		}
		high, err := parseSpec(owner+"/maxspec", specs[k+1])
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, balance.MinMax{Min: low, Max: high})
	}
	return pairs, nil
}

// specFields are the fields of a spec, as errors call them.
var specFields = []string{"memsize", "cpucount", "disksize", "diskcount", "niccount", "spindleuse"}

func parseSpec(what, s string) (balance.Spec, error) {
	f := number.Split(s, ",")
	if len(f) < len(specFields) {
		return balance.Spec{}, fmt.Errorf("Invalid ispec data for %s: %s", what, number.QuoteList(f))
	}
	var v [6]int
	for k, name := range specFields {
		var err error
		if v[k], err = number.Int(what+"/"+name, f[k]); err != nil {
			return balance.Spec{}, err
		}
	}
	return balance.Spec{Mem: v[0], CPU: v[1], Disk: v[2], DiskCount: v[3], NICCount: v[4], SpindleUse: v[5]}, nil
}

func formatPolicy(owner string, p balance.Policy) string {
	var pairs, templates []string
	for _, pair := range p.MinMax {
		pairs = append(pairs, formatSpec(pair.Min), formatSpec(pair.Max))
	}
	for _, t := range p.Templates {
		templates = append(templates, t.String())
	}
	return strings.Join([]string{
		owner, formatSpec(p.Std), strings.Join(pairs, ";"), strings.Join(templates, ","),
		number.Show(p.VCPURatio), number.Show(p.SpindleRatio),
	}, "|") + "\n"
}

func formatSpec(s balance.Spec) string {
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", s.Mem, s.CPU, s.Disk, s.DiskCount, s.NICCount, s.SpindleUse)
}
