package balance

// Failure is why an instance cannot be put on a node.
type Failure int

// The reasons, in the order in which they are reported; OK is none.
const (
	OK Failure = iota
	FailMem
	FailDisk
	FailCPU
	FailN1
	FailTags
	FailMig
	FailDiskCount
	FailSpindles
	FailInternal
)

var failureNames = []string{
	"", "FailMem", "FailDisk", "FailCPU", "FailN1", "FailTags", "FailMig", "FailDiskCount", "FailSpindles", "FailInternal",
}

func (f Failure) String() string { return failureNames[f] }

// failures counts reasons.
type failures [FailInternal + 1]int

func (f *failures) add(other failures) {
	for k, n := range other {
		f[k] += n
	}
}

func (f failures) total() int {
	sum := 0
	for _, n := range f {
		sum += n
	}
	return sum
}

// seen lists the reasons that occurred, in the fixed order.
func (f failures) seen() []Failure {
	var list []Failure
	for why := FailMem; why <= FailInternal; why++ {
		if f[why] > 0 {
			list = append(list, why)
		}
	}
	return list
}
