package balance

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Filling is a cluster that was filled with new instances until no more fit, or enough are there.
type Filling struct {
	Nodes     NodeList
	Instances InstanceList
	Placed    []*Instance // in the order in which they were placed
	Reasons   []Reason    // why the next one did not fit, the most frequent first; empty if nothing was tried
	failures  failures
	tried     bool
	safe      *bool // whether any node could be lost, if that is known
	shrunken  *shrunken
}

// shrunken remembers, for one state of the nodes, what making instances smaller led to.
type shrunken struct{ seen map[shrinking][]stretch }

// shrinking is what stays the same of an instance while one resource is made smaller, step by step.
type shrinking struct {
	mem, disk, cpus, spindles int // of the resource, what no number of steps changes
	why                       Failure
}

// stretch is a range of the resource from which the same instance is reached that fits, nil if none is.
type stretch struct {
	most, least int
	fits        *Instance
}

// Reason is why an instance did not fit, and on how many places.
type Reason struct {
	Why   Failure
	Count int
}

// Filler fills a cluster with instances to see how many fit.
type Filler struct {
	AllocOptions
	Groups  []*Group
	Limit   int // how many instances at most; no limit if negative
	Nodes   NodeList
	Initial InstanceList

	allocable map[int]bool // groups that may take instances
	count     int          // nodes an instance needs
	places    *Places
}

// Places are the nodes that instances may go to, by index: single ones, or pairs if Pairs is not nil.
type Places struct {
	Single []int
	Pairs  []Pair
}

// Pair is a primary with its possible secondaries.
type Pair struct {
	Primary     int
	Secondaries []int
}

// ErrDivision is what the reference stops with when it counts how many instances without memory would fit.
var ErrDivision = errors.New("divide by zero")

// Restrict says which groups may take instances and finds the nodes for those that need count nodes. That there are none is an
// error only once an instance is to be placed.
func (f *Filler) Restrict(allocable func(*Group) bool, count int) {
	f.count = count
	f.allocable = map[int]bool{}
	for _, g := range f.Groups {
		f.allocable[g.Index] = allocable(g)
	}
	p, _ := f.current(f.Nodes)
	f.places = p.indices()
	if count == 2 && f.places.Pairs == nil {
		f.places.Pairs = []Pair{}
	}
}

// Places are the nodes found by Restrict.
func (f *Filler) Places() *Places { return f.places }

func (f *Filler) current(nodes NodeList) (places, error) {
	return f.AllocOptions.places(nodes.filter(func(n *Node) bool { return f.allocable[n.Group] }), f.count)
}

func (p places) indices() *Places {
	list := &Places{}
	for _, n := range p.single {
		list.Single = append(list.Single, n.Index)
	}
	for _, pair := range p.pairs {
		q := Pair{Primary: pair.primary.Index}
		for s := range pair.secondaries() {
			q.Secondaries = append(q.Secondaries, s.Index)
		}
		list.Pairs = append(list.Pairs, q)
	}
	return list
}

// start is the cluster as it is. Where an instance lacks its secondary node, nodes are looked at in order until it is met.
func (f *Filler) start() *Filling {
	f.broken, f.suspect, f.rates = new(error), new(int), &pairRates{}
	for _, i := range f.Initial {
		if i.Mirrored() && i.Secondary == None {
			f.suspect = nil
		}
	}
	return &Filling{Nodes: f.Nodes, Instances: f.Initial, shrunken: &shrunken{}}
}

// IgnoreGroups leaves groups out of the check that any node may be lost.
func (f *Filler) IgnoreGroups(groups []*Group) {
	f.ignoredGroups = map[int]bool{}
	for _, g := range groups {
		f.ignoredGroups[g.Index] = true
	}
}

// Fixed fills the cluster with instances of one size.
func (f *Filler) Fixed(i *Instance) (*Filling, error) {
	filling, err := f.fixed(f.start(), i, f.Limit)
	if err = errors.Join(err, *f.broken); err != nil {
		return nil, err
	}
	return filling.finish(), nil
}

