package balance

import (
	"maps"
	"slices"
)

// multiset counts strings. It is never changed in place: with and without return a new one.
type multiset struct {
	count map[string]int
	total int
}

// excess is how many of the strings are there more than once.
func (m multiset) excess() int { return m.total - len(m.count) }

func (m multiset) has(key string) bool { return m.count[key] > 0 }

func (m multiset) hasAny(keys []string) bool {
	return slices.ContainsFunc(keys, m.has)
}

func (m multiset) with(keys []string) multiset {
	if len(keys) == 0 {
		return m
	}
	more := m.clone()
	for _, key := range keys {
		more.count[key]++
		more.total++
	}
	return more
}

func (m multiset) without(keys []string) multiset {
	if len(keys) == 0 {
		return m
	}
	less := m.clone()
	for _, key := range keys {
		less.drop(key)
	}
	return less
}

// drop takes one key out of a set that nobody else holds yet.
func (m *multiset) drop(key string) {
	n := m.count[key]
	if n == 0 {
		return
	}
	m.total--
	if n == 1 {
		delete(m.count, key)
	} else {
		m.count[key] = n - 1
	}
}

func (m multiset) clone() multiset {
	c := maps.Clone(m.count)
	if c == nil {
		c = map[string]int{}
	}
	return multiset{c, m.total}
}

// excessWith is the excess after more keys are added.
func (m multiset) excessWith(keys []string) int {
	excess := m.excess()
	for k, key := range keys {
		if m.has(key) || slices.Contains(keys[:k], key) {
			excess++
		}
	}
	return excess
}

// excessWithout is the excess after keys that are there are taken out.
func (m multiset) excessWithout(keys []string) int {
	if len(keys) == 0 {
		return m.excess()
	}
	return m.without(keys).excess()
}
