package job

import (
	"context"
	"errors"
	"slices"

	"gantry/lib/config"
)

// Reserve takes space, addresses, minors and names for this job. choose gets a configuration, open reservations included,
// and says what to take; it may first be called outside the configuration's lock, and is called once more under it if
// somebody else committed meanwhile: it must change nothing. What it takes is the job's until Convert gives it up, or until
// the operation ends.
func (e *Env) Reserve(ctx context.Context, choose func(cfg *config.Config) ([]config.Reservation, error)) error {
	now, err := e.runner.Store.Load()
	if err != nil {
		return err
	}
	chosen, err := choose(now)
	if err != nil {
		return err
	}
	return e.Update(ctx, func(cfg *config.Config) (err error) {
		take := chosen
		if cfg.Epoch != now.Epoch || cfg.Serial != now.Serial {
			if take, err = choose(cfg); err != nil {
				return err
			}
		}
		for _, r := range take {
			r.Job = e.Job
			cfg.Reservations = append(cfg.Reservations, &r)
		}
		return nil
	})
}

// Convert gives up those reservations of this job that the real objects have taken the place of; nil means all. It is
// called within Update, in the same transaction that adds the objects.
func (e *Env) Convert(cfg *config.Config, converted func(r *config.Reservation) bool) {
	cfg.Reservations = slices.DeleteFunc(cfg.Reservations, func(r *config.Reservation) bool {
		return r.Job == e.Job && (converted == nil || converted(r))
	})
}

// dropReservations gives up at the end of an operation what it has not converted, unless the fate of a command is open: a
// volume may then be there although nobody saw it come.
func (e *Env) dropReservations(ctx context.Context) error {
	mine := func(r *config.Reservation) bool { return r.Job == e.Job }
	if e.writes == 0 || !slices.ContainsFunc(e.Config.Reservations, mine) || e.runner.hasOpen() {
		return nil
	}
	return e.Update(ctx, func(cfg *config.Config) error {
		e.Convert(cfg, nil)
		return nil
	})
}

// sweep drops the reservations of other jobs that have ended and left nothing open. It rides on every transaction.
func (r *runner) sweep(cfg *config.Config) {
	kept := map[int]bool{r.id: true}
	cfg.Reservations = slices.DeleteFunc(cfg.Reservations, func(x *config.Reservation) bool {
		keep, known := kept[x.Job]
		if !known {
			j, err := r.queue.Load(x.Job)
			keep = err != nil && !errors.Is(err, ErrNoJob) || err == nil && (!j.Status().Final() || j.hasOpen())
			kept[x.Job] = keep
		}
		return !keep
	})
}
