package cluster

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/job"
)

// tellCommunication tells what becomes of that network.
func (w *modify) tellCommunication(cfg *config.Config) {
	if w.CommunicationNet == nil {
		return
	}
	before, name := cfg.Cluster.InstanceCommunicateNet, *w.CommunicationNet
	if name == before {
		w.env.Say("Instance communication network already is '%s', nothing to do.", name)
		return
	}
	if before != "" && cfg.NetworkByName(before) != nil {
		w.env.Say("Previous instance communication network '%s' should be removed manually.", before)
	}
	if name != "" {
		w.env.Say("Changing instance communication network to '%s', only new instances will be affected.", name)
	} else {
		w.env.Say("Disabling instance communication network, only new instances will be affected.")
	}
}

// connectCommunication submits a job that makes that network if it is not there, and connects it to the groups that lack it. The result
// is what Ganeti's is: nil where the network is not meant.
func (w *modify) connectCommunication(ctx context.Context, before string) (any, error) {
	if w.CommunicationNet == nil {
		return nil, nil
	}
	name := *w.CommunicationNet
	if name == "" || name == before {
		return job.NewSubmitted(nil), nil
	}
	cfg := w.env.Config
	var opcodes []map[string]any
	net := cfg.NetworkByName(name)
	if net == nil {
		opcodes = append(opcodes, config.AddCommunication(name))
	}
	for _, g := range cfg.NodeGroups {
		if net == nil || g.Networks[net.UUID] == nil {
			opcodes = append(opcodes, config.ConnectCommunication(name, g.UUID))
		}
	}
	if opcodes == nil {
		return job.NewSubmitted(nil), nil
	}
	return w.env.SubmitOpcodes(ctx, opcodes...)
}
