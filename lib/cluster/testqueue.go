package cluster

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// TestQueue says something, or fails. It is for trying out the job queue.
type TestQueue struct {
	Messages []string `json:"log_messages"`
	Fail     bool     `json:"fail"`
}

// OpID is the operation's name in job files.
func (TestQueue) OpID() string { return "OP_TEST_JQUEUE" }

// Work starts it.
func (op TestQueue) Work(env *job.Env) job.Work { return &testQueue{TestQueue: op, env: env} }

type testQueue struct {
	TestQueue
	env *job.Env
}

func (w *testQueue) Locks(*config.Config) ([]job.Lock, error) { return nil, nil }

func (w *testQueue) Check(context.Context) error { return nil }

func (w *testQueue) Hooks() *hooks.Plan { return nil }

func (w *testQueue) Run(context.Context) (any, error) {
	for _, text := range w.Messages {
		w.env.Say("%s", text)
	}
	if w.Fail {
		return nil, fault.Exec("Opcode failure was requested")
	}
	return true, nil
}
