package main

import (
	"context"
	"encoding/json"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/cluster/verify"
	"gantry/lib/fault"
)

func verifyCluster(c *cli.Command) {
	c.Usage("", "Checks whether the cluster is as its configuration says")
	op := verify.Cluster{SkipChecks: []string{}}
	op.IgnoreErrors = []string{}
	c.Flag("verbose", "Say what is being looked at").Short('v').BoolVar(&op.Verbose)
	c.Flag("debug-simulate-errors", "Report errors where there are none, to see what they look like").BoolVar(&op.Simulate)
	c.Flag("error-codes", "Write findings in a form for programs, with their codes").BoolVar(&op.ErrorCodes)
	skipN1 := c.Flag("no-nplus1-mem", "Leave out whether nodes have the memory to take over from each other").Bool()
	c.Flag("no-hv-param-assessment", "Give no advice on hypervisor parameters; none is given anyhow").Own().Bool()
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("node-group", "Check this group only, and not the configuration").Short('g').Meta("<nodegroup>").Complete("nodegroup").NamePtr(&op.Group, "group_name")
	c.Flag("ignore-errors", "Make errors with this code warnings; may be repeated").Short('I').ChoicesVar(&op.IgnoreErrors, verify.Codes()...)
	c.Flag("verify-ssh-clutter", "Look for keys that lie about in root's authorized_keys").BoolVar(&op.Clutter)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if *skipN1 {
			op.SkipChecks = append(op.SkipChecks, verify.SkipN1)
		}
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		failed := cli.Failures(results)
		if failed > 0 {
			env.Println("%d job(s) failed while verifying the cluster.", failed)
		}
		if failed > 0 || slices.ContainsFunc(results, foundErrors) {
			return fault.Status(1)
		}
		return nil
	})
}

// foundErrors says that a job ended well and tells of something that did not.
func foundErrors(r cli.JobResult) bool {
	var good bool
	return r.Err == nil && (len(r.Results) == 0 || json.Unmarshal(r.Results[0], &good) != nil || !good)
}
