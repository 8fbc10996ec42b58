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

// Allocate asks for the nodes of a new instance. Its answer is a list of their names.
type Allocate struct {
	Name         string         `json:"name"`
	DiskTemplate string         `json:"disk_template"`
	GroupName    *string        `json:"group_name"`
	Tags         []string       `json:"tags"`
	OS           string         `json:"os"`
	VCPUs        int64          `json:"vcpus"`
	Memory       int64          `json:"memory"`
	SpindleUse   int64          `json:"spindle_use"`
	Disks        []AllocateDisk `json:"disks"`
	DiskSpace    int64          `json:"disk_space_total"`
	NICs         []AllocateNIC  `json:"nics"`
	Nodes        int            `json:"required_nodes"`
	Hypervisor   string         `json:"hypervisor"`
	Type         string         `json:"type"` // allocate
}

// AllocateDisk is a disk of an instance that is to be.
type AllocateDisk struct {
	Size     int64   `json:"size"`
	Mode     string  `json:"mode"`
	VG       *string `json:"vg"`
	Name     *string `json:"name"`
	DevType  string  `json:"dev_type"`
	Spindles *int64  `json:"spindles,omitempty"`
}

// AllocateNIC is a network interface of an instance that is to be.
type AllocateNIC struct {
	MAC       string        `json:"mac"`
	IP        string        `json:"ip,omitempty"`
	Name      string        `json:"name,omitempty"`
	Network   string        `json:"network,omitempty"`
	NICParams config.Params `json:"nicparams"`
	UUID      string        `json:"uuid"`
}

// Place asks a program for the nodes of a new instance and returns their names. What it refuses, and why, is in the error.
func Place(ctx context.Context, r remote.Runner, cfg *config.Config, program string, a Allocate) ([]string, error) {
	a.Type = "allocate"
	answer, err := Ask(ctx, r, cfg, program, a, a.DiskTemplate, a.Hypervisor)
	if err != nil {
		return nil, err
	}
	if !answer.Success {
		return nil, fault.Refuse(fault.NoResources, "Can't compute nodes using iallocator '%s': %s", program, answer.Info)
	}
	var nodes []string
	if err := json.Unmarshal(answer.Result, &nodes); err != nil || len(nodes) != a.Nodes {
		return nil, fault.Exec("Can't parse iallocator results: expected %d node names, got %s", a.Nodes, answer.Result)
	}
	return nodes, nil
}

// Ask gives a program the cluster and a request. template and hypervisor say which storage and whose memory counts.
func Ask(ctx context.Context, r remote.Runner, cfg *config.Config, program string, request any, template, hypervisor string) (Answer, error) {
	input, err := gather(ctx, r, cfg, template, hypervisor)
	if err != nil {
		return Answer{}, err
	}
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
