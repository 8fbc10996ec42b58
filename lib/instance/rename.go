package instance

import (
	"context"
	"errors"
	"path"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// Rename gives an instance that does not run another name.
type Rename struct {
	Name      string `json:"instance_name"`
	NewName   string `json:"new_name"`
	NameCheck bool   `json:"name_check"`
	IPCheck   bool   `json:"ip_check"`
}

// OpID is the operation's name in job files.
func (Rename) OpID() string { return "OP_INSTANCE_RENAME" }

// Work starts it.
func (op Rename) Work(env *job.Env) job.Work {
	return &rename{Rename: op, onOne: onOne{env: env, name: op.Name}}
}

type rename struct {
	Rename
	onOne
	resolved bool
	before   string
	dir      string // of its files, "" when it has none
}

// Locks are both names, so that nobody makes an instance of the new one meanwhile.
func (w *rename) Locks(cfg *config.Config) ([]job.Lock, error) {
	if w.IPCheck && !w.NameCheck {
		return nil, fault.Refuse(fault.WrongInput, "IP address check requires a name check")
	}
	locks, err := w.onOne.Locks(cfg)
	if err != nil {
		return nil, err
	}
	if err := w.resolve(cfg); err != nil {
		return nil, err
	}
	if inst, _ := find(cfg, w.Name); inst.Name == w.NewName {
		return locks, nil
	}
	if cfg.InstanceByName(w.NewName) != nil {
		return nil, fault.Refuse(fault.Exists, "Instance '%s' is already in the cluster", w.NewName)
	}
	return append(locks, job.Lock{Level: job.LevelInstance, Name: w.NewName}), nil
}

// resolve finds the full new name, once, and looks whether somebody has its address.
func (w *rename) resolve(cfg *config.Config) error {
	if w.resolved {
		return nil
	}
	name, err := config.NormalizeHost(w.NewName)
	if err != nil {
		return err
	}
	w.NewName, w.resolved = name, true
	if !w.NameCheck {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	host, err := resolve.Name(ctx, w.env.Nodes, cfg.MasterNode().Name, name, cfg.Cluster.PrimaryIPFamily)
	if err != nil {
		return err
	}
	if host.Name != name {
		w.env.Info("Resolved given name '%s' to '%s'", name, host.Name)
	}
	if _, ok := unit.MatchName(name, []string{host.Name}); !ok {
		return fault.Refuse(fault.WrongInput, "Resolved hostname '%s' does not look the same as given hostname '%s'", host.Name, name)
	}
	w.NewName = host.Name
	if w.IPCheck && resolve.Answers(ctx, host.IP, nodedPort) {
		return fault.Refuse(fault.NotUnique, "IP %s of instance %s already in use", host.IP, w.NewName)
	}
	return nil
}

func (w *rename) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	for _, d := range w.env.Config.InstanceDisks(w.inst) {
		if !disk.InFiles(d.DevType) || w.NewName == w.inst.Name {
			continue
		}
		if err := checkTemplate(w.env.Config, d.DevType); err != nil {
			return err
		}
	}
	if err := checkOnline(w.primary()); err != nil {
		return err
	}
	w.before = w.inst.Name
	return checkState(ctx, w.env, w.inst, notRunningStates, "cannot rename")
}

func (w *rename) Hooks() *hooks.Plan {
	cfg := w.env.Config
	return onInstance(cfg, cfg.Instance(w.inst.UUID), "instance-rename", map[string]string{"INSTANCE_NEW_NAME": w.NewName})
}

// Run records the new name first, as Ganeti does: from then on all errors say so.
func (w *rename) Run(ctx context.Context) (any, error) {
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.recordName),
		job.Do("", w.renameDir),
		job.Do("", w.prepare),
		job.Do("", w.setInfo),
		job.Do("", w.runScript),
	})
	return w.inst.Name, err
}

// recordName changes the paths of files too: they are below a directory named after the instance.
func (w *rename) recordName(ctx context.Context) error {
	uuid := w.inst.UUID
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		inst := cfg.Instance(uuid)
		if inst == nil {
			return fault.Exec("Unknown instance '%s'", uuid)
		}
		inst.Name = w.NewName
		for _, d := range cfg.InstanceDisks(inst) {
			if file := d.Path(); (d.DevType == config.DTFile || d.DevType == config.DTSharedFile) && len(d.LogicalID) == 2 {
				w.dir = path.Dir(file)
				d.LogicalID = config.LogicalID{d.LogicalID[0], path.Join(path.Dir(w.dir), w.NewName, path.Base(file))}
			}
		}
		return nil
	})
	w.inst = w.env.Config.Instance(uuid)
	return err
}

func (w *rename) renameDir(ctx context.Context) error {
	if w.dir == "" || w.before == w.NewName {
		return nil
	}
	node, to := w.primary().Name, path.Join(path.Dir(w.dir), w.NewName)
	if err := filedisk.RenameDir(ctx, w.env.Nodes, node, w.dir, to); err != nil {
		return fault.Exec("Could not rename on node %s directory '%s' to '%s' (but the instance has been renamed in Ganeti): %w", node, w.dir, to, err)
	}
	return nil
}

func (w *rename) prepare(ctx context.Context) error {
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	err := attachDisks(ctx, w.env, w.inst, w.primary().Name)
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, w.detach(ctx, w.primary().Name))
}

// setInfo notes the new name with the disks on all nodes. Where that fails it is only warned of.
func (w *rename) setInfo(ctx context.Context) error {
	cfg := w.env.Config
	for i, d := range cfg.InstanceDisks(w.inst) {
		for _, uuid := range cfg.InstanceNodes(w.inst) {
			node, err := cfg.Node(uuid), error(fault.Exec("Node is marked offline"))
			if !node.Offline {
				err = w.on(node.Name).SetInfo(ctx, w.inst.Name, d)
			}
			if isUnknown(err) {
				return err
			}
			if err != nil {
				w.env.Warn("Error setting info on node %s for disk %d: %v", node.Name, i, err)
			}
		}
	}
	return nil
}

// runScript tells the OS. That it fails is only warned of.
func (w *rename) runScript(ctx context.Context) error {
	if w.inst.OS == "" {
		return w.detach(ctx, w.primary().Name)
	}
	choice, err := newOSChoice(w.env.Config, w.inst, nil, false)
	if err == nil {
		err = choice.rename(ctx, w.env, w.inst, w.primary().Name, w.before)
	}
	if isUnknown(err) {
		return err
	}
	if err != nil {
		w.env.Warn("Could not run OS rename script for instance %s on node %s (but the instance has been renamed in Ganeti): %v",
			w.inst.Name, w.primary().Name, err)
	}
	return w.detach(ctx, w.primary().Name)
}
