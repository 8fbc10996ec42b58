// Package iallocator asks an external program where instances should be. The program gets a file with the whole cluster and
// one request in JSON, and answers in JSON; hail is one of them.
package iallocator

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

//go:embed run.sh
var runScript string

// Answer is what a program says. The shape of Result depends on the request.
type Answer struct {
	Success bool            `json:"success"`
	Info    string          `json:"info"`
	Result  json.RawMessage `json:"result"`
}

// Ask gives a program the cluster, as a configuration has it, and a request.
func (f *Facts) Ask(ctx context.Context, r remote.Runner, cfg *config.Config, program string, request any) (Answer, error) {
	input := f.describe(cfg)
	input.Request = request
	data, err := json.Marshal(input)
	if err != nil {
		return Answer{}, fmt.Errorf("writing a request for %s: %w", program, err)
	}
	out, err := r.Run(ctx, cfg.MasterNode().Name, run(program, data))
	if err != nil {
		return Answer{}, fault.Exec("Failure while running the iallocator script: %w", err)
	}
	return parse(program, out)
}

func run(program string, input []byte) remote.Cmd {
	c := remote.Script(runScript, program)
	c.Stdin = input
	c.Limit = 10 * time.Minute
	c.OK = []int{10, 11}
	return c
}

func parse(program string, out remote.Result) (Answer, error) {
	switch out.Status {
	case 10:
		return Answer{}, fault.Exec("Failure while running the iallocator script: iallocator module '%s' not found in the search path", program)
	case 11:
		status, said, _ := strings.Cut(string(out.Stdout), "\n")
		return Answer{}, fault.Exec("Failure while running the iallocator script: iallocator module '%s' failed: exited with exit code %s, output '%s'", program, status, said)
	}
	var a Answer
	if err := json.Unmarshal(out.Stdout, &a); err != nil || a.Result == nil {
		return Answer{}, fault.Exec("Can't parse iallocator results: %.200s", out.Stdout)
	}
	return a, nil
}
