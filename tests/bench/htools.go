package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// real is where Debian's package ganeti-htools has a tool.
func real(tool string) string {
	if tool == "hail" {
		return "/usr/lib/ganeti/iallocators/hail"
	}
	return "/usr/bin/" + tool
}

// balancing is one line of the table of the balancing tools: ours beside Debian's of the same name, on the same cluster. Both are
// compared by what the processor spent, so that a busy machine changes little; one core and two by the time that passes.
type balancing struct {
	tool             string
	nodes, instances int
	file             string        // a recorded cluster instead of one made up of so many
	words            []string      // after the file
	goal             time.Duration // 0 is none
	factor           float64       // how many times faster than the reference; 0 is no such goal
	note             string
	alone            bool // the reference would take hours
	long             bool // there is so much to do that a second core has to make it faster
}

const oneStep = "one step: the reference takes as long for each"

var balancings = []balancing{
	{tool: "hcheck", file: "exclmix04.data"},
	{tool: "hsqueeze", file: "ext01.data"},
	{tool: "hbal", file: "drbd14.data", words: []string{"-l", "1", "-C"}, note: oneStep},
	{tool: "hspace", nodes: 10, instances: 100, factor: 10},
	{tool: "hspace", nodes: 10, instances: 100, words: []string{"-l", "20"}},
	{tool: "hspace", nodes: 40, instances: 800, words: []string{"-l", "100"}, factor: 10},
	{tool: "hspace", file: "plain03.data", factor: 10},
	{tool: "hbal", nodes: 10, instances: 100, words: []string{"-C"}},
	{tool: "hbal", nodes: 40, instances: 800, words: []string{"-l", "1", "-C"}},
	{tool: "hbal", nodes: 80, instances: 2000, words: []string{"-l", "1", "-C"}, factor: 100, note: oneStep},
	{tool: "hail", nodes: 200, instances: 5000, goal: 150 * time.Millisecond},
	{tool: "hbal", nodes: 80, instances: 2000, words: []string{"-C"}, alone: true, long: true},
	{tool: "hbal", nodes: 200, instances: 5000, words: []string{"-C"}, goal: 30 * time.Second, alone: true, long: true},
	{tool: "hbal", nodes: 1000, instances: 20000, words: []string{"-l", "20", "-C"}, goal: time.Minute, alone: true, long: true},
}

// usage is what one run cost.
type usage struct {
	cpu, elapsed time.Duration
	peak         int64 // KiB
	out          []byte
	cut          bool // it was ended before its end
}

