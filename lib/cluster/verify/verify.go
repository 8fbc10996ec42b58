// Package verify finds out whether a cluster is as its configuration says: gnt-cluster verify and verify-disks. It only looks.
//
// A verification is several jobs: one submits the others (Cluster), one looks at the configuration itself (Config), one at
// each node group (Group). A group's nodes are asked at once and each once: probes.go makes the question, answer.go reads
// what comes back, and the other files hold it against the configuration. What is found is said in Ganeti's words, which
// monitoring reads; what only Gantry can find (finding its own words) is never said of a healthy cluster.
package verify

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// SkipN1 in SkipChecks leaves out the check for memory to fail over to.
const SkipN1 = "nplusone_mem"

// Options are what all the jobs of a verification are told. Ignored codes are warnings instead of errors.
type Options struct {
	Simulate     bool     `json:"debug_simulate_errors"`
	ErrorCodes   bool     `json:"error_codes"`
	IgnoreErrors []string `json:"ignore_errors"`
	Verbose      bool     `json:"verbose"`
}

// Cluster submits the jobs that verify the cluster, or one group of it.
type Cluster struct {
	Options
	SkipChecks []string `json:"skip_checks"`
	Group      *string  `json:"group_name"`
	Clutter    bool     `json:"verify_clutter"`
}

// OpID is the operation's name in job files.
func (Cluster) OpID() string { return "OP_CLUSTER_VERIFY" }

// Work starts it.
func (op Cluster) Work(env *job.Env) job.Work {
	return &cluster{Cluster: op, submitting: submitting{env: env}}
}

// submitting is what work has in common that only submits other jobs.
type submitting struct{ env *job.Env }

func (submitting) Locks(*config.Config) ([]job.Lock, error) { return nil, nil }
func (submitting) Check(context.Context) error              { return nil }
func (submitting) Hooks() *hooks.Plan                       { return nil }

func (w submitting) submit(ctx context.Context, requests []job.Request) (any, error) {
	ids, err := w.env.SubmitRequests(ctx, requests)
	if err != nil {
		return nil, err
	}
	return job.NewSubmitted(ids), nil
}

type cluster struct {
	Cluster
	submitting
}

func (w *cluster) Run(ctx context.Context) (any, error) {
	group := Group{Options: w.Options, SkipChecks: w.SkipChecks, Clutter: w.Clutter}
	if w.Group != nil && *w.Group != "" {
		group.Group = *w.Group
		return w.submit(ctx, []job.Request{{Ops: []job.Operation{group}}})
	}
	requests := []job.Request{{Ops: []job.Operation{Config{Options: w.Options}}}}
	for i, g := range w.env.Config.NodeGroups {
		group.Group = g.UUID
		request := job.Request{Ops: []job.Operation{group}}
		request.Depends = []job.Dependency{{Job: -(i + 1), Status: []job.Status{}}} // the job of the configuration, however it ends
		requests = append(requests, request)
	}
	return w.submit(ctx, requests)
}

// findGroup finds a node group by name or UUID.
func findGroup(cfg *config.Config, name string) (*config.NodeGroup, error) {
	g := cfg.GroupByName(name)
	if g == nil {
		return nil, fault.Refuse(fault.NotFound, "Node group '%s' not found", name)
	}
	return g, nil
}
