// Package text reads and writes clusters in the text format of the htools: sections of lines with fields between bars.
package text

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Read makes a cluster of a data file. The cluster is raw: balance.Merge has to be applied to it.
func Read(data string) (*balance.Cluster, error) {
	sections := sections(data)
	if len(sections) < 4 {
		return nil, fmt.Errorf("Invalid format of the input file: %d sections instead of 4 or more", len(sections))
	}
	r := &reader{cluster: &balance.Cluster{Policy: balance.DefaultPolicy(), Tags: sections[3]}}
	if err := each(sections[0], r.group); err != nil {
		return nil, err
	}
	if err := each(sections[1], r.node); err != nil {
		return nil, err
	}
	if err := each(sections[2], r.instance); err != nil {
		return nil, err
	}
	if len(sections) > 4 {
		if err := each(sections[4], r.policy); err != nil {
			return nil, err
		}
	}
	return r.cluster, nil
}

// sections splits the lines at empty ones. Two empty lines enclose an empty section.
func sections(data string) [][]string {
	lines := strings.Split(data, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil
	}
	list := [][]string{nil}
	for _, line := range lines {
		if line == "" {
			list = append(list, nil)
			continue
		}
		last := len(list) - 1
		list[last] = append(list[last], line)
	}
	return list
}

func each(lines []string, parse func(fields []string) error) error {
	for _, line := range lines {
		if err := parse(strings.Split(line, "|")); err != nil {
			return err
		}
	}
	return nil
}

// reader collects the objects of a file and finds them again by name; of several with one name the last counts.
type reader struct {
	cluster *balance.Cluster
	groups  map[string]int
	nodes   map[string]int
}

func (r *reader) group(f []string) error {
	if len(f) == 4 {
		f = append(f, "")
	}
	if len(f) < 5 {
		return fmt.Errorf("Invalid/incomplete group data: '%s'", number.QuoteList(f))
	}
	alloc, err := balance.ParseAllocPolicy(f[2])
	if err != nil {
		return err
	}
	g := &balance.Group{
		Name: f[0], UUID: f[1], Index: len(r.cluster.Groups), Alloc: alloc,
		Tags: number.Split(f[3], ","), Networks: number.Split(f[4], ","), Policy: balance.DefaultPolicy(),
	}
	r.groups = remember(r.groups, g.UUID, g.Index)
	r.cluster.Groups = append(r.cluster.Groups, g)
	return nil
}

func remember(index map[string]int, name string, at int) map[string]int {
	if index == nil {
		index = map[string]int{}
	}
	index[name] = at
	return index
}

// fields reads numbers one after the other and keeps the first error.
type fields struct {
	what string
	err  error
}

func (f *fields) int(s string) int {
	v, err := number.Int(f.what, s)
	f.err = errors.Join(f.err, f.first(err))
	return v
}

func (f *fields) real(s string) float64 {
	v, err := number.Real(f.what, s)
	f.err = errors.Join(f.err, f.first(err))
	return v
}

// first lets an error through only if there is none yet.
func (f *fields) first(err error) error {
	if f.err != nil {
		return nil
	}
	return err
}

// yes reads Y or N; refusal has one place for the value.
func (f *fields) yes(s, refusal string) bool {
	if s != "Y" && s != "N" {
		f.err = errors.Join(f.err, f.first(fmt.Errorf(refusal, s, f.what)))
	}
	return s == "Y"
}

// nodeDefaults stand for the fields that older versions did not write, from the tenth on.
var nodeDefaults = []string{"1", "", "N", "0", "1", "1.0"}

func (r *reader) node(f []string) error {
	if len(f) < 9 {
		return fmt.Errorf("Invalid/incomplete node data: '%s'", number.QuoteList(f))
	}
	group, ok := r.groups[f[8]]
	if !ok {
		return fmt.Errorf("Unknown group '%s' for node %s", f[8], f[0])
	}
	for len(f) < 15 {
		f = append(f, nodeDefaults[len(f)-9])
	}
	n, err := parseNode(f)
	if err != nil {
		return err
	}
	n.Group, n.Index = group, len(r.cluster.Nodes)
	r.nodes = remember(r.nodes, n.Name, n.Index)
	r.cluster.Nodes = append(r.cluster.Nodes, n)
	return nil
}

