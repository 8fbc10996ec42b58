package unit

import (
	"cmp"
	"slices"
	"strings"
)

func sortRanges(ranges []Range) {
	slices.SortFunc(ranges, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
}

// MatchName finds the one name that key means: the name itself, or the only one
// that begins with key and a dot. Case does not matter for instance and node
// names. When nothing or more than one name matches, ok is false.
func MatchName(key string, names []string) (name string, ok bool) {
	if slices.Contains(names, key) {
		return key, true
	}
	var whole, parts []string
	for _, n := range names {
		switch {
		case strings.EqualFold(n, key):
			whole = append(whole, n)
			parts = append(parts, n)
		case len(n) > len(key) && n[len(key)] == '.' && strings.EqualFold(n[:len(key)], key):
			parts = append(parts, n)
		}
	}
	switch {
	case len(whole) == 1:
		return whole[0], true
	case len(parts) == 1:
		return parts[0], true
	}
	return "", false
}

// SortNames sorts in the natural order of CompareNames, in place.
func SortNames(names []string) { slices.SortFunc(names, CompareNames) }

// CompareNames compares names as Ganeti lists them: numbers in them by value
// (node2 before node10), a number before any other text.
func CompareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		var p, q string
		p, x = chunk(x)
		q, y = chunk(y)
		if c := compareChunks(p, q); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// chunk splits off the digits or the other characters that s begins with.
func chunk(s string) (head, rest string) {
	number := isDigit(s[0])
	for i := range len(s) {
		if isDigit(s[i]) != number {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func compareChunks(p, q string) int {
	switch pn, qn := isDigit(p[0]), isDigit(q[0]); {
	case pn && qn:
		p, q = strings.TrimLeft(p, "0"), strings.TrimLeft(q, "0")
		return cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q))
	case pn:
		return -1
	case qn:
		return 1
	}
	return cmp.Compare(p, q)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
