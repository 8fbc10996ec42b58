package balance

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind is what a node has of one kind of storage: a storage type, of volume groups with the name ("lvm-vg/xenvg"). The first
// kind of every node is the one that its disk figures are about; a node that lacks it has a total of 0 there.
type Kind struct {
	Name        string
	Total, Free int // MiB
}

// Need is what an instance takes of a kind on each of its nodes.
type Need struct {
	Kind string
	MiB  int
}

// maxKinds is how many kinds a cluster may have. What is free of each travels with every node that is being judged.
const maxKinds = 8

// boundless is the room on a node that says nothing of its kinds.
const boundless = math.MaxInt >> 2

func boundlessRoom() (room [maxKinds]int) {
	for k := range room {
		room[k] = boundless
	}
	return room
}

// isShared tells of storage that nodes have in common: what is free there is the same for all, so that only having it counts.
func isShared(kind string) bool { return storageType(kind) == "sharedfile" }

// setKinds numbers the kinds of storage, and gives nodes their room and instances their needs. Without kinds nothing is any
// different from what it was before there were any.
func (m Merge) setKinds(c *Cluster) error {
	c.Kinds = nil
	for _, n := range c.Nodes {
		if m.NoKinds {
			n.Storage = nil
		}
		for k, kind := range n.Storage {
			if k == 0 && len(c.Kinds) > 0 && c.Kinds[0] != kind.Name {
				return fmt.Errorf("the disk figures of node %s are about %s, those of others about %s", n.Name, kind.Name, c.Kinds[0])
			}
			c.addKind(kind.Name)
		}
	}
	for _, i := range c.Instances {
		if m.NoKinds {
			i.Needs = nil
		}
		c.addKinds(i)
	}
	if len(c.Kinds) > maxKinds {
		return fmt.Errorf("there are more than %d kinds of storage (--no-storage-kinds leaves them out)", maxKinds)
	}
	for _, n := range c.Nodes {
		n.room = c.roomOf(n)
	}
	for _, i := range c.Instances {
		c.setNeeds(i)
	}
	return nil
}

func (c *Cluster) addKind(name string) {
	if !slices.Contains(c.Kinds, name) {
		c.Kinds = append(c.Kinds, name)
	}
}

// addKinds numbers what an instance needs, unless no node says what it has.
func (c *Cluster) addKinds(i *Instance) {
	if len(c.Kinds) == 0 {
		return
	}
	for _, need := range i.Needs {
		c.addKind(need.Kind)
	}
}

func (c *Cluster) roomOf(n *Node) [maxKinds]int {
	room := boundlessRoom()
	if len(n.Storage) == 0 {
		return room
	}
	for k, name := range c.Kinds {
		if !slices.ContainsFunc(n.Storage, func(s Kind) bool { return storageType(s.Name) == storageType(name) }) {
			continue // the node says nothing of such storage
		}
		if isShared(name) && (n.has(name) || !slices.ContainsFunc(c.Nodes, func(n *Node) bool { return n.has(name) })) {
			continue // there is as much for it as for any other; where no node has it, the first disk makes the directory
		}
		room[k] = 0
		if at := slices.IndexFunc(n.Storage, func(s Kind) bool { return s.Name == name }); at >= 0 {
			room[k] = max(0, n.Storage[at].Free)
		}
	}
	return room
}

// has tells whether the node says that it has a kind of storage.
func (n *Node) has(kind string) bool {
	return slices.ContainsFunc(n.Storage, func(s Kind) bool { return s.Name == kind && s.Total > 0 })
}

func storageType(kind string) string {
	name, _, _ := strings.Cut(kind, "/")
	return name
}

// LocalKinds are the numbers of the kinds that disks of plain and mirrored instances can be on.
func (c *Cluster) LocalKinds() (numbers []int) {
	for k, name := range c.Kinds {
		if storageType(name) == storageType(c.Kinds[0]) {
			numbers = append(numbers, k)
		}
	}
	return numbers
}

// setNeeds counts what an instance takes of each kind. One that does not say takes all of the first.
func (c *Cluster) setNeeds(i *Instance) {
	i.listed, i.need = len(c.Kinds) > 0 && len(i.Needs) > 0, [maxKinds]int{}
	if !i.listed {
		return
	}
	for _, need := range i.Needs {
		k := slices.Index(c.Kinds, need.Kind)
		i.need[k] += need.MiB
		if isShared(need.Kind) {
			i.need[k] = 1 // whatever its size
		}
	}
	i.figure = i.need[0]
	if i.listed && isShared(c.Kinds[0]) {
		i.figure = i.Disk
	}
}

// Admit gives an instance that is to come its needs. Of a kind that was not known so far nodes have what they say of it.
func (c *Cluster) Admit(i *Instance) error {
	known := len(c.Kinds)
	c.addKinds(i)
	if len(c.Kinds) > maxKinds {
		return fmt.Errorf("there are more than %d kinds of storage", maxKinds)
	}
	for _, n := range c.Nodes {
		room := c.roomOf(n)
		copy(n.room[known:len(c.Kinds)], room[known:])
	}
	c.setNeeds(i)
	return nil
}

// figured is what the instance takes of the storage that the disk figures of nodes are about.
func (i *Instance) figured() int {
	switch {
	case i.listed:
		return i.figure
	case i.kind == 0:
		return i.Disk
	}
	return 0
}

// On makes an instance take all its space of another kind, given by its number.
func (i *Instance) On(kind int) { i.kind = kind }

// addRoom changes the room on a node for an instance that comes (sign 1) or goes (sign -1).
func (s *state) addRoom(i *Instance, sign int) {
	if !i.listed {
		if i.local() {
			s.room[i.kind] -= sign * i.Disk
		}
		return
	}
	for k, mib := range i.need {
		s.room[k] -= sign * mib
	}
}

// holds tells whether every kind of storage that an instance needs is enough for it.
func (s *state) holds(i *Instance) bool {
	if !i.listed {
		return !i.local() || s.room[i.kind] >= 0
	}
	for k, mib := range i.need {
		if mib > 0 && s.room[k] < 0 {
			return false
		}
	}
	return true
}

// clampRoom forgets what is reserved beyond the room there is: what is on a node already may stay.
func (c *Cluster) clampRoom() {
	for _, n := range c.Nodes {
		for k := range n.room {
			n.room[k] = max(0, n.room[k])
		}
	}
}

// Stored is what a node has of each kind when the given instances are on it; those that are only reserved take nothing yet.
func (c *Cluster) Stored(n *Node, instances InstanceList) []Kind {
	kinds := slices.Clone(n.Storage)
	for k := range kinds {
		number := slices.Index(c.Kinds, kinds[k].Name)
		if number < 0 || isShared(kinds[k].Name) {
			continue // the data are raw, or nothing that is moved changes it
		}
		kinds[k].Free = n.room[number]
		for _, index := range slices.Concat(n.priF, n.secF) {
			if i := instances[index]; i != nil && i.Forthcoming {
				kinds[k].Free += i.takes(number)
			}
		}
	}
	return kinds
}

func (i *Instance) takes(kind int) int {
	switch {
	case i.listed:
		return i.need[kind]
	case i.local() && i.kind == kind:
		return i.Disk
	}
	return 0
}

// Room is what is left on a node of a kind, given by its number.
func (n *Node) Room(kind int) int { return n.room[kind] }
