package main

import (
	"context"
	"os"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/remote"
)

func console(c *cli.Command) {
	c.Usage("[--show-cmd] <instance-name>", "Opens the console of an instance")
	var name string
	show := c.Flag("show-cmd", "Print the command instead of running it").Bool()
	cli.Priority(c)
	c.One("instance", &name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		inst := cfg.MatchInstance(name)
		if inst == nil {
			return fault.Refuse(fault.NotFound, "Instance '%s' does not exist", name)
		}
		nodes, err := env.Nodes()
		if err != nil {
			return err
		}
		way, err := instance.ConsoleOf(ctx, nodes, cfg, inst)
		if err != nil {
			return err
		}
		if way.Argv == nil {
			if way.Message == "" {
				return fault.Exec("Instance %s is not running, can't get console", name)
			}
			env.Println("%s", way.Message)
			return nil
		}
		command := remote.Command(way.Argv...)
		if *show {
			argv, err := nodes.InteractiveArgv(way.Node, command)
			if err == nil {
				env.Println("%s", remote.Quote(argv...))
			}
			return err
		}
		status, err := nodes.Interactive(ctx, way.Node, command, remote.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		if err == nil && status != 0 {
			return fault.Exec("Console command \"%s\" failed with exit code %d", remote.Quote(way.Argv...), status)
		}
		return err
	})
}
