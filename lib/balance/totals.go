package balance

import "math"

// Totals are the resources of a list of nodes together, offline ones included.
type Totals struct {
	Score                           float64
	Instances                       int
	FreeMem, FreeDisk, FreeSpindles int
	AvailMem, AvailDisk             int // beyond reserves
	MaxAvailMem, MaxAvailDisk       int // of one node
	InstMem, InstDisk, InstCPU      int
	InstSpindles                    int
	TotalMem, TotalDisk, TotalCPU   float64
	TotalSpindles                   int
	VCPUs                           int     // that the policy allows
	NormCPU                         float64 // physical CPUs that the virtual ones stand for
	MissingMem, NodeMem             int
}

// SumUp adds the resources of nodes up.
func SumUp(nodes NodeList) Totals {
	t := Totals{Score: Score(nodes)}
	for _, n := range nodes.Present() {
		t.add(n)
	}
	return t
}

func (t *Totals) add(n *Node) {
	mem, disk := n.available(), n.availableDisk()
	t.Instances += len(n.pri)
	t.FreeMem += n.Unallocated()
	t.FreeDisk += n.freeDisk
	t.FreeSpindles += n.freeSpindles
	t.AvailMem += mem
	t.AvailDisk += disk
	t.MaxAvailMem = max(t.MaxAvailMem, mem)
	t.MaxAvailDisk = max(t.MaxAvailDisk, disk)
	t.InstMem += n.instMem
	t.InstDisk += Truncate(n.TotalDisk) - n.freeDisk
	t.InstCPU += n.usedCPU
	t.InstSpindles += n.Spindles - n.freeSpindles
	t.TotalMem += n.TotalMem
	t.TotalDisk += n.TotalDisk
	t.TotalCPU += n.TotalCPU
	t.TotalSpindles += n.Spindles
	t.VCPUs += n.maxVCPUs()
	t.NormCPU += float64(n.usedCPU) / n.Policy.VCPURatio
	t.MissingMem += n.missing
	t.NodeMem += n.NodeMem
}

// availableDisk is the free space beyond what has to stay free.
func (n *Node) availableDisk() int { return max(0, n.freeDisk-n.loDisk) }

func (n *Node) maxVCPUs() int { return Truncate(math.Floor(n.Policy.VCPURatio * n.TotalCPU)) }
