package cluster

import (
	"context"
	"slices"
	"time"

	"gantry/lib/remote"
)

// awaitEvery is how long after a look at nodes that do not answer the next one comes.
const awaitEvery = 5 * time.Second

// AwaitNodes waits until nodes answer. Whenever one does, up is told of it and of all that have answered so far. What is left when
// the limit has passed is returned.
func AwaitNodes(ctx context.Context, r remote.Runner, names []string, limit time.Duration, up func(name string, all []string) error) (silent []string, err error) {
	deadline := time.Now().Add(limit)
	var answered []string
	silent = slices.Clone(names)
	for {
		for _, reply := range remote.Each(ctx, silent, 0, func(ctx context.Context, node string) (remote.Result, error) {
			return r.Run(ctx, node, remote.Command("true"))
		}) {
			if reply.Err != nil {
				continue
			}
			answered = append(answered, reply.Node)
			silent = slices.DeleteFunc(silent, func(name string) bool { return name == reply.Node })
			if err := up(reply.Node, answered); err != nil {
				return silent, err
			}
		}
		if len(silent) == 0 || time.Now().Add(awaitEvery).After(deadline) {
			return silent, nil
		}
		select {
		case <-ctx.Done():
			return silent, ctx.Err()
		case <-time.After(awaitEvery):
		}
	}
}