// Meanwhile begins with a filling where a core is free for it, and returns what waits for its end. It knows nothing of what the Filler
// does next, and the other way round.
func (f *Filler) Meanwhile(fill func(*Filler) (*Filling, error)) func() (*Filling, error) {
	own := *f
	end := sync.OnceValues(func() (*Filling, error) { return fill(&own) })
	if runtime.GOMAXPROCS(0) > 1 {
		go end()
	}
	return end
}

func (s *Filling) finish() *Filling {
	if !s.tried {
		return s
	}
	s.Reasons = nil
	for why := FailMem; why <= FailInternal; why++ {
		s.Reasons = append(s.Reasons, Reason{why, s.failures[why]})
	}
	slices.SortStableFunc(s.Reasons, func(a, b Reason) int { return b.Count - a.Count })
	return s
}

// unlimited and other negative limits mean no limit.
const unlimited = -1

// fixed places instances in bulk as long as the result could lose any node, then in smaller bulks, then one by one.
func (f *Filler) fixed(s *Filling, i *Instance, limit int) (*Filling, error) {
	if !f.Capacity {
		return f.oneByOne(s, i, limit, false, nil)
	}
	size, err := f.bulkSize(s, i)
	if err != nil {
		return nil, err
	}
	for _, bulk := range []int{size, 10} {
		var done bool
		if s, limit, done, err = f.inBulk(s, i, limit, bulk); done {
			return s, err
		}
	}
	return f.oneByOne(s, i, limit, true, nil)
}

