package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/network"
)

func add(c *cli.Command) {
	c.Usage("<network-name>", "Makes a network")
	var op network.Add
	op.ConflictsCheck = true
	cli.DryRun(c)
	c.Flag("network", "IPv4 range, as 192.0.2.0/24").StringVar(&op.Network)
	c.Flag("gateway", "IPv4 address of the router").StringVar(&op.Gateway)
	ips := c.Flag("add-reserved-ips", "Addresses to set aside, separated by commas").String()
	c.Flag("mac-prefix", "First half of the MAC addresses in this network, as aa:00:00").Short('m').Meta("PREFIX").StringVar(&op.MACPrefix)
	c.Flag("network6", "IPv6 range").StringVar(&op.Network6)
	c.Flag("gateway6", "IPv6 address of the router").StringVar(&op.Gateway6)
	c.Flag("no-conflicts-check", "Do not set aside the addresses of nodes and cluster").FalseVar(&op.ConflictsCheck)
	var tags *string
	c.Flag("tags", "Tags, separated by commas").StringPtr(&tags)
	cli.Priority(c)
	cli.Submit(c)
	c.One("network", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if op.Network == "" {
			return fault.Refuse(fault.WrongInput, "The --network option must be given")
		}
		op.AddReservedIPs = commas(*ips)
		if tags != nil {
			op.Tags = strings.Split(*tags, ",")
		}
		return env.Submit(ctx, op)
	})
}

// commas splits a list; nothing is no list.
func commas(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
