// Package nodefacts asks a node what it is and has, besides its instances: memory, processors, clock, network
// interfaces, storage directories, and the tools that it needs. It also bundles the probes of several packages, so that
// a node is asked for everything at once.
package nodefacts

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/remote"
)

//go:embed facts.sh
var factsScript string

// Facts is what a node says of itself. Sizes are MiB.
type Facts struct {
	MemoryTotal int64
	MemoryFree  int64 // what could be given to instances: free, or held by caches
	MemoryUsed  int64 // by the node itself; Ganeti calls it dom0's
	CPUs        int64
	CPUNodes    int64 // NUMA nodes and sockets are always 1, as in Ganeti
	CPUSockets  int64
	BootID      string
	Time        time.Time
	Interfaces  map[string]Interface
	Dirs        map[string]Dir // by the path that was asked for
	KVMVersion  string         // such as 7.2.22, "" when it was not asked for or does not run
	Missing     []string       // of the programs and places a node needs: those it lacks; qemu by its path
}

// Interface is a network interface of a node.
type Interface struct {
	Bridge    bool
	Addresses []string
}

// Dir is a directory for disks. What could not be found out is 0.
type Dir struct {
	Exists, Writable bool
	Total, Free      int64 // of its file system
}

// HasAddress says whether an IP address is one of the node's own.
func (f Facts) HasAddress(ip string) bool {
	for _, i := range f.Interfaces {
		if slices.Contains(i.Addresses, ip) {
			return true
		}
	}
	return false
}

// Options is what a caller wants to know besides what costs nothing.
type Options struct {
	KVM  string   // the path of qemu, to be asked for its version
	Dirs []string // directories for disks
}

// Get asks a node.
func Get(ctx context.Context, r remote.Runner, node string, o Options) (Facts, error) {
	out, err := r.Run(ctx, node, Probe(o))
	if err != nil {
		return Facts{}, fmt.Errorf("asking for node information: %w", err)
	}
	return Parse(out.Stdout)
}

// Probe is the command behind Get, to be bundled with others by Gather.
func Probe(o Options) remote.Cmd {
	return remote.Script(factsScript, append([]string{o.KVM}, o.Dirs...)...)
}

// Parse reads Probe's output.
func Parse(out []byte) (Facts, error) {
	parts := remote.Sections(out)
	f := Facts{CPUNodes: 1, CPUSockets: 1, Interfaces: map[string]Interface{}, Dirs: map[string]Dir{},
		BootID: strings.TrimSpace(parts["boot"]), Missing: strings.Fields(parts["missing"])}
	for _, read := range []func(map[string]string) error{f.memory, f.cpus, f.clock, f.interfaces, f.storage} {
		if err := read(parts); err != nil {
			return f, fmt.Errorf("asking for node information: %w", err)
		}
	}
	_, version, _ := strings.Cut(parts["kvm"], "version ")
	f.KVMVersion, _, _ = strings.Cut(strings.TrimSpace(version), " ")
	return f, nil
}

// memory counts in MiB, each of /proc/meminfo's numbers rounded down by itself, as Ganeti does.
func (f *Facts) memory(parts map[string]string) error {
	got := map[string]int64{}
	for line := range strings.Lines(parts["memory"]) {
		name, value, _ := strings.Cut(line, ":")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err == nil {
			got[name] = kib >> 10
		}
	}
	if got["MemTotal"] == 0 {
		return fmt.Errorf("no memory in /proc/meminfo")
	}
	f.MemoryTotal, f.MemoryUsed = got["MemTotal"], got["Active"]
	f.MemoryFree = got["MemFree"] + got["Buffers"] + got["Cached"]
	return nil
}

func (f *Facts) cpus(parts map[string]string) (err error) {
	if f.CPUs, err = strconv.ParseInt(strings.TrimSpace(parts["cpus"]), 10, 64); err != nil {
		return fmt.Errorf("the number of processors: %w", err)
	}
	return nil
}

func (f *Facts) clock(parts map[string]string) error {
	seconds, nanoseconds, _ := strings.Cut(strings.TrimSpace(parts["time"]), ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("the node's clock: %w", err)
	}
	ns, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil {
		return fmt.Errorf("the node's clock: %w", err)
	}
	f.Time = time.Unix(s, ns)
	return nil
}

func (f *Facts) interfaces(parts map[string]string) error {
	for line := range strings.Lines(parts["interfaces"]) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			f.Interfaces[name] = Interface{Bridge: kind == "bridge"}
		}
	}
	for line := range strings.Lines(parts["addresses"]) {
		if words := strings.Fields(line); len(words) >= 4 && strings.HasPrefix(words[2], "inet") { // 2: br0 inet 192.0.2.1/24 …
			i := f.Interfaces[words[1]]
			address, _, _ := strings.Cut(words[3], "/")
			i.Addresses = append(i.Addresses, address)
			f.Interfaces[words[1]] = i
		}
	}
	return nil
}

// storage reads lines of: exists, writable, block size, blocks, blocks free, path.
func (f *Facts) storage(parts map[string]string) error {
	for line := range strings.Lines(parts["storage"]) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(words) != 6 {
			return fmt.Errorf("unexpected answer %q", line)
		}
		d := Dir{Exists: words[0] == "yes", Writable: words[1] == "yes"}
		var n [3]int64
		for i := range n {
			n[i], _ = strconv.ParseInt(words[2+i], 10, 64) // stat failed: nothing is known
		}
		d.Total, d.Free = mib(n[1], n[0]), mib(n[2], n[0])
		f.Dirs[words[5]] = d
	}
	return nil
}

// mib is a number of blocks as MiB, without overflow on file systems of any size.
func mib(blocks, size int64) int64 { return int64(float64(blocks) * float64(size) / (1 << 20)) }
