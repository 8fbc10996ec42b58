// Command hail answers the requests of the iallocator protocol.
package main

import (
	"context"
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/iallocator"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hail{Options: htools.New(c)}
	h.PrintNodes()
	h.SaveCluster()
	h.NoStorageKinds()
	h.TextData()
	h.SimulateSpec()
	h.Verbosity()
	h.IgnoreUtil()
	h.IgnoreSoftErrors()
	h.NoCapacityChecks()
	h.List("restrict-allocation-to", "NODE,...", "manynodes", "Restrict allocations to the given set of nodes", &h.restrict)
	h.QueryMonD()
	h.MonDXen()
	h.StaticKVMMemory()
	c.Any("file", &h.files)
	h.Run(h.run)
}

// hail is one run of the command.
type hail struct {
	*htools.Options
	files    []string
	restrict []string
}

func (h *hail) run(ctx context.Context) error {
	switch {
	case len(h.files) == 0:
		return htools.Fail("This program needs an input file.")
	case len(h.files) > 1:
		return htools.Fail("Only one argument is accepted (the input file)")
	}
	request, err := h.readRequest(h.files[0])
	if err != nil {
		return err
	}
	cluster := request.Cluster
	if h.TextFile != nil || len(h.Simulate) > 0 {
		if err := h.Load(ctx); err != nil {
			return err
		}
		cluster = h.Cluster
	}
	if h.Level() > 1 {
		h.Env.Warn("Received request: %s", request.Kind)
	}
	return h.answer(request, cluster)
}

func (h *hail) readRequest(name string) (*iallocator.Resolved, error) {
	text, err := h.read(name)
	if err != nil {
		return nil, fault.Say(err.Error())
	}
	request, warnings, err := htools.ReadRequest(text, balance.Merge{KVMNodeMem: h.KVMNodeMem, NoKinds: h.NoKinds})
	if err != nil {
		return nil, err
	}
	h.Warn(warnings)
	return request, nil
}

func (h *hail) read(name string) (string, error) {
	if name == "-" {
		return htools.ReadAll("<stdin>", h.Env.In)
	}
	data, err := htools.ReadFile(name)
	if err != nil {
		return "", h.Uncaught(err)
	}
	return data, nil
}

func (h *hail) answer(request *iallocator.Resolved, c *balance.Cluster) error {
	h.TableNodes("Initial cluster", c.Nodes)
	if err := h.SaveState("pre-ialloc", "before iallocator run", c, c.Whole()); err != nil {
		return err
	}
	answer, err := request.Answer(c, balance.AllocOptions{
		IgnoreSoftErrors: h.Balance.IgnoreSoftErrors, Capacity: h.CapacityChecks, RestrictTo: h.restrict,
	})
	if err != nil {
		return htools.Fail("%v", err)
	}
	if answer.Nodes == nil {
		answer.Nodes, answer.Instances = c.Nodes, c.Instances
	}
	fmt.Fprintln(h.Env.Out, answer.Text)
	h.TableNodes("Final cluster", answer.Nodes)
	after := balance.Part{Nodes: answer.Nodes, Instances: answer.Instances}
	return h.SaveState("post-ialloc", "after iallocator run", c, after)
}
