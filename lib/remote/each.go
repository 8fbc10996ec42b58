package remote

import (
	"context"
	"sync"
)

// Reply is what one node of a fan-out gave.
type Reply[T any] struct {
	Node  string
	Value T
	Err   error
}

// Each calls f for every node, limit at a time (0: all at once), and returns the replies in the order of nodes. Once ctx
// has ended the nodes not yet begun get its error.
func Each[T any](ctx context.Context, nodes []string, limit int, f func(ctx context.Context, node string) (T, error)) []Reply[T] {
	if limit <= 0 {
		limit = max(len(nodes), 1)
	}
	replies := make([]Reply[T], len(nodes))
	places := make(chan struct{}, limit)
	var all sync.WaitGroup
	for i, node := range nodes {
		replies[i].Node = node
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			replies[i].Err = err
			continue
		}
		all.Go(func() {
			defer func() { <-places }()
			replies[i].Value, replies[i].Err = f(ctx, node)
		})
	}
	all.Wait()
	return replies
}
