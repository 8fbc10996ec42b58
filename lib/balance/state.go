package balance

// state is the part of a node that moves change and scores are made of. Fields ending in F also count instances
// that are only reserved yet.
type state struct {
	instMem                     int // MiB of primaries that use memory
	freeMemF                    int
	freeDisk, freeDiskF         int
	freeSpindles, freeSpindlesF int
	instSpindles, instSpindlesF float64
	usedCPU, usedCPUF           int
	load, loadF                 Util
	reserved                    int // MiB to keep free for the failure of another node
	failN1                      bool
	nPri, nSec                  int
	locationScore               int
	room                        [maxKinds]int // MiB of each kind of storage
}

func (n *Node) cpuRatio(s *state) float64  { return float64(s.usedCPU) / n.TotalCPU }
func (n *Node) cpuRatioF(s *state) float64 { return float64(s.usedCPUF) / n.TotalCPU }

func (n *Node) diskShare(s *state) float64 {
	if n.Exclusive {
		return share(float64(s.freeSpindles), float64(n.Spindles))
	}
	return share(float64(s.freeDisk), n.TotalDisk)
}

func (n *Node) diskShareF(s *state) float64 {
	if n.Exclusive {
		return share(float64(s.freeSpindlesF), float64(n.Spindles))
	}
	return share(float64(s.freeDiskF), n.TotalDisk)
}

// addSpindles changes the spindle figures for an instance that comes (sign 1) or goes (sign -1).
func (s *state) addSpindles(n *Node, i *Instance, sign int) {
	s.freeSpindles = spindlesLeft(n, i, sign, s.freeSpindles)
	s.instSpindles = spindlesUsed(n, i, sign, s.instSpindles)
}

func (s *state) addSpindlesF(n *Node, i *Instance, sign int) {
	s.freeSpindlesF = spindlesLeft(n, i, sign, s.freeSpindlesF)
	s.instSpindlesF = spindlesUsed(n, i, sign, s.instSpindlesF)
}

// spindlesLeft is -1 for an instance with unknown spindles that wants to come: it is refused.
func spindlesLeft(n *Node, i *Instance, sign, free int) int {
	if !n.Exclusive {
		return 0
	}
	total, known := i.TotalSpindles()
	switch {
	case known:
		return free - sign*total
	case sign > 0:
		return -1
	}
	return free
}

func spindlesUsed(n *Node, i *Instance, sign int, used float64) float64 {
	switch {
	case n.Exclusive:
		return 0
	case !i.local():
		return used
	case sign > 0:
		return used + float64(i.SpindleUse)
	}
	return used - float64(i.SpindleUse)
}

func (s *state) addDisk(i *Instance, sign int) {
	if i.local() {
		s.freeDisk -= sign * i.figured()
	}
}

func (s *state) addDiskF(i *Instance, sign int) {
	if i.local() {
		s.freeDiskF -= sign * i.figured()
	}
}

func (i *Instance) onlineCPUs() int {
	if i.online() {
		return i.VCPUs
	}
	return 0
}

// removePrimary gives back what a primary instance used.
func (s *state) removePrimary(n *Node, i *Instance) {
	if !i.Forthcoming {
		if i.usesMemory() {
			s.instMem -= i.Mem
		}
		s.addDisk(i, -1)
		s.addSpindles(n, i, -1)
		s.usedCPU -= i.onlineCPUs()
		s.load = s.load.minus(i.Util)
		s.locationScore -= i.LocationScore + n.unmet(i)
		s.failN1 = n.unallocated(s) <= s.reserved
		s.nPri--
	}
	s.freeMemF += i.Mem
	s.addRoom(i, -1)
	s.addDiskF(i, -1)
	s.addSpindlesF(n, i, -1)
	s.usedCPUF -= i.onlineCPUs()
	s.loadF = s.loadF.minus(i.Util)
}

// takePrimary is the opposite of removePrimary; it checks nothing.
func (s *state) takePrimary(n *Node, i *Instance) {
	if !i.Forthcoming {
		if i.usesMemory() {
			s.instMem += i.Mem
		}
		s.addDisk(i, 1)
		s.addSpindles(n, i, 1)
		s.usedCPU += i.onlineCPUs()
		s.load = s.load.plus(i.Util)
		s.locationScore += i.LocationScore + n.unmet(i)
		s.failN1 = n.unallocated(s) <= s.reserved
		s.nPri++
	}
	s.freeMemF -= i.Mem
	s.addRoom(i, 1)
	s.addDiskF(i, 1)
	s.addSpindlesF(n, i, 1)
	s.usedCPUF += i.onlineCPUs()
	s.loadF = s.loadF.plus(i.Util)
}

