package watcher

import (
	"context"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/query"
)

// group is the state of looking after one group of nodes.
type group struct {
	*Watcher
	uuid      string
	known     state
	path      string // of the state
	instances []*query.InstanceRow
	nodes     []*query.NodeRow
}

// group brings one group in order: instances first, then the disks of nodes that were started anew, then those that are broken.
func (w *Watcher) group(ctx context.Context, g *config.NodeGroup) error {
	w.Log.Info("Watcher for node group '%s'", g.UUID)
	s, err := readState(w.path(g.UUID, "data"))
	if err != nil {
		w.Log.Warn("Invalid state file. Using defaults. Error message: %v", err)
	}
	x := &group{Watcher: w, uuid: g.UUID, known: s, path: w.path(g.UUID, "data")}
	if err := x.ask(ctx, g.UUID); err != nil {
		return err
	}
	if err := writeStatus(w.path(g.UUID, "instance-status"), x.instances); err != nil {
		w.Log.Error("Not updating status file due to failure: %v", err)
	}
	x.known.expire(w.Now(), func(name string) bool { return w.cfg.InstanceByName(name) != nil })
	started := x.restart(ctx)
	x.activate(ctx, x.rebooted(started))
	if !x.KeepDisks {
		x.verifyDisks(ctx)
	}
	return x.known.write(x.path)
}

// ask looks at the nodes of the group and at the instances that have it as their primary's.
func (x *group) ask(ctx context.Context, uuid string) error {
	x.nodes = slices.DeleteFunc(query.NodeRows(x.cfg), func(r *query.NodeRow) bool { return r.Node.Group != uuid })
	if err := query.AskNodes(x.Nodes)(ctx, x.nodes); err != nil {
		return err
	}
	x.instances = slices.DeleteFunc(query.InstanceRows(x.cfg), func(r *query.InstanceRow) bool {
		primary := x.cfg.Node(r.Instance.PrimaryNode)
		return primary == nil || primary.Group != uuid
	})
	return query.AskInstances(x.Nodes)(ctx, x.instances)
}

// restart starts what should run and does not, a few times each. It returns what was started.
func (x *group) restart(ctx context.Context) (started []string) {
	for _, r := range x.instances {
		name := r.Instance.Name
		switch r.Status() {
		case "ERROR_down":
			if x.restartOne(ctx, name) {
				started = append(started, name)
			}
		case "USER_down":
			if r.Instance.AdminState == config.AdminUp {
				x.userDown(ctx, name)
			}
		case "ERROR_nodedown", "ERROR_nodeoffline": // nothing is known; the count stays
		default:
			if n := x.known.Instances[name].Restarts; n > 0 {
				x.Log.Info("Instance '%s' runs again after %d attempts", name, n)
				delete(x.known.Instances, name)
			}
		}
	}
	return started
}

func (x *group) restartOne(ctx context.Context, name string) bool {
	n := x.known.try(name, x.Now())
	switch {
	case n > maxTries+1:
		x.Log.Warn("Not restarting instance '%s', retries exhausted", name)
		return false
	case n == maxTries+1:
		x.Log.Error("Could not restart instance '%s' after %d attempts, giving up", name, maxTries)
		return false
	}
	x.Log.Info("Restarting instance '%s' (attempt #%d)", name, n)
	if err := x.do(ctx, instance.Startup{Name: name}); err != nil {
		x.Log.Error("Error while restarting instance '%s': %v", name, oneLine(err))
		return false
	}
	x.Log.Info("Restart of instance '%s' succeeded", name)
	return true
}

// userDown notes that a guest was powered off from within, so that it stays so.
func (x *group) userDown(ctx context.Context, name string) {
	if n := x.known.try(name, x.Now()); n > maxTries {
		x.Log.Warn("Not cleaning up instance '%s', retries exhausted", name)
		return
	}
	x.Log.Info("Instance '%s' was shutdown by the user, cleaning up instance", name)
	op := instance.Shutdown{Name: name, Timeout: instance.ShutdownTimeout, Source: config.UserSource}
	if err := x.do(ctx, op); err != nil {
		x.Log.Error("Error while cleaning up instance '%s': %v", name, oneLine(err))
		return
	}
	delete(x.known.Instances, name)
}

// do runs one operation as a job and follows it.
func (x *group) do(ctx context.Context, op job.Operation) error {
	_, err := x.follow(ctx, op)
	return err
}

// follow is do, and says which job it was.
func (x *group) follow(ctx context.Context, op job.Operation) (id int, err error) {
	id, err = x.Queue.Submit(ctx, []job.Operation{op}, job.Options{
		Reason: []job.Reason{{Source: "gnt:watcher", Text: "ganeti-watcher", Time: x.Now().UnixNano()}},
	})
	if err != nil {
		return id, err
	}
	if err := x.Follow(ctx, id); err != nil {
		return id, fmt.Errorf("job %d: %w", id, err)
	}
	return id, nil
}

// oneLine is a failure as the log has it.
func oneLine(err error) string {
	text, _ := fault.Text(err)
	return text
}
