package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/cluster/verify"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func verifyDisks(c *cli.Command) {
	c.Usage("", "Looks whether the disks of running instances are attached, and attaches them")
	var op verify.Disks
	cli.Priority(c)
	c.Flag("node-group", "Only instances of this group").Short('g').Meta("<nodegroup>").Complete("nodegroup").NamePtr(&op.Group, "group_name")
	lax := c.Flag("no-strict", "Do not wait for other jobs: leave out what they work on").Own().Bool()

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if *lax {
			op.Strict = new(bool)
		}
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		status := 0
		for _, r := range results {
			if r.Err != nil {
				text, _ := fault.Text(r.Err)
				env.Println("Job failed: %s", text)
				continue
			}
			var found verify.DisksFound
			if err := json.Unmarshal(r.Results[0], &found); err != nil {
				return err
			}
			status |= attend(ctx, env, found)
		}
		return fault.Status(status)
	})
}

// attend activates what can be, says what is missing, and gives the exit status.
func attend(ctx context.Context, env *cli.Env, found verify.DisksFound) int {
	status := 0
	for _, node := range slices.Sorted(maps.Keys(found.Broken)) {
		env.Println("Error gathering data on node %s: %s", node, unit.SafeText(lastOf(found.Broken[node], 400)))
		env.Println("You need to fix these nodes first before fixing instances")
		status = 1
	}
	for _, name := range found.Offline {
		if _, missing := found.Missing[name]; missing {
			continue
		}
		env.Println("Activating disks for instance '%s'", name)
		if err := env.Submit(ctx, instance.ActivateDisks{Name: name}); err != nil {
			text, _ := fault.Text(err)
			env.Warn("Error activating disks for instance %s: %s", name, text)
			status = 1
		}
	}
	switch {
	case len(found.Missing) > 0:
		report(env, found)
		status = 1
	case len(found.Offline) == 0:
		env.Println("No disks need to be activated.")
	}
	return status
}

func report(env *cli.Env, found verify.DisksFound) {
	for _, name := range slices.Sorted(maps.Keys(found.Missing)) {
		volumes := found.Missing[name]
		broken := func(v [2]string) bool { _, is := found.Broken[v[0]]; return is }
		if !slices.ContainsFunc(volumes, func(v [2]string) bool { return !broken(v) }) {
			env.Println("Instance %s cannot be verified as it lives on broken nodes", name)
			continue
		}
		env.Println("Instance %s has missing logical volumes:", name)
		for _, v := range volumes {
			if broken(v) {
				env.Println("\tbroken node %s /dev/%s", v[0], v[1])
			} else {
				env.Println("\t%s /dev/%s", v[0], v[1])
			}
		}
	}
	env.Println("You need to replace or recreate disks for all the above instances if this message persists after fixing broken nodes.")
}

func lastOf(text string, n int) string { return text[max(0, len(text)-n):] }
