package main

import (
	"context"
	"slices"
	"strconv"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func reinstall(c *cli.Command) {
	c.Usage("[-f] <instance>", "Installs the operating system of stopped instances anew")
	var op instance.Reinstall
	var os, private, secret unit.Params
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	osType := c.Flag("os-type", "Another operating system to install").Short('o').Meta("<os>").Complete("os")
	osType.StringVar(&op.OSType)
	c.Flag("force-variant", "Take the variant even if the OS definition does not list it").BoolVar(&op.ForceVariant)
	m := severally(c)
	choose := c.Flag("select-os", "Ask which operating system to install").Bool()
	cli.Submit(c)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("os-parameters", "Parameters of the OS definition").Short('O').Meta("OSPARAMS").ParamsVar(&os)
	c.Flag("os-parameters-private", "Parameters that are in no log").Meta("OSPARAMS_PRIVATE").Private().ParamsVar(&private)
	c.Flag("os-parameters-secret", "Parameters that are kept nowhere, and so given each time").Meta("OSPARAMS_SECRET").Private().ParamsVar(&secret)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		names, err := reinstallable(env, m)
		if err != nil {
			return err
		}
		if osType.Given() && op.OSType == "" && !*choose {
			return fault.EmptyValueOf("SubmitManyJobs", "os_type")
		}
		if *choose {
			if op.OSType, err = chooseOS(ctx, env); err != nil {
				return err
			}
		}
		if !confirmReinstall(env, m, names, op.OSType, *force) {
			return cli.Declined
		}
		op.OSParams, op.OSParamsPrivate, op.OSParamsSecret = os, instance.Private(private), instance.Private(secret)
		jobs := env.Jobs()
		jobs.Quiet = m.mode == byName && len(names) == 1
		for _, name := range names {
			one := op
			one.Name = name
			jobs.Add(name, one)
		}
		results, err := jobs.Run(ctx)
		if err == nil && slices.ContainsFunc(results, func(r cli.JobResult) bool { return r.Err != nil }) {
			return fault.Status(1)
		}
		return err
	})
}

func reinstallable(env *cli.Env, m *many) ([]string, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	names, err := m.choose(cfg)
	if err == nil && len(names) == 0 {
		return nil, fault.Refuse(fault.WrongInput, "Selection filter does not match any instances")
	}
	return names, err
}

// confirmReinstall asks, unless the options have answered; what is lost cannot be had back.
func confirmReinstall(env *cli.Env, m *many, names []string, os string, force bool) bool {
	what := "keep the same OS"
	if os != "" {
		what = "change the OS to '" + os + "'"
	}
	if m.mode != byName || len(names) > 1 {
		return m.sure || env.ConfirmAll("reinstall", "instances", names, "Note: this will remove *all* data for the below instances! It will "+what+".\n")
	}
	return force || m.sure || env.Confirm("This will reinstall the instance '%s' (and %s) which removes all data. Continue?", names[0], what)
}

// chooseOS asks which of the operating systems that can be installed it should be.
func chooseOS(ctx context.Context, env *cli.Env) (string, error) {
	cfg, err := env.Config()
	if err != nil {
		return "", err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return "", err
	}
	names, err := instance.Installable(ctx, nodes, cfg)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		env.Println("Can't get the OS list")
		return "", fault.Status(1)
	}
	env.Println("Available OS templates:")
	var choices []cli.Choice
	for i, name := range names {
		env.Println("%3d: %s", i, name)
		choices = append(choices, cli.Choice{Key: strconv.Itoa(i), Value: name, Help: name})
	}
	choices = append(choices, cli.Choice{Key: "x", Value: "", Help: "Exit gnt-instance reinstall"})
	chosen := env.Ask("Enter OS template number (or x to abort):", choices...)
	if chosen == "" {
		return "", fault.Say("User aborted reinstall, exiting")
	}
	return chosen, nil
}
