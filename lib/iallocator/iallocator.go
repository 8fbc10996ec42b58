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
	input, err := f.Input(cfg, request)
	if err != nil {
		return Answer{}, fmt.Errorf("writing a request for %s: %w", program, err)
	}
	out, err := Run(ctx, r, cfg, program, input)
	if err != nil {
		return Answer{}, err
	}
	return parse(out)
}

func parse(out []byte) (a Answer, err error) {
	if err := json.Unmarshal(out, &a); err != nil || a.Result == nil {
		return Answer{}, fault.Exec("Can't parse iallocator results: %.200s", out)
	}
	return a, nil
}

// Input is what a program gets.
func (f *Facts) Input(cfg *config.Config, request any) ([]byte, error) {
	input := f.describe(cfg)
	input.Request = request
	return json.Marshal(input)
}

// Run gives a program its input and returns what it says, whatever that is.
func Run(ctx context.Context, r remote.Runner, cfg *config.Config, program string, input []byte) ([]byte, error) {
	out, err := r.Run(ctx, cfg.MasterNode().Name, run(program, input))
	if err != nil {
		return nil, fault.Exec("Failure while running the iallocator script: %w", err)
	}
	switch out.Status {
	case 10:
		return nil, fault.Exec("Failure while running the iallocator script: iallocator module '%s' not found in the search path", program)
	case 11:
		status, said, _ := strings.Cut(string(out.Stdout), "\n")
		return nil, fault.Exec("Failure while running the iallocator script: iallocator module '%s' failed: exited with exit code %s, output '%s'", program, status, said)
	}
	return out.Stdout, nil
}

func run(program string, input []byte) remote.Cmd {
	c := remote.Script(runScript, program)
	c.Stdin = input
	c.Limit = 10 * time.Minute
	c.OK = []int{10, 11}
	return c
}
