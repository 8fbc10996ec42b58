package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// RenewCrypto gives root new SSH keys on the master candidates. The certificates of nodes that Ganeti renews with it are not there.
type RenewCrypto struct {
	SSHKeys    bool   `json:"renew_ssh_keys"`
	SSHKeyType string `json:"ssh_key_type,omitempty"`
	SSHKeyBits int    `json:"ssh_key_bits,omitempty"`
}

// OpID is the operation's name in job files.
func (RenewCrypto) OpID() string { return "OP_CLUSTER_RENEW_CRYPTO" }

// Work starts it.
func (op RenewCrypto) Work(env *job.Env) job.Work { return &renewal{RenewCrypto: op, env: env} }

type renewal struct {
	RenewCrypto
	env        *job.Env
	old        string   // type of the keys so far
	all        []string // nodes that are not offline
	candidates []string
	gone, made []string // public keys
}

func (w *renewal) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelNode, Name: job.All}}, nil
}

func (w *renewal) Check(context.Context) error {
	c := &w.env.Config.Cluster
	if w.SSHKeys && !c.ModifySSHSetup {
		return fault.Refuse(fault.WrongState, "The SSH keys of this cluster are not its own affair (--no-ssh-init)")
	}
	if w.SSHKeys && c.SSHIdentity != "" {
		return fault.Refuse(fault.WrongState, "The SSH key of this cluster is %s, which is not its own to renew", c.SSHIdentity)
	}
	w.old = c.SSHKeyType
	if w.SSHKeyType == "" {
		w.SSHKeyType = w.old
	}
	if w.SSHKeyBits == 0 && w.SSHKeyType == w.old {
		w.SSHKeyBits = c.SSHKeyBits
	}
	var err error
	if w.SSHKeyBits, err = keyBits(w.SSHKeyType, w.SSHKeyBits); err != nil {
		return err
	}
	for _, n := range w.env.Config.Nodes {
		if n.Offline {
			continue
		}
		w.all = append(w.all, n.Name)
		if n.MasterCandidate {
			w.candidates = append(w.candidates, n.Name)
		}
	}
	return nil
}

func (w *renewal) Hooks() *hooks.Plan { return nil }

// Run lets the new keys in everywhere before the first of them is used, and the old ones until all are. A node that does not
// answer stops it while that is possible.
func (w *renewal) Run(ctx context.Context) (any, error) {
	if !w.SSHKeys {
		return nil, nil
	}
	w.env.Say("Renewing SSH keys")
	return nil, job.Run(ctx, w.env.Say, []job.Step{
		whole(w.make, w.onCandidates("drop")),
		whole(w.authorize, w.unauthorize),
		whole(w.onCandidates("use"), w.onCandidates("back")),
		job.Do("", w.record),
		job.Do("", w.forget),
	})
}

// whole is a step on many nodes that is taken back on all of them when it fails on one.
func whole(do, undo func(context.Context) error) job.Step {
	return job.Do("", func(ctx context.Context) error {
		err := do(ctx)
		if e, ok := errors.AsType[*remote.Error](err); err == nil || ok && e.Outcome == remote.Unknown {
			return err
		}
		return errors.Join(err, undo(context.WithoutCancel(ctx)))
	}).Undo(undo)
}

//go:embed keys.sh
var keysScript string

func (w *renewal) keys(action string) remote.Cmd {
	args := []string{action, w.old, w.SSHKeyType}
	if action == "make" && w.SSHKeyBits > 0 {
		args = append(args, strconv.Itoa(w.SSHKeyBits))
	}
	c := remote.Script(keysScript, args...)
	c.Changes = action + " root's new key"
	return c
}

func (w *renewal) make(ctx context.Context) error {
	for _, r := range remote.Each(ctx, w.candidates, 0, func(ctx context.Context, node string) (remote.Result, error) {
		return w.env.Nodes.Run(ctx, node, w.keys("make"))
	}) {
		if r.Err != nil {
			return fmt.Errorf("making root's new key: %w", r.Err)
		}
		lines := strings.Split(strings.TrimRight(string(r.Value.Stdout), "\n"), "\n")
		if len(lines) != 2 || lines[1] == "" {
			return fault.Exec("Node %s has not said what its new key is: %q", r.Node, r.Value.Stdout)
		}
		w.gone, w.made = append(w.gone, lines[0]), append(w.made, lines[1])
	}
	w.gone = slices.DeleteFunc(w.gone, func(key string) bool { return key == "" })
	return nil
}

func (w *renewal) onCandidates(action string) func(context.Context) error {
	return func(ctx context.Context) error { return w.each(ctx, w.candidates, w.keys(action)) }
}

func (w *renewal) authorize(ctx context.Context) error {
	return w.each(ctx, w.all, ancillary.Authorize(w.made))
}

func (w *renewal) unauthorize(ctx context.Context) error {
	return w.each(ctx, w.all, ancillary.Revoke(w.made))
}

func (w *renewal) each(ctx context.Context, nodes []string, c remote.Cmd) error {
	for _, r := range remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (remote.Result, error) {
		return w.env.Nodes.Run(ctx, node, c)
	}) {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (w *renewal) record(ctx context.Context) error {
	c := &w.env.Config.Cluster
	if c.SSHKeyType == w.SSHKeyType && c.SSHKeyBits == w.SSHKeyBits {
		return nil
	}
	return w.env.Update(ctx, func(cfg *config.Config) error {
		cfg.Cluster.SSHKeyType, cfg.Cluster.SSHKeyBits = w.SSHKeyType, w.SSHKeyBits
		cfg.Cluster.Touch(w.env.Clock())
		return nil
	})
}

// forget takes the old keys away. What is left of them somewhere is told; the new ones are in use by now.
func (w *renewal) forget(ctx context.Context) error {
	for _, c := range []struct {
		nodes []string
		cmd   remote.Cmd
	}{{w.all, ancillary.Revoke(w.gone)}, {w.candidates, w.keys("forget")}} {
		for _, r := range remote.Each(ctx, c.nodes, 0, func(ctx context.Context, node string) (remote.Result, error) {
			return w.env.Nodes.Run(ctx, node, c.cmd)
		}) {
			if r.Err != nil {
				w.env.Warn("The old keys are still there: %v", r.Err)
			}
		}
	}
	for _, n := range w.env.Config.Nodes {
		if n.Offline {
			w.env.Warn("Node %s is offline: it still takes the old keys only. Bring it back with gnt-node add --readd", n.Name)
		}
	}
	return nil
}