// addPrimary puts an instance on the node. conflict tells that one of its exclusion tags is there already. With force
// only what cannot work at all is refused.
func (s *state) addPrimary(n *Node, i *Instance, force, conflict bool) Failure {
	before := s.failN1
	s.takePrimary(n, i)
	if !s.holds(i) {
		return FailDisk
	}
	if !i.Forthcoming {
		if why := s.checkPrimary(n, i, force, conflict, before); why != OK {
			return why
		}
	}
	if force {
		return OK
	}
	return s.checkPrimaryF(n, i)
}

func (s *state) checkPrimary(n *Node, i *Instance, force, conflict, before bool) Failure {
	local := i.local()
	switch {
	case n.unallocated(s) <= 0:
		return FailMem
	case local && s.freeDisk <= 0:
		return FailDisk
	case !force && local && s.freeDisk < n.loDisk:
		return FailDisk
	case local && n.Exclusive && s.freeSpindles < 0:
		return FailSpindles
	case force:
		return OK
	case local && s.instSpindles > n.hiSpindles:
		return FailDisk
	case s.failN1 && !before:
		return FailMem
	case n.Policy.VCPURatio >= 0 && n.Policy.VCPURatio < n.cpuRatio(s):
		return FailCPU
	case conflict:
		return FailTags
	}
	return OK
}

func (s *state) checkPrimaryF(n *Node, i *Instance) Failure {
	local := i.local()
	switch {
	case s.freeMemF <= 0:
		return FailMem
	case local && (s.freeDiskF <= 0 || s.freeDiskF < n.loDisk):
		return FailDisk
	case local && n.Exclusive && s.freeSpindlesF < 0:
		return FailSpindles
	case local && s.instSpindlesF > n.hiSpindles:
		return FailDisk
	case n.Policy.VCPURatio >= 0 && n.Policy.VCPURatio < n.cpuRatioF(s):
		return FailCPU
	}
	return OK
}

// removeSecondary gives back what a secondary instance used; old is the memory kept free so far for the failure of its
// primary, rest the largest such amount for any other node.
func (s *state) removeSecondary(n *Node, i *Instance, old, rest int) {
	if !i.Forthcoming {
		s.addDisk(i, -1)
		s.addSpindles(n, i, -1)
		s.load.Disk -= i.Util.Disk
		if left := old - i.secondaryMem(); old >= s.reserved {
			if s.reserved = rest; left > 0 {
				s.reserved = max(rest, left)
			}
		}
		s.failN1 = n.unallocated(s) <= s.reserved
		s.nSec--
	}
	s.addRoom(i, -1)
	s.addDiskF(i, -1)
	s.addSpindlesF(n, i, -1)
	s.loadF.Disk -= i.Util.Disk
}

// addSecondary puts a mirror on the node; old is the memory kept free so far for the failure of its primary.
func (s *state) addSecondary(n *Node, i *Instance, ignoreDisks, force bool, old int) Failure {
	before := s.failN1
	unallocated, memF := n.unallocated(s), s.freeMemF
	if !i.Forthcoming {
		s.freeDisk -= i.figured()
		s.addSpindles(n, i, 1)
		s.load.Disk += i.Util.Disk
		s.reserved = max(s.reserved, old+i.secondaryMem())
		s.failN1 = unallocated <= s.reserved
		s.nSec++
	}
	s.freeDiskF -= i.figured()
	s.addRoom(i, 1)
	s.addSpindlesF(n, i, 1)
	s.loadF.Disk += i.Util.Disk
	if !ignoreDisks && !s.holds(i) {
		return FailDisk
	}
	if !i.Forthcoming {
		if why := s.checkSecondary(n, i, ignoreDisks, force, unallocated, before); why != OK {
			return why
		}
	}
	if force {
		return OK
	}
	return s.checkSecondaryF(n, i, memF)
}

func (s *state) checkSecondary(n *Node, i *Instance, ignoreDisks, force bool, unallocated int, before bool) Failure {
	switch {
	case !i.Mirrored():
		return FailDisk
	case !ignoreDisks && s.freeDisk <= 0:
		return FailDisk
	case !force && s.freeDisk < n.loDisk:
		return FailDisk
	case n.Exclusive && s.freeSpindles < 0:
		return FailSpindles
	case force:
		return OK
	case s.instSpindles > n.hiSpindles:
		return FailDisk
	case i.secondaryMem() >= unallocated:
		return FailMem
	case s.failN1 && !before:
		return FailMem
	}
	return OK
}

func (s *state) checkSecondaryF(n *Node, i *Instance, memF int) Failure {
	switch {
	case !i.Mirrored():
		return FailDisk
	case s.freeDiskF <= 0 || s.freeDiskF < n.loDisk:
		return FailDisk
	case n.Exclusive && s.freeSpindlesF < 0:
		return FailSpindles
	case s.instSpindlesF > n.hiSpindles:
		return FailDisk
	case i.secondaryMem() >= memF:
		return FailMem
	}
	return OK
}
