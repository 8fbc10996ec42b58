// Package load puts many jobs and large configurations on a cluster at once. Its tests need a lab; GANTRY_FAULTS=all makes them
// longer.
package load

import (
	"context"
	"fmt"
	"strconv"

	"gantry/lib/cluster"
	"gantry/lib/config"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/tests/inside"
)

// What this program is called inside the lab.
const (
	submitName = "load-submit"
	fillName   = "load-fill"
)

// submit is one of several processes that submit jobs at the same time: of all priorities, some after others, some canceled, some made
// more urgent. It prints their ids.
func submit(args []string) error {
	who, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	c, err := inside.Open()
	if err != nil {
		return err
	}
	defer c.Pool.Close()
	q, err := c.Queue()
	if err != nil {
		return err
	}
	ctx, last := context.Background(), 0
	for i := range perSubmitter {
		o := job.Options{Priority: []int{job.PriorityLow, job.PriorityNormal, job.PriorityHigh}[(who+i)%3]}
		if last > 0 && i%3 == 0 {
			o.Depends = []job.Dependency{{Job: last}}
		}
		if last > 0 && i%5 == 2 { // after one that is canceled, perhaps in time
			o.Depends = []job.Dependency{{Job: last, Status: []job.Status{job.Success}}}
		}
		if last, err = q.Submit(ctx, []job.Operation{operation(who, i)}, o); err != nil {
			return err
		}
		fmt.Println(last)
		switch i % 5 {
		case 1:
			_, _, err = q.Cancel(ctx, last, false)
		case 3:
			_, _, err = q.ChangePriority(last, job.PriorityHigh)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operation is one of three kinds: most want one of few instances for themselves, and all but the last change the configuration.
func operation(who, i int) job.Operation {
	switch i % 4 {
	case 2:
		return cluster.Adding("cluster")("", []string{fmt.Sprintf("by%d-%d", who, i)})
	case 3:
		return cluster.Delay{Duration: 0.2, OnMaster: true, OnNodes: []string{}}
	}
	return instance.Modify{Name: fmt.Sprintf("web%d.example.com", (who+i)%4), BEParams: map[string]any{"vcpus": 1 + (who+i)%3}, NICs: []instance.DeviceChange{},
		Disks: []instance.DeviceChange{}, HVParams: map[string]any{}, OSParams: map[string]any{}, WaitForSync: true, ConflictsCheck: true}
}

// fill makes config.toml about so many million bytes long.
func fill(args []string) error {
	million, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	c, err := inside.Open()
	if err != nil {
		return err
	}
	defer c.Pool.Close()
	cfg, err := c.Store.Load()
	if err != nil {
		return err
	}
	const perInstance = 2600 // about what one with disks and some parameters takes in a real configuration
	return c.Fill(max(million*1_000_000/perInstance, len(cfg.Instances)), func(inst *config.Instance) {
		inst.OSParams = config.Params{}
		for i := range 28 {
			inst.OSParams[fmt.Sprintf("parameter_%02d", i)] = fmt.Sprintf("a value of the length of a path or an address %s", inst.Name)
		}
	})
}

// inLab does the work of the programs inside the lab, and says whether this is one of them.
func inLab(name string, args []string) (bool, error) {
	work := map[string]func([]string) error{submitName: submit, fillName: fill}[name]
	if work == nil {
		return false, nil
	}
	if len(args) != 1 {
		return true, fmt.Errorf("usage: %s NUMBER", name)
	}
	return true, work(args)
}