// htools measures the tools in bin and prints a line each.
func (b *bench) htools(bin string) error {
	dir, err := os.MkdirTemp("", "gantry-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("\n%-44s %10s %10s %7s %10s %8s %8s %10s %10s\n", "balancing, CPU on one core", "ours", "Ganeti", "times", "goal", "MiB", "Ganeti",
		"1 core", "2 cores")
	for _, m := range balancings {
		if err := b.balancing(m, bin, dir); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}

func (m balancing) String() string {
	what := m.file
	if what == "" {
		what = fmt.Sprintf("%d nodes, %d instances", m.nodes, m.instances)
	}
	return strings.TrimSpace(fmt.Sprintf("%s, %s %s", m.tool, what, strings.Join(m.words, " ")))
}

// input writes what the tool reads and returns the words that name it.
func (m balancing) input(dir string) (words []string, err error) {
	if m.file != "" {
		return []string{"-t", filepath.Join("tests/htools/testdata/data", m.file)}, nil
	}
	c := madeUp(m.nodes, m.instances)
	words, text := []string{"-t"}, c.text()
	if m.tool == "hail" {
		words = nil
		if text, err = c.request(); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(dir, "cluster")
	return append(words, file), os.WriteFile(file, text, 0o644)
}

func (b *bench) balancing(m balancing, bin, dir string) error {
	words, err := m.input(dir)
	if err != nil {
		return err
	}
	words = append(words, m.words...)
	ours, two, err := oneAndTwo(filepath.Join(bin, m.tool), words...)
	if err != nil {
		return err
	}
	reference, notes := usage{}, []string{}
	if m.note != "" {
		notes = append(notes, m.note)
	}
	if m.alone {
		notes = append(notes, "Ganeti's would take hours")
	} else if reference, err = cost(1, real(m.tool), words...); errors.Is(err, os.ErrNotExist) {
		notes = append(notes, "Ganeti's is not installed (package ganeti-htools)")
	} else if err != nil {
		return err
	}
	if wrong := m.judge(ours, two, reference); wrong != nil {
		b.missed++
		notes = append(notes, "missed: "+strings.Join(wrong, ", "))
	}
	times, goal, theirs := "-", short(m.goal), short(reference.cpu)
	if reference.cpu > 0 {
		times = fmt.Sprintf("%.0f", reference.cpu.Seconds()/ours.cpu.Seconds())
	}
	if reference.cut {
		times, theirs = ">"+times, ">"+theirs
	}
	if m.factor > 0 {
		goal = fmt.Sprintf("%.0f times", m.factor)
	}
	fmt.Printf("%-44s %10s %10s %7s %10s %8.1f %8.1f %10s %10s  %s\n", m, short(ours.cpu), theirs, times, goal,
		mib(ours.peak), mib(reference.peak), short(ours.elapsed), short(two.elapsed), strings.Join(notes, "; "))
	return nil
}

func mib(kib int64) float64 { return float64(kib) / 1024 }

// judge says what is not as it should be. A reference that was cut counts with the time it had.
func (m balancing) judge(ours, two, reference usage) (wrong []string) {
	if ours.cut {
		return []string{"not done"}
	}
	if m.goal > 0 && ours.cpu > m.goal || reference.cpu > 0 && reference.cpu.Seconds() < m.factor*ours.cpu.Seconds() {
		wrong = append(wrong, "too slow")
	}
	if !bytes.Equal(two.out, ours.out) {
		wrong = append(wrong, "another answer on two cores")
	}
	if m.long && two.elapsed >= ours.elapsed {
		wrong = append(wrong, "no faster on two cores")
	}
	if reference.cpu == 0 || reference.cut {
		return wrong
	}
	if 2*ours.peak > reference.peak {
		wrong = append(wrong, "more than half the memory")
	}
	if !bytes.Equal(ours.out, reference.out) {
		wrong = append(wrong, "another answer")
	}
	return wrong
}

// patience is how long one run may take, in seconds.
const patience = 120

// spent runs a command and prints, in a line before the command's own output, its microseconds of CPU and those that passed, its peak
// of memory in KiB, and whether it had to be ended. A process begins with the peak of the one that started it, so that GNU time, which
// is small, has to start it; but its clock is coarse.
const spent = `import resource, subprocess, sys, tempfile, time
def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
with tempfile.NamedTemporaryFile() as peak:
    before, began = cpu(), time.monotonic() # what found this Python may have had children too
    ended = subprocess.run(["time", "-q", "-f%M", "-o" + peak.name, "timeout", *sys.argv[1:]], stdout=subprocess.PIPE)
    passed = time.monotonic() - began
    print(int(1e6 * (cpu() - before)), int(1e6 * passed), int(peak.read()), ended.returncode == 124, flush=True)
sys.stdout.buffer.write(ended.stdout)`

// oneAndTwo runs a tool on one core and on two in turn, so that what else the machine does at a time slows both, three times or for half
// a minute, and returns the best of each.
func oneAndTwo(tool string, words ...string) (one, two usage, err error) {
	began := time.Now()
	for i := 0; i < 3 && (i == 0 || time.Since(began) < 30*time.Second); i++ {
		for k, best := range []*usage{&one, &two} {
			run, err := cost(k+1, tool, words...)
			if err != nil {
				return one, two, err
			}
			if i > 0 {
				run = run.least(*best)
			}
			*best = run
		}
	}
	return one, two, nil
}

// least is what the better of two runs cost, each figure by itself.
func (u usage) least(v usage) usage {
	u.cpu, u.elapsed, u.peak, u.cut = min(u.cpu, v.cpu), min(u.elapsed, v.elapsed), min(u.peak, v.peak), u.cut || v.cut
	return u
}

// cost runs a tool on as many cores. That the tool finds something wrong with the cluster is an answer too.
func cost(cores int, tool string, words ...string) (usage, error) {
	if _, err := os.Stat(tool); err != nil {
		return usage{}, err
	}
	cmd := exec.Command("python3", append([]string{"-c", spent, fmt.Sprint(patience), tool}, words...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", cores), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w", tool, err)
	}
	line, rest, _ := bytes.Cut(out, []byte("\n"))
	var cpu, passed, kib int64
	var cut bool
	if _, err := fmt.Sscan(string(line), &cpu, &passed, &kib, &cut); err != nil {
		return usage{}, fmt.Errorf("%s: %q", tool, line)
	}
	return usage{time.Duration(cpu) * time.Microsecond, time.Duration(passed) * time.Microsecond, kib, rest, cut}, nil
}

// cluster is one made up from a fixed beginning, of one group, with mirrored instances; memory and disks fit.
type cluster struct {
	nodes     []madeNode
	instances []madeInstance
}

type madeNode struct {
	name                 string
	freeMemory, freeDisk int
}

type madeInstance struct {
	name                string
	memory, disk, vcpus int
	primary, secondary  int // numbers of nodes
}

// What each node has.
const (
	nodeMemory, ownMemory = 262144, 1024
	nodeDisk              = 11444091
	nodeCPUs              = 64
	uuid                  = "uuid-group-01"
)

func madeUp(nodes, instances int) cluster {
	c := cluster{}
	random := rand.New(rand.NewPCG(uint64(nodes), uint64(instances)))
	for i := range nodes {
		c.nodes = append(c.nodes, madeNode{fmt.Sprintf("node%04d", i+1), nodeMemory - ownMemory, nodeDisk - random.IntN(nodeDisk/100)})
	}
	for i := range instances {
		in := madeInstance{name: fmt.Sprintf("inst%05d", i+1), memory: 512 + random.IntN(8192), disk: 5120 + random.IntN(200000), vcpus: 1 << random.IntN(3)}
		for in.primary == in.secondary || c.nodes[in.primary].freeMemory < in.memory {
			in.primary, in.secondary = random.IntN(nodes), random.IntN(nodes)
		}
		c.nodes[in.primary].freeMemory -= in.memory
		for _, n := range []int{in.primary, in.secondary} {
			c.nodes[n].freeDisk -= in.disk
		}
		c.instances = append(c.instances, in)
	}
	return c
}

// text is the cluster in the text format.
func (c cluster) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "group-01|%s|preferred||\n\n", uuid)
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "%s|%d|%d|%d|%d|%d|%d|N|%s|12||N|0|1|1.0\n", n.name, nodeMemory, ownMemory, n.freeMemory, nodeDisk, n.freeDisk, nodeCPUs, uuid)
	}
	b.WriteString("\n")
	for _, in := range c.instances {
		fmt.Fprintf(&b, "%s|%d|%d|%d|running|Y|%s|%s|drbd||1|-|N\n", in.name, in.memory, in.disk, in.vcpus, c.nodes[in.primary].name, c.nodes[in.secondary].name)
	}
	b.WriteString("\n\n")
	for _, owner := range []string{"", "group-01"} {
		fmt.Fprintf(&b, "%s|4096,2,51200,1,1,1|512,1,5120,1,1,1;65536,16,2097152,16,8,12|drbd,plain,ext,sharedfile,diskless|6.0|64.0\n", owner)
	}
	return b.Bytes()
}

