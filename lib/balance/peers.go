package balance

import "slices"

// peer is how much memory a node has to keep free in case the node with that index fails.
type peer struct {
	node, mem int
}

// peers is kept sorted by memory, descending; a new entry goes before its equals. It is never changed in place.
type peers []peer

func (p peers) find(node int) int {
	for _, e := range p {
		if e.node == node {
			return e.mem
		}
	}
	return 0
}

func (p peers) max() int {
	if len(p) == 0 {
		return 0
	}
	return p[0].mem
}

// maxWithout is the largest entry of any node but one.
func (p peers) maxWithout(node int) int {
	for _, e := range p {
		if e.node != node {
			return e.mem
		}
	}
	return 0
}

func (p peers) without(node int) peers {
	less := make(peers, 0, len(p)+1)
	for _, e := range p {
		if e.node != node {
			less = append(less, e)
		}
	}
	return less
}

func (p peers) with(node, mem int) peers {
	rest := p.without(node)
	at := 0
	for at < len(rest) && rest[at].mem > mem {
		at++
	}
	return slices.Insert(rest, at, peer{node, mem})
}
