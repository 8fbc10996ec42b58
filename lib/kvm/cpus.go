package kvm

import (
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// CheckCPUs checks that a mask with an entry for each virtual CPU has as many as there are.
func CheckCPUs(hv config.Params, vcpus int64) error {
	masks, err := ParseMasks(hv.String("cpu_mask"))
	if err != nil {
		return fail("%v", err)
	}
	if len(masks) > 1 && int64(len(masks)) != vcpus {
		return fault.Refuse(fault.WrongInput, "Number of vCPUs [%d] does not match the CPU mask [%s]", vcpus, hv.String("cpu_mask"))
	}
	return nil
}

// ParseMasks reads cpu_mask: entries between colons, each a list of CPUs such as 0-2,5, or nil for "all". The result has
// one entry for the whole process, or one for each virtual CPU.
func ParseMasks(text string) ([][]int, error) {
	var masks [][]int
	for entry := range strings.SplitSeq(text, ":") {
		mask, err := parseMask(entry)
		if err != nil {
			return nil, err
		}
		masks = append(masks, mask)
	}
	return masks, nil
}

func parseMask(text string) ([]int, error) {
	if text == "all" {
		return nil, nil
	}
	var cpus []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("invalid CPU ID value: %s", part)
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(high, 10, 16); err != nil || last < first {
				return nil, fmt.Errorf("invalid CPU ID range definition: %s", part)
			}
		}
		for n := first; n <= last; n++ {
			cpus = append(cpus, int(n))
		}
	}
	return cpus, nil
}
