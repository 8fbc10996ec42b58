package iallocator

import (
	"context"
	"encoding/json"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

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

// MultiAllocate asks for the nodes of several new instances. Its answer is a pair of lists: those that were placed, with their
// nodes, and the names of the others.
type MultiAllocate struct {
	Instances []Allocate `json:"instances"`
	Type      string     `json:"type"` // multi-allocate
}

// AllocateDisk is a disk of an instance that is to be.
type AllocateDisk struct {
	Size     int64   `json:"size"`
	Mode     string  `json:"mode"`
	VG       *string `json:"vg"`
	Name     *string `json:"name"`
	DevType  string  `json:"dev_type"`
	Spindles *int64  `json:"spindles,omitempty"`

	Storage map[string]int64 `json:"storage_kinds,omitempty"` // what it takes of each kind
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
func (f *Facts) Place(ctx context.Context, r remote.Runner, cfg *config.Config, program string, a Allocate) ([]string, error) {
	a.Type = "allocate"
	answer, err := f.Ask(ctx, r, cfg, program, a)
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
