package balance

// MoveKind is a way to move an instance.
type MoveKind int

// The moves. P and S are the present nodes, t is the target.
const (
	Failover           MoveKind = iota // P and S change roles
	FailoverToAny                      // to t, for instances on shared storage
	ReplacePrimary                     // t becomes primary, S stays secondary
	ReplaceSecondary                   // t becomes secondary
	ReplaceAndFailover                 // t becomes primary, P secondary
	FailoverAndReplace                 // S becomes primary, t secondary
)

// Move is one change of an instance; Target is not used by a failover.
type Move struct {
	Kind   MoveKind
	Target int
}

// mover applies moves to a list of nodes.
type mover struct {
	nodes NodeList
	force bool // ignore soft errors
}

// apply returns the nodes that the move changes and the instance on its new ones, or why the move is not possible.
func (m mover) apply(i *Instance, move Move) ([]*Node, *Instance, Failure) {
	switch move.Kind {
	case Failover:
		return m.failover(i)
	case FailoverToAny:
		return m.failoverToAny(i, move.Target)
	case ReplacePrimary:
		return m.replacePrimary(i, move.Target)
	case ReplaceSecondary:
		return m.replaceSecondary(i, move.Target)
	case ReplaceAndFailover:
		return m.replaceAndFailover(i, move.Target)
	default:
		return m.failoverAndReplace(i, move.Target)
	}
}

func (m mover) forcedFrom(n *Node) bool { return m.force || n.Offline }

// at returns the instance with the location score of another pair of nodes.
func at(i *Instance, primary, secondary *Node) *Instance {
	score := commonTags(primary, secondary)
	if score == i.LocationScore {
		return i
	}
	moved := *i
	moved.LocationScore = score
	return &moved
}

func (m mover) failover(i *Instance) ([]*Node, *Instance, Failure) {
	p, s := m.nodes[i.Primary], m.nodes[i.Secondary]
	if !mayMigrate(p, s) {
		return nil, nil, FailMig
	}
	newS, why := s.removeSec(i).addPri(i, m.forcedFrom(p))
	if why != OK {
		return nil, nil, why
	}
	newP, why := p.removePri(i).addSec(i, i.Secondary, p.Offline, m.forcedFrom(p))
	if why != OK {
		return nil, nil, why
	}
	return []*Node{newS, newP}, i.placed(i.Secondary, i.Primary), OK
}

func (m mover) failoverToAny(i *Instance, target int) ([]*Node, *Instance, Failure) {
	p, t := m.nodes[i.Primary], m.nodes[target]
	if !mayMigrate(p, t) {
		return nil, nil, FailMig
	}
	newT, why := t.addPri(i, m.forcedFrom(p))
	if why != OK {
		return nil, nil, why
	}
	return []*Node{newT, p.removePri(i)}, i.placed(target, i.Secondary), OK
}

func (m mover) replacePrimary(i *Instance, target int) ([]*Node, *Instance, Failure) {
	p, s, t := m.nodes[i.Primary], m.nodes[i.Secondary], m.nodes[target]
	moved := at(i, t, s)
	if !mayMigrate(p, s) || !mayMigrate(s, t) {
		return nil, nil, FailMig
	}
	forced := m.forcedFrom(p)
	between, why := s.removeSec(i).addPri(moved, forced) // the instance runs on its secondary meanwhile
	if why != OK {
		return nil, nil, why
	}
	newT, why := t.addPri(moved, forced)
	if why != OK {
		return nil, nil, why
	}
	newS, why := between.removePri(moved).addSec(moved, target, false, forced)
	if why != OK {
		return nil, nil, why
	}
	return []*Node{p.removePri(i), newS, newT}, moved.placed(target, i.Secondary), OK
}

func (m mover) replaceSecondary(i *Instance, target int) ([]*Node, *Instance, Failure) {
	p, s, t := m.nodes[i.Primary], m.nodes[i.Secondary], m.nodes[target]
	moved := at(i, p, t)
	newT, why := t.addSec(moved, i.Primary, false, m.forcedFrom(s))
	if why != OK {
		return nil, nil, why
	}
	newP, why := p.removePri(i).addPri(moved, true)
	if why != OK {
		return nil, nil, why
	}
	return []*Node{newP, s.removeSec(i), newT}, moved.placed(i.Primary, target), OK
}

func (m mover) replaceAndFailover(i *Instance, target int) ([]*Node, *Instance, Failure) {
	p, s, t := m.nodes[i.Primary], m.nodes[i.Secondary], m.nodes[target]
	moved := at(i, t, p)
	if !mayMigrate(p, t) {
		return nil, nil, FailMig
	}
	newT, why := t.addPri(moved, m.force)
	if why != OK {
		return nil, nil, why
	}
	newP, why := p.removePri(i).addSec(moved, target, false, m.forcedFrom(s))
	if why != OK {
		return nil, nil, why
	}
	return []*Node{newP, s.removeSec(i), newT}, moved.placed(target, i.Primary), OK
}

func (m mover) failoverAndReplace(i *Instance, target int) ([]*Node, *Instance, Failure) {
	p, s, t := m.nodes[i.Primary], m.nodes[i.Secondary], m.nodes[target]
	moved := at(i, s, t)
	if !mayMigrate(p, s) {
		return nil, nil, FailMig
	}
	forced := m.forcedFrom(p)
	newS, why := s.removeSec(i).addPri(moved, forced)
	if why != OK {
		return nil, nil, why
	}
	newT, why := t.addSec(moved, i.Secondary, false, forced)
	if why != OK {
		return nil, nil, why
	}
	return []*Node{p.removePri(i), newS, newT}, moved.placed(i.Secondary, target), OK
}
