package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/job"
)

func add(c *cli.Command) {
	c.Usage("", "Makes a rule of the job queue")
	rule := declare(c)
	c.Words(0, 0, func([]string) {})
	c.Run(func(ctx context.Context, env *cli.Env) error { return keep(ctx, env, rule()) })
}

func replace(c *cli.Command) {
	c.Usage("<filter-uuid>", "Puts another rule in the place of one")
	rule := declare(c)
	var uuid string
	c.One("filter", &uuid)
	c.Run(func(ctx context.Context, env *cli.Env) error {
		r := rule()
		r.UUID = uuid
		return keep(ctx, env, r)
	})
}

// declare declares the options of a rule, and returns what gives it once they are read.
func declare(c *cli.Command) func() cluster.FilterRule {
	priority, action := 0, job.FilterContinue
	var predicates any = []any{}
	c.Flag("priority", "Rules with lower numbers are asked first").IntVar(&priority)
	c.Flag("predicates", "What a job has to be, as a list in JSON").JSONVar(&predicates)
	c.Flag("action", "ACCEPT, CONTINUE, PAUSE, REJECT or 'RATE_LIMIT N'").StringVar(&action)
	return func() cluster.FilterRule {
		return cluster.FilterRule{Priority: int64(priority), Predicates: asJSON(predicates), Action: actionOf(action)}
	}
}

var limited = regexp.MustCompile(`^` + job.FilterLimit + `\s+0*(\d+)`)

// actionOf is the action as it is kept: a word, or the word with its number.
func actionOf(text string) json.RawMessage {
	if limit := limited.FindStringSubmatch(text); limit != nil {
		return asJSON([]any{job.FilterLimit, json.RawMessage(limit[1])})
	}
	return asJSON(text)
}

// asJSON writes what came from JSON or a command line, which cannot fail; < and > stand as they are in what is said of it.
func asJSON(v any) json.RawMessage {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSpace(text.Bytes())
}

func keep(ctx context.Context, env *cli.Env, rule cluster.FilterRule) error {
	rules, err := rulesOf(env)
	if err != nil {
		return err
	}
	rule.Reason = env.UserReason()
	uuid, err := rules.Replace(ctx, rule)
	if err == nil {
		env.Println("%s", uuid)
	}
	return err
}

func remove(c *cli.Command) {
	c.Usage("<filter-uuid>", "Takes a rule away")
	var uuid string
	c.One("filter", &uuid)
	c.Run(func(ctx context.Context, env *cli.Env) error {
		rules, err := rulesOf(env)
		if err != nil {
			return err
		}
		return rules.Delete(ctx, uuid)
	})
}

func rulesOf(env *cli.Env) (cluster.Rules, error) {
	s, err := env.Store()
	if err != nil {
		return cluster.Rules{}, err
	}
	if err := env.Alone(); err != nil {
		return cluster.Rules{}, err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return cluster.Rules{}, err
	}
	queue, err := env.JobQueue()
	return cluster.Rules{Store: job.Configuration{Store: s, Nodes: nodes}, Queue: queue, Now: env.Now()}, err
}
