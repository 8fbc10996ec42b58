package cli

import "gantry/lib/config"

// Policy adds the options of an instance policy that the cluster and its node groups share.
func Policy(c *Command, o *config.PolicyOptions) {
	c.Flag("ipolicy-bounds-specs", "Smallest and largest instance, as min:memory-size=128,…/max:…").Meta("IPOLICY_BOUNDS_SPECS").SpecsVar(&o.Bounds)
	c.Flag("ipolicy-disk-templates", "Disk templates that instances may have, separated by commas").Meta("IPOLICY_DISK_TEMPLATES").ListVar(&o.DiskTemplates)
	c.Flag("ipolicy-vcpu-ratio", "How many virtual processors there may be for each real one").Meta("IPOLICY_VCPU_RATIO").FloatOrDefaultVar(&o.VCPURatio)
	c.Flag("ipolicy-spindle-ratio", "How many instances there may be for each spindle").Meta("IPOLICY_SPINDLE_RATIO").FloatOrDefaultVar(&o.SpindleRatio)
}
