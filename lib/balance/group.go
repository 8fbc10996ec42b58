package balance

import (
	"fmt"

	"gantry/lib/balance/number"
)

// AllocPolicy says whether new instances may go to a group.
type AllocPolicy int

// The allocation policies, from the best to the worst.
const (
	Preferred AllocPolicy = iota
	LastResort
	Unallocable
)

var allocPolicyNames = []string{"preferred", "last_resort", "unallocable"}
var allocPolicyShown = []string{"AllocPreferred", "AllocLastResort", "AllocUnallocable"}

func (p AllocPolicy) String() string { return allocPolicyNames[p] }

// ParseAllocPolicy reads the name of an allocation policy.
func ParseAllocPolicy(s string) (AllocPolicy, error) {
	i, err := parseName("AllocPolicy", allocPolicyNames, s)
	return AllocPolicy(i), err
}

// Group is a node group.
type Group struct {
	Name, UUID string
	Index      int
	FirstIndex int // what to add to the index when it is shown
	Alloc      AllocPolicy
	Networks   []string // UUIDs of the networks it is connected to
	Policy     Policy
	Tags       []string
}

// show prints the group as the reference shows the record.
func (g *Group) show() string {
	return fmt.Sprintf("Group {name = %s, uuid = %s, idx = %d, allocPolicy = %s, networks = %s, iPolicy = %s, allTags = %s}",
		number.Quote(g.Name), number.Quote(g.UUID), g.Index+g.FirstIndex, allocPolicyShown[g.Alloc], number.QuoteList(g.Networks),
		g.Policy.Show(), number.QuoteList(g.Tags))
}

// FindGroup looks a group up by name or UUID; a name that several have finds none, as in the reference.
func FindGroup(groups []*Group, name string) (*Group, error) {
	return findOne(groups, name, func(g *Group) (string, string) { return g.Name, g.UUID })
}

// findOne returns the only element that has the name as one of its two names.
func findOne[T any](all []T, name string, names func(T) (string, string)) (T, error) {
	var found T
	count := 0
	for _, item := range all {
		if a, b := names(item); a == name || b == name {
			found = item
			count++
		}
	}
	if count != 1 {
		var none T
		return none, fmt.Errorf("Wrong number of elems found with name %s", name)
	}
	return found, nil
}
