package balance

import (
	"errors"
	"fmt"
	"slices"
)

// Evacuation is what became of a list of instances that have to leave their nodes.
type Evacuation struct {
	Moved     []Evacuated
	Failed    []EvacFailure
	Nodes     NodeList
	Instances InstanceList
}

// Evacuated is an instance on its new nodes and how it gets there.
type Evacuated struct {
	Instance *Instance
	Group    int
	Steps    []Move
}

// EvacFailure is an instance that has to stay.
type EvacFailure struct {
	Instance *Instance
	Why      string
}

// evacuator finds other nodes for instances, one after the other on the state the one before left.
type evacuator struct {
	nodes     NodeList
	instances InstanceList
	force     bool
}

// evacStep is the outcome of moving one instance.
type evacStep struct {
	nodes    []*Node
	instance *Instance
	score    float64
	steps    []Move
}

// Evacuate moves instances off the nodes that the mode says, within their groups.
func Evacuate(nodes NodeList, instances InstanceList, mode EvacMode, list []int, force bool) *Evacuation {
	e := &evacuator{slices.Clone(nodes), slices.Clone(instances), force}
	leave := nodesToLeave(instances, mode, list)
	for k, n := range nodes {
		if n != nil && n.Offline {
			leave[k] = true
		}
	}
	result := &Evacuation{}
	for _, k := range list {
		i := instances[k]
		group := e.nodes[i.Primary].Group
		step, err := e.move(i, mode, group, e.targets(group, leave, i.Primary))
		e.record(result, i, step, err)
	}
	result.Nodes, result.Instances = e.nodes, e.instances
	return result
}

// nodesToLeave are the nodes that the instances are on in the role that has to move.
func nodesToLeave(instances InstanceList, mode EvacMode, list []int) map[int]bool {
	leave := map[int]bool{}
	for _, k := range list {
		i := instances[k]
		if mode != EvacSecondary {
			leave[i.Primary] = true
		}
		if mode != EvacPrimary && i.Mirrored() {
			leave[i.Secondary] = true
		}
	}
	return leave
}

func (e *evacuator) targets(group int, leave map[int]bool, primary int) []int {
	return slices.DeleteFunc(groupNodes(e.nodes, group, primary), func(k int) bool { return leave[k] })
}

func (e *evacuator) record(result *Evacuation, i *Instance, step *evacStep, err error) {
	if err != nil {
		result.Failed = append(result.Failed, EvacFailure{i, err.Error()})
		return
	}
	put(e.nodes, step.nodes)
	e.instances[i.Index] = step.instance
	result.Moved = append(result.Moved, Evacuated{step.instance, e.nodes[step.instance.Primary].Group, step.steps})
}

// move finds the best move of one instance to the targets.
func (e *evacuator) move(i *Instance, mode EvacMode, group int, targets []int) (*evacStep, error) {
	switch i.Template {
	case Plain, File:
		return nil, fmt.Errorf("Instances of type %s cannot be relocated", i.Template)
	case DRBD:
		return e.moveMirrored(i, mode, group, targets)
	}
	if mode == EvacSecondary {
		return nil, fmt.Errorf("Instances with disk template '%s' can't execute change secondary", i.Template)
	}
	return e.moveOne(i, FailoverToAny, group, targets)
}

func (e *evacuator) moveMirrored(i *Instance, mode EvacMode, group int, targets []int) (*evacStep, error) {
	if i.Secondary == None {
		return nil, fmt.Errorf("instance %s has no secondary node", i.Name)
	}
	switch mode {
	case EvacPrimary:
		nodes, moved, why := e.mover().failover(i)
		if why != OK {
			return nil, errors.New(why.String())
		}
		return &evacStep{nodes: nodes, instance: moved, steps: []Move{{Failover, None}}}, nil
	case EvacSecondary:
		return e.moveOne(i, ReplaceSecondary, group, targets)
	}
	return e.moveBoth(i, group, targets)
}

func (e *evacuator) mover() mover { return mover{e.nodes, e.force} }

func (e *evacuator) moveOne(i *Instance, kind MoveKind, group int, targets []int) (*evacStep, error) {
	best, details := bestMove(e.mover(), i, kind, targets, group)
	if best == nil {
		return nil, errors.New("Can't find any good node: " + details)
	}
	return best, nil
}

// bestMove makes the move to each target and keeps the one with the best score of the group, of equal ones the last. If
// none is possible it says why for each.
func bestMove(m mover, i *Instance, kind MoveKind, targets []int, group int) (best *evacStep, details string) {
	scorer := newScorer(m.nodes.filter(func(n *Node) bool { return n.Group == group }))
	for _, t := range targets {
		move := Move{kind, t}
		nodes, moved, why := m.apply(i, move)
		if why != OK {
			details += fmt.Sprintf(" Node %s failed: %s;", m.nodes[t].Name, why)
			continue
		}
		score := scorer.withGroup(nodes, group)
		if best == nil || !(best.score < score) {
			best = &evacStep{nodes, moved, score, []Move{move}}
		}
	}
	return best, details
}

// moveBoth moves an instance to two new nodes. Of the failures only the last is reported.
func (e *evacuator) moveBoth(i *Instance, group int, targets []int) (*evacStep, error) {
	var best *evacStep
	details := "no nodes available"
	scorer := newScorer(e.nodes.filter(func(n *Node) bool { return n.Group == group }))
	for _, a := range targets {
		for _, b := range targets {
			if a == b {
				continue
			}
			step, err := e.replaceBoth(i, a, b)
			if err != nil {
				details = "Allocation failed: " + err.Error()
				continue
			}
			step.score = scorer.withGroup(step.nodes, group)
			if best == nil || !(best.score < step.score) {
				best = step
			}
		}
	}
	if best == nil {
		return nil, errors.New("Can't find any good nodes for relocation: " + details)
	}
	return best, nil
}

// replaceBoth makes the steps that bring an instance to a new primary and a new secondary.
func (e *evacuator) replaceBoth(i *Instance, primary, secondary int) (*evacStep, error) {
	steps := []struct {
		move   Move
		failed string
	}{
		{Move{Failover, None}, "Failing over to the secondary"},
		{Move{ReplaceSecondary, primary}, "Changing secondary to new primary"},
		{Move{Failover, None}, "Failing over to new primary"},
		{Move{ReplaceSecondary, secondary}, "Changing secondary to final secondary"},
	}
	if !e.nodes[i.Primary].Offline {
		steps = steps[1:]
	}
	result := &evacStep{instance: i}
	state := mover{slices.Clone(e.nodes), e.force}
	touched := map[int]bool{}
	for _, s := range steps {
		nodes, moved, why := state.apply(result.instance, s.move)
		if why != OK {
			return nil, fmt.Errorf("%s: %s", s.failed, why)
		}
		put(state.nodes, nodes)
		for _, n := range nodes {
			touched[n.Index] = true
		}
		result.instance = moved
		result.steps = append(result.steps, s.move)
	}
	for k := range touched {
		result.nodes = append(result.nodes, state.nodes[k])
	}
	return result, nil
}
