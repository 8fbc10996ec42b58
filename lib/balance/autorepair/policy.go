// Package autorepair decides what harep does about broken instances. What it remembers from one run to the next stands in
// tags of the instances.
package autorepair

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Kind is a kind of repair, which includes those before it.
type Kind int

const (
	FixStorage Kind = iota
	Migrate
	Failover
	Reinstall
)

var kinds = []struct{ tag, shown string }{
	{"fix-storage", "ArFixStorage"}, {"migrate", "ArMigrate"}, {"failover", "ArFailover"}, {"reinstall", "ArReinstall"},
}

// String is how messages call it.
func (k Kind) String() string { return kinds[k].shown }

func parseKind(word string) (Kind, bool) {
	k := slices.IndexFunc(kinds, func(k struct{ tag, shown string }) bool { return k.tag == word })
	return Kind(k), k >= 0
}

const (
	tagPrefix  = "ganeti:watcher:autorepair:"
	tagSuspend = tagPrefix + "suspend:"
	tagPending = tagPrefix + "pending:"
	tagResult  = tagPrefix + "result:"
)

// after returns what follows a prefix that ends in a colon, which is left out where nothing follows.
func after(prefix, tag string) (string, bool) {
	if tag == strings.TrimSuffix(prefix, ":") {
		return "", true
	}
	return strings.CutPrefix(tag, prefix)
}

// Policy is what may be done about an instance. The zero one is nothing.
type Policy struct {
	Enabled   bool
	Most      Kind
	Suspended bool
	Until     time.Time // zero for ever
}

// String is how messages call it.
func (p Policy) String() string {
	switch {
	case p.Enabled:
		return "ArEnabled " + p.Most.String()
	case !p.Suspended:
		return "ArNotEnabled"
	case p.Until.IsZero():
		return "ArSuspended Forever"
	}
	return fmt.Sprintf("ArSuspended (Until %s)", p.Until.Format("Mon Jan _2 15:04:05 MST 2006"))
}

// PolicyFor is what the nearest tags say: those of the instance, of its primary node's group, of the cluster.
func PolicyFor(c *balance.Cluster, i *balance.Instance, now time.Time) Policy {
	for _, tags := range [][]string{i.Tags, c.Groups[c.Nodes[i.Primary].Group].Tags, c.Tags} {
		if p, said := policy(tags, now); said {
			return p
		}
	}
	return Policy{}
}

// policy is what the tags of one object say: the least destructive kind counts, and suspension before all.
func policy(tags []string, now time.Time) (p Policy, said bool) {
	for _, tag := range tags {
		if word, ok := after(tagPrefix, tag); ok {
			if k, ok := parseKind(word); ok && (!p.Enabled || k < p.Most) {
				p.Enabled, p.Most = true, k
			}
		}
	}
	var until int64
	for _, tag := range tags {
		word, ok := after(tagSuspend, tag)
		if ok && word == "" {
			return Policy{Suspended: true}, true
		}
		if second, err := number.Int("", word); ok && err == nil {
			until = max(until, int64(second))
		}
	}
	if end := time.Unix(until, 0).In(now.Location()); end.After(now) {
		return Policy{Suspended: true, Until: end}, true
	}
	return p, p.Enabled
}
