package balance

import (
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
	places    *places // of these nodes, once they were asked for
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
	p, _ := f.current(&Filling{Nodes: f.Nodes})
	f.places = p.indices()
	if count == 2 && f.places.Pairs == nil {
		f.places.Pairs = []Pair{}
	}
}

// Places are the nodes found by Restrict.
func (f *Filler) Places() *Places { return f.places }

// current are the places to try as the nodes are now.
func (f *Filler) current(s *Filling) (places, error) {
	if s.places != nil {
		return *s.places, nil
	}
	p, err := f.AllocOptions.places(s.Nodes.filter(func(n *Node) bool { return f.allocable[n.Group] }), f.count)
	if err == nil {
		s.places = &p
	}
	return p, err
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
// giveUp, if not nil, is asked after each whether to give up. The instance is only a size, with the index of the one to be placed.
func (f *Filler) oneByOne(s *Filling, i *Instance, limit int, checked bool, giveUp func(*Filling) bool) (*Filling, error) {
	o := f.AllocOptions
	o.Capacity = checked && i.Template != DRBD
	instances, placed := slices.Clip(s.Instances), slices.Clip(s.Placed) // nobody else goes on with what these lists become
	for {
		p, err := f.current(s)
		if err != nil {
			return nil, err
		}
		i.Index = len(instances)
		found := o.search(s.Nodes, instances, i, p)
		if found.Best == nil || limit == 0 {
			end := *s
			end.failures, end.tried = found.failures, true
			return &end, nil
		}
		limit--
		added := found.Best.Instance
		added.Name = fmt.Sprintf("new-%d", len(placed))
		added.Alias = added.Name
		instances, placed = append(instances, added), append(placed, added)
		s = &Filling{Nodes: s.Nodes.with(found.Best.Nodes...), Instances: instances, Placed: placed, shrunken: &shrunken{}}
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

// Instance makes an instance of the size of a spec.
func (s Spec) Instance(t Template, spindleUse int) *Instance {
	return NewInstance(Instance{
		Name: "new", Mem: s.Mem, Disk: s.Disk, VCPUs: s.CPU, Disks: []Disk{{s.Disk, s.SpindleUse}}, Status: Running,
		AutoBalance: true, Primary: None, Secondary: None, Template: t, SpindleUse: spindleUse,
	})
}
