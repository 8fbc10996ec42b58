package iallocator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/job"
)

// Evacuate asks for new nodes for instances that are to leave one of theirs. Its answer has the shape of parsePlan.
type Evacuate struct {
	Instances        []string `json:"instances"`
	Mode             string   `json:"evac_mode"`
	IgnoreSoftErrors bool     `json:"ignore_soft_errors,omitempty"`
	Type             string   `json:"type"` // node-evacuate
}

// Roles that evacuated instances leave a node in.
const (
	EvacuatePrimary   = "primary-only"
	EvacuateSecondary = "secondary-only"
	EvacuateAll       = "all"
)

// ChangeGroup asks for nodes in other groups for instances. Its answer has the shape of parsePlan.
type ChangeGroup struct {
	Instances []string `json:"instances"`
	Targets   []string `json:"target_groups"` // UUIDs
	Type      string   `json:"type"`          // change-group
}

// Plan is jobs that bring instances where they should be: the opcodes of each.
type Plan [][]json.RawMessage

// moved is an instance with the nodes and the group it will have.
type moved struct {
	instance, group string
	nodes           []string
}

// Depart asks a program how instances can leave nodes, and tells the user. It is an error if one of them cannot.
func Depart(ctx context.Context, env *job.Env, program string, e Evacuate) (Plan, error) {
	e.Type = "node-evacuate"
	return plan(ctx, env, program, e, "node evacuation",
		func(m moved) string { return strings.Join(m.nodes, ", ") })
}

// Regroup asks a program how instances can get to other groups, and tells the user. what is what is being computed, for
// refusals.
func Regroup(ctx context.Context, env *job.Env, program string, instances, targets []string, what string) (Plan, error) {
	return plan(ctx, env, program, ChangeGroup{instances, targets, "change-group"}, what, func(m moved) string { return m.group })
}

func plan(ctx context.Context, env *job.Env, program string, request any, what string, destination func(moved) string) (Plan, error) {
	cfg := env.Config
	var hypervisor, template string
	if enabled := cfg.Cluster.EnabledHypervisors; len(enabled) > 0 {
		hypervisor = enabled[0]
	}
	if enabled := cfg.Cluster.EnabledDiskTemplates; len(enabled) > 0 {
		template = enabled[0]
	}
	facts, err := Look(ctx, env.Nodes, cfg, template, hypervisor)
	if err != nil {
		return nil, err
	}
	answer, err := facts.Ask(ctx, env.Nodes, cfg, program, request)
	if err != nil {
		return nil, err
	}
	if !answer.Success {
		return nil, fault.Refuse(fault.NoResources, "Can't compute %s using iallocator '%s': %s", what, program, answer.Info)
	}
	jobs, going, err := parsePlan(answer.Result, destination)
	switch {
	case err != nil:
		env.Warn("%v", err)
	case going != "":
		env.Info("Instances to be moved: %s", going)
	}
	return jobs, err
}

// parsePlan reads the jobs of an answer, and where the instances go, for the user.
func parsePlan(result json.RawMessage, destination func(moved) string) (jobs Plan, going string, err error) {
	var all []moved
	var failed []stuck
	if err := tuple(result, &all, &failed, &jobs); err != nil {
		return nil, "", fault.Exec("Can't parse iallocator results: %w", err)
	}
	var list []string
	for _, f := range failed {
		list = append(list, fmt.Sprintf("%s (%s)", f.instance, f.why))
	}
	if list != nil {
		return nil, "", fault.Exec("Unable to evacuate instances %s", strings.Join(list, ", "))
	}
	for _, m := range all {
		list = append(list, fmt.Sprintf("%s (to %s)", m.instance, destination(m)))
	}
	return jobs, strings.Join(list, ", "), nil
}

// Edit changes the parameters of all opcodes.
func (p Plan) Edit(change func(opcode map[string]any)) error {
	for _, opcodes := range p {
		for i, text := range opcodes {
			var opcode map[string]any
			if err := json.Unmarshal(text, &opcode); err != nil {
				return fault.Exec("Can't parse iallocator results: %w", err)
			}
			change(opcode)
			changed, err := json.Marshal(opcode)
			if err != nil {
				return err
			}
			opcodes[i] = changed
		}
	}
	return nil
}

// ReleaseEarly makes operations that replace disks give the old ones up before the new ones are in sync.
func (p Plan) ReleaseEarly() error {
	return p.Edit(func(opcode map[string]any) {
		if _, has := opcode["early_release"]; has {
			opcode["early_release"] = true
		}
	})
}

// Submit submits the jobs.
func (p Plan) Submit(ctx context.Context, env *job.Env) (job.Submitted, error) {
	requests, err := p.Requests(env)
	if err != nil {
		return job.Submitted{}, err
	}
	ids, err := env.SubmitRequests(ctx, requests)
	return job.NewSubmitted(ids), err
}

// Requests are the jobs, for who has something to add to them.
func (p Plan) Requests(env *job.Env) ([]job.Request, error) {
	requests := make([]job.Request, len(p))
	for i, opcodes := range p {
		for _, opcode := range opcodes {
			op, err := env.Decode(opcode)
			if err != nil {
				return nil, err
			}
			requests[i].Ops = append(requests[i].Ops, op)
		}
	}
	return requests, nil
}

// stuck is an instance that cannot leave.
type stuck struct{ instance, why string }

func (s *stuck) UnmarshalJSON(data []byte) error { return tuple(data, &s.instance, &s.why) }
func (m *moved) UnmarshalJSON(data []byte) error { return tuple(data, &m.instance, &m.group, &m.nodes) }

// tuple reads a JSON list of things of different kinds.
func tuple(data []byte, into ...any) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) != len(into) {
		return fmt.Errorf("expected a list of %d, got %s", len(into), data)
	}
	for i, part := range parts {
		if err := json.Unmarshal(part, into[i]); err != nil {
			return err
		}
	}
	return nil
}
