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
	c.Flag("gateway", "IPv4 address of the router").StringVar(&op.Gateway)
	c.Flag("mac-prefix", `First half of the MAC addresses in this network, "none" for the cluster's`).Short('m').Meta("PREFIX").StringVar(&op.MACPrefix)
	c.Flag("network6", "IPv6 range").StringVar(&op.Network6)
	c.Flag("gateway6", "IPv6 address of the router").StringVar(&op.Gateway6)
	cli.Priority(c)
	c.One("network", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.AddReservedIPs, op.RemoveReservedIPs = commas(*ips), commas(*free)
		if op.Gateway+op.MACPrefix+op.Network6+op.Gateway6+*ips+*free == "" {
			return fault.Say("Please give at least one of the parameters.")
		}
		return env.Submit(ctx, op)
	})
}