// bulkSize is how many instances fit surely enough not to look after each. Of those without memory it is no number, which matters
// once there is a place for one or any node could be lost.
func (f *Filler) bulkSize(s *Filling, i *Instance) (int, error) {
	free, nodes := 0, 0
	for _, n := range s.Nodes.Present() {
		free += n.available()
		nodes++
	}
	if i.Mem == 0 {
		one, err := f.bulk(s, i, 1)
		if err == nil && (len(one.Placed) > len(s.Placed) || f.isSafe(one)) {
			err = ErrDivision
		}
		return 1, err
	}
	return max(20, floorDiv(free, i.Mem)-nodes), nil
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// inBulk goes on while bulks of that size leave a cluster that may lose any node; done tells that nothing is left to do.
func (f *Filler) inBulk(s *Filling, i *Instance, limit, size int) (_ *Filling, left int, done bool, err error) {
	for {
		bulk := size
		if limit >= 0 {
			bulk = min(bulk, limit)
		}
		next, err := f.bulk(s, i, bulk)
		if err != nil {
			return nil, 0, true, err
		}
		added := len(next.Placed) - len(s.Placed)
		if !f.isSafe(next) {
			if added == 0 {
				s.safe = next.safe
			}
			return s, limit, false, nil
		}
		s = next
		if limit >= 0 {
			limit -= added
		}
		if added == 0 || limit == 0 {
			return s, limit, true, nil
		}
	}
}

// isSafe tells whether the filled cluster could lose any node.
func (f *Filler) isSafe(s *Filling) bool {
	if s.safe == nil {
		safe := f.redundant(s.Nodes, s.Instances)
		s.safe = &safe
	}
	return *s.safe
}

// oneByOne places instances until none fits or the limit is reached, which is only looked at after a place was found.
// checked asks after each whether the cluster could still lose any node; not for mirrored instances.
// giveUp, if not nil, is asked after each whether to give up.
func (f *Filler) oneByOne(s *Filling, i *Instance, limit int, checked bool, giveUp func(*Filling) bool) (*Filling, error) {
	o := f.AllocOptions
	o.Capacity = checked && i.Template != DRBD
	for {
		next := *i
		next.Name = fmt.Sprintf("new-%d", len(s.Placed))
		next.Alias = next.Name
		next.Index = len(s.Instances)
		p, err := f.current(s.Nodes)
		if err != nil {
			return nil, err
		}
		found := o.search(s.Nodes, s.Instances, &next, p)
		if found.Best == nil || limit == 0 {
			end := *s
			end.failures, end.tried = found.failures, true
			return &end, nil
		}
		limit--
		s = &Filling{
			Nodes:     s.Nodes.with(found.Best.Nodes...),
			Instances: append(slices.Clip(s.Instances), found.Best.Instance),
			Placed:    append(slices.Clip(s.Placed), found.Best.Instance),
			shrunken:  &shrunken{},
		}
		if giveUp != nil && giveUp(s) {
			return s, nil
		}
	}
}

// bulk places up to so many instances without asking whether the cluster could still lose any node. Once it surely could not,
// the rest does not matter: a bulk is taken back then.
func (f *Filler) bulk(s *Filling, i *Instance, size int) (*Filling, error) {
	return f.oneByOne(s, i, size, false, func(s *Filling) bool {
		last := s.Placed[len(s.Placed)-1].Primary
		lost := f.doomed(s.Nodes[last], s.Nodes, s.Instances)
		if !lost && f.suspect != nil && *f.suspect < len(s.Nodes) {
			lost = f.doomed(s.Nodes[*f.suspect], s.Nodes, s.Instances)
		}
		if lost {
			s.safe = new(bool)
		}
		return lost
	})
}

// Tiered fills the cluster with instances that shrink whenever no more fit. Each size goes on where the one before ended.
func (f *Filler) Tiered(sizes []*Instance) (*Filling, error) {
	s := f.start()
	for _, i := range sizes {
		if f.Limit != unlimited && len(s.Placed) >= f.Limit {
			break // the reasons stay those of the size before; there are none if nothing was tried
		}
		limit := f.Limit
		if limit >= 0 {
			limit -= len(s.Placed)
		}
		var err error
		if s, err = f.tiered(s, i, limit); err != nil {
			return nil, err
		}
	}
	if *f.broken != nil {
		return nil, *f.broken
	}
	return s.finish(), nil
}

// misfit is a size that did not fit, and why.
type misfit struct {
	mem, disk, cpus, spindles int
	failures                  failures
	limit                     int // of what a smaller size may still place
}

// tiered makes the instance smaller step by step. When no step is left, the sizes that did not fit since the last one that did are
// gone back through, the smallest first, for another resource that could be made smaller.
func (f *Filler) tiered(s *Filling, i *Instance, limit int) (*Filling, error) {
	var back []misfit
	end := s
	for {
		next, err := f.fixed(s, i, limit)
		switch {
		case err != nil && len(back) == 0:
			return nil, err
		case err == nil && (len(back) == 0 || len(next.Placed) > len(end.Placed)):
			back, end = back[:0], next
		}
		if err == nil {
			s = next
		}
		reached := limit >= 0 && limit <= len(s.Placed)
		switch {
		case reached && len(back) == 0:
			return s, nil
		case err == nil && !reached:
			if limit >= 0 {
				limit -= len(s.Placed)
			}
			back = append(back, i.misfit(s.failures, limit))
			reasons := s.failures.ascending()
			if smaller, ok := i.shrink(reasons[len(reasons)-1]); ok {
				i = &smaller
				continue
			}
		}
		if i, limit, back = f.another(s, i, back); i == nil {
			return end, nil
		}
	}
}

// another goes back to a size of which some resource can be made smaller until it fits; nil if there is none.
func (f *Filler) another(s *Filling, i *Instance, back []misfit) (*Instance, int, []misfit) {
	for len(back) > 0 {
		last := back[len(back)-1]
		back = back[:len(back)-1]
		for _, why := range slices.Backward(last.failures.ascending()) {
			if smaller := f.shrinkUntilFits(s, i.like(last), why); smaller != nil {
				return smaller, last.limit, back
			}
		}
	}
	return nil, 0, nil
}

func (i *Instance) misfit(why failures, limit int) misfit {
	return misfit{i.Mem, i.Disk, i.VCPUs, i.Disks[0].Spindles, why, limit}
}

// like is the instance of that size.
func (i *Instance) like(m misfit) *Instance {
	same := *i
	same.Mem, same.Disk, same.VCPUs, same.Disks = m.mem, m.disk, m.cpus, []Disk{{m.disk, m.spindles}}
	return &same
}

// ascending sorts all reasons by how often they occurred; of equal ones the order stays.
func (f failures) ascending() []Failure {
	var all []Failure
	for why := FailMem; why <= FailInternal; why++ {
		all = append(all, why)
	}
	slices.SortStableFunc(all, func(a, b Failure) int { return cmp.Compare(f[a], f[b]) })
	return all
}

// shrinkUntilFits makes one resource smaller as long as it keeps being the reason, until the instance fits. The same sizes come up
// again and again, so what was tried on the way is remembered.
func (f *Filler) shrinkUntilFits(s *Filling, i *Instance, why Failure) *Instance {
	p, err := f.current(s.Nodes)
	now := *i
	smaller, ok := now.shrink(why)
	if err != nil || !ok {
		return nil
	}
	if s.shrunken.seen == nil {
		s.shrunken.seen = map[shrinking][]stretch{}
	}
	same, most := i.shrinking(why)
	way := stretch{most: most}
	try := new(Instance) // nothing keeps it
	for ; ok; smaller, ok = now.shrink(why) {
		_, at := now.shrinking(why)
		if known := s.shrunken.find(same, at); known != nil {
			known.most = max(known.most, most) // from there the way is the same
			return known.fits
		}
		way.least = at
		*try = now
		try.Index = len(s.Instances)
		found := f.search(s.Nodes, s.Instances, try, p)
		if found.Best != nil {
			fits := now
			way.fits = &fits
			break
		}
		if found.failures[why] == 0 {
			break
		}
		now = smaller
	}
	s.shrunken.seen[same] = append(s.shrunken.seen[same], way)
	return way.fits
}

func (s *shrunken) find(same shrinking, at int) *stretch {
	ways := s.seen[same]
	for k := range ways {
		if ways[k].least <= at && at <= ways[k].most {
			return &ways[k]
		}
	}
	return nil
}

// shrinking tells what stays the same, and how much there is of the resource.
func (i *Instance) shrinking(why Failure) (same shrinking, left int) {
	same = shrinking{mem: i.Mem, disk: i.Disk, cpus: i.VCPUs, why: why}
	if len(i.Disks) == 1 {
		same.spindles = i.Disks[0].Spindles
	}
	step, resource := 1, &same.spindles
	switch why {
	case FailMem:
		step, resource = unitMem, &same.mem
	case FailDisk:
		step, resource = unitDisk, &same.disk
	case FailCPU:
		resource = &same.cpus
	}
	left = *resource
	*resource %= step
	return same, left
}

// The steps in which instances shrink.
const (
	unitMem  = 64  // MiB
	unitDisk = 256 // MiB
)

// shrink makes the resource that was lacking smaller; not ok if less than one step of it would be left.
func (i *Instance) shrink(why Failure) (smaller Instance, ok bool) {
	smaller = *i
	switch why {
	case FailMem:
		if smaller.Mem -= unitMem; smaller.Mem < unitMem {
			return smaller, false
		}
	case FailDisk:
		smaller.Disks = slices.Clone(i.Disks)
		for k := range smaller.Disks {
			if smaller.Disks[k].Size -= unitDisk; smaller.Disks[k].Size < unitDisk {
				return smaller, false
			}
		}
		smaller.Disk -= unitDisk
	case FailCPU:
		if smaller.VCPUs--; smaller.VCPUs < 1 {
			return smaller, false
		}
	case FailSpindles:
		if len(i.Disks) != 1 || i.Disks[0].Spindles < 2 {
			return smaller, false
		}
		smaller.Disks = []Disk{{i.Disks[0].Size, i.Disks[0].Spindles - 1}}
	default:
		return smaller, false
	}
	return smaller, true
}

// Instance makes an instance of the size of a spec.
func (s Spec) Instance(t Template, spindleUse int) *Instance {
	return NewInstance(Instance{
		Name: "new", Mem: s.Mem, Disk: s.Disk, VCPUs: s.CPU, Disks: []Disk{{s.Disk, s.SpindleUse}}, Status: Running,
		AutoBalance: true, Primary: None, Secondary: None, Template: t, SpindleUse: spindleUse,
	})
}
