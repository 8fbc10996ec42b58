package verify

import (
	"context"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Config verifies the configuration by itself, without asking a node.
type Config struct {
	Options
}

// OpID is the operation's name in job files.
func (Config) OpID() string { return "OP_CLUSTER_VERIFY_CONFIG" }

// Work starts it.
func (op Config) Work(env *job.Env) job.Work {
	return &configuration{env: env, report: report{Options: op.Options, say: env.Say}}
}

type configuration struct {
	env *job.Env
	report
}

// Locks keep everything as it is.
func (w *configuration) Locks(*config.Config) ([]job.Lock, error) {
	var locks []job.Lock
	for _, level := range []job.Level{job.LevelInstance, job.LevelNodeGroup, job.LevelNode, job.LevelNetwork} {
		locks = append(locks, job.Lock{Level: level, Name: job.All, Shared: true})
	}
	return locks, nil
}

func (w *configuration) Check(context.Context) error { return nil }

func (w *configuration) Hooks() *hooks.Plan { return nil }

func (w *configuration) Run(context.Context) (any, error) {
	cfg := w.env.Config
	w.heading("Verifying cluster config")
	for _, text := range inconsistencies(cfg) {
		w.errorf("ECLUSTERCFG", "", "%s", text)
	}
	if err := w.leftovers(); err != nil {
		return nil, err
	}
	w.heading("Verifying cluster certificate files") // those of daemons are not there
	w.certificates(config.DataDir)
	w.heading("Verifying hypervisor parameters")
	for _, set := range parameterSets(cfg) {
		if err := checkParameters(set); err != nil {
			// the names are the wrong way round, as in Ganeti
			w.errorf("ECLUSTERCFG", "", "hypervisor %s parameters syntax check (source %s): %v", set.source, set.hypervisor, err)
		}
	}
	w.heading("Verifying all nodes belong to an existing group")
	w.dangling(cfg)
	return !w.bad, nil
}

// leftovers are what jobs that have ended left behind: changes nobody knows the end of, and reservations.
func (w *configuration) leftovers() error {
	open, err := w.env.OpenIntents()
	if err != nil {
		return err
	}
	for _, o := range open {
		w.errorf("ECLUSTERCFG", "", "%s", o)
	}
	for _, r := range w.env.Config.Reservations {
		if w.env.Ended(r.Job) {
			w.warnf("ECLUSTERCFG", "", "job %d has ended and still has reserved %s", r.Job, reserved(w.env.Config, r))
		}
	}
	return nil
}

// reserved names what a reservation takes.
func reserved(cfg *config.Config, r *config.Reservation) string {
	var what []string
	add := func(is bool, format string, args ...any) {
		if is {
			what = append(what, fmt.Sprintf(format, args...))
		}
	}
	add(r.Name != "", "the name %s", r.Name)
	add(r.MiB != 0, "%d MiB in volume group %s", r.MiB, r.VG)
	add(r.Memory != 0, "%d MiB of memory", r.Memory)
	add(r.Minor != nil, "a DRBD minor")
	add(r.Port != 0, "port %d", r.Port)
	add(r.IP != "", "address %s", r.IP)
	add(r.MAC != "", "MAC address %s", r.MAC)
	if name := cfg.NodeName(r.Node); name != "" {
		return comma(what) + " on node " + name
	}
	return comma(what)
}

// parameterSet is the hypervisor parameters of the cluster, of an OS or of an instance, filled.
type parameterSet struct {
	source, hypervisor string
	params             config.Params
}

// parameterSets are all that somebody has set. Instances without own parameters have those of their OS or the cluster.
func parameterSets(cfg *config.Config) []parameterSet {
	var sets []parameterSet
	for _, hv := range cfg.Cluster.EnabledHypervisors {
		sets = append(sets, parameterSet{"cluster", hv, cfg.HVDefaults(hv, "")})
	}
	for _, os := range sorted(cfg.Cluster.OSHVP) {
		for _, hv := range sorted(cfg.Cluster.OSHVP[os]) {
			if len(cfg.Cluster.OSHVP[os][hv]) > 0 {
				sets = append(sets, parameterSet{"os " + os, hv, cfg.HVDefaults(hv, os)})
			}
		}
	}
	for _, inst := range cfg.Instances {
		if len(inst.HVParams) > 0 {
			sets = append(sets, parameterSet{"instance " + inst.Name, inst.Hypervisor, cfg.FilledHV(inst)})
		}
	}
	return sets
}

func checkParameters(set parameterSet) error {
	if _, err := config.HVTable(set.hypervisor).Force(set.params); err != nil {
		return err
	}
	return config.CheckHV(set.hypervisor, set.params)
}

// dangling finds nodes and instances that no group's verification would see.
func (w *configuration) dangling(cfg *config.Config) {
	var nodes, homeless []string
	for _, n := range cfg.Nodes {
		if cfg.Group(n.Group) != nil {
			continue
		}
		var names []string
		primary, _ := cfg.NodeInstances(n.UUID)
		for _, inst := range primary {
			names = append(names, inst.Name)
		}
		nodes = append(nodes, fmt.Sprintf("%s (%s)", n.Name, comma(names)))
	}
	for _, inst := range cfg.Instances {
		if cfg.Node(inst.PrimaryNode) == nil {
			homeless = append(homeless, inst.Name)
		}
	}
	w.errorIf(nodes != nil, "ECLUSTERDANGLINGNODES", "", "the following nodes (and their instances) belong to a non existing group: %s", comma(nodes))
	w.errorIf(homeless != nil, "ECLUSTERDANGLINGINST", "", "the following instances have a non-existing primary-node: %s", comma(homeless))
}
