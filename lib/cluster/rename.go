package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// Rename gives the cluster another name, and the address that goes with it.
type Rename struct {
	Name string `json:"name"`
}

// OpID is the operation's name in job files.
func (Rename) OpID() string { return "OP_CLUSTER_RENAME" }

// Work starts it.
func (op Rename) Work(env *job.Env) job.Work { return &rename{Rename: op, env: env} }

type rename struct {
	Rename
	env  *job.Env
	next resolve.Host
}

func (w *rename) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *rename) Check(ctx context.Context) (err error) {
	c := &w.env.Config.Cluster
	if w.next, err = resolve.Name(ctx, w.env.Nodes, w.env.Config.MasterNode().Name, w.Name, c.PrimaryIPFamily); err != nil {
		return err
	}
	if w.next.Name == c.ClusterName && w.next.IP == c.MasterIP {
		return fault.Refuse(fault.WrongInput, "Neither the name nor the IP address of the cluster has changed")
	}
	if w.next.IP != c.MasterIP && resolve.Answers(ctx, w.next.IP, nodePort) {
		return fault.Refuse(fault.NotUnique, "The given cluster IP address (%s) is reachable on the network", w.next.IP)
	}
	return nil
}

func (w *rename) Hooks() *hooks.Plan {
	var all []string
	for _, n := range w.env.Config.Nodes {
		all = append(all, n.Name)
	}
	return &hooks.Plan{Path: "cluster-rename", Pre: []string{w.env.Config.MasterNode().Name}, Post: all,
		Env: map[string]string{"OP_TARGET": w.env.Config.Cluster.ClusterName, "NEW_NAME": w.next.Name}}
}

// Run returns the new name. The host keys are noted under both names first, so that every node can be reached whatever fails.
func (w *rename) Run(ctx context.Context) (any, error) {
	if err := w.env.Fenced(ctx); err != nil { // the host keys are in a file of this machine, before which nobody asks
		return nil, err
	}
	old := w.env.Config.Cluster
	known := filepath.Join(config.DataDir, "known_hosts")
	return w.next.Name, job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", func(context.Context) error { return addAlias(known, old.ClusterName, w.next.Name) }),
		job.Do("", w.stop).Undo(w.start),
		job.Do("", w.record),
		job.Do("", func(context.Context) error { return dropAlias(known, old.ClusterName, w.next.Name) }),
		job.Do("", func(ctx context.Context) error { shareFiles(ctx, w.env); return nil }),
		job.Do("", w.start),
	})
}

func (w *rename) stop(ctx context.Context) error {
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, "stop"); trouble != "" {
		return fault.Exec("Could not disable the master role: %s", trouble)
	}
	return nil
}

// start brings up the address that the configuration says. That it fails takes nothing back.
func (w *rename) start(ctx context.Context) error {
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, "start"); trouble != "" {
		w.env.Warn("Could not re-enable the master role on the master, please restart manually: %s", unit.SafeText(trouble))
	}
	return nil
}

func (w *rename) record(ctx context.Context) error {
	return w.env.Update(ctx, func(cfg *config.Config) error {
		cfg.Cluster.ClusterName, cfg.Cluster.MasterIP = w.next.Name, w.next.IP
		cfg.Cluster.Touch(w.env.Clock())
		return nil
	})
}

// addAlias notes the host keys that stand under one name under another as well.
func addAlias(path, name, also string) error {
	return rewrite(path, func(line string) []string {
		if key, ok := strings.CutPrefix(line, name+" "); ok && also != name {
			return []string{line, also + " " + key}
		}
		return []string{line}
	})
}

// dropAlias takes away what stands under one name, unless it is the one that stays.
func dropAlias(path, name, stays string) error {
	return rewrite(path, func(line string) []string {
		if strings.HasPrefix(line, name+" ") && name != stays {
			return nil
		}
		return []string{line}
	})
}

// rewrite replaces each line of a file of this machine, the whole file at once.
func rewrite(path string, change func(line string) []string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	seen := map[string]bool{}
	for line := range strings.Lines(string(old)) {
		for _, l := range change(line) {
			if !seen[l] {
				text.WriteString(l)
				seen[l] = true
			}
		}
	}
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text.Bytes())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil { // a name on the disk whose content is not would be no trust at all
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}
