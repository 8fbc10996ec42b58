package balance

import (
	"cmp"
	"slices"
)

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
	limit                     int     // of what a smaller size may still place
	before                    *misfit // the size that was tried before it, nil if there is none
}

// tiered makes the instance smaller step by step. When no step is left, the sizes that did not fit since the last one that did are
// gone back through, the smallest first, for another resource that could be made smaller.
func (f *Filler) tiered(s *Filling, i *Instance, limit int) (*Filling, error) {
	var last *misfit
	end := s
	for {
		next, err := f.fixed(s, i, limit)
		switch {
		case err != nil && last == nil:
			return nil, err
		case err == nil && (last == nil || len(next.Placed) > len(end.Placed)):
			last, end = nil, next
		}
		if err == nil {
			s = next
		}
		reached := limit >= 0 && limit <= len(s.Placed)
		switch {
		case reached && last == nil:
			return s, nil
		case err == nil && !reached:
			if limit >= 0 {
				limit -= len(s.Placed)
			}
			last = &misfit{i.Mem, i.Disk, i.VCPUs, i.Disks[0].Spindles, s.failures, limit, last}
			if why := s.failures.foremost(); i.steps(why) > 0 {
				i = i.smaller(why, 1)
				continue
			}
		}
		if i, limit, last = f.another(s, i, last); i == nil {
			return end, nil
		}
	}
}

// another goes back to a size of which some resource can be made smaller until it fits; nil if there is none.
func (f *Filler) another(s *Filling, i *Instance, last *misfit) (*Instance, int, *misfit) {
	for ; last != nil; last = last.before {
		same := i.like(last)
		for _, why := range slices.Backward(last.failures.ascending()) {
			if smaller := f.shrinkUntilFits(s, same, why); smaller != nil {
				return smaller, last.limit, last.before
			}
		}
	}
	return nil, 0, nil
}

// like is the instance of that size.
func (i *Instance) like(m *misfit) *Instance {
	same := *i
	same.Mem, same.Disk, same.VCPUs, same.Disks = m.mem, m.disk, m.cpus, []Disk{{m.disk, m.spindles}}
	return &same
}

// ascending sorts all reasons by how often they occurred; of equal ones the order stays.
func (f failures) ascending() []Failure {
	all := make([]Failure, 0, FailInternal)
	for why := FailMem; why <= FailInternal; why++ {
		all = append(all, why)
	}
	slices.SortStableFunc(all, func(a, b Failure) int { return cmp.Compare(f[a], f[b]) })
	return all
}

// foremost is the reason that occurred most often, of equal ones the last.
func (f failures) foremost() Failure {
	first := FailMem
	for why := FailMem; why <= FailInternal; why++ {
		if f[why] >= f[first] {
			first = why
		}
	}
	return first
}

// shrinkUntilFits makes one resource smaller as long as it keeps being the reason, until the instance fits. The same sizes come up
// again and again, so what was tried on the way is remembered.
func (f *Filler) shrinkUntilFits(s *Filling, i *Instance, why Failure) *Instance {
	p, err := f.current(s)
	steps := i.steps(why)
	if err != nil || steps <= 0 {
		return nil
	}
	same, most := i.shrinking(why)
	known, untried := s.shrunken.find(same, most, steps)
	end := f.walk(&way{nodes: s.Nodes, instances: s.Instances, places: p, instance: i, why: why}, untried)
	if known != nil && end.step == untried {
		known.most = max(known.most, most) // from there the way is the same
		return known.fits
	}
	walked := stretch{most: most, least: most - min(end.step, steps-1)*why.unit()}
	if end.fits {
		walked.fits = i.smaller(why, end.step)
	}
	s.shrunken.add(same, walked)
	return walked.fits
}

// find returns the stretch that is reached first in so many steps, and how many steps lead there; nil and all steps if none is.
func (s *shrunken) find(same shrinking, most, steps int) (*stretch, int) {
	var known *stretch
	unit, ways := same.why.unit(), s.seen[same]
	for k := range ways {
		w := &ways[k]
		if at := max(0, most-w.most) / unit; at < steps && most-at*unit >= w.least {
			known, steps = w, at
		}
	}
	return known, steps
}

func (s *shrunken) add(same shrinking, walked stretch) {
	if s.seen == nil {
		s.seen = map[shrinking][]stretch{}
	}
	s.seen[same] = append(s.seen[same], walked)
}

// shrinking tells what stays the same, and how much there is of the resource.
func (i *Instance) shrinking(why Failure) (same shrinking, left int) {
	same = shrinking{mem: i.Mem, disk: i.Disk, cpus: i.VCPUs, spindles: i.Disks[0].Spindles, why: why}
	resource := &same.spindles
	switch why {
	case FailMem:
		resource = &same.mem
	case FailDisk:
		resource = &same.disk
	case FailCPU:
		resource = &same.cpus
	}
	left = *resource
	*resource %= why.unit()
	return same, left
}

// The steps in which instances shrink.
const (
	unitMem  = 64  // MiB
	unitDisk = 256 // MiB
)

// unit is a step of the resource that was lacking.
func (f Failure) unit() int {
	switch f {
	case FailMem:
		return unitMem
	case FailDisk:
		return unitDisk
	}
	return 1
}

// steps is how often the resource that was lacking can be made smaller so that one step of it is left at least.
func (i *Instance) steps(why Failure) int {
	left := 0
	switch why {
	case FailMem:
		left = i.Mem
	case FailDisk:
		left = i.Disks[0].Size
	case FailCPU:
		left = i.VCPUs
	case FailSpindles:
		left = i.Disks[0].Spindles
	}
	return max(0, left)/why.unit() - 1
}

// smaller is the instance after so many steps.
func (i *Instance) smaller(why Failure, steps int) *Instance {
	s := *i
	s.Disks = slices.Clone(i.Disks)
	s.shrink(why, steps)
	return &s
}

// shrink makes the resource that was lacking smaller. Nobody else may hold the disks.
func (i *Instance) shrink(why Failure, steps int) {
	switch why {
	case FailMem:
		i.Mem -= steps * unitMem
	case FailDisk:
		i.Disk -= steps * unitDisk
		i.Disks[0].Size -= steps * unitDisk
	case FailCPU:
		i.VCPUs -= steps
	case FailSpindles:
		i.Disks[0].Spindles -= steps
	}
}
