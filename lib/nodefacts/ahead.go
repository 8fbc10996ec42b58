package nodefacts

import (
	"context"
	"slices"
	"sync"

	"gantry/lib/remote"
)

// Ahead asks a node at once what checks after this will ask one by one, and returns a Runner that answers those questions, each
// once, with what came. All else goes to r, and so does a question whose command failed: who asks it gets the node's own words.
func Ahead(ctx context.Context, r remote.Runner, node string, probes ...remote.Cmd) remote.Runner {
	if len(probes) < 2 {
		return r
	}
	results, err := Gather(ctx, r, node, probes...)
	if err != nil {
		return r // whoever asks next meets the same, and says what for
	}
	a := &ahead{Runner: r, node: node, answers: map[string]remote.Result{}}
	for i, p := range probes {
		if results[i].Status == 0 || slices.Contains(p.OK, results[i].Status) {
			a.answers[p.Line()] = results[i]
		}
	}
	return a
}

type ahead struct {
	remote.Runner
	node    string
	mu      sync.Mutex
	answers map[string]remote.Result
}

func (a *ahead) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if results := a.take(node, c); results != nil {
		return results[0], nil
	}
	return a.Runner.Run(ctx, node, c)
}

// take gives answers away, all or none: who asks a second time wants to know how it is by then.
func (a *ahead) take(node string, probes ...remote.Cmd) []remote.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	var results []remote.Result
	for _, p := range probes {
		res, ok := a.answers[p.Line()]
		if !ok || node != a.node {
			return nil
		}
		results = append(results, res)
	}
	for _, p := range probes {
		delete(a.answers, p.Line())
	}
	return results
}
