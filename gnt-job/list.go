package main

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/query"
	"gantry/lib/unit"
)

func list(c *cli.Command) {
	c.Usage("[<job-id>...]", "Lists jobs, their statuses and what they do")
	l := listing.New(c, "id", "status", "summary")
	l.WithFilter(c)
	var ids []string
	var statuses string
	c.Flag("pending", "Only jobs that have not begun").ConstVar(&statuses, "canceling,queued,waiting")
	c.Flag("running", "Only jobs that run").ConstVar(&statuses, "running")
	c.Flag("error", "Only jobs that failed").ConstVar(&statuses, "error")
	c.Flag("finished", "Only jobs that have ended").ConstVar(&statuses, "canceled,error,success")
	archived := c.Flag("archived", "The jobs of the archive as well").Bool()
	c.Any("job", &ids)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		request, err := l.Request(ids, "id", true)
		if err != nil {
			return err
		}
		if statuses != "" {
			request.Filter = query.Both(request.Filter, among(statuses))
		}
		if *archived && !slices.Contains(request.Fields, "archived") {
			request.Fields = append(slices.Clone(request.Fields), "archived")
		}
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		jobs, err := rows(q, request.Filter, slices.Contains(request.Fields, "archived"))
		if err != nil {
			return err
		}
		result, err := query.Jobs().Run(ctx, request, jobs, nil)
		if err != nil {
			return err
		}
		return l.Print(env, result, special)
	})
}

// among is the filter for statuses that stand in a list.
func among(statuses string) *query.Filter {
	return query.Among("status", strings.Split(statuses, ",")...)
}

// special tells how the cells of some columns are printed.
var special = map[string]func(any) string{
	"summary": query.Join(","), "ops": opcodes, "opstart": times, "opexec": times, "opend": times,
}

func times(v any) string {
	list, _ := v.([]any)
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = moment(t, "?")
	}
	return unit.Repr(texts)
}

func listFields(c *cli.Command) {
	c.Usage("[<fields>...]", "Describes the fields that list can show")
	l := listing.Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := query.Jobs().Columns(names)
		return l.PrintFields(env, columns, unknown)
	})
}
