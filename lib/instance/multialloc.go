package instance

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// MultiAlloc makes several instances, each in a job of its own. Either all of them name their nodes, or an allocator places all.
type MultiAlloc struct {
	Opportunistic bool     `json:"opportunistic_locking"`
	IAllocator    string   `json:"iallocator,omitempty"`
	Instances     []Create `json:"instances"`
}

// OpID is the operation's name in job files.
func (MultiAlloc) OpID() string { return "OP_INSTANCE_MULTI_ALLOC" }

// Work starts it.
func (op MultiAlloc) Work(env *job.Env) job.Work { return &multiAlloc{MultiAlloc: op, env: env} }

type multiAlloc struct {
	MultiAlloc
	env *job.Env
}

// Submitted is the result: for each job whether it could be submitted, with its id.
type Submitted struct {
	Jobs        [][2]any `json:"jobs"`
	Allocatable []string `json:"allocatable"`
	Failed      []string `json:"failed"`
}

func (w *multiAlloc) Locks(cfg *config.Config) ([]job.Lock, error) {
	places, placed := 0, 0
	count := func(node string) {
		places++
		if node != "" {
			placed++
		}
	}
	for _, inst := range w.Instances {
		if inst.IAllocator != "" {
			return nil, fault.Refuse(fault.WrongInput, "iallocator are not allowed to be set on instance objects")
		}
		if count(inst.PNode); inst.DiskTemplate == config.DTDRBD {
			count(inst.SNode)
		}
	}
	switch {
	case places == 0 || placed > 0 && placed < places:
		return nil, fault.Refuse(fault.WrongInput, "There are instance objects providing pnode/snode while others do not")
	case placed == 0 && w.IAllocator == "":
		if w.IAllocator = cfg.Cluster.DefaultIAllocator; w.IAllocator == "" {
			return nil, fault.Refuse(fault.WrongInput, "No iallocator or nodes on the instances given and no cluster-wide default iallocator found; please specify either an iallocator or nodes on the instances or set a cluster-wide default iallocator")
		}
	}
	return nil, nil
}

func (w *multiAlloc) Check(context.Context) error { return nil }

func (w *multiAlloc) Hooks() *hooks.Plan { return nil }

// Run submits the jobs. Those that need an allocator ask it themselves: what one takes is reserved before the next one looks.
func (w *multiAlloc) Run(ctx context.Context) (any, error) {
	result := Submitted{Jobs: [][2]any{}, Allocatable: []string{}, Failed: []string{}}
	for _, op := range w.Instances {
		if op.PNode == "" {
			op.IAllocator = w.IAllocator
			result.Allocatable = append(result.Allocatable, op.Name)
		}
		ids, err := w.env.Submit(ctx, [][]job.Operation{{op}})
		if err != nil {
			return nil, err
		}
		result.Jobs = append(result.Jobs, [2]any{true, ids[0]})
	}
	return result, nil
}
