package job

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/remote"
)

// lockRounds is how often a job tries again when what it has to lock changed while it waited.
const lockRounds = 10

// perform is the course of every operation: locks, open ends of earlier jobs, checks, hooks, the work itself, hooks.
func (r *runner) perform(ctx context.Context, env *Env, work Work) (result any, err error) {
	err = r.lock(ctx, env, work)
	if env.Config != nil { // also when a name is not known: others may be
		if failure := r.complete(env); err == nil {
			err = failure
		}
	}
	if err != nil {
		return nil, err
	}
	if err := r.begin(env.index); err != nil {
		return nil, err
	}
	if err := r.settleEarlier(ctx, env, work); err != nil {
		return nil, err
	}
	r.warm(ctx, env.Config)
	defer func() {
		if IsUnknown(err) { // also when no command was in doubt: the source of a migration cannot be asked how it went on
			err = errors.Join(err, r.w.interrupt())
		}
		err = errors.Join(err, env.dropReservations(context.WithoutCancel(ctx))) // checks may reserve, too
	}()
	if err := work.Check(ctx); err != nil {
		return nil, err
	}
	h := r.newHooks(env, work)
	if err := h.before(ctx); err != nil {
		return nil, err
	}
	if env.DryRun {
		env.Info("dry-run mode requested, not actually executing the operation")
		if w, ok := work.(Rehearsed); ok {
			return w.DryRunResult(), nil
		}
		return nil, nil
	}
	defer h.configChanged(ctx)
	if result, err = work.Run(ctx); err == nil {
		err = r.wasStopped()
	}
	if err != nil {
		return nil, err
	}
	return h.after(ctx, work, result), nil
}

// warm connects to the candidates while the operation still checks: its commit will need them all.
func (r *runner) warm(ctx context.Context, cfg *config.Config) {
	if w, ok := r.Nodes.(interface {
		Warm(ctx context.Context, nodes ...string)
	}); ok {
		w.Warm(ctx, candidates(cfg)...)
	}
}

// begin marks the opcode as running. From here on it can no longer be canceled.
func (r *runner) begin(i int) error {
	if _, err := r.heed(i); err != nil {
		return err
	}
	return r.w.record(r.w.status(i, Running))
}

// lock gets what the work names. What it names may depend on the configuration, so it is asked again with the one that is
// in force when the locks are held; if it then names something else, all goes back and the wait begins anew.
func (r *runner) lock(ctx context.Context, env *Env, work Work) (err error) {
	if env.Config, err = r.Store.Load(); err != nil {
		return err
	}
	want, err := work.Locks(env.Config)
	if err != nil {
		return err
	}
	since := r.queue.Now()
	for range lockRounds {
		err := r.queue.acquire(ctx, r.id, r.bell, want, since, func() (int, error) { return r.heed(env.index) })
		if err != nil {
			return err
		}
		if env.Config, err = r.Store.Load(); err != nil {
			return err
		}
		again, err := work.Locks(env.Config)
		if err != nil {
			return err
		}
		if slices.Equal(normal(want), normal(again)) {
			env.locks = normal(want)
			return nil
		}
		if err := r.queue.dropTicket(r.id); err != nil {
			return err
		}
		want = again
	}
	return fault.Exec("What had to be locked changed %d times while waiting for it, giving up", lockRounds)
}

// settleEarlier deals with open ends of earlier jobs. If that changed what this one has to lock (an instance is found on another node
// than the configuration said), the locks are taken again.
func (r *runner) settleEarlier(ctx context.Context, env *Env, work Work) error {
	before := env.Config
	if err := r.resolve(ctx, env); err != nil || env.Config == before {
		return err
	}
	want, err := work.Locks(env.Config)
	if err != nil || slices.Equal(normal(want), env.locks) {
		return err
	}
	if err := r.queue.dropTicket(r.id); err != nil {
		return err
	}
	if err := r.lock(ctx, env, work); err != nil {
		return err
	}
	return r.resolve(ctx, env) // what others may have left meanwhile
}

// resolve deals with what earlier jobs on these instances left unknown, before anything else is done to them. Kinds that
// nobody resolves stay on the list and are warned of.
func (r *runner) resolve(ctx context.Context, env *Env) error {
	open, err := r.queue.OpenIntents()
	if err != nil || len(open) == 0 {
		return err
	}
	for _, o := range open {
		if o.Job == r.id || !slices.ContainsFunc(o.Instances, env.owns) {
			continue
		}
		f := r.Resolvers[o.Kind()]
		if f == nil {
			f = r.Resolvers[""]
		}
		if f == nil {
			env.Warn("%s", o)
			continue
		}
		switch err := f(ctx, env, o); {
		case errors.Is(err, ErrLater):
			env.Warn("%s; %v", o, err)
			continue
		case err != nil:
			return err
		}
		if err := r.queue.resolved(o, r.id); err != nil {
			return err
		}
	}
	return nil
}

