package balance

import "slices"

// prepended returns the list with one more element in front.
func prepended(list []int, index int) []int {
	longer := make([]int, 0, len(list)+1)
	return append(append(longer, index), list...)
}

// removed returns the list without the first occurrence of an element.
func removed(list []int, index int) []int {
	at := slices.Index(list, index)
	if at < 0 {
		return list
	}
	shorter := make([]int, 0, len(list)-1)
	return append(append(shorter, list[:at]...), list[at+1:]...)
}

// removePri returns the node without an instance that runs on it.
func (n *Node) removePri(i *Instance) *Node {
	m := *n
	m.state.removePrimary(n, i)
	if !i.Forthcoming {
		m.pri = removed(n.pri, i.Index)
		m.locations = n.locations.without(n.locationPairs(i))
	}
	m.priF = removed(n.priF, i.Index)
	m.tags = n.tags.without(i.ExclTags)
	return &m
}

// addPri returns the node with one more instance running on it, or why that cannot be. force ignores the soft limits.
func (n *Node) addPri(i *Instance, force bool) (*Node, Failure) {
	after := n.state
	if why := n.tryPri(&after, i, force); why != OK {
		return nil, why
	}
	m := *n
	m.state = after
	m.listPrimary(n, i)
	return &m, OK
}

// tryPri changes a state of the node to one with one more instance running on it, or says why that cannot be.
func (n *Node) tryPri(s *state, i *Instance, force bool) Failure {
	return s.addPrimary(n, i, force, !force && n.tags.hasAny(i.ExclTags))
}

// refusesPri says why an instance cannot run on the node; OK if it can.
func (n *Node) refusesPri(i *Instance, force bool) Failure {
	after := n.state
	return n.tryPri(&after, i, force)
}

// listPrimary puts the instance on the lists of m, a changed copy of n.
func (m *Node) listPrimary(n *Node, i *Instance) {
	if !i.Forthcoming {
		m.pri = prepended(n.pri, i.Index)
	}
	m.priF = prepended(n.priF, i.Index)
	m.tagPrimary(n, i)
}

// tagPrimary counts the tags of the instance on m, a changed copy of n.
func (m *Node) tagPrimary(n *Node, i *Instance) {
	if !i.Forthcoming {
		m.locations = n.locations.with(n.locationPairs(i))
	}
	m.tags = n.tags.with(i.ExclTags)
}

// refusesSec says why an instance that runs on another node cannot be mirrored on this one; OK if it can.
func (n *Node) refusesSec(i *Instance, primary int) Failure {
	after := n.state
	return after.addSecondary(n, i, false, false, n.peers.find(primary))
}

// removeSec returns the node without an instance mirrored on it.
func (n *Node) removeSec(i *Instance) *Node {
	m := *n
	old := n.peers.find(i.Primary)
	m.state.removeSecondary(n, i, old, n.peers.maxWithout(i.Primary))
	if !i.Forthcoming {
		m.sec = removed(n.sec, i.Index)
		if left := old - i.secondaryMem(); left > 0 {
			m.peers = n.peers.with(i.Primary, left)
		} else {
			m.peers = n.peers.without(i.Primary)
		}
	}
	m.secF = removed(n.secF, i.Index)
	return &m
}

// addSec returns the node with one more instance mirrored on it, or why that cannot be. primary is the node it runs on.
func (n *Node) addSec(i *Instance, primary int, ignoreDisks, force bool) (*Node, Failure) {
	after, old := n.state, n.peers.find(primary)
	if why := after.addSecondary(n, i, ignoreDisks, force, old); why != OK {
		return nil, why
	}
	m := *n
	m.state = after
	if !i.Forthcoming {
		m.sec = prepended(n.sec, i.Index)
		m.peers = n.peers.with(primary, old+i.secondaryMem())
	}
	m.secF = prepended(n.secF, i.Index)
	return &m, OK
}
