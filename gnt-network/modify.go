package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/network"
)

func modify(c *cli.Command) {
	c.Usage("<network>", "Changes a network; its range stays")
	var op network.Modify
	cli.DryRun(c)
	cli.Submit(c)
	ips := c.Flag("add-reserved-ips", "Addresses to set aside, separated by commas").String()
	free := c.Flag("remove-reserved-ips", "Addresses that are no longer set aside, separated by commas").String()
	var gateway, macPrefix, network6, gateway6 *string
	c.Flag("gateway", "IPv4 address of the router").StringPtr(&gateway)
	c.Flag("mac-prefix", `First half of the MAC addresses in this network, "none" for the cluster's`).Short('m').Meta("PREFIX").StringPtr(&macPrefix)
	c.Flag("network6", "IPv6 range").StringPtr(&network6)
	c.Flag("gateway6", "IPv6 address of the router").StringPtr(&gateway6)
	cli.Priority(c)
	c.One("network", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.AddReservedIPs, op.RemoveReservedIPs = commas(*ips), commas(*free)
		if gateway == nil && macPrefix == nil && network6 == nil && gateway6 == nil && *ips+*free == "" {
			return fault.Say("Please give at least one of the parameters.")
		}
		for _, given := range []struct {
			value *string
			field *string
			name  string
		}{{gateway, &op.Gateway, "gateway"}, {network6, &op.Network6, "network6"}, {gateway6, &op.Gateway6, "gateway6"}, {macPrefix, &op.MACPrefix, "mac_prefix"}} {
			if given.value == nil {
				continue
			}
			if *given.field = *given.value; *given.field == "" {
				return network.Empty(op.OpID(), given.name)
			}
		}
		return env.Submit(ctx, op)
	})
}
