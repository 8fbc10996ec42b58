package balance

import (
	"math"
	"slices"
)

// Pruning. The square root in a spread is concave, so over the range of all changes that one step can bring it lies above
// its chord. With chords in place of roots a lower bound of the score becomes a sum of one number for each node a move
// touches. What a target contributes depends only on the size of the instance and its role there. So the targets are
// sorted once for each size, and of most moves nothing is ever computed. Where instances have too many sizes, those that are nearly
// alike count as one, which contributes the least that any between its smallest and its largest could.

// size is what a node feels of an instance, whatever node it was on.
type size struct {
	mem, disk, cpus, spindleUse, spindles int
	knownSpindles                         bool
	util                                  Util
	usesMem, mirrored, local, forthcoming bool
	reserves, listed                      bool
	need                                  [maxKinds]int
	kind                                  int
}

func (i *Instance) size() size {
	spindles, known := i.TotalSpindles()
	return size{
		i.Mem, i.Disk, i.onlineCPUs(), i.SpindleUse, spindles, known, i.Util, i.usesMemory(), i.Mirrored(), i.local(),
		i.Forthcoming, i.online() && i.AutoBalance, i.listed, i.need, i.kind,
	}
}

// grain is by how much memory and disks may differ and still count as one size.
type grain struct{ mem, disk int }

func (g grain) size(i *Instance) size {
	s := i.size()
	s.mem /= g.mem
	s.disk /= g.disk
	return s
}

// space is what one step of balancing leaves to the next, so that it need not be made again.
type space struct {
	seen      map[size]int
	numbers   []int // of the sizes, by position among the instances
	routed    []routed
	instances []*routed
	sizes     []sized
}

// cleared is a list of so many zeros.
func cleared[T any](list []T, count int) []T {
	list = slices.Grow(list[:0], count)[:count]
	clear(list)
	return list
}

// prepare makes room for so many instances of so many sizes.
func (s *space) prepare(instances, sizes int) {
	s.routed, s.instances = cleared(s.routed, instances), cleared(s.instances, instances)
	s.sizes = slices.Grow(s.sizes[:0], sizes)[:sizes]
	for k := range s.sizes {
		sorted := &s.sizes[k].sorted
		s.sizes[k] = sized{sorted: [2][]destination{sorted[0][:0], sorted[1][:0]}}
	}
}

// numberSizes gives each instance the number of its size. Sizes are told apart to the MiB if there are at most so many, and else so
// coarsely that there are few. It is not ok if instances differ in too much else.
func (s *space) numberSizes(instances []*Instance, most, few int) (count int, ok bool) {
	s.numbers = cleared(s.numbers, len(instances))
	if s.number(instances, grain{1, 1}, most) {
		return len(s.seen), true
	}
	var largest grain
	for _, i := range instances {
		largest = grain{max(largest.mem, i.Mem), max(largest.disk, i.Disk)}
	}
	for parts := 32; parts > 0 && !ok; parts /= 2 {
		ok = s.number(instances, grain{largest.mem/parts + 1, largest.disk/parts + 1}, few)
	}
	return len(s.seen), ok
}

// number gives up when there are more sizes than so many.
func (s *space) number(instances []*Instance, g grain, most int) bool {
	if s.seen == nil {
		s.seen = make(map[size]int, min(len(instances), 128))
	}
	clear(s.seen)
	for k, i := range instances {
		size := g.size(i)
		number, known := s.seen[size]
		if !known {
			if number = len(s.seen); number == most {
				return false
			}
			s.seen[size] = number
		}
		s.numbers[k] = number
	}
	return true
}

// alike are the smallest and the largest that instances of one size can be.
type alike struct{ least, most *Instance }

func (a alike) with(i *Instance) alike {
	if a.least == nil {
		return alike{i, i}
	}
	if i.Mem < a.least.Mem || i.Disk < a.least.Disk {
		least := *a.least
		least.Mem, least.Disk = min(least.Mem, i.Mem), min(least.Disk, i.Disk)
		a.least = &least
	}
	if i.Mem > a.most.Mem || i.Disk > a.most.Disk {
		most := *a.most
		most.Mem, most.Disk = max(most.Mem, i.Mem), max(most.Disk, i.Disk)
		a.most = &most
	}
	return a
}

// The roles that an instance has on its target.
const (
	asPrimary = iota
	asSecondary
)

