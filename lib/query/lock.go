package query

// LockRow is one lock of the lock table.
type LockRow struct {
	Name    string
	Mode    string // exclusive, shared, or "" when nobody has it
	Owners  []int  // jobs
	Pending []PendingLock
}

// PendingLock is the jobs that wait for a lock in one mode.
type PendingLock struct {
	Mode string
	Jobs []int
}

// Locks is the resource of gnt-debug locks.
func Locks() *Resource[*LockRow] {
	return &Resource[*LockRow]{Noun: "Lock", NameField: "name", Fields: lockFields}
}

var lockFields = []Field[*LockRow]{
	{Name: "name", Title: "Name", Kind: Other, Doc: "Level and name of the lock", Get: func(r *LockRow) Cell { return value(r.Name) }},
	{Name: "mode", Title: "Mode", Kind: Other, Doc: "How it is held: exclusive or shared", Get: func(r *LockRow) Cell {
		if r.Mode == "" {
			return value(nil)
		}
		return value(r.Mode)
	}},
	{Name: "owner", Title: "Owner", Kind: Other, Doc: "Jobs that hold it", Get: func(r *LockRow) Cell { return value(numbers(r.Owners)) }},
	{Name: "pending", Title: "Pending", Kind: Other, Doc: "Jobs that wait for it, by mode", Get: func(r *LockRow) Cell {
		list := make([]any, len(r.Pending))
		for i, p := range r.Pending {
			list[i] = []any{p.Mode, numbers(p.Jobs)}
		}
		return value(list)
	}},
}

// numbers is a list of job ids as a cell value.
func numbers(ids []int) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
