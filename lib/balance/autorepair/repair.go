package autorepair

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Result is how a repair ended. Of tags of the same repair the one with the greatest counts.
type Result int

const (
	None Result = iota // not ended
	Success
	Failure
	NoPermission
)

var results = []string{None: "", Success: "success", Failure: "failure", NoPermission: "enoperm"}

// Repair is one repair of an instance.
type Repair struct {
	Kind   Kind
	ID     string
	Time   int64 // seconds since 1970, of the latest change
	Jobs   []int
	Result Result
}

// New is a repair that begins, or is refused, now.
func New(kind Kind, id string, now time.Time, jobs []int, result Result) *Repair {
	return &Repair{Kind: kind, ID: id, Time: now.Unix(), Jobs: jobs, Result: result}
}

// Tag is how it is kept.
func (r *Repair) Tag() string {
	var jobs []string
	for _, id := range r.Jobs {
		jobs = append(jobs, strconv.Itoa(id))
	}
	prefix, end := tagPending, strings.Join(jobs, "+")
	if r.Result != None {
		prefix, end = tagResult, results[r.Result]+":"+end
	}
	return fmt.Sprintf("%s%s:%s:%d:%s", prefix, kinds[r.Kind].tag, r.ID, r.Time, end)
}

// kept is a repair with the tag it was read from, which may be written another way than it is now.
type kept struct {
	*Repair
	tag string
}

// parse reads a tag. One that is not of a repair, or damaged, is passed over.
func parse(tag string) (r kept, ok bool) {
	text, pending := after(tagPending, tag)
	if !pending {
		if text, ok = after(tagResult, tag); !ok {
			return r, false
		}
	}
	parts := number.Split(text, ":")
	r = kept{&Repair{}, tag}
	if !pending && len(parts) == 5 {
		r.Result = Result(slices.Index(results, parts[3]))
		parts = slices.Delete(parts, 3, 4)
		ok = r.Result > None
	} else {
		ok = pending
	}
	if !ok || len(parts) != 4 {
		return r, false
	}
	if r.Kind, ok = parseKind(parts[0]); !ok {
		return r, false
	}
	r.ID = parts[1]
	seconds, err := number.Int("", parts[2])
	if err != nil {
		return r, false
	}
	r.Time = int64(seconds)
	for _, word := range number.Split(parts[3], "+") {
		id, err := number.Int("", word)
		if err != nil || id < 0 {
			return r, false
		}
		r.Jobs = append(r.Jobs, id)
	}
	return r, true
}

// Status is where an instance is on its way through a repair.
type Status string

const (
	Healthy Status = "Healthy"
	Failed  Status = "Failure"
	Pending Status = "Pending repair"
	Needed  Status = "Needs repair"
)

// State is what is known of an instance's repairs.
type State struct {
	Status   Status
	Repair   *Repair // the one that counts, or nil
	Obsolete []string

	tag string // of Repair, as the instance has it
}

// become goes over to another repair; the tag of the one before is no longer needed.
func (s State) become(status Status, r kept) State {
	next := State{Status: status, Repair: r.Repair, tag: r.tag, Obsolete: s.Obsolete}
	if s.tag != "" {
		next.Obsolete = append([]string{s.tag}, s.Obsolete...)
	}
	return next
}

// Become is the state with a repair that is new or has changed.
func (s State) Become(status Status, r *Repair) State { return s.become(status, kept{r, r.Tag()}) }

// Read makes the state out of an instance's tags, the oldest repair first. The first that failed stays; a repair that goes
// on must be the last.
func Read(i *balance.Instance) (State, error) {
	var repairs []kept
	for _, tag := range i.Tags {
		if r, ok := parse(tag); ok {
			repairs = append(repairs, r)
		}
	}
	s := State{Status: Healthy}
	for _, r := range latest(repairs) {
		switch {
		case s.Status == Failed:
		case s.Status == Pending:
			return s, fmt.Errorf("An unfinished repair was found in instance %s: found tag %s, but older pending tag %sexists.",
				i.Name, number.Quote(r.tag), number.Quote(s.tag))
		case r.Result == None:
			s = s.become(Pending, r)
		case r.Result == Failure:
			s = s.become(Failed, r)
		default:
			s = s.become(Healthy, r)
		}
	}
	return s, nil
}

// latest returns the last state of each repair, in the order in which they began.
func latest(repairs []kept) []kept {
	slices.SortStableFunc(repairs, func(a, b kept) int { return strings.Compare(a.ID, b.ID) })
	began := map[string]int64{}
	last := map[string]kept{}
	var order []string
	for _, r := range repairs {
		before, seen := last[r.ID]
		if !seen {
			order = append(order, r.ID)
			began[r.ID] = r.Time
		}
		began[r.ID] = min(began[r.ID], r.Time)
		if !seen || cmp.Or(cmp.Compare(r.Result, before.Result), cmp.Compare(r.Time, before.Time)) >= 0 {
			last[r.ID] = r
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(began[a], began[b]) })
	var list []kept
	for _, id := range order {
		list = append(list, last[id])
	}
	return list
}

// Detect says which repair an instance needs, if it needs one that is known. Nodes that are offline and nodes that are only
// being emptied count alike, as for all of htools, with one exception: data is given up only where lost says that no node
// with it is coming back by itself.
func Detect(c *balance.Cluster, i *balance.Instance, lost func(*balance.Node) bool) (kind Kind, broken bool) {
	if i.Forthcoming {
		return 0, false
	}
	primary := c.Nodes[i.Primary]
	switch i.Template {
	case balance.Plain:
		return Reinstall, lost(primary)
	case balance.DRBD:
	default:
		return 0, false
	}
	if i.Secondary == balance.None {
		return 0, false
	}
	secondary := c.Nodes[i.Secondary]
	switch {
	case lost(primary) && lost(secondary):
		return Reinstall, true
	case lost(primary), primary.Offline && !secondary.Offline:
		return Failover, true
	}
	return FixStorage, secondary.Offline
}