// destination is a target with what it contributes at least to the bound.
type destination struct {
	order int // position among the targets
	part  float64
}

// sized is what is known of the instances of one size.
type sized struct {
	sample alike
	lowest [2]float64       // what any target contributes at least, by role
	sorted [2][]destination // empty until first asked for: most never are
}

// chords are the straight lines below the square roots.
type chords struct {
	constant float64 // of all lines together, with the counts of the table
	slope    figures // weighted
}

// spans are the ranges of the changes that one role can bring.
type spans struct {
	first, low, high figures // the largest absolute first moment; the range of the second
}

func (r *spans) include(c *change) {
	for k := range figureCount {
		r.first[k] = max(r.first[k], math.Abs(c.first[k]))
		r.low[k] = min(r.low[k], c.second[k])
		r.high[k] = max(r.high[k], c.second[k])
	}
}

func (r *spans) join(o *spans) {
	for k := range figureCount {
		r.first[k] = max(r.first[k], o.first[k])
		r.low[k] = min(r.low[k], o.low[k])
		r.high[k] = max(r.high[k], o.high[k])
	}
}

// newChords draws the lines over the ranges of three nodes that change together.
func (b *bounds) newChords(roles [3]spans) chords {
	c := chords{constant: b.counts - b.margin}
	for k := range figureCount {
		reach := roles[0].first[k] + roles[1].first[k] + roles[2].first[k]
		cross := reach*reach/b.size + b.slack[k]
		// Below minus the present sum there is nothing: a sum of squares cannot be negative.
		low := max(roles[0].low[k]+roles[1].low[k]+roles[2].low[k]-cross, -b.squares[k])
		high := roles[0].high[k] + roles[1].high[k] + roles[2].high[k]
		cross += 64 * epsilon * (b.squares[k] + high - low)
		left, right := rooted(b.squares[k]+low, b.size), rooted(b.squares[k]+high, b.size)
		if high > low {
			c.slope[k] = spreadWeights[k] * (right - left) / (high - low)
		}
		c.constant += spreadWeights[k]*left - c.slope[k]*(low+cross)
	}
	c.constant -= 64 * epsilon * math.Abs(c.constant)
	return c
}

func rooted(square, size float64) float64 { return math.Sqrt(max(0, square) / size) }

// part is what a change contributes to the bound.
func (c *chords) part(x *change) float64 {
	sum := x.counts
	for k := range figureCount {
		sum += c.slope[k] * x.second[k]
	}
	return sum
}

// route is a kind of move of one instance with what its two nodes contribute.
type route struct {
	kind MoveKind
	role int // of the target
	part float64
}

// routed is an instance with its routes and the lowest bound of any of them.
type routed struct {
	instance *Instance
	order    int
	size     int // its number
	failover bool
	routes   [4]route // a mirrored instance has so many
	count    int
	low      float64
}

// lowestReserve makes of a change of a node that becomes secondary a bound for any primary: how much has to be kept free for
// that one is between what is kept now and that much more.
func (b *bounds) lowestReserve(n *Node, before *state, mem int, c *change) {
	x := b.index[n.Index][2] - b.mean[2]
	least := float64(before.reserved)/n.TotalMem - b.mean[2]
	most := float64(before.reserved+max(0, mem))/n.TotalMem - b.mean[2]
	y := min(max(0, least), most)
	c.second[2] = y*y - x*x
	c.first[2] = max(math.Abs(least-x), math.Abs(most-x))
}

// asSecondaryAnywhere is the least change of a node that becomes the secondary of an instance, from a given state.
func (b *bounds) asSecondaryAnywhere(n *Node, before state, i *Instance, excess int, c *change) {
	after := before
	after.addSecondary(n, i, true, true, -i.secondaryMem()) // as if nothing had to be kept free for the primary
	after.reserved = before.reserved
	after.failN1 = n.unallocated(&after) <= after.reserved
	b.change(n, &after, excess, c)
	if !n.Offline {
		b.lowestReserve(n, &before, i.secondaryMem(), c)
	}
}

// asPrimaryAnywhere is the least change of a target that the instance runs on: conflicts and locations only add to it.
func (b *bounds) asPrimaryAnywhere(n *Node, i *Instance, c *change) {
	after := n.state
	after.takePrimary(n, i)
	after.locationScore = n.locationScore
	b.change(n, &after, n.tags.excess(), c)
}
