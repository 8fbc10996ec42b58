package instance

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

// osChoice is the OS of an instance as an operation gets it: secret parameters are kept nowhere, so they come each time.
type osChoice struct {
	name         string // NAME or NAME+VARIANT
	values       map[string]string
	forceVariant bool
}

// newOSChoice merges the parameters of all kinds of an instance.
func newOSChoice(cfg *config.Config, inst *config.Instance, secret map[string]any, forceVariant bool) (osChoice, error) {
	values, err := osdef.Values(cfg.FilledOS(inst), cfg.FilledOSPrivate(inst), secret)
	return osChoice{inst.OS, values, forceVariant}, err
}

// check asks nodes, by UUID, whether the OS can be used there.
func (c osChoice) check(ctx context.Context, r remote.Runner, cfg *config.Config, nodes []string) error {
	if c.name == "" {
		return nil
	}
	for _, reply := range remote.Each(ctx, online(cfg, nodes), 0, func(ctx context.Context, node string) (any, error) {
		return nil, osdef.Validate(ctx, r, node, c.name, c.values, c.forceVariant)
	}) {
		if reply.Err != nil {
			return fault.Exec("OS Parameters validation failed on node %s: %w", reply.Node, reply.Err)
		}
	}
	return nil
}

// install runs the create script of an instance's OS on a node where its disks are attached. It is durable work: neither a lost
// connection nor the end of this process ends it. reinstall tells the script that there was something before.
func (c osChoice) install(ctx context.Context, env *job.Env, inst *config.Instance, node string, reinstall bool) error {
	os, err := c.find(ctx, env.Nodes, node)
	if err != nil {
		return err
	}
	if !os.Trusted {
		return fault.Exec("Cannot create install instance because an install image has not been specified")
	}
	var extra map[string]string
	if reinstall {
		extra = map[string]string{"INSTANCE_REINSTALL": "1"}
	}
	vars, err := c.environment(ctx, env, os, inst, extra)
	if err != nil {
		return err
	}
	return runScript(ctx, env, inst, node, "create", os.Create(vars))
}

// rename runs the rename script, in the same way; old is the name that the instance had.
func (c osChoice) rename(ctx context.Context, env *job.Env, inst *config.Instance, node, old string) error {
	os, err := c.find(ctx, env.Nodes, node)
	if err != nil {
		return err
	}
	vars, err := c.environment(ctx, env, os, inst, nil)
	if err != nil {
		return err
	}
	return runScript(ctx, env, inst, node, "rename", os.Rename(vars, old))
}

func (c osChoice) find(ctx context.Context, r remote.Runner, node string) (osdef.OS, error) {
	base, _ := osdef.Split(c.name)
	os, err := osdef.Find(ctx, r, node, base)
	if err == nil && !os.Valid {
		err = fault.Exec("%s", os.Reason)
	}
	return os, err
}

func (c osChoice) environment(ctx context.Context, env *job.Env, os osdef.OS, inst *config.Instance, extra map[string]string) (map[string]string, error) {
	primary := on(env, env.Config.NodeName(inst.PrimaryNode))
	var failed error
	target := osdef.TargetOf(env.Config, inst, func(d *config.Disk) (string, string) {
		path, noPath := primary.Path(ctx, d)
		uri, noURI := primary.URI(ctx, d)
		failed = errors.Join(failed, noPath, noURI)
		return path, uri
	})
	if failed != nil {
		return nil, failed
	}
	return os.Environment(target, c.values, extra, env.Debug)
}

// runScript runs a script of a kind detached on the node, and follows it.
func runScript(ctx context.Context, env *job.Env, inst *config.Instance, node, kind string, script remote.Cmd) error {
	out, err := runDurably(ctx, env, node, fmt.Sprintf("os-%s-%d-%s", kind, env.Job, inst.UUID), script)
	if isUnknown(err) {
		return err
	}
	if said := osdef.Judge(kind, out); said != nil {
		return said
	}
	return err
}

// runDurably runs a command detached on the node, so that neither a lost connection nor the end of this process ends it, and follows
// it. What is not known to have ended is left there for whoever looks into it.
func runDurably(ctx context.Context, env *job.Env, node, id string, c remote.Cmd) (remote.Result, error) {
	if err := env.Nodes.Start(ctx, node, id, c); err != nil {
		return remote.Result{}, err
	}
	out, err := env.Nodes.Follow(ctx, node, id)
	if isUnknown(err) {
		return out, err
	}
	return out, errors.Join(err, env.Nodes.Forget(context.WithoutCancel(ctx), node, id))
}
