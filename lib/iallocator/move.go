package iallocator

import (
	"context"
	"encoding/json"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Relocate asks for another node for an instance. Its answer is a list with the name.
type Relocate struct {
	Name      string   `json:"name"`
	DiskSpace int64    `json:"disk_space_total"`
	Nodes     int      `json:"required_nodes"`
	From      []string `json:"relocate_from"`
	Type      string   `json:"type"` // relocate
}

// Secondary asks for the node that a single instance could be mirrored to. Its answer is the name.
type Secondary struct {
	Name string `json:"name"`
	Type string `json:"type"` // allocate-secondary
}

// Move asks a program for another node for an instance: in the place of its secondary if it is mirrored, else in that of its
// primary, all nodes being able to reach its disks.
func Move(ctx context.Context, r remote.Runner, cfg *config.Config, program string, inst *config.Instance) ([]string, error) {
	request := Relocate{Name: inst.Name, Nodes: 1, From: []string{cfg.NodeName(inst.PrimaryNode)}, Type: "relocate"}
	if cfg.DiskTemplate(inst) == config.DTDRBD {
		request.From = nil
		for _, uuid := range cfg.SecondaryNodes(inst) {
			request.From = append(request.From, cfg.NodeName(uuid))
		}
	}
	for _, d := range cfg.InstanceDisks(inst) {
		request.DiskSpace += Space(d.DevType, d.Size)
	}
	answer, err := about(ctx, r, cfg, program, inst, request, cfg.DiskTemplate(inst))
	if err != nil {
		return nil, err
	}
	var nodes []string
	if err := json.Unmarshal(answer.Result, &nodes); err != nil || len(nodes) != 1 || cfg.NodeByName(nodes[0]) == nil {
		return nil, fault.Exec("Can't parse iallocator results: expected the name of a node, got %s", answer.Result)
	}
	return nodes, nil
}

// Mirror asks a program for the node that an instance without a mirror could get one on.
func Mirror(ctx context.Context, r remote.Runner, cfg *config.Config, program string, inst *config.Instance) (string, error) {
	answer, err := about(ctx, r, cfg, program, inst, Secondary{Name: inst.Name, Type: "allocate-secondary"}, config.DTDRBD)
	if err != nil {
		return "", err
	}
	var node string
	if err := json.Unmarshal(answer.Result, &node); err != nil || cfg.NodeByName(node) == nil {
		return "", fault.Exec("Can't parse iallocator results: expected the name of a node, got %s", answer.Result)
	}
	return node, nil
}

// about asks a program something about one instance, and refuses when the program does.
func about(ctx context.Context, r remote.Runner, cfg *config.Config, program string, inst *config.Instance, request any, template string) (Answer, error) {
	facts, err := Look(ctx, r, cfg, template, inst.Hypervisor)
	if err != nil {
		return Answer{}, err
	}
	answer, err := facts.Ask(ctx, r, cfg, program, request)
	if err == nil && !answer.Success {
		err = fault.Refuse(fault.NoResources, "Can't compute nodes using iallocator '%s': %s", program, answer.Info)
	}
	return answer, err
}
