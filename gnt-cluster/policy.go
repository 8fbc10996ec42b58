package main

import (
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/unit"
)

// stdSpecs declares the option that only a cluster's policy has.
func stdSpecs(c *cli.Command, o *config.PolicyOptions) {
	c.Flag("ipolicy-std-specs", "Specification of an ordinary instance").Meta("IPOLICY_STD_SPECS").ParamsVar(&o.Std)
}

// splitSpecs declares the old options, one for each specification; the function it returns gives what was typed.
func splitSpecs(c *cli.Command) func() map[string]unit.Params {
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
