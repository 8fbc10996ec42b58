package job

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Level is the kind of thing a lock is about. Locks are taken in this order.
type Level int

const (
	LevelCluster Level = iota
	LevelInstance
	LevelNodeGroup
	LevelNode
	LevelNodeRes
	LevelNetwork
)

var levelNames = [...]string{"cluster", "instance", "nodegroup", "node", "node-res", "network"}

func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("level%d", int(l))
	}
	return levelNames[l]
}

func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no lock level", text)
	}
	*l = Level(i)
	return nil
}

// Big is the name of the cluster lock. Every job shares it; an operation that names it has the cluster to itself.
const Big = "BGL"

// All as a lock's name stands for everything of its level, what does not exist yet included.
const All = "[lockset]"

// Lock is one thing that a job has to itself, or shares with others that only want it not to change.
type Lock struct {
	Level  Level  `json:"level"`
	Name   string `json:"name"` // of an instance its name, of all else the UUID, as in Ganeti
	Shared bool   `json:"shared,omitempty"`
}

// String is the lock as gnt-debug prints it.
func (l Lock) String() string { return l.Level.String() + "/" + l.Name }

// hinders says that two jobs cannot have these at the same time.
func (l Lock) hinders(other Lock) bool {
	if l.Level != other.Level || l.Shared && other.Shared {
		return false
	}
	return l.Name == other.Name || l.Name == All || other.Name == All
}

// normal sorts a list of locks, joins double ones (exclusive wins), and adds the share of the cluster lock that every job has.
func normal(locks []Lock) []Lock {
	list := append(slices.Clone(locks), Lock{LevelCluster, Big, true})
	slices.SortFunc(list, func(a, b Lock) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Name, b.Name), compareBool(a.Shared, b.Shared))
	})
	return slices.CompactFunc(list, func(a, b Lock) bool { return a.Level == b.Level && a.Name == b.Name })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Ticket is what one job holds or waits for. All its locks are granted at once, so that nobody holds some while waiting for
// others, and no deadlock can come up.
type Ticket struct {
	Job      int    `json:"job"`
	Priority int    `json:"priority"`
	Since    int64  `json:"since"` // nanoseconds since 1970: its place in the line
	Held     bool   `json:"held,omitempty"`
	Locks    []Lock `json:"locks"`
}

func (t *Ticket) hinders(other *Ticket) bool {
	for _, mine := range t.Locks {
		if slices.ContainsFunc(other.Locks, mine.hinders) {
			return true
		}
	}
	return false
}

// ageStep is how long a ticket waits before it counts as one step more urgent: a stream of urgent jobs delays the others
// but does not starve them.
const ageStep = 30 * time.Second

// urgency orders waiting tickets: lower is first.
func (t *Ticket) urgency(now time.Time) int {
	waited := now.Sub(time.Unix(0, t.Since))
	return max(t.Priority-int(waited/ageStep), PriorityHighest)
}

// LockTable is all tickets. It is plain data: table.go keeps it in a file.
type LockTable struct {
	Tickets []*Ticket `json:"tickets"`
}

// ticket returns the ticket of a job, nil when it has none.
func (t *LockTable) ticket(job int) *Ticket {
	if i := slices.IndexFunc(t.Tickets, func(x *Ticket) bool { return x.Job == job }); i >= 0 {
		return t.Tickets[i]
	}
	return nil
}

func (t *LockTable) drop(job int) {
	t.Tickets = slices.DeleteFunc(t.Tickets, func(x *Ticket) bool { return x.Job == job })
}

// held lists the jobs that have their locks.
func (t *LockTable) held() []int {
	var jobs []int
	for _, x := range t.Tickets {
		if x.Held {
			jobs = append(jobs, x.Job)
		}
	}
	return jobs
}

// busy says that a job cannot have these locks because another one has them.
func (t *LockTable) busy(job int, locks []Lock) bool {
	wanted := &Ticket{Locks: locks}
	return slices.ContainsFunc(t.Tickets, func(x *Ticket) bool { return x.Held && x.Job != job && x.hinders(wanted) })
}

// grant gives waiting tickets what is free, the most urgent first. A ticket that has to
// wait holds back all less urgent ones that want the same: otherwise a small job after the other would pass it for ever.
func (t *LockTable) grant(now time.Time) {
	var before []*Ticket // what a ticket must not collide with
	var waiting []*Ticket
	for _, x := range t.Tickets {
		if x.Held {
			before = append(before, x)
		} else {
			waiting = append(waiting, x)
		}
	}
	slices.SortStableFunc(waiting, func(a, b *Ticket) int {
		return cmp.Or(cmp.Compare(a.urgency(now), b.urgency(now)), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Job, b.Job))
	})
	for _, x := range waiting {
		x.Held = !slices.ContainsFunc(before, x.hinders)
		before = append(before, x)
	}
}

// release takes locks out of a held ticket.
func (t *Ticket) release(locks []Lock) {
	t.Locks = slices.DeleteFunc(t.Locks, func(l Lock) bool {
		return slices.ContainsFunc(locks, func(r Lock) bool { return r.Level == l.Level && r.Name == l.Name })
	})
}
