package cluster

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// Delay does nothing for a while, on the master and on nodes, one after the other. It is for trying out the job queue.
type Delay struct {
	Duration      float64  `json:"duration"` // seconds
	OnMaster      bool     `json:"on_master"`
	OnNodes       []string `json:"on_nodes"`
	Repeat        int      `json:"repeat"`
	Interruptible bool     `json:"interruptible"`
	NoLocks       bool     `json:"no_locks"`
}

// OpID is the operation's name in job files.
func (Delay) OpID() string { return "OP_TEST_DELAY" }

// WellFormed refuses a number of times that is none.
func (op Delay) WellFormed() error {
	if op.Repeat < 0 {
		return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for 'repeat': Invalid value for non-negative type '%d'", op.Repeat)
	}
	return nil
}

// Work starts it.
func (op Delay) Work(env *job.Env) job.Work { return &delay{Delay: op, env: env} }

type delay struct {
	Delay
	env   *job.Env
	nodes []*config.Node
}

func (w *delay) Locks(cfg *config.Config) ([]job.Lock, error) {
	if w.Duration <= 0 {
		return nil, fault.RefuseBare("Duration must be greater than zero")
	}
	w.nodes = nil
	for _, name := range w.OnNodes {
		n := cfg.MatchNode(name)
		if n == nil {
			return nil, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
		}
		w.nodes = append(w.nodes, n)
	}
	if w.NoLocks {
		return nil, nil
	}
	held := slices.Clone(w.nodes)
	if w.OnMaster {
		held = append(held, cfg.MasterNode())
	}
	var locks []job.Lock
	for _, n := range held {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: n.UUID})
	}
	return locks, nil
}

func (w *delay) Check(context.Context) error { return nil }

func (w *delay) Hooks() *hooks.Plan { return nil }

func (w *delay) Run(ctx context.Context) (any, error) {
	if w.Repeat == 0 {
		return nil, w.once(ctx)
	}
	for i := range w.Repeat {
		w.env.Info("Test delay iteration %d/%d", i, w.Repeat-1)
		if err := w.once(ctx); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (w *delay) once(ctx context.Context) error {
	span := time.Duration(w.Duration * float64(time.Second))
	if w.OnMaster {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(span):
		}
	}
	var names []string
	for _, n := range w.nodes {
		names = append(names, n.Name)
	}
	c := remote.Command("sleep", strconv.FormatFloat(w.Duration, 'f', -1, 64))
	c.Limit = span + time.Minute
	for _, r := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (remote.Result, error) {
		return w.env.Nodes.Run(ctx, node, c)
	}) {
		if r.Err != nil {
			return fmt.Errorf("waiting on node %s: %w", r.Node, r.Err)
		}
	}
	return nil
}
