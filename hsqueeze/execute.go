package main

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/cli/htools"
	"gantry/lib/cluster"
	"gantry/lib/job"
	"gantry/lib/node"
)

// requests are the jobs that move the instances, set by set.
func (h *hsqueeze) requests(r *balance.Squeezed, comment string) (all [][]job.Request) {
	for _, set := range h.sets(r) {
		var jobs []job.Request
		for _, move := range set {
			jobs = append(jobs, h.Request(comment, htools.Moves(move.Placed, h.Cluster.Nodes)...))
		}
		all = append(all, jobs)
	}
	return all
}

// condensation empties nodes, notes on them that they may be woken, and switches them off.
func (h *hsqueeze) condensation(r *balance.Squeezed) [][]job.Request {
	comment := fmt.Sprintf("condensing by %d nodes", len(r.Changed))
	var tags, power []job.Request
	for _, n := range r.Changed {
		off := node.OOB{Names: []string{n.Name}, Command: node.OOBPowerOff, Timeout: oobTimeout}
		tags = append(tags, h.Request(comment, cluster.AddTags{Kind: cluster.TagsOfNode, Name: n.Name, Tags: []string{balance.TagStandbyAuto}}))
		power = append(power, h.Request(comment, node.Modify{Name: n.Name, Offline: new(true)}, off))
	}
	return append(h.requests(r, comment), tags, power)
}

// oobTimeout is how many seconds the helper that switches a node has.
const oobTimeout = 60

// expansion switches nodes on before instances move to them.
func (h *hsqueeze) expansion(r *balance.Squeezed) [][]job.Request {
	comment := fmt.Sprintf("expanding by %d nodes", len(r.Changed))
	var power []job.Request
	for _, n := range r.Changed {
		on := node.OOB{Names: []string{n.Name}, Command: node.OOBPowerOn, Timeout: oobTimeout}
		power = append(power, h.Request(comment, on, node.Modify{Name: n.Name, Offline: new(false)}))
	}
	return append([][]job.Request{power}, h.requests(r, comment)...)
}
