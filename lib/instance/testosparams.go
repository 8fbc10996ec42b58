package instance

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// TestOSParams shows that secret parameters reach a job. Unlike Ganeti's it tells their names and lengths only: what a job says is kept.
type TestOSParams struct {
	OSParamsSecret Private `json:"osparams_secret"`
}

// OpID is the operation's name in job files.
func (TestOSParams) OpID() string { return "OP_TEST_OS_PARAMS" }

// Secrets are not in the job file.
func (op TestOSParams) Secrets() map[string]json.RawMessage {
	return job.Hide(map[string]Private{"osparams_secret": op.OSParamsSecret})
}

// Work starts it.
func (op TestOSParams) Work(env *job.Env) job.Work { return &testOSParams{TestOSParams: op, env: env} }

type testOSParams struct {
	TestOSParams
	env *job.Env
}

func (w *testOSParams) Locks(*config.Config) ([]job.Lock, error) { return nil, nil }

func (w *testOSParams) Check(context.Context) error {
	if len(w.OSParamsSecret) == 0 {
		return fault.Exec("Opcode needs secret parameters")
	}
	return nil
}

func (w *testOSParams) Hooks() *hooks.Plan { return nil }

func (w *testOSParams) Run(context.Context) (any, error) {
	var names, told []string
	for name := range w.OSParamsSecret {
		names = append(names, name)
	}
	unit.SortNames(names)
	for _, name := range names {
		told = append(told, fmt.Sprintf("%s (%d characters)", name, len([]rune(unit.Str(w.OSParamsSecret[name])))))
	}
	w.env.Say("Secret OS parameters: %s", strings.Join(told, ", "))
	return nil, nil
}
