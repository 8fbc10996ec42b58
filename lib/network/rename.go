package network

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Rename gives a network another name. All that refers to it does so by its UUID.
type Rename struct {
	Name    string `json:"network_name"`
	NewName string `json:"new_name"`
}

// OpID is the operation's name in job files.
func (Rename) OpID() string { return "OP_NETWORK_RENAME" }

// Work starts it.
func (op Rename) Work(env *job.Env) job.Work { return &rename{Rename: op, env: env} }

type rename struct {
	Rename
	env *job.Env
	net *config.Network
}

func (w *rename) Locks(cfg *config.Config) ([]job.Lock, error) {
	if w.NewName == "" {
		return nil, fault.EmptyValue("new_name")
	}
	n, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return lockNetwork(n), nil
}

func (w *rename) Check(context.Context) (err error) {
	if w.net, err = find(w.env.Config, w.Name); err != nil {
		return err
	}
	return w.unused(w.env.Config)
}

func (w *rename) unused(cfg *config.Config) error {
	if other := cfg.NetworkByName(w.NewName); other != nil {
		return fault.Refuse(fault.Exists, "Desired new name '%s' clashes with existing network (UUID: %s)", w.NewName, other.UUID)
	}
	return nil
}

// Hooks are told of both names.
func (w *rename) Hooks() *hooks.Plan {
	return onMaster(w.env.Config, "network-rename", map[string]string{"OLD_NAME": w.net.Name, "NEW_NAME": w.NewName})
}

func (w *rename) Run(ctx context.Context) (any, error) {
	return w.NewName, w.env.Update(ctx, func(cfg *config.Config) error {
		n, err := find(cfg, w.net.UUID)
		if err != nil {
			return err
		}
		if err := w.unused(cfg); err != nil {
			return err
		}
		n.Name = w.NewName
		n.Stamp.Touch(w.env.Clock())
		return nil
	})
}
