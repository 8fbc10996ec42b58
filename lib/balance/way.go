package balance

import (
	"sync"
	"sync/atomic"
)

// way leads from an instance to smaller ones: a resource shrinks step by step, as long as it is the reason that there is no place.
type way struct {
	nodes     NodeList
	instances InstanceList
	places    places
	instance  *Instance
	why       Failure
	next      atomic.Int64 // the first step that nobody has taken
	end       atomic.Pointer[ending]
}

// ending is the step at which a way ends, because the instance fits or something else is the reason.
type ending struct {
	step int
	fits bool
}

const (
	alone = 64 // so many steps one core takes before it asks others for help: most ways are shorter
	stint = 16 // so many steps a core takes at a time
)

// walk goes a way to its end, at most so many steps. All cores share a long way; of all ends that they meet the first counts.
func (f *Filler) walk(w *way, steps int) ending {
	if steps == 0 {
		return ending{}
	}
	w.end.Store(&ending{step: min(steps, alone)})
	w.take(f.AllocOptions)
	if first := *w.end.Load(); first.step < alone || steps == alone {
		return first
	}
	w.next.Store(alone)
	w.end.Store(&ending{step: steps})
	var wait sync.WaitGroup
	if f.suspect != nil { // an instance lacks its secondary node otherwise, which must not be met on a step that does not count
		for range workers(steps-alone) - 1 {
			own := f.AllocOptions
			own.rates, own.suspect = &pairRates{}, new(*f.suspect)
			wait.Go(func() { w.take(own) })
		}
	}
	w.take(f.AllocOptions)
	wait.Wait()
	return *w.end.Load()
}

// take takes steps up to the end of the way, as far as that is known.
func (w *way) take(o AllocOptions) {
	try, at := w.instance.smaller(w.why, 0), 0
	try.Index = len(w.instances)
	for {
		last := int(w.next.Add(stint))
		for step := last - stint; step < last; step++ {
			if step >= w.end.Load().step {
				return
			}
			try.shrink(w.why, step-at)
			at = step
			found := o.search(w.nodes, w.instances, try, w.places)
			if found.Best != nil || found.failures[w.why] == 0 {
				w.ends(&ending{step, found.Best != nil})
				return
			}
		}
	}
}

// ends notes an end, unless one was met before it.
func (w *way) ends(e *ending) {
	for {
		before := w.end.Load()
		if e.step >= before.step || w.end.CompareAndSwap(before, e) {
			return
		}
	}
}
