package balance

import (
	"math"
	"slices"
)

// Node is one machine. Nodes are values that never change once they are on a list: every operation returns a new one.
type Node struct {
	Name, Alias     string
	Index, Group    int
	FirstIndex      int     // what to add to indices of nodes when they are shown
	TotalMem        float64 // MiB
	NodeMem         int     // MiB used by the node itself
	FreeMem         int     // MiB, as reported; never changed by moves
	TotalDisk       float64 // MiB
	TotalCPU        float64
	CPUSpeed        float64
	NodeCPU         int // CPUs used by the node itself
	Spindles        int
	Exclusive       bool // exclusive storage: spindles are handed out one by one
	Offline, Master bool
	KVM             bool // known to run KVM, whose own memory may be taken as a constant
	Tags            []string
	Storage         []Kind // nil if only the disk figures are known

	Policy     Policy
	MinDisk    float64 // share of the disk to keep free
	loDisk     int     // MinDisk in MiB
	hiSpindles float64
	missing    int // MiB that nothing accounts for

	migTags, recvTags []string // migration tags of the node, and those it accepts
	locTags           []string

	state
	pri, sec   []int // instance indices, the most recent first
	priF, secF []int // the same with forthcoming ones
	peers      peers
	tags       multiset // exclusion tags of primaries
	locations  multiset // pairs of location and exclusion tag
}

// NewNode sets what follows from the raw figures; freeDisk and freeSpindles are as reported.
func NewNode(n Node, freeDisk, freeSpindles int) *Node {
	n.Alias = n.Name
	n.state = state{
		freeDisk: freeDisk, freeDiskF: freeDisk, freeMemF: n.FreeMem,
		freeSpindles: freeSpindles, freeSpindlesF: freeSpindles,
		usedCPU: n.NodeCPU, usedCPUF: n.NodeCPU, room: boundlessRoom(),
	}
	n.setPolicy(DefaultPolicy())
	return &n
}

func (n *Node) setPolicy(p Policy) {
	n.Policy = p
	n.hiSpindles = p.SpindleRatio * float64(n.Spindles)
}

// setMinDisk changes how much of the disk has to stay free.
func (n *Node) setMinDisk(share float64) {
	n.MinDisk = share
	n.loDisk = Truncate(math.Floor(share * n.TotalDisk))
}

// share divides; of a total of nothing everything counts as free.
func share(free, total float64) float64 {
	if total == 0 {
		return 1
	}
	return free / total
}

// recorded is the memory that would be free if only what is known used any.
func (n *Node) recorded(s *state) int { return Truncate(n.TotalMem) - n.NodeMem - s.instMem }

// unallocated is the memory that can still be given away.
func (n *Node) unallocated(s *state) int { return n.recorded(s) - max(0, n.missing) }

// Unallocated is the memory in MiB that can still be given away.
func (n *Node) Unallocated() int { return n.unallocated(&n.state) }

// available is what can be given away beyond the reserve for the failure of another node.
func (n *Node) available() int { return max(0, n.Unallocated()-n.reserved) }

// FreeDisk is the free disk space in MiB.
func (n *Node) FreeDisk() int { return n.freeDisk }

// FailsN1 tells whether the node could not start all instances of another node that fails.
func (n *Node) FailsN1() bool { return n.failN1 }

// Primaries lists the instances that run on the node, the most recent first.
func (n *Node) Primaries() []int { return n.pri }

// Secondaries lists the instances mirrored on the node, the most recent first.
func (n *Node) Secondaries() []int { return n.sec }

// missingDisk is the space that no known instance accounts for.
func (n *Node) missingDisk(instances []*Instance) int {
	used := 0
	for _, list := range [][]int{n.pri, n.sec} {
		for _, i := range list {
			used += instances[i].figured()
		}
	}
	return Truncate(n.TotalDisk) - n.freeDisk - used
}

// Truncate cuts towards zero. NaN, infinities and what no integer holds become the smallest one, as the processor has it.
func Truncate(x float64) int {
	if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) >= 1<<63 {
		return math.MinInt64
	}
	return int(x)
}

// mayMigrate tells whether the migration tags allow a move from one node to the other.
func mayMigrate(from, to *Node) bool {
	for _, tag := range from.migTags {
		if !slices.Contains(to.recvTags, tag) {
			return false
		}
	}
	return true
}

// unmet counts the wished-for locations of an instance that the node does not have.
func (n *Node) unmet(i *Instance) int {
	count := 0
	for _, tag := range i.Desired {
		if !slices.Contains(n.locTags, tag) {
			count++
		}
	}
	return count
}

// locationPairs are the pairs of a location of the node and an exclusion tag of the instance.
func (n *Node) locationPairs(i *Instance) []string {
	var pairs []string
	for _, where := range n.locTags {
		for _, tag := range i.ExclTags {
			pairs = append(pairs, where+"\x00"+tag)
		}
	}
	return pairs
}

// commonTags counts the location tags that two nodes share.
func commonTags(a, b *Node) int {
	count := 0
	for _, tag := range a.locTags {
		if slices.Contains(b.locTags, tag) {
			count++
		}
	}
	return count
}

// FreeSpindles is the number of spindles not handed out yet.
func (n *Node) FreeSpindles() int { return n.freeSpindles }

// Conflicts counts primaries that share an exclusion tag with another one.
func (n *Node) Conflicts() int { return n.tags.excess() }
