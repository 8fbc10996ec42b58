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

// Move asks a program for the node that an instance could move to from its primary, all nodes being able to reach its disks.
func Move(ctx context.Context, r remote.Runner, cfg *config.Config, program string, inst *config.Instance) ([]string, error) {
	request := Relocate{Name: inst.Name, Nodes: 1, From: []string{cfg.NodeName(inst.PrimaryNode)}, Type: "relocate"}
	for _, d := range cfg.InstanceDisks(inst) {
		request.DiskSpace += Space(d.DevType, d.Size)
	}
	answer, err := Ask(ctx, r, cfg, program, request, cfg.DiskTemplate(inst), inst.Hypervisor)
	if err != nil {
		return nil, err
	}
	if !answer.Success {
		return nil, fault.Refuse(fault.NoResources, "Can't compute nodes using iallocator '%s': %s", program, answer.Info)
	}
	var nodes []string
	if err := json.Unmarshal(answer.Result, &nodes); err != nil || len(nodes) != 1 || cfg.NodeByName(nodes[0]) == nil {
		return nil, fault.Exec("Can't parse iallocator results: expected the name of a node, got %s", answer.Result)
	}
	return nodes, nil
}
