package main

import (
	"context"

	"gantry/lib/balance"
	"gantry/lib/cli/htools"
	"gantry/lib/job"
)

// execute makes the moves.
func (h *hbal) execute(ctx context.Context, final *balance.Table, sets [][]balance.Commands) error {
	var requests [][]job.Request
	for _, set := range sets {
		var jobs []job.Request
		for _, move := range set {
			jobs = append(jobs, h.request(move.Placed, final.Nodes))
		}
		requests = append(requests, jobs)
	}
	return h.Make(ctx, requests)
}

// request is the job that makes a move.
func (h *hbal) request(p balance.Placed, nodes balance.NodeList) job.Request {
	return h.Request("rebalancing via", htools.Moves(p, nodes)...)
}
