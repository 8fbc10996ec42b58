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

// balancing is one line of the table of the balancing tools: ours beside Debian's of the same name, on the same cluster. Times are
// those that the processor spent, with one core for ours, so that a busy machine changes little.
type balancing struct {
	tool             string
	nodes, instances int
	words            []string      // after the file
	goal             time.Duration // 0 is none
	factor           float64       // how many times faster than the reference; 0 is no such goal
	alone            string        // why the reference is not run, "" if it is
}

const tooLong = "it would take hours"

var balancings = []balancing{
	{tool: "hspace", nodes: 10, instances: 100, factor: 10},
	{tool: "hspace", nodes: 40, instances: 800, words: []string{"-l", "100"}, factor: 10},
	{tool: "hbal", nodes: 40, instances: 800, words: []string{"-l", "1", "-C"}, factor: 25},
	{tool: "hail", nodes: 200, instances: 5000, goal: 150 * time.Millisecond},
	{tool: "hbal", nodes: 80, instances: 2000, words: []string{"-l", "1", "-C"}, factor: 100},
	{tool: "hbal", nodes: 200, instances: 5000, words: []string{"-C"}, goal: 30 * time.Second, alone: tooLong},
	{tool: "hbal", nodes: 1000, instances: 20000, words: []string{"-l", "20", "-C"}, goal: time.Minute, alone: tooLong},
}

// usage is what one run cost.
type usage struct {
	cpu  time.Duration
	peak int64 // MiB
	out  []byte
}

// htools measures the tools in bin and prints a line each.
func (b *bench) htools(bin string) error {
	dir, err := os.MkdirTemp("", "gantry-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("\n%-44s %10s %10s %10s %10s %8s %8s\n", "balancing, CPU on one core", "ours", "Ganeti", "times", "goal", "MiB", "Ganeti")
	for _, m := range balancings {
		if err := b.balancing(m, bin, dir); err != nil {
			return fmt.Errorf("%s %d/%d: %w", m.tool, m.nodes, m.instances, err)
		}
	}
	return nil
}

func (b *bench) balancing(m balancing, bin, dir string) error {
	c := madeUp(m.nodes, m.instances)
	file, words, text := filepath.Join(dir, "cluster"), []string{"-t"}, c.text()
	if m.tool == "hail" {
		words = nil
		var err error
		if text, err = c.request(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	words = append(append(words, file), m.words...)
	ours, err := cost(3, filepath.Join(bin, m.tool), words...)
	if err != nil {
		return err
	}
	reference, note := usage{}, ""
	if m.alone != "" {
		note = "  Ganeti's is not run: " + m.alone
	} else if reference, err = cost(1, real(m.tool), words...); errors.Is(err, os.ErrNotExist) {
		note = "  Ganeti's is not installed (package ganeti-htools)"
	} else if err != nil {
		return err
	}
	times, goal := "-", short(m.goal)
	var wrong []string
	if m.goal > 0 && ours.cpu > m.goal {
		wrong = append(wrong, "too slow")
	}
	if m.factor > 0 {
		goal = fmt.Sprintf("%.0f times", m.factor)
	}
	if ours.out == nil {
		wrong = []string{"not done"}
	}
	if reference.out != nil && ours.out != nil {
		faster := reference.cpu.Seconds() / ours.cpu.Seconds()
		times = fmt.Sprintf("%.0f", faster)
		if faster < m.factor {
			wrong = append(wrong, "too slow")
		}
		if 2*ours.peak > reference.peak {
			wrong = append(wrong, "more than half the memory")
		}
		if !bytes.Equal(ours.out, reference.out) {
			wrong = append(wrong, "another answer")
		}
	}
	if wrong != nil {
		b.missed++
		note += "  missed: " + strings.Join(wrong, ", ")
	}
	what := strings.TrimSpace(fmt.Sprintf("%s, %d nodes, %d instances %s", m.tool, m.nodes, m.instances, strings.Join(m.words, " ")))
	fmt.Printf("%-44s %10s %10s %10s %10s %8d %8d%s\n", what, short(ours.cpu), short(reference.cpu), times, goal, ours.peak, reference.peak, note)
	return nil
}

// patience is how long one run may take; what takes longer has missed its goal.
const patience = 3 * time.Minute

// spent runs a command and prints, in a line before the command's own output, its milliseconds of CPU and its peak of memory in
// KiB. It is a program of its own since a process begins with the peak of the one that started it.
const spent = `import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int(1000 * (used.ru_utime + used.ru_stime)), used.ru_maxrss, flush=True)
sys.stdout.buffer.write(ended.stdout)`

// cost runs a tool some times, less often when it takes long, and returns the cheapest run. That the tool finds something wrong with
// the cluster is an answer too.
func cost(times int, tool string, words ...string) (best usage, err error) {
	if _, err := os.Stat(tool); err != nil {
		return usage{}, err
	}
	began := time.Now()
	for i := 0; i < times && time.Since(began) < 10*time.Second; i++ {
		cmd := exec.Command("timeout", append([]string{fmt.Sprint(patience.Seconds()), "python3", "-c", spent, tool}, words...)...)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil {
			return usage{cpu: patience}, nil
		}
		line, rest, _ := bytes.Cut(out, []byte("\n"))
		var ms, kib int64
		if _, err := fmt.Sscan(string(line), &ms, &kib); err != nil {
			return usage{}, fmt.Errorf("%s: %q", tool, line)
		}
		run := usage{time.Duration(ms) * time.Millisecond, kib >> 10, rest}
		if best.out == nil || run.cpu < best.cpu {
			best = run
		}
	}
	return best, nil
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
