package main

import (
	"context"

	"gantry/lib/remote"
)

// reach logs in to a machine once, so that its host key is checked, or accepted, before a job needs it.
func reach(ctx context.Context, r remote.Runner, name string) error {
	_, err := r.Run(ctx, name, remote.Command("true"))
	return err
}
