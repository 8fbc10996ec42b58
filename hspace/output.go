package main

import (
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
)

// output prints results, for people or as shell variables.
type output struct {
	env       *cli.Env
	machine   bool
	exclusive bool // some node hands out spindles exclusively, so they are shown
}

// key prints one shell variable, in the form for machines only.
func (o output) key(name, value string) {
	if o.machine {
		o.env.Println("HTS_%s=%s", strings.ToUpper(name), htools.ShellValue(value))
	}
}

func (o output) number(name string, value int) { o.key(name, strconv.Itoa(value)) }

func (o output) real(name string, value float64) { o.key(name, number.Fixed(value, 8)) }

// text prints a line in the form for people only.
func (o output) text(format string, args ...any) {
	if !o.machine {
		o.env.Println(format, args...)
	}
}

func (o output) cluster(t balance.Totals, nodes int) {
	o.key("CLUSTER_MEM", number.Fixed(t.TotalMem, 0))
	o.key("CLUSTER_DSK", number.Fixed(t.TotalDisk, 0))
	o.key("CLUSTER_CPU", number.Fixed(t.TotalCPU, 0))
	o.number("CLUSTER_VCPU", t.VCPUs)
	o.number("CLUSTER_SPN", t.TotalSpindles)
	o.number("CLUSTER_NODES", nodes)
	o.totals("INI", t)
	resources := fmt.Sprintf("MEM %s, DSK %s, CPU %s, VCPU %d", number.Fixed(t.TotalMem, 0), number.Fixed(t.TotalDisk, 0),
		number.Fixed(t.TotalCPU, 0), t.VCPUs)
	if o.exclusive {
		resources += fmt.Sprintf(", SPN %d", t.TotalSpindles)
	}
	instances := "no"
	if t.Instances > 0 {
		instances = strconv.Itoa(t.Instances)
	}
	o.text("The cluster has %d nodes and the following resources:\n  %s.\nThere are %s initial instances on the cluster.",
		nodes, resources, instances)
}

// totals prints the state of the cluster at one point, named by the prefix.
func (o output) totals(prefix string, t balance.Totals) {
	p := prefix + "_"
	o.real(p+"SCORE", t.Score)
	o.number(p+"INST_CNT", t.Instances)
	o.number(p+"MEM_FREE", t.FreeMem)
	o.number(p+"MEM_AVAIL", t.AvailMem)
	o.number(p+"MEM_RESVD", t.FreeMem-t.AvailMem)
	o.number(p+"MEM_INST", t.InstMem)
	o.number(p+"MEM_OVERHEAD", t.MissingMem+t.NodeMem)
	o.real(p+"MEM_EFF", float64(t.InstMem)/t.TotalMem)
	o.number(p+"DSK_FREE", t.FreeDisk)
	o.number(p+"DSK_AVAIL", t.AvailDisk)
	o.number(p+"DSK_RESVD", t.FreeDisk-t.AvailDisk)
	o.number(p+"DSK_INST", t.InstDisk)
	o.real(p+"DSK_EFF", float64(t.InstDisk)/t.TotalDisk)
	o.number(p+"SPN_FREE", t.FreeSpindles)
	o.number(p+"SPN_INST", t.InstSpindles)
	o.real(p+"SPN_EFF", float64(t.InstSpindles)/float64(t.TotalSpindles))
	o.number(p+"CPU_INST", t.InstCPU)
	o.real(p+"CPU_EFF", float64(t.InstCPU)/float64(t.VCPUs))
	o.number(p+"MNODE_MEM_AVAIL", t.MaxAvailMem)
	o.number(p+"MNODE_DSK_AVAIL", t.MaxAvailDisk)
}

// spec prints the size of instances that is tried.
func (o output) spec(s balance.Spec, t balance.Template, tiered bool) {
	prefix, title := "SPEC_", "Standard (fixed-size)"
	if tiered {
		prefix, title = "TSPEC_INI_", "Tiered (initial size)"
	}
	o.number(prefix+"MEM", s.Mem)
	o.number(prefix+"DSK", s.Disk)
	o.number(prefix+"CPU", s.CPU)
	o.number(prefix+"SPN", s.SpindleUse)
	o.number(prefix+"RQN", t.NodeCount())
	o.key(prefix+"DISK_TEMPLATE", t.String())
	o.text("%s instance spec is:\n  %s, using disk template '%s'.", title, o.size(s.Mem, s.Disk, s.CPU, s.SpindleUse), t)
}

func (o output) size(mem, disk, cpu, spindles int) string {
	text := fmt.Sprintf("MEM %d, DSK %d, CPU %d", mem, disk, cpu)
	if o.exclusive {
		text += fmt.Sprintf(", SPN %d", spindles)
	}
	return text
}

