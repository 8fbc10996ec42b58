package query

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// Gather asks a node for several facts in one round trip, and refuses when the node knows a later master than the configuration: that
// one's state is what counts, and this one's would be shown as if it did.
func Gather(ctx context.Context, r remote.Runner, cfg *config.Config, node string, probes ...remote.Cmd) ([]remote.Result, error) {
	results, err := nodefacts.Gather(ctx, r, node, append([]remote.Cmd{store.Witness(config.DataDir)}, probes...)...)
	if err != nil {
		return nil, err
	}
	if err := store.Testify(node, results[0].Stdout, cfg.Epoch); err != nil {
		return nil, err
	}
	return results[1:], nil
}

// Overtaken is the refusal that errors of Gather come to when this node is not the master any more; nil for all others.
func Overtaken(err error) error {
	f, ok := errors.AsType[*store.Fenced](err)
	if !ok {
		return nil
	}
	return fault.Refuse(fault.WrongInput, "This is not the master node, please connect to node '%s' and rerun the command", f.Theirs.Master)
}
