package main

import (
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/unit"
)

// policyFlags declares the options of the instance policy, those of one specification each only on request; the function it
// returns reads them.
func policyFlags(c *cli.Command, split bool) func() (config.PolicyOptions, error) {
	var o config.PolicyOptions
	cli.Policy(c, &o)
	c.Flag("ipolicy-std-specs", "Specification of an ordinary instance").Meta("IPOLICY_STD_SPECS").ParamsVar(&o.Std)
	specs := func() map[string]unit.Params { return nil }
	if split {
		specs = splitFlags(c)
	}
	return func() (config.PolicyOptions, error) {
		o.Split = specs()
		return o, nil
	}
}

// splitFlags declares the old options, one for each specification.
func splitFlags(c *cli.Command) func() map[string]unit.Params {
	given := map[string]*unit.Params{}
	for _, name := range []string{"cpu-count", "disk-count", "disk-size", "mem-size", "nic-count"} {
		spec := strings.Replace(name, "mem-", "memory-", 1)
		given[spec] = new(unit.Params)
		c.Flag("specs-"+name, "min, max and std of "+spec).Meta("ISPECS_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))).ParamsVar(given[spec])
	}
	return func() map[string]unit.Params {
		var split map[string]unit.Params
		for spec, p := range given {
			if len(*p) > 0 {
				if split == nil {
					split = map[string]unit.Params{}
				}
				split[spec] = *p
			}
		}
		return split
	}
}
