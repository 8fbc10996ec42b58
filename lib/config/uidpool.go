package config

import (
	"cmp"
	"fmt"
	"slices"

	"gantry/lib/fault"
)

const maxUID = 1<<32 - 1

// CheckUIDs refuses ranges that are no ranges of user ids.
func CheckUIDs(pool []UIDRange) error {
	for _, r := range pool {
		low, high := r[0], r[1]
		switch {
		case low > high:
			return fault.Refuse(fault.WrongInput, "Lower user-id range boundary value (%d) is larger than higher boundary value (%d)", low, high)
		case low < 0:
			return fault.Refuse(fault.WrongInput, "Lower user-id range boundary value (%d) is smaller than UIDPOOL_UID_MIN (0).", low)
		case high > maxUID:
			return fault.Refuse(fault.WrongInput, "Higher user-id boundary value (%d) is larger than UIDPOOL_UID_MAX (%d).", high, int64(maxUID))
		}
	}
	return nil
}

// AddUIDs returns the pool with further ranges, sorted. Ranges may overlap.
func AddUIDs(pool, more []UIDRange) []UIDRange {
	out := slices.Clone(pool)
	for _, r := range more {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b UIDRange) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return out
}

// RemoveUIDs returns the pool without ranges, which must be in it exactly as they are.
func RemoveUIDs(pool, less []UIDRange) ([]UIDRange, error) {
	out := slices.Clone(pool)
	for _, r := range less {
		i := slices.Index(out, r)
		if i < 0 {
			return nil, fault.Refuse(fault.WrongInput, "User-id range to be removed is not found in the current user-id pool: [%d, %d]", r[0], r[1])
		}
		out = slices.Delete(out, i, i+1)
	}
	return out, nil
}

// FormatUIDs writes the pool, "4000-4019", with sep between its ranges.
func FormatUIDs(pool []UIDRange, sep string) string {
	text := ""
	for i, r := range pool {
		if i > 0 {
			text += sep
		}
		if r[0] == r[1] {
			text += fmt.Sprint(r[0])
			continue
		}
		text += fmt.Sprintf("%d-%d", r[0], r[1])
	}
	return text
}