// parseNode reads name, t_mem, n_mem, f_mem, t_dsk, f_dsk, t_cpu, flag, group, spindles, tags, exclusive storage, free
// spindles, CPUs of the node, CPU speed. A question mark among the sizes is a node about which nothing is known.
func parseNode(f []string) (*balance.Node, error) {
	if slices.Contains(f[1:7], "?") {
		return balance.NewNode(balance.Node{Name: f[0], Offline: true, CPUSpeed: 1}, 0, 0), nil
	}
	v := fields{what: f[0]}
	n := balance.Node{
		Name: f[0], TotalMem: v.real(f[1]), NodeMem: v.int(f[2]), FreeMem: v.int(f[3]), TotalDisk: v.real(f[4]),
		Offline: f[7] == "Y", Master: f[7] == "M", Tags: number.Split(f[10], ","),
	}
	freeDisk := v.int(f[5])
	n.TotalCPU = v.real(f[6])
	n.NodeCPU = v.int(f[13])
	n.Spindles = v.int(f[9])
	n.CPUSpeed = v.real(f[14])
	freeSpindles := v.int(f[12])
	n.Exclusive = v.yes(f[11], "Invalid exclusive_storage value for node '%[2]s': %[1]s")
	if v.err == nil {
		n.Storage, v.err = readKinds(f)
	}
	return balance.NewNode(n, freeDisk, freeSpindles), v.err
}

// instanceDefaults stand for the fields that older versions did not write, from the eleventh on.
var instanceDefaults = []string{"1", "-", "N"}

func (r *reader) instance(f []string) error {
	if len(f) < 10 {
		return fmt.Errorf("Invalid/incomplete instance data: '%s'", number.QuoteList(f))
	}
	for len(f) < 13 {
		f = append(f, instanceDefaults[len(f)-10])
	}
	primary, err := r.lookup(f[6], f[0])
	if err != nil {
		return err
	}
	secondary := balance.None
	if f[7] != "" {
		if secondary, err = r.lookup(f[7], f[0]); err != nil {
			return err
		}
	}
	i, err := parseInstance(f)
	if err != nil {
		return err
	}
	if i.Mirrored() && primary == secondary {
		return fmt.Errorf("Instance %s has same primary and secondary node - %s", f[0], f[6])
	}
	i.Primary, i.Secondary, i.Index = primary, secondary, len(r.cluster.Instances)
	r.cluster.Instances = append(r.cluster.Instances, balance.NewInstance(i))
	return nil
}

func (r *reader) lookup(node, instance string) (int, error) {
	index, ok := r.nodes[node]
	if !ok {
		return 0, fmt.Errorf("Unknown node '%s' for instance %s", node, instance)
	}
	return index, nil
}

// parseInstance reads name, mem, disk, vcpus, status, auto_balance, primary, secondary, template, tags, spindle use,
// spindles, forthcoming. The instance gets one disk of the whole size.
func parseInstance(f []string) (balance.Instance, error) {
	v := fields{what: f[0]}
	i := balance.Instance{Name: f[0], Mem: v.int(f[1]), Disk: v.int(f[2]), VCPUs: v.int(f[3]), Tags: number.Split(f[9], ",")}
	if v.err != nil {
		return i, v.err
	}
	var err error
	if i.Status, err = balance.ParseStatus(f[4]); err != nil {
		return i, err
	}
	i.AutoBalance = v.yes(f[5], "Invalid auto_balance value '%s' for instance %s")
	if v.err != nil {
		return i, v.err
	}
	if i.Template, err = balance.ParseTemplate(f[8]); err != nil {
		return i, fmt.Errorf("Instance %s: %w", f[0], err)
	}
	i.SpindleUse = v.int(f[10])
	disk := balance.Disk{Size: i.Disk, Spindles: balance.NoSpindles}
	if f[11] != "-" {
		disk.Spindles = v.int(f[11])
	}
	i.Disks = []balance.Disk{disk}
	i.Forthcoming = v.yes(f[12], "Invalid forthcoming value '%s' for instance %s")
	if v.err == nil {
		i.Needs, v.err = readNeeds(f)
	}
	return i, v.err
}
