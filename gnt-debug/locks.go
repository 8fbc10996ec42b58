package main

import (
	"context"
	"strings"
	"time"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/job"
	"gantry/lib/query"
	"gantry/lib/unit"
)

func locks(c *cli.Command) {
	c.Usage("[--interval N]", "Lists the locks that jobs hold or wait for")
	l := listing.Table(c)
	l.Fielded(c, "name", "mode", "owner", "pending")
	var interval *int
	c.Flag("interval", "Show them again every so many seconds").IntPtr(&interval)
	c.Flag("verbose", "Words in place of the marks for missing values").Short('v').BoolVar(&l.Verbose)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		for {
			if err := once(ctx, env, q, l); err != nil || interval == nil || *interval == 0 {
				return err
			}
			env.Println("")
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(*interval) * time.Second):
			}
		}
	})
}

func once(ctx context.Context, env *cli.Env, q *job.Queue, l *listing.Options) error {
	all, err := q.Locks()
	if err != nil {
		return err
	}
	result, err := query.Locks().Run(ctx, query.Request{Fields: l.Fields()}, rows(all.Resources()), nil)
	if err != nil {
		return err
	}
	return l.Print(env, result, map[string]func(any) string{"mode": orDash(unit.Str), "owner": orDash(query.Join(",")), "pending": orDash(pending)})
}

func rows(resources []job.Resource) []*query.LockRow {
	out := make([]*query.LockRow, len(resources))
	for i, r := range resources {
		out[i] = &query.LockRow{Name: r.Name, Mode: r.Mode, Owners: r.Owners}
		for _, p := range r.Pending {
			out[i].Pending = append(out[i].Pending, query.PendingLock{Mode: p.Mode, Jobs: p.Jobs})
		}
	}
	return out
}

// orDash prints a dash where there is nothing.
func orDash(print func(any) string) func(any) string {
	return func(v any) string {
		if list, ok := v.([]any); v == nil || ok && len(list) == 0 {
			return "-"
		}
		return print(v)
	}
}

// pending prints who waits: "exclusive:12,13, shared:14".
func pending(v any) string {
	list, _ := v.([]any)
	parts := make([]string, len(list))
	for i, item := range list {
		pair, _ := item.([]any)
		parts[i] = unit.Str(pair[0]) + ":" + query.Join(",")(pair[1])
	}
	return strings.Join(parts, ", ")
}
