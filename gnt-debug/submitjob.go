package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/ops"
)

func submitJob(c *cli.Command) {
	c.Usage("<op-list-file>...", "Submits jobs from files, each of which holds a list of opcodes in JSON")
	verbose := c.Flag("verbose", "Print the numbers of the jobs first").Short('v').Bool()
	repeatOps, repeatJobs := 1, 1
	c.Flag("op-repeat", "How often the opcodes of a file are in its job").Meta("REP_OP").IntVar(&repeatOps)
	c.Flag("job-repeat", "How many jobs are made of a file").Meta("REP_JOB").IntVar(&repeatJobs)
	timing := c.Flag("timing-stats", "Say how long it took").Bool()
	each := c.Flag("each", "Submit one job after the other instead of all together").Bool()
	cli.DryRun(c)
	cli.Priority(c)
	var files []string
	c.Some("file", &files)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		say := func(format string, args ...any) {
			if *timing {
				env.Println(format, args...)
			}
		}
		say("Loading...")
		jobs := env.Jobs()
		jobs.Quiet, jobs.Each = !*verbose, *each
		opcodes, count := 0, 0
		for i := range repeatJobs {
			for _, file := range files {
				r, err := readJob(file, repeatOps)
				if err != nil {
					return err
				}
				jobs.AddRequest(fmt.Sprintf("file %s/%d", file, i), r)
				opcodes, count = opcodes+len(r.Ops), count+1
			}
		}
		begin := env.Now()
		say("Submitting...")
		if err := jobs.Submit(ctx); err != nil {
			return err
		}
		submitted := env.Now()
		say("Executing...")
		if _, err := jobs.Wait(ctx); err != nil {
			return err
		}
		end := env.Now()
		say("C:op     %4d", opcodes)
		say("C:job    %4d", count)
		for _, t := range []struct {
			name string
			d    time.Duration
		}{{"submit", submitted.Sub(begin)}, {"exec  ", end.Sub(submitted)}, {"total ", end.Sub(begin)}} {
			say("T:%s %4.4f", t.name, t.d.Seconds())
		}
		return nil
	})
}

// readJob makes a job of the opcodes in a file, with what the first of them says of the whole job.
func readJob(file string, repeat int) (r job.Request, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	var opcodes []json.RawMessage
	if err := json.Unmarshal(text, &opcodes); err != nil {
		return r, fault.Say(fmt.Sprintf("%s is no list of opcodes in JSON: %v", file, err))
	}
	if len(opcodes) == 0 {
		return r, fault.Say(file + " holds no opcode")
	}
	table := ops.Table()
	for range repeat {
		for i, opcode := range opcodes {
			op, err := table.Decode(opcode)
			if err != nil {
				return r, fmt.Errorf("%s, opcode %d: %w", file, i, err)
			}
			r.Ops = append(r.Ops, op)
		}
	}
	r.Options, err = job.OptionsOf(opcodes[0])
	return r, err
}
