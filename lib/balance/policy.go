package balance

import (
	"slices"
	"strconv"
	"strings"

	"gantry/lib/balance/number"
)

// Spec is what one instance takes, or a limit on it. Sizes are in MiB.
type Spec struct {
	Mem, CPU, Disk, DiskCount, NICCount, SpindleUse int
}

// MinMax is a pair of limits; a policy accepts an instance that fits one of its pairs.
type MinMax struct {
	Min, Max Spec
}

// Policy says which instances a cluster or a group accepts.
type Policy struct {
	MinMax       []MinMax
	Std          Spec
	Templates    []Template
	VCPURatio    float64
	SpindleRatio float64
}

// DefaultPolicy is what applies where nothing is configured.
func DefaultPolicy() Policy {
	small := Spec{Mem: 128, CPU: 1, Disk: 1024, DiskCount: 1, NICCount: 1, SpindleUse: 1}
	large := Spec{Mem: 32768, CPU: 8, Disk: 1048576, DiskCount: 16, NICCount: 8, SpindleUse: 12}
	return Policy{
		MinMax:       []MinMax{{Min: small, Max: large}},
		Std:          small,
		Templates:    AllTemplates(),
		VCPURatio:    4,
		SpindleRatio: 32,
	}
}

// Show prints the policy as the reference shows the record.
func (p Policy) Show() string {
	pairs := make([]string, len(p.MinMax))
	for i, pair := range p.MinMax {
		pairs[i] = "MinMaxISpecs {minMaxISpecsMinSpec = " + pair.Min.show() + ", minMaxISpecsMaxSpec = " + pair.Max.show() + "}"
	}
	templates := make([]string, len(p.Templates))
	for i, t := range p.Templates {
		templates[i] = templateShown[t]
	}
	return "IPolicy {iPolicyMinMaxISpecs = [" + strings.Join(pairs, ",") + "], iPolicyStdSpec = " + p.Std.show() +
		", iPolicyDiskTemplates = [" + strings.Join(templates, ",") + "], iPolicyVcpuRatio = " + number.Show(p.VCPURatio) +
		", iPolicySpindleRatio = " + number.Show(p.SpindleRatio) + "}"
}

func (s Spec) show() string {
	fields := []struct {
		name  string
		value int
	}{
		{"MemorySize", s.Mem}, {"CpuCount", s.CPU}, {"DiskSize", s.Disk},
		{"DiskCount", s.DiskCount}, {"NicCount", s.NICCount}, {"SpindleUse", s.SpindleUse},
	}
	shown := make([]string, len(fields))
	for i, f := range fields {
		shown[i] = "iSpec" + f.name + " = " + strconv.Itoa(f.value)
	}
	return "ISpec {" + strings.Join(shown, ", ") + "}"
}

// check returns why the policy refuses the instance, OK when it does not.
func (p *Policy) check(i *Instance, exclusive bool) Failure {
	if why := p.checkPairs(i, exclusive); why != OK {
		return why
	}
	if !slices.Contains(p.Templates, i.Template) {
		return FailDisk
	}
	return OK
}

// checkPairs passes if any pair does; otherwise the reason is that of the first pair.
func (p *Policy) checkPairs(i *Instance, exclusive bool) Failure {
	why := OK
	for k := len(p.MinMax) - 1; k >= 0; k-- {
		if why = p.MinMax[k].check(i, exclusive); why == OK {
			return OK
		}
	}
	return why
}

func (m *MinMax) check(i *Instance, exclusive bool) Failure {
	if why := i.beyond(&m.Min, exclusive, func(have, limit int) bool { return have < limit }); why != OK {
		return why
	}
	return i.beyond(&m.Max, exclusive, func(have, limit int) bool { return have > limit })
}

// beyond returns the first resource of the instance that is outside the limit.
func (i *Instance) beyond(limit *Spec, exclusive bool, outside func(have, limit int) bool) Failure {
	if outside(i.Mem, limit.Mem) {
		return FailMem
	}
	for _, d := range i.Disks {
		if outside(d.Size, limit.Disk) {
			return FailDisk
		}
	}
	if outside(i.VCPUs, limit.CPU) {
		return FailCPU
	}
	if spindles, known := i.policySpindles(exclusive); !known || outside(spindles, limit.SpindleUse) {
		return FailSpindles
	}
	if i.Template != Diskless && outside(len(i.Disks), limit.DiskCount) {
		return FailDiskCount
	}
	return OK
}

// policySpindles is what a policy limits: real spindles where nodes hand them out one by one, otherwise the weight.
func (i *Instance) policySpindles(exclusive bool) (int, bool) {
	if exclusive {
		return i.TotalSpindles()
	}
	return i.SpindleUse, true
}
