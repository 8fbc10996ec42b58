package instance

import (
	"context"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Patience with a node that does not say how far it is, and with disks that look degraded for a moment. Seconds, as Ganeti has them.
var (
	syncSilent   = 6 * time.Second
	syncDegraded = time.Second
	syncShortest = time.Second
	syncLook     = 3 * time.Second // Gantry's own
)

const (
	syncTries     = 10
	syncLongest   = 60
	syncNoIdea    = 5
	degradedTries = 10
)

// syncing is the watching of disks until their mirrors are alike.
type syncing struct {
	env      *job.Env
	instance string
	node     string // where the disks are in use
	disks    []*config.Disk
	once     bool // look once, whatever there is to see
}

// wait says whether the disks are whole in the end; those that are only on their way there count as whole when looking once.
func (w *syncing) wait(ctx context.Context) (bool, error) {
	if len(w.disks) == 0 {
		return true, nil
	}
	if !w.once {
		w.env.Info("Waiting for instance %s to sync disks", w.instance)
	}
	degraded, failures := degradedTries, 0
	for {
		states, err := on(w.env, w.node).Statuses(ctx, w.disks)
		if err != nil {
			w.env.Warn("Can't get any data from node %s: %v", w.node, err)
			if failures++; failures >= syncTries {
				return false, fault.Exec("Can't contact node %s for mirror data, aborting.", w.node)
			}
			if err := sleep(ctx, syncSilent); err != nil {
				return false, err
			}
			continue
		}
		failures = 0
		done, whole, left := w.look(states)
		if (done || w.once) && !whole && degraded > 0 {
			degraded--
			if err := sleep(ctx, syncDegraded); err != nil {
				return false, err
			}
			continue
		}
		if done {
			w.env.Info("Instance %s's disks are in sync", w.instance)
		}
		if done || w.once {
			return whole, nil
		}
		if err := w.rest(ctx, max(syncShortest, min(syncLongest, time.Duration(left))*time.Second)); err != nil {
			return false, err
		}
	}
}

// rest waits that long, or until nothing is synchronized any more: what DRBD estimates in the first moments is far too much.
func (w *syncing) rest(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		if err := sleep(ctx, min(syncLook, time.Until(end))); err != nil || !time.Now().Before(end) {
			return err
		}
		states, err := on(w.env, w.node).Statuses(ctx, w.disks)
		if err != nil || !slices.ContainsFunc(states, func(s *drbd.Status) bool { return s == nil || s.Percent() != nil }) {
			return nil // the caller looks itself
		}
	}
}

// look tells of disks that are still being synchronized: whether there are none, whether all others are whole, and how many seconds
// the slowest needs.
func (w *syncing) look(states []*drbd.Status) (done, whole bool, left int64) {
	done, whole = true, true
	n := -1
	for _, d := range w.disks {
		if d.DevType != config.DTDRBD {
			continue
		}
		n++
		s := states[n]
		if s == nil {
			w.env.Warn("Can't compute data for node %s/%s", w.node, d.IVName)
			continue
		}
		percent := s.Percent()
		if percent == nil {
			whole = whole && !s.Degraded()
			continue
		}
		done = false
		estimate := "no time estimate"
		if s.Left != nil {
			estimate = unit.FormatSeconds(float64(*s.Left)) + " remaining (estimated)"
			left = max(left, *s.Left)
		} else {
			left = max(left, syncNoIdea)
		}
		w.env.Info("- device %s: %5.2f%% done, %s", d.IVName, *percent, estimate)
	}
	return done, whole, left
}

// waitSynced waits for disks of an instance, or only looks once.
func waitSynced(ctx context.Context, env *job.Env, inst *config.Instance, node string, disks []*config.Disk, once bool) (bool, error) {
	return (&syncing{env: env, instance: inst.Name, node: node, disks: disks, once: once}).wait(ctx)
}
