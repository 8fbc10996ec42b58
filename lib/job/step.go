package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gantry/lib/remote"
)

// ErrUnknown is in the chain of an error after which nobody knows whether the change was made. Nothing is undone then.
var ErrUnknown = errors.New("it is not known whether this was done")

// undoLimit bounds each step back.
const undoLimit = 10 * time.Minute

// Step is one step of an operation and the way back from it.
type Step struct {
	what string
	do   func(ctx context.Context) error
	undo func(ctx context.Context) error
}

// Do makes a step. what is shown to the user when it begins; "" shows nothing.
func Do(what string, do func(ctx context.Context) error) Step { return Step{what: what, do: do} }

// Undo gives a step its way back. It must first prove the state that it assumes.
func (s Step) Undo(undo func(ctx context.Context) error) Step {
	s.undo = undo
	return s
}

// Run takes steps in order. When one fails, those before it that have a way back are undone, last first, even if ctx has
// ended; after a step of unknown outcome nothing is. A failing undo does not keep the others from being tried.
func Run(ctx context.Context, say func(format string, args ...any), steps []Step) error {
	for i, s := range steps {
		err := ctx.Err()
		if err == nil {
			if s.what != "" {
				say("* %s", s.what)
			}
			err = s.do(ctx)
		}
		if err != nil {
			if IsUnknown(err) {
				return err
			}
			return errors.Join(err, undo(context.WithoutCancel(ctx), steps[:i]))
		}
	}
	return nil
}

func undo(ctx context.Context, steps []Step) error {
	var all error
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if s.undo == nil {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, undoLimit)
		err := s.undo(limited)
		cancel()
		switch {
		case err == nil:
		case IsUnknown(err):
			return errors.Join(all, fmt.Errorf("undoing \"%s\": %w", s.what, err))
		default:
			all = errors.Join(all, fmt.Errorf("undoing \"%s\": %w", s.what, err))
		}
	}
	return all
}

// IsUnknown says whether anything in an error's chain has an unknown outcome.
func IsUnknown(err error) bool {
	switch e := err.(type) { //nolint:errorlint // this walks the whole chain itself
	case nil:
		return false
	case *remote.Error:
		return e.Outcome == remote.Unknown
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), IsUnknown)
	}
	return err == ErrUnknown || //nolint:errorlint // as above
		IsUnknown(errors.Unwrap(err))
}
