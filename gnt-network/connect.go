package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/network"
	"gantry/lib/unit"
)

func connect(c *cli.Command) {
	c.Usage("<network> [<group>...]",
		"Connects a network to node groups, all of them by default, with the mode and link its interfaces get")
	op := network.Connect{ConflictsCheck: true}
	var groups []string
	var params unit.Params
	c.Flag("no-conflicts-check", "Do not look whether instances have addresses of the network already").FalseVar(&op.ConflictsCheck)
	cli.Priority(c)
	c.Flag("nic-parameters", "mode, link and vlan of the interfaces").Short('N').Meta("NICPARAMS").ParamsVar(&params)
	c.Words(1, -1, func(args []string) { op.Name, groups = args[0], args[1:] })

	c.Run(func(ctx context.Context, env *cli.Env) error {
		given, err := config.NICParams.Force(params)
		if err != nil {
			return err
		}
		// what is not given has Ganeti's own default here, not the cluster's
		filled := given.Fill(config.NICParams.Defaults())
		op.Mode, op.Link, op.VLAN = filled.String("mode"), filled.String("link"), filled.String("vlan")
		return eachGroup(env, groups, func(group string) error {
			op.Group = group
			return env.Submit(ctx, op)
		})
	})
}

func disconnect(c *cli.Command) {
	c.Usage("<network> [<group>...]", "Disconnects a network from node groups, all of them by default")
	var op network.Disconnect
	var groups []string
	cli.Priority(c)
	c.Words(1, -1, func(args []string) { op.Name, groups = args[0], args[1:] })

	c.Run(func(ctx context.Context, env *cli.Env) error {
		return eachGroup(env, groups, func(group string) error {
			op.Group = group
			return env.Submit(ctx, op)
		})
	})
}

// eachGroup calls do for the groups named, for all when none is, until one fails.
func eachGroup(env *cli.Env, groups []string, do func(string) error) error {
	if len(groups) == 0 {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		for _, g := range cfg.NodeGroups {
			groups = append(groups, g.Name)
		}
	}
	for _, group := range groups {
		if err := do(group); err != nil {
			return err
		}
	}
	return nil
}
