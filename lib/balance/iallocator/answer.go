package iallocator

import (
	"errors"
	"fmt"
	stdstrings "strings"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// Answer is the reply to a request, and the cluster as it would then be.
type Answer struct {
	Text      string // one line of JSON
	Nodes     balance.NodeList
	Instances balance.InstanceList
}

// failed makes the answer to a request that cannot be met.
func failed(err error) *Answer {
	return &Answer{Text: reply(false, "Request failed: "+err.Error(), "[]")}
}

func reply(success bool, info, result string) string {
	return fmt.Sprintf(`{"success":%t,"info":%s,"result":%s}`, success, jsondata.Quote(info), result)
}

// done makes the answer to a request that was met; result is JSON.
func done(info, result string, nodes balance.NodeList, instances balance.InstanceList) *Answer {
	return &Answer{Text: reply(true, "Request successful: "+info, result), Nodes: nodes, Instances: instances}
}

func list[T any](items []T, show func(T) string) string {
	parts := make([]string, len(items))
	for k, item := range items {
		parts[k] = show(item)
	}
	return "[" + stdstrings.Join(parts, ",") + "]"
}

// Resolved is a request whose names have been looked up in the cluster it came with.
type Resolved struct {
	*Request
	single    int
	from      []int
	instances []int
	targets   []int
}

// Resolve looks the names of a request up. The cluster of the request has to be merged.
func (r *Request) Resolve() (*Resolved, error) {
	q := &Resolved{Request: r}
	if err := q.resolveSingle(); err != nil {
		return nil, err
	}
	if r.Kind == Relocate && r.late != nil {
		return nil, r.late
	}
	for _, name := range r.From {
		n, err := r.Cluster.FindNode(name)
		if err != nil {
			return nil, err
		}
		q.from = append(q.from, n.Index)
	}
	for _, name := range r.Instances {
		i, err := r.Cluster.FindInstance(name)
		if err != nil {
			return nil, err
		}
		q.instances = append(q.instances, i.Index)
	}
	if r.late != nil {
		return nil, r.late
	}
	for _, name := range r.Targets {
		g, err := balance.FindGroup(r.Cluster.Groups, name)
		if err != nil {
			return nil, err
		}
		q.targets = append(q.targets, g.Index)
	}
	for k := range r.Allocations {
		r.Cluster.Tagged(r.Allocations[k].Instance)
	}
	return q, nil
}

// resolveSingle finds the instance by its full name; of several with one name it is the last.
func (q *Resolved) resolveSingle() error {
	if q.Kind != Relocate && q.Kind != AllocateSecondary {
		return nil
	}
	q.single = balance.None
	for _, i := range q.Cluster.Instances {
		if i.Name == q.Single {
			q.single = i.Index
		}
	}
	if q.single == balance.None {
		return fmt.Errorf("Unknown instance '%s'", q.Single)
	}
	return nil
}

// Answer works a request out on a cluster, which may be another one than it came with. It fails if the cluster has an
// instance without its secondary node that matters.
func (q *Resolved) Answer(c *balance.Cluster, o balance.AllocOptions) (*Answer, error) {
	var broken error
	for _, a := range q.Allocations {
		if err := c.Admit(a.Instance); err != nil {
			return nil, err
		}
	}
	if !q.inRange(c) {
		return nil, errors.New("the instances of the request are not on the cluster")
	}
	answer := q.answer(c, o.Noting(&broken))
	return answer, broken
}

func (q *Resolved) answer(c *balance.Cluster, o balance.AllocOptions) *Answer {
	a := &balance.Allocator{AllocOptions: o, Groups: c.Groups, Nodes: c.Nodes, Instances: c.Instances}
	switch q.Kind {
	case Allocate:
		return q.allocate(a)
	case MultiAllocate:
		return q.multiAllocate(a)
	case AllocateSecondary:
		return q.allocateSecondary(a)
	case Relocate:
		return q.relocate(a)
	case ChangeGroup:
		return evacuated(c, a.ChangeGroup(q.targets, q.instances))
	}
	return evacuated(c, balance.Evacuate(a.Nodes, a.Instances, q.Mode, q.instances, o.IgnoreSoftErrors))
}

// inRange tells whether the cluster has what the request refers to by position.
func (q *Resolved) inRange(c *balance.Cluster) bool {
	for _, k := range append([]int{q.single}, q.instances...) {
		if k >= len(c.Instances) && (k > 0 || len(q.instances) > 0) {
			return false
		}
	}
	if len(q.instances) == 0 {
		return true // there is nothing to move to the groups
	}
	for _, k := range q.targets {
		if k >= len(c.Groups) {
			return false
		}
	}
	return true
}

func (q *Resolved) allocate(a *balance.Allocator) *Answer {
	if a.RestrictTo == nil {
		a.RestrictTo = q.Restrict
	}
	request := q.Allocations[0]
	s, err := a.Allocate(request.Instance, request.Nodes, q.Group)
	if err != nil {
		return failed(err)
	}
	info := stdstrings.Join(s.Log, ", ")
	if s.Best == nil {
		return failed(errors.New(info))
	}
	nodes, instances := a.Preview(s.Best)
	return done(info, list(s.Best.Names(), jsondata.Quote), nodes, instances)
}

func (q *Resolved) multiAllocate(a *balance.Allocator) *Answer {
	var placed, refused []string
	for _, request := range q.Allocations {
		s, err := a.Allocate(request.Instance, request.Nodes, q.Group)
		if err != nil {
			return failed(err)
		}
		name := jsondata.Quote(request.Instance.Name)
		if s.Best == nil {
			refused = append(refused, "["+name+","+jsondata.Quote(stdstrings.Join(s.Log, ", "))+"]")
			continue
		}
		a.Take(s.Best)
		placed = append(placed, "["+name+","+list(s.Best.Names(), jsondata.Quote)+"]")
	}
	info := fmt.Sprintf("%d instances failed to allocate and %d were allocated successfully", len(refused), len(placed))
	return done(info, "["+list(placed, same)+","+list(refused, same)+"]", a.Nodes, a.Instances)
}

func same(s string) string { return s }

func (q *Resolved) allocateSecondary(a *balance.Allocator) *Answer {
	s, err := a.AllocateSecondary(a.Instances[q.single])
	if err != nil {
		return failed(err)
	}
	if s.Best == nil {
		return failed(errors.New(s.Describe()))
	}
	a.Take(s.Best)
	return done(s.Describe(), jsondata.Quote(s.Best.Names()[1]), a.Nodes, a.Instances)
}

func (q *Resolved) relocate(a *balance.Allocator) *Answer {
	e, n, err := balance.Relocate(a.Nodes, a.Instances, q.single, q.Required, q.from, a.IgnoreSoftErrors)
	if err != nil {
		return failed(err)
	}
	return done("success", list([]string{n.Name}, jsondata.Quote), e.Nodes, e.Instances)
}

func evacuated(c *balance.Cluster, e *balance.Evacuation) *Answer {
	moved := list(e.Moved, func(m balance.Evacuated) string {
		nodes := []string{c.Nodes[m.Instance.Primary].Name}
		if m.Instance.Mirrored() {
			nodes = append(nodes, c.Nodes[m.Instance.Secondary].Name)
		}
		return "[" + jsondata.Quote(m.Instance.Name) + "," + jsondata.Quote(c.Groups[m.Group].Name) + "," + list(nodes, jsondata.Quote) + "]"
	})
	stay := list(e.Failed, func(f balance.EvacFailure) string {
		return "[" + jsondata.Quote(f.Instance.Name) + "," + jsondata.Quote(f.Why) + "]"
	})
	jobs := list(e.Moved, func(m balance.Evacuated) string { return opcodes(m, c.Nodes) })
	info := fmt.Sprintf("%d instances failed to move and %d were moved successfully", len(e.Failed), len(e.Moved))
	return done(info, "["+moved+","+stay+","+jobs+"]", e.Nodes, e.Instances)
}
