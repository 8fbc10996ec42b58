package main

import (
	"bytes"
	"context"
	"encoding/json"

	"gantry/lib/balance"
	"gantry/lib/balance/autorepair"
	"gantry/lib/balance/number"
	"gantry/lib/cli/htools"
	"gantry/lib/cluster"
	"gantry/lib/config"
	"gantry/lib/instance"
	"gantry/lib/job"
)

// review takes over how the jobs of a repair that goes on have ended, if all have.
func (h *harep) review(ctx context.Context, i *balance.Instance, s autorepair.State) (autorepair.State, error) {
	if s.Status != autorepair.Pending {
		return s, nil
	}
	status, result := autorepair.Healthy, autorepair.Success
	for _, id := range s.Repair.Jobs {
		j, err := h.queue.Load(id)
		if err != nil {
			return s, htools.Fail("could not check job status: job %d: %v", id, err)
		}
		if !j.Status().Final() {
			return s, nil
		}
		if j.Status() != job.Success {
			status, result = autorepair.Failed, autorepair.Failure
		}
	}
	r := s.Repair
	h.Env.Println("Moving %s from %s to %s", i.Name, number.Quote(string(s.Status)), number.Quote(string(status)))
	return h.commit(ctx, i, s.Become(status, autorepair.New(r.Kind, r.ID, h.Env.Now(), r.Jobs, result)))
}

// repair begins the repair of a broken instance that has none, if that is allowed.
func (h *harep) repair(ctx context.Context, i *balance.Instance, s autorepair.State) (autorepair.State, error) {
	kind, broken := autorepair.Detect(h.Cluster, i, h.lost)
	if !broken || s.Status != autorepair.Healthy {
		return s, nil
	}
	policy := autorepair.PolicyFor(h.Cluster, i, h.Env.Now())
	if !policy.Enabled {
		h.Env.Println("Not repairing %s because it's in state %s", i.Name, policy)
		return s, nil
	}
	id := config.NewUUID()
	if kind > policy.Most {
		h.Env.Println("Not performing a repair of type %s on %s because only repairs up to %s are allowed", kind, i.Name, policy.Most)
		return h.commit(ctx, i, s.Become(autorepair.Needed, autorepair.New(kind, id, h.Env.Now(), nil, autorepair.NoPermission)))
	}
	h.Env.Println("Executing %s repair on %s", kind, i.Name)
	jobs, err := h.submit(ctx, h.operations(kind, i.Name))
	if err != nil {
		return s, err
	}
	return h.commit(ctx, i, s.Become(autorepair.Pending, autorepair.New(kind, id, h.Env.Now(), jobs, autorepair.None)))
}

// lost tells nodes that are offline from those that are only drained.
func (h *harep) lost(n *balance.Node) bool {
	node := h.config.NodeByName(n.Name)
	return node != nil && node.Offline
}

// allocator chooses the nodes of repairs.
const allocator = "hail"

// operations are those of a repair. They begin with a delay, so that the tag about them is there before they lock the instance.
func (h *harep) operations(kind autorepair.Kind, name string) (ops []job.Operation) {
	if h.delay > 0 {
		ops = append(ops, cluster.Delay{Duration: h.delay, OnMaster: true, OnNodes: []string{}})
	}
	switch kind {
	case autorepair.FixStorage:
		ops = append(ops, instance.ReplaceDisks{Name: name, Mode: instance.ReplaceNode, Disks: []int{}, IAllocator: allocator})
	case autorepair.Failover:
		ops = append(ops, instance.Failover{Name: name, ShutdownTimeout: instance.ShutdownTimeout})
	case autorepair.Reinstall:
		ops = append(ops, instance.RecreateDisks{Name: name, Disks: []instance.RecreateDisk{}, Nodes: []string{}, IAllocator: allocator},
			instance.Reinstall{Name: name})
	}
	return ops
}

// submit submits a job, or shows it.
func (h *harep) submit(ctx context.Context, ops []job.Operation) ([]int, error) {
	if h.dryRun {
		return nil, h.show(ops)
	}
	return h.queue.SubmitMany(ctx, []job.Request{h.Request("automated repairs by", ops...)})
}

func (h *harep) show(ops []job.Operation) error {
	var list []json.RawMessage
	for _, op := range ops {
		id, err := json.Marshal(op.OpID())
		if err != nil {
			return err
		}
		fields, err := json.Marshal(op)
		if err != nil {
			return err
		}
		text := append([]byte(`{"OP_ID":`), id...)
		list = append(list, append(append(text, ','), bytes.TrimPrefix(fields, []byte("{"))...))
	}
	text, err := json.Marshal([][]json.RawMessage{list})
	if err == nil {
		h.Env.Println("jobs: %s", text)
	}
	return err
}

// commit writes a state into the tags of the instance.
func (h *harep) commit(ctx context.Context, i *balance.Instance, s autorepair.State) (autorepair.State, error) {
	tag := s.Repair.Tag()
	h.Env.Println(">>> Adding the following tag to %s:\n%s", i.Name, number.Quote(tag))
	if err := h.perform(ctx, cluster.AddTags{Kind: cluster.TagsOfInstance, Name: i.Name, Tags: []string{tag}}); err != nil {
		return s, err
	}
	if len(s.Obsolete) > 0 {
		h.Env.Println(">>> Removing the following tags from %s:", i.Name)
		for _, tag := range s.Obsolete {
			h.Env.Println("%s", number.Quote(tag))
		}
		if err := h.perform(ctx, cluster.RemoveTags{Kind: cluster.TagsOfInstance, Name: i.Name, Tags: s.Obsolete}); err != nil {
			return s, err
		}
	}
	s.Obsolete = nil
	return s, nil
}

// perform has a job done, unless nothing is to be.
func (h *harep) perform(ctx context.Context, op job.Operation) error {
	if h.dryRun {
		return nil
	}
	ids, err := h.queue.SubmitMany(ctx, []job.Request{h.Request("automated repairs by", op)})
	if err != nil {
		return err
	}
	status, err := htools.Await(ctx, h.queue, ids[0], nil)
	if err == nil && status != job.Success {
		err = htools.Fail("The following jobs failed: %d=>%s", ids[0], status)
	}
	return err
}
