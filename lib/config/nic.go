package config

import "gantry/lib/fault"

// CheckNICParams refuses parameters of an interface (defaults filled in) that cannot be.
func CheckNICParams(p Params) error {
	mode := p.String("mode")
	switch mode {
	case NICBridged, NICOpenvswitch:
		if p.String("link") == "" {
			return fault.New(fault.Configuration, "Missing %s NIC link", mode)
		}
	case NICRouted:
	default:
		return fault.New(fault.Configuration, "Invalid NIC mode '%s'", mode)
	}
	return nil
}