// run is a number of instances of one size in a row.
type run struct {
	instance *balance.Instance
	count    int
}

func (r run) spindles() int {
	n, _ := r.instance.TotalSpindles()
	return n
}

func runs(placed []*balance.Instance) []run {
	var list []run
	for _, i := range placed {
		if n := len(list); n > 0 && sameSize(list[n-1].instance, i) {
			list[n-1].count++
			continue
		}
		list = append(list, run{i, 1})
	}
	return list
}

func sameSize(a, b *balance.Instance) bool {
	return a.Mem == b.Mem && a.Disk == b.Disk && a.VCPUs == b.VCPUs && run{a, 0}.spindles() == run{b, 0}.spindles()
}

func (o output) tiered(f *balance.Filling, before, after balance.Totals) error {
	if o.machine {
		o.totals("TRL", after)
		var specs []string
		for _, r := range runs(f.Placed) {
			i := r.instance
			specs = append(specs, fmt.Sprintf("%d,%d,%d,%d=%d", i.Mem, i.Disk, i.VCPUs, r.spindles(), r.count))
		}
		o.key("TSPEC", strings.Join(specs, " "))
		o.delta(before, after)
		return nil
	}
	o.text("Tiered allocation results:")
	for _, r := range runs(f.Placed) {
		i := r.instance
		o.text("  - %3d instances of spec %s", r.count, o.size(i.Mem, i.Disk, i.VCPUs, r.spindles()))
	}
	if len(f.Placed) == 0 {
		o.text("  - no instances allocated")
	}
	if len(f.Reasons) == 0 {
		return fault.Say("hspace: Prelude.head: empty list") // the reference has no reason to show either
	}
	o.summary(f, before, after)
	return nil
}

// delta prints what was used before, what the run could use, and what it could not.
func (o output) delta(before, after balance.Totals) {
	type resources struct {
		name                  string
		cpu, mem, disk, spins int
		norm                  float64
	}
	for _, r := range []resources{
		{"USED", before.InstCPU, before.InstMem, before.InstDisk, before.InstSpindles, before.NormCPU},
		{
			"POOL", after.InstCPU - before.InstCPU, after.InstMem - before.InstMem, after.InstDisk - before.InstDisk,
			after.InstSpindles - before.InstSpindles, after.NormCPU - before.NormCPU,
		},
		{
			"UNAV", after.VCPUs - after.InstCPU, balance.Truncate(after.TotalMem) - after.InstMem,
			balance.Truncate(after.TotalDisk) - after.InstDisk, after.TotalSpindles - after.InstSpindles,
			after.TotalCPU - after.NormCPU,
		},
	} {
		prefix := "KM_" + r.name + "_"
		o.number(prefix+"CPU", r.cpu)
		o.key(prefix+"NPU", number.Show(r.norm))
		o.number(prefix+"MEM", r.mem)
		o.number(prefix+"DSK", r.disk)
		o.number(prefix+"SPN", r.spins)
	}
}

func (o output) standard(f *balance.Filling, instances int, before, after balance.Totals) {
	if !o.machine {
		o.text("Normal (fixed-size) allocation results:\n  - %3d instances allocated", len(f.Placed))
		o.summary(f, before, after)
		return
	}
	o.totals("FIN", after)
	o.real("ALLOC_USAGE", float64(instances)/float64(instances+len(f.Placed)))
	o.number("ALLOC_INSTANCES", len(f.Placed))
	o.key("ALLOC_FAIL_REASON", strings.ToUpper(f.Reasons[0].Why.String()))
	for _, r := range f.Reasons {
		o.number("ALLOC_"+r.Why.String()+"_CNT", r.Count)
	}
}

// summary ends the report of an allocation for people.
func (o output) summary(f *balance.Filling, before, after balance.Totals) {
	o.text("  - most likely failure reason: %s", f.Reasons[0].Why)
	o.text("  - initial cluster score: %s", number.Fixed(before.Score, 8))
	o.text("  -   final cluster score: %s", number.Fixed(after.Score, 8))
	type share struct {
		name        string
		used, total float64
	}
	shares := []share{
		{"memory", float64(after.InstMem), after.TotalMem},
		{"disk", float64(after.InstDisk), after.TotalDisk},
		{"vcpu", float64(after.InstCPU), float64(after.VCPUs)},
	}
	width := len("memory")
	if o.exclusive {
		shares = append(shares, share{"spindles", float64(after.InstSpindles), float64(after.TotalSpindles)})
		width = len("spindles")
	}
	for _, s := range shares {
		o.text("  - %*s usage efficiency: %5s%%", width, s.name, number.Fixed(s.used/s.total*100, 2))
	}
}