// owns says whether nobody else can do anything to an instance.
func (e *Env) owns(instance string) bool {
	return slices.ContainsFunc(e.locks, func(l Lock) bool {
		return l.Level == LevelInstance && !l.Shared && (l.Name == instance || l.Name == All)
	})
}

// supersede closes the open intents of earlier jobs that this one has carried out itself: the same change on the same node.
// It is how those end that belong to no instance.
func (r *runner) supersede() error {
	open, err := r.queue.OpenIntents()
	if err != nil || len(open) == 0 {
		return err
	}
	mine := r.intents()
	for _, o := range open {
		if o.Job < r.id && slices.ContainsFunc(mine, func(in Intent) bool {
			return in.Outcome == remote.Done.String() && in.Node == o.Node && in.Changes == o.Changes
		}) {
			if err := r.queue.resolved(o, r.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// hooked is the hooks of one operation.
type hooked struct {
	r    *runner
	env  *Env
	work Work
	plan *hooks.Plan
	seen map[string]string // environment of the pre phase
}

func (r *runner) newHooks(env *Env, work Work) *hooked {
	h := &hooked{r: r, env: env, work: work, plan: work.Hooks()}
	if h.plan == nil {
		h.plan = &hooks.Plan{}
	}
	h.seen = hooks.Environment(hooks.Pre, env.Op, h.cluster(env.Config), h.plan, nil)
	return h
}

func (h *hooked) cluster(cfg *config.Config) hooks.Cluster {
	c := hooks.Cluster{Name: cfg.Cluster.ClusterName, DataDir: filepath.Dir(filepath.Clean(h.r.queue.Dir))}
	if master := cfg.MasterNode(); master != nil {
		c.Master = master.Name
	}
	return c
}

// show is a node as Ganeti names it in the texts about hooks: by its UUID.
func (h *hooked) show(node string) string {
	if n := h.env.Config.NodeByName(node); n != nil {
		return n.UUID
	}
	return node
}

// online leaves out the nodes that are marked offline.
func (h *hooked) online(nodes []string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(name string) bool {
		n := h.env.Config.NodeByName(name)
		return n != nil && n.Offline
	})
}

func (h *hooked) before(ctx context.Context) error {
	if h.plan.Path == "" || len(h.plan.Pre) == 0 {
		return nil
	}
	reports := hooks.Run(ctx, h.r.Nodes, h.online(h.plan.Pre), h.plan.Path, hooks.Pre, h.seen)
	for _, line := range hooks.Unreached(reports, h.show) {
		h.env.Warn("%s", line)
	}
	return hooks.Aborted(reports, h.show)
}

// after runs the post hooks and lets the operation look at what they said.
func (h *hooked) after(ctx context.Context, work Work, result any) any {
	if h.plan.Path == "" {
		return result
	}
	plan := work.Hooks()
	if plan == nil || len(plan.Post) == 0 {
		return result
	}
	vars := hooks.Environment(hooks.Post, h.env.Op, h.cluster(h.env.Config), h.plan, plan)
	reports := hooks.Run(ctx, h.r.Nodes, h.online(plan.Post), h.plan.Path, hooks.Post, vars)
	for _, line := range slices.Concat(hooks.Unreached(reports, h.show), hooks.Complaints(reports, h.show)) {
		h.env.Warn("%s", line)
	}
	if w, ok := work.(Heedful); ok {
		return w.HooksRan(reports, result)
	}
	return result
}

// configChanged runs the hooks that follow every change of the configuration, on the master. Ganeti does not look at how
// they end.
func (h *hooked) configChanged(ctx context.Context) {
	if h.env.writes == 0 {
		return
	}
	if err := h.r.queue.setMaxRunning(h.env.Config.Cluster.MaxRunningJobs); err != nil {
		h.r.queue.warn("job %d: %v", h.r.id, err)
	}
	if master := h.env.Config.MasterNode(); master != nil {
		hooks.Run(ctx, h.r.Nodes, []string{master.Name}, hooks.ConfigUpdate, hooks.Post, hooks.ForConfigUpdate(h.seen))
	}
}
