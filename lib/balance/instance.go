package balance

// None is the index of a node that is not there, such as the secondary of an instance without one.
const None = -1

// Util is what an instance, or all on a node, ask for over time. The units are arbitrary.
type Util struct {
	CPU, Mem, Disk, Net float64
}

func (u Util) plus(v Util) Util {
	return Util{u.CPU + v.CPU, u.Mem + v.Mem, u.Disk + v.Disk, u.Net + v.Net}
}

func (u Util) minus(v Util) Util {
	return Util{u.CPU - v.CPU, u.Mem - v.Mem, u.Disk - v.Disk, u.Net - v.Net}
}

// baseUtil is assumed for an instance about which nothing else is known.
var baseUtil = Util{1, 1, 1, 1}

// Disk is one disk of an instance.
type Disk struct {
	Size     int // MiB
	Spindles int // NoSpindles if unknown
}

// NoSpindles stands for an unknown number of spindles of a disk.
const NoSpindles = -1 << 63

// Instance is one virtual machine.
type Instance struct {
	Name, Alias        string // the alias is the name without the suffix common to the cluster
	Index              int
	Mem, Disk, VCPUs   int // MiB, MiB, number
	Disks              []Disk
	Status             Status
	Primary, Secondary int // node indices, None if there is none
	Template           Template
	SpindleUse         int
	AutoBalance        bool
	Forthcoming        bool // reserved, not created yet
	Tags               []string
	Networks           []string // the network of each NIC, empty ones left out
	Needs              []Need   // nil if only the disk space as a whole is known

	listed bool          // Needs count
	need   [maxKinds]int // by the number of the kind
	figure int           // what it takes of the storage that the disk figures of nodes are about, if it is listed
	kind   int           // the one it takes all its space of, if it is not listed

	Util          Util
	Movable       bool
	ExclTags      []string // those of Tags that keep instances apart
	Desired       []string // those of Tags that name wished-for locations, sorted, each once
	LocationScore int      // location tags that its two nodes have in common
}

// NewInstance fills in what follows from the rest: alias, utilisation, mobility.
func NewInstance(i Instance) *Instance {
	i.Alias = i.Name
	i.Util = baseUtil
	i.Movable = i.Template.movable()
	return &i
}

func (i *Instance) usesMemory() bool { return !i.Forthcoming && i.Status.usesMemory() }

func (i *Instance) online() bool { return i.Status != AdminOffline }

// secondaryMem is what a secondary node has to keep free for the instance.
func (i *Instance) secondaryMem() int {
	if i.online() && i.AutoBalance {
		return i.Mem
	}
	return 0
}

func (i *Instance) local() bool { return i.Template.Local() }

// IsRunning tells whether a move is a live migration.
func (i *Instance) IsRunning() bool { return i.Status == Running || i.Status == ErrorUp }

// Mirrored tells whether the instance has a secondary node by its template.
func (i *Instance) Mirrored() bool { return i.Template == DRBD }

// TotalSpindles adds up the spindles of all disks, if all are known.
func (i *Instance) TotalSpindles() (int, bool) {
	sum := 0
	for _, d := range i.Disks {
		if d.Spindles == NoSpindles {
			return 0, false
		}
		sum += d.Spindles
	}
	return sum, true
}

// nodes returns the indices of the nodes the instance is on.
func (i *Instance) nodes() []int {
	if i.Mirrored() {
		return []int{i.Primary, i.Secondary}
	}
	return []int{i.Primary}
}

// placed returns a copy of the instance on other nodes.
func (i *Instance) placed(primary, secondary int) *Instance {
	moved := *i
	moved.Primary, moved.Secondary = primary, secondary
	return &moved
}
