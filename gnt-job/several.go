package main

import (
	"context"
	"strconv"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/query"
	"gantry/lib/table"
)

// several is what cancel and change-priority have in common: they take jobs by their numbers, or all that have a status.
type several struct {
	force    bool
	statuses string
	ids      []string
}

// declare adds the options and arguments that choose the jobs.
func (s *several) declare(c *cli.Command) {
	c.Flag("force", "Do not ask for confirmation").Short('f').BoolVar(&s.force)
	c.Flag("pending", "All jobs that have not begun").ConstVar(&s.statuses, "canceling,queued,waiting")
	c.Flag("queued", "All jobs that stand in the queue").ConstVar(&s.statuses, "queued")
	c.Flag("waiting", "All jobs that wait for locks").ConstVar(&s.statuses, "waiting")
	c.Any("job", &s.ids)
}

// statusNotConfirmed is the exit status of commands that the user declined.
const statusNotConfirmed = 13

// do does something to each of the jobs, a request of Ganeti's, and prints what came of it.
func (s *several) do(ctx context.Context, env *cli.Env, request, question string, act func(q *job.Queue, id int) (bool, string, error)) error {
	if (len(s.ids) > 0) == (s.statuses != "") {
		return fault.Refuse(fault.WrongInput, "Either a status filter or job ID(s) must be specified and never both")
	}
	if err := env.Alone(); err != nil {
		return err
	}
	q, err := env.JobQueue()
	if err != nil {
		return err
	}
	ids, err := s.choose(ctx, env, q, request, question)
	if err != nil {
		return err
	}
	status := 0
	for _, id := range ids {
		done, said, err := act(q, id)
		if err != nil {
			return err
		}
		if !done {
			status = 1
		}
		env.Println("%s", said)
	}
	return fault.Status(status)
}

// choose reads the numbers, or lists the jobs with the status and asks.
func (s *several) choose(ctx context.Context, env *cli.Env, q *job.Queue, request, question string) ([]int, error) {
	var ids []int
	for _, word := range s.ids {
		id, err := jobIDFor(request, word)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if s.statuses == "" {
		return ids, nil
	}
	jobs, err := rows(q, nil, false)
	if err != nil {
		return nil, err
	}
	result, err := query.Jobs().Run(ctx, query.Request{Fields: []string{"id", "status", "summary"}, Filter: among(s.statuses)}, jobs, nil)
	if err != nil {
		return nil, err
	}
	if len(result.Rows) == 0 {
		return nil, fault.Refuse(fault.WrongState, "No jobs with the requested status have been found")
	}
	if !s.force {
		if err := show(env, result); err != nil {
			return nil, err
		}
		if !env.Confirm("%s", question) {
			return nil, cli.DeclinedWith(statusNotConfirmed)
		}
	}
	for _, cells := range result.Rows {
		id, _ := cells[0].Value.(int64)
		ids = append(ids, int(id))
	}
	return ids, nil
}

func show(env *cli.Env, result *query.Result) error {
	t := table.Table{Columns: []table.Column{{Title: "ID", Right: true}, {Title: "Status"}, {Title: "Summary"}}}
	for _, cells := range result.Rows {
		id, _ := cells[0].Value.(int64)
		status, _ := cells[1].Value.(string)
		t.Rows = append(t.Rows, []string{strconv.FormatInt(id, 10), status, query.Join(",")(cells[2].Value)})
	}
	return t.Write(env.Out)
}
