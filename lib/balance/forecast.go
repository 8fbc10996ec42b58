package balance

import "slices"

// forecast tells whether the instances of a node, none of which is mirrored, find other places, whatever places those before them
// take; decided is false if that depends on the places. Only what cannot work at all is refused: memory and disks that are not there.
func forecast(from *Node, nodes NodeList, instances InstanceList) (found, decided bool) {
	e := newEmptying(from, nodes, instances)
	if e == nil {
		return false, false
	}
	shared, lost := e.leaving(from)
	needs := e.needs(slices.Concat(shared, lost))
	if len(needs) == 0 {
		return true, len(from.pri) == 0
	}
	for k := range needs {
		n := &needs[k]
		if k > 0 && needs[k-1].like(*n) {
			n.targets = needs[k-1].targets
		} else if n.targets = e.eligible(from, n.instance); n.targets == nil {
			return false, false
		}
	}
	room, exact := e.slots(needs)
	switch {
	case room >= len(needs):
		return true, true
	case exact, e.tooMany(needs):
		return false, true
	}
	return e.always(needs)
}

// needs is what the instances take; nil if that is more than memory and disk, or an instance is listed twice.
func (e *emptying) needs(leaving []int) []need {
	needs := make([]need, len(leaving))
	for k, index := range leaving {
		i := e.instances[index]
		if i.listed || i.kind != 0 || i.Mem < 0 || i.Disk < 0 || slices.Contains(leaving[:k], index) {
			return nil
		}
		needs[k].instance = i
		if i.usesMemory() {
			needs[k].mem = i.Mem
		}
		if i.local() {
			needs[k].disk = i.Disk
		}
	}
	return needs
}

// doomed tells whether a node could not be lost, whatever else is still placed; false says nothing.
func (o AllocOptions) doomed(n *Node, nodes NodeList, instances InstanceList) bool {
	if n == nil || o.ignores(n) {
		return false
	}
	e := newEmptying(n, nodes, instances)
	return e != nil && e.tooMany(e.needs(n.pri))
}

// newEmptying starts from a node whose instances are to find other places; nil if one is mirrored.
func newEmptying(n *Node, nodes NodeList, instances InstanceList) *emptying {
	if slices.ContainsFunc(n.pri, func(k int) bool { return instances[k].Mirrored() }) {
		return nil
	}
	return &emptying{nodes: nodes, instances: instances, targets: groupNodes(nodes, n.Group, n.Index), group: n.Group}
}

// leaving lists the instances in the order in which they look for places.
func (e *emptying) leaving(n *Node) (shared, lost []int) {
	for _, k := range n.pri {
		if e.instances[k].movesShared() {
			shared = append(shared, k)
		} else {
			lost = append(lost, k)
		}
	}
	slices.SortStableFunc(lost, func(a, b int) int { return e.instances[b].Mem - e.instances[a].Mem })
	return shared, lost
}

// need is what an instance takes of a target, and which targets might take it.
type need struct {
	instance  *Instance
	mem, disk int
	targets   []bool
}

func (n need) like(other need) bool {
	a, b := n.instance, other.instance
	return a.Mem == b.Mem && n.mem == other.mem && a.VCPUs == b.VCPUs && a.Disk == b.Disk && a.Template == b.Template &&
		a.SpindleUse == b.SpindleUse && slices.Equal(a.Disks, b.Disks)
}

// eligible says for each target whether it might take the instance; nil if something else than memory and disks matters.
func (e *emptying) eligible(from *Node, i *Instance) []bool {
	shared := i.movesShared()
	list := make([]bool, len(e.targets))
	for k, index := range e.targets {
		t := e.nodes[index]
		if i.local() && (t.Exclusive || t.Storage != nil) {
			return nil
		}
		if shared {
			list[k] = mayMigrate(from, t)
		} else {
			list[k] = t.Policy.check(i, t.Exclusive) == OK
		}
	}
	return list
}

// slots counts how many instances of the largest size of any of them find a place; exact tells that all are of one size.
func (e *emptying) slots(needs []need) (count int, exact bool) {
	mem, disk, local, exact := 0, 0, false, true
	for _, n := range needs {
		exact = exact && n.like(needs[0])
		local = local || n.instance.local()
		mem, disk = max(mem, n.mem), max(disk, n.disk)
	}
	for k, index := range e.targets {
		if count >= len(needs) {
			break
		}
		if slices.ContainsFunc(needs, func(n need) bool { return !n.targets[k] }) {
			continue
		}
		t := e.nodes[index]
		room := slotsOf(t.Unallocated(), mem, len(needs))
		if local {
			room = min(room, slotsOf(t.freeDisk, disk, len(needs)))
		}
		count += room
	}
	return count, exact
}

// tooMany tells whether the instances of some size and above are more than what the targets hold of that size.
func (e *emptying) tooMany(needs []need) bool {
	for _, least := range needs {
		byMem, byDisk, mem, disk := 0, 0, 0, 0
		for _, n := range needs {
			if n.mem >= least.mem {
				byMem++
			}
			if n.instance.local() && n.disk >= least.disk {
				byDisk++
			}
		}
		for _, index := range e.targets {
			t := e.nodes[index]
			mem += slotsOf(t.Unallocated(), least.mem, len(needs))
			disk += slotsOf(t.freeDisk, least.disk, len(needs))
		}
		if mem < byMem || (least.instance.local() && disk < byDisk) {
			return true
		}
	}
	return false
}

// slotsOf is how often a size fits so that something stays free, at most most.
func slotsOf(free, size, most int) int {
	switch {
	case free <= 0:
		return 0
	case size == 0:
		return most
	}
	return min(most, (free-1)/size)
}

// always tells whether each instance has a place however those before it are spread. To close a target for it they have to take
// the memory or the disk that it would leave there: if their sums do not suffice to close all, one is open. No target that is open
// at the start means that none will be.
func (e *emptying) always(needs []need) (found, decided bool) {
	found, decided = true, true
	var mem, disk float64
	for _, n := range needs {
		shares, open := 0.0, false
		for k, index := range e.targets {
			t := e.nodes[index]
			leftMem, leftDisk := float64(t.Unallocated()-n.mem), float64(t.freeDisk-n.disk)
			if !n.targets[k] || leftMem <= 0 || (n.instance.local() && leftDisk <= 0) {
				continue
			}
			open = true
			if shares <= 2 {
				shares += closing(n.instance.local(), leftMem/mem, leftDisk/disk)
			}
		}
		if !open {
			return false, true
		}
		if shares <= 1.000001 {
			found, decided = false, false // a later instance may still have no target at all
		}
		mem += float64(n.mem)
		disk += float64(n.disk)
	}
	return found, decided
}

// closing is the least share of all memory and disk that closes a target; infinite where there is nothing yet to close it with.
func closing(local bool, ofMem, ofDisk float64) float64 {
	if !local {
		return ofMem
	}
	return min(ofMem, ofDisk) / 2
}
