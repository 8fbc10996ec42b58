package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"gantry/lib/cli"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("<job-id> [<job-id>...]", "Shows jobs with everything that is known of them")
	var ids []string
	c.Some("job", &ids)

	c.Run(func(_ context.Context, env *cli.Env) error {
		filter, err := query.Select(ids, false, "id", true)
		if err != nil {
			return err
		}
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		jobs, err := rows(q, filter, true)
		if err != nil {
			return err
		}
		all := make([]any, len(jobs))
		for i, j := range jobs {
			all[i] = describe(j)
		}
		return table.Info(env.Out, all)
	})
}

func describe(j *query.JobRow) any {
	if j.Missing {
		return fmt.Sprintf("Job ID %d not found", j.ID)
	}
	total := "N/A"
	if j.End != nil && j.Received != nil {
		total = fmt.Sprintf("%.6f seconds", between(j.Received, j.End))
	}
	ops := make([]any, len(j.Ops))
	for i, op := range j.Ops {
		ops[i] = opcode(op)
	}
	return table.Pairs{
		{Key: "Job ID", Value: j.ID}, {Key: "Status", Value: j.Status},
		{Key: "Received", Value: "        " + moment(j.Received, "unknown (None)")},
		{Key: "Processing start", Value: since(j.Received, j.Start)},
		{Key: "Processing end", Value: "  " + since(j.Start, j.End)},
		{Key: "Total processing time", Value: total}, {Key: "Opcodes", Value: ops},
	}
}

// since is a moment and how long after another it was.
func since(before, t any) string {
	if t == nil {
		return "unknown (None)"
	}
	text := moment(t, "")
	if before != nil {
		text += fmt.Sprintf(" (delta %.6fs)", between(before, t))
	}
	return text
}

func opcode(op query.JobOp) table.Pairs {
	input, _ := op.Opcode.(json.RawMessage)
	attributes, _ := plain(input).(map[string]any)
	return table.Pairs{
		{Key: "Opcode", Value: attributes["OP_ID"]}, {Key: "Status", Value: op.Status},
		{Key: "Processing start", Value: moment(op.Start, "N/A")},
		{Key: "Execution start", Value: " " + moment(op.Exec, "N/A")},
		{Key: "Processing end", Value: "  " + moment(op.End, "N/A")},
		{Key: "Input fields", Value: tree(attributes)}, {Key: "Result", Value: tree(op.Result)},
		{Key: "Execution log", Value: messages(op.Log)},
	}
}

func messages(log []any) []any {
	out := make([]any, len(log))
	for i, entry := range log {
		e, _ := entry.([]any)
		content := fmt.Sprintf("[%s, %s, %s]", unit.Str(e[0]), unit.Str(e[2]), unit.SafeText(unit.Str(e[3])))
		out[i] = table.Pairs{{Key: "Time", Value: moment(e[1], "?")}, {Key: "Content", Value: content}}
	}
	return out
}

// tree gives maps the order of their keys.
func tree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		pairs := table.Pairs{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, table.Pair{Key: k, Value: tree(v[k])})
		}
		return pairs
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = tree(v[i])
		}
		return list
	}
	return v
}

// moment is a time of a job, to the microsecond.
func moment(v any, none string) string {
	if t, ok := instant(v); ok {
		return unit.FormatTimeMicro(t)
	}
	return none
}

func between(a, b any) float64 {
	from, _ := instant(a)
	to, _ := instant(b)
	return to.Sub(from).Seconds()
}

func instant(v any) (time.Time, bool) {
	pair, ok := v.([]any)
	if !ok || len(pair) != 2 {
		return time.Time{}, false
	}
	seconds, _ := pair[0].(int64)
	micro, _ := pair[1].(int64)
	return time.Unix(seconds, micro*1000), true
}