type object = map[string]any

// request asks hail to place one mirrored instance on the cluster.
func (c cluster) request() ([]byte, error) {
	limits := func(memory, cpus, disk, disks, nics, spindles int) object {
		return object{"memory-size": memory, "cpu-count": cpus, "disk-size": disk, "disk-count": disks, "nic-count": nics, "spindle-use": spindles}
	}
	policy := object{
		"std":            limits(4096, 2, 51200, 1, 1, 1),
		"minmax":         []object{{"min": limits(512, 1, 5120, 1, 1, 1), "max": limits(65536, 16, 2097152, 16, 8, 12)}},
		"disk-templates": []string{"drbd", "plain", "ext", "sharedfile", "diskless"}, "vcpu-ratio": 6.0, "spindle-ratio": 64.0,
	}
	nodes, instances := object{}, object{}
	for _, n := range c.nodes {
		nodes[n.name] = object{
			"tags": []string{}, "group": uuid, "offline": false, "drained": false, "master_candidate": true, "master_capable": true, "vm_capable": true,
			"primary_ip": "192.0.2.1", "secondary_ip": "192.0.2.1", "ndparams": object{"spindle_count": 12, "oob_program": nil, "exclusive_storage": false},
			"total_memory": nodeMemory, "reserved_memory": ownMemory, "free_memory": n.freeMemory, "total_disk": nodeDisk, "free_disk": n.freeDisk,
			"total_cpus": nodeCPUs, "reserved_cpus": 1, "total_spindles": 12, "free_spindles": 0, "i_pri_memory": 0, "i_pri_up_memory": 0,
		}
	}
	common := object{"tags": []string{}, "nics": []object{}, "disk_template": "drbd", "spindle_use": 1, "hypervisor": "kvm", "os": "noop"}
	for _, in := range c.instances {
		o := maps.Clone(common)
		maps.Copy(o, object{
			"memory": in.memory, "disk_space_total": in.disk, "disks": []object{{"mode": "rw", "size": in.disk}}, "vcpus": in.vcpus,
			"admin_state": "up", "admin_state_source": "admin", "nodes": []string{c.nodes[in.primary].name, c.nodes[in.secondary].name},
		})
		instances[in.name] = o
	}
	wish := maps.Clone(common)
	maps.Copy(wish, object{"type": "allocate", "name": "new", "memory": 4096, "vcpus": 2, "disks": []object{{"size": 20480, "mode": "rw"}},
		"disk_space_total": 20608, "required_nodes": 2})
	return json.Marshal(object{
		"cluster_tags": []string{}, "cluster_name": "bench", "enabled_hypervisors": []string{"kvm"}, "ipolicy": policy, "version": 2,
		"nodegroups": object{uuid: object{"name": "group-01", "alloc_policy": "preferred", "networks": []string{}, "tags": []string{}, "ipolicy": policy}},
		"nodes":      nodes, "instances": instances, "request": wish,
	})
}
