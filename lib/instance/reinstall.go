package instance

import (
	"context"
	"encoding/json"
	"errors"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/osdef"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Reinstall runs the create script of an instance's OS once more, or that of another OS. All data is lost.
type Reinstall struct {
	Name            string         `json:"instance_name"`
	OSType          string         `json:"os_type,omitempty"` // empty keeps the OS
	ForceVariant    bool           `json:"force_variant"`
	OSParams        map[string]any `json:"osparams"`
	OSParamsPrivate Private        `json:"osparams_private"`
	OSParamsSecret  Private        `json:"osparams_secret"`
}

// Secrets are the values that the job file does not show.
func (op Reinstall) Secrets() map[string]json.RawMessage {
	return job.Hide(map[string]Private{"osparams_private": op.OSParamsPrivate, "osparams_secret": op.OSParamsSecret})
}

// OpID is the operation's name in job files.
func (Reinstall) OpID() string { return "OP_INSTANCE_REINSTALL" }

// Work starts it.
func (op Reinstall) Work(env *job.Env) job.Work { return &reinstall{Reinstall: op, env: env} }

type reinstall struct {
	Reinstall
	env  *job.Env
	inst *config.Instance // with the new OS and parameters
	node *config.Node
	os   osChoice
}

func (w *reinstall) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := checkImageName(w.OSParams); err != nil {
		return nil, err
	}
	inst, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(inst)}, nil
}

func (w *reinstall) Check(ctx context.Context) error {
	cfg := w.env.Config
	inst, err := find(cfg, w.Name)
	if err != nil {
		return err
	}
	w.node = cfg.Node(inst.PrimaryNode)
	if w.node.Offline {
		return fault.Refuse(fault.WrongState, "Instance primary node offline, cannot reinstall: %s", w.node.Name)
	}
	if len(inst.Disks) == 0 {
		return fault.Refuse(fault.WrongInput, "Instance '%s' has no disks", inst.Name)
	}
	if err := CheckDown(ctx, w.env, inst, "cannot reinstall"); err != nil {
		return err
	}
	w.inst = w.changed(inst)
	if w.os, err = newOSChoice(cfg, w.inst, w.OSParamsSecret, w.ForceVariant); err != nil {
		return err
	}
	if err := w.os.check(ctx, w.env.Nodes, cfg, cfg.InstanceNodes(inst)); err != nil {
		return err
	}
	if image := imageOf(w.inst.OSParams); image != "" {
		return disk.CheckImage(ctx, w.env.Nodes, w.node.Name, image, cfg.InstanceDisks(inst)[0].Size)
	}
	return nil
}

// changed is the instance with what the operation changes.
func (w *reinstall) changed(inst *config.Instance) *config.Instance {
	changed := *inst
	if w.OSType != "" {
		changed.OS = w.OSType
	}
	changed.OSParams = inst.OSParams.Update(w.OSParams)
	changed.OSParamsPrivate = inst.OSParamsPrivate.Update(w.OSParamsPrivate)
	return &changed
}

// changes says whether the configuration will be another one.
func (w *reinstall) changes() bool {
	return w.OSType != "" || len(w.OSParams) > 0 || len(w.OSParamsPrivate) > 0
}

func (w *reinstall) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "instance-reinstall", nil)
}

func (w *reinstall) Run(ctx context.Context) (any, error) {
	if image := imageOf(w.OSParams); image != "" {
		w.env.Say("Using OS image '%s'", image)
	}
	if w.OSType != "" {
		w.env.Say("Changing OS scripts to '%s'...", w.OSType)
	}
	if w.inst.OS == "" && imageOf(w.inst.OSParams) == "" {
		w.env.Info("No OS scripts or OS image specified or found in the instance's configuration, nothing to install")
		return nil, nil
	}
	if w.changes() {
		if err := w.record(ctx); err != nil {
			return nil, err
		}
	}
	err := attachDisks(ctx, w.env, w.inst, w.node.Name)
	if err == nil {
		err = w.install(ctx)
	}
	if isUnknown(err) {
		return nil, err
	}
	return nil, errors.Join(err, detachDisks(context.WithoutCancel(ctx), w.env.Nodes, w.env.Config, w.inst, w.node.Name))
}

// install writes the image, if there is one, and runs the scripts of the OS, if there is one.
func (w *reinstall) install(ctx context.Context) error {
	if image := imageOf(w.inst.OSParams); image != "" {
		if err := writeImage(ctx, w.env, w.inst, w.node.Name, image, w.env.Config.InstanceDisks(w.inst)[0]); err != nil {
			return err
		}
	}
	if w.inst.OS == "" {
		return nil
	}
	w.env.Info("Running instance OS create scripts...")
	err := w.os.install(ctx, w.env, w.inst, w.node.Name, true)
	if err == nil || isUnknown(err) {
		return err
	}
	return fault.Exec("Could not install OS for instance '%s' on node '%s': %w", w.inst.Name, w.node.Name, err)
}

func (w *reinstall) record(ctx context.Context) error {
	return w.env.Update(ctx, func(cfg *config.Config) error {
		inst := cfg.Instance(w.inst.UUID)
		if inst == nil {
			return fault.Exec("Instance %s has been removed", w.inst.Name)
		}
		if w.OSType != "" { // the scripts see the parameters of the OS before, the configuration forgets them: so it is in Ganeti
			inst.OSParams = nil
		}
		inst.OS, inst.OSParams, inst.OSParamsPrivate = w.inst.OS, inst.OSParams.Update(w.OSParams), w.inst.OSParamsPrivate
		inst.Touch(w.env.Clock())
		return nil
	})
}

// Installable lists the OSes, with their variants, that a node of the cluster has and can use.
func Installable(ctx context.Context, r remote.Runner, cfg *config.Config) ([]string, error) {
	list, err := osdef.Diagnose(ctx, r, cfg.MasterNode().Name)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, os := range list {
		switch {
		case !os.Valid:
		case len(os.Variants) == 0:
			names = append(names, os.Name)
		default:
			for _, variant := range os.Variants {
				names = append(names, os.Name+"+"+variant)
			}
		}
	}
	unit.SortNames(names)
	return names, nil
}
