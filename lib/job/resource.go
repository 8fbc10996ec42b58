package job

import (
	"cmp"
	"maps"
	"slices"
)

// Resource is one thing of the lock table as gnt-debug shows it.
type Resource struct {
	Name    string
	Mode    string // exclusive, shared, or "" when nobody has it
	Owners  []int  // jobs
	Pending []Pending
}

// Pending is the jobs that wait for a resource in one mode.
type Pending struct {
	Mode string
	Jobs []int
}

// Resources turns the tickets around: what is held or waited for, by name. Each level that occurs shows its whole as well,
// as in Ganeti.
func (t *LockTable) Resources() []Resource {
	found := map[string]*Resource{}
	get := func(l Lock) *Resource {
		name := l.String()
		if found[name] == nil {
			found[name] = &Resource{Name: name}
		}
		return found[name]
	}
	for _, x := range t.Tickets {
		for _, l := range x.Locks {
			get(Lock{Level: l.Level, Name: All})
			r := get(l)
			if x.Held {
				r.Mode, r.Owners = mode(l), append(r.Owners, x.Job)
			} else {
				r.wait(mode(l), x.Job)
			}
		}
	}
	var list []Resource
	for _, name := range slices.Sorted(maps.Keys(found)) {
		r := found[name]
		slices.Sort(r.Owners)
		slices.SortFunc(r.Pending, func(a, b Pending) int { return cmp.Compare(a.Mode, b.Mode) })
		list = append(list, *r)
	}
	return list
}

func mode(l Lock) string {
	if l.Shared {
		return "shared"
	}
	return "exclusive"
}

func (r *Resource) wait(mode string, job int) {
	for i := range r.Pending {
		if r.Pending[i].Mode == mode {
			r.Pending[i].Jobs = append(r.Pending[i].Jobs, job)
			return
		}
	}
	r.Pending = append(r.Pending, Pending{mode, []int{job}})
}
