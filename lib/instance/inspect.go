package instance

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fake"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/query"
	"gantry/lib/remote"
)

// Seen is what its nodes say of an instance.
type Seen struct {
	State     string            // up, down, user down or offline
	Disks     map[string]Device // on its primary node, by UUID, those that are there; volumes below them too
	Secondary map[string]Device // the same on its secondary
}

// Device is a disk as a node has it. A file has no numbers.
type Device struct {
	Path         string
	Block        bool
	Major, Minor int64
	Mirror       *drbd.Status // nil if it is none
}

// Inspect asks the nodes of instances for their states and disks, each node once. Instances of offline nodes are left out of the
// answer, which goes by UUID.
func Inspect(ctx context.Context, r remote.Runner, cfg *config.Config, list []*config.Instance) (map[string]Seen, error) {
	byNode := map[string][]*config.Instance{}
	var nodes []string
	for _, inst := range list {
		if node := cfg.Node(inst.PrimaryNode); node == nil || node.Offline {
			continue
		}
		for _, uuid := range cfg.InstanceNodes(inst) {
			node := cfg.Node(uuid)
			if node == nil || node.Offline {
				continue
			}
			if !slices.Contains(nodes, node.Name) {
				nodes = append(nodes, node.Name)
			}
			byNode[node.Name] = append(byNode[node.Name], inst)
		}
	}
	seen := map[string]Seen{}
	for _, reply := range remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (map[string]Seen, error) {
		return inspectNode(ctx, r, cfg, cfg.NodeByName(node), byNode[node])
	}) {
		if err := query.Overtaken(reply.Err); err != nil {
			return nil, err
		}
		if reply.Err != nil {
			return nil, fault.Exec("Error checking node %s: %v", reply.Node, reply.Err)
		}
		for uuid, s := range reply.Value {
			seen[uuid] = s.and(seen[uuid])
		}
	}
	return seen, nil
}

// and joins what two nodes say.
func (s Seen) and(other Seen) Seen {
	if s.State == "" {
		s.State, s.Disks = other.State, other.Disks
	}
	if s.Secondary == nil {
		s.Secondary = other.Secondary
	}
	return s
}

// statScript says of each file what it is, with the numbers of a device in hexadecimal; "-" is none.
const statScript = `for file; do stat -L -c '%F|%t|%T' -- "$file" 2>/dev/null || echo -; done`

func inspectNode(ctx context.Context, r remote.Runner, cfg *config.Config, node *config.Node, list []*config.Instance) (map[string]Seen, error) {
	var names, paths []string
	var disks []*config.Disk
	var add func([]*config.Disk)
	add = func(list []*config.Disk) {
		for _, d := range list {
			disks = append(disks, d)
			paths = append(paths, disk.Device(d, node.UUID))
			add(d.Children)
		}
	}
	for _, inst := range list {
		names = append(names, inst.Name)
		add(cfg.InstanceDisks(inst))
	}
	results, err := query.Gather(ctx, r, cfg, node.Name, kvm.StateProbe(names...), fake.StateProbe(), remote.Script(statScript, paths...), drbd.StatusProbe())
	if err != nil {
		return nil, err
	}
	guests, err := kvm.ParseStates(results[0].Stdout)
	if err != nil {
		return nil, err
	}
	fakes, err := fake.ParseStates(results[1].Stdout)
	if err != nil {
		return nil, err
	}
	_, mirrors, err := drbd.ParseStatus(results[3].Stdout)
	if err != nil {
		return nil, err
	}
	devices, err := parseStat(results[2].Stdout, disks, node.UUID, mirrors)
	if err != nil {
		return nil, err
	}
	seen := map[string]Seen{}
	for _, inst := range list {
		if inst.PrimaryNode != node.UUID {
			seen[inst.UUID] = Seen{Secondary: devices}
			continue
		}
		seen[inst.UUID] = Seen{State: runState(cfg, inst, guests, fakes), Disks: devices}
	}
	return seen, nil
}

// parseStat joins what stat says of disks with the states of mirrors. A mirrored disk is there if it is set up.
func parseStat(out []byte, disks []*config.Disk, node string, mirrors map[int]drbd.Status) (map[string]Device, error) {
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(disks) > 0 && len(lines) != len(disks) {
		return nil, fmt.Errorf("looking at disks: unexpected answer %q", out)
	}
	devices := map[string]Device{}
	for i, d := range disks {
		kind, numbers, found := strings.Cut(lines[i], "|")
		dev := Device{Path: disk.Device(d, node), Block: kind == "block special file"}
		if id, mirrored := d.DRBD(); mirrored {
			s, there := mirrors[id.Minor(node)]
			dev.Mirror, found = &s, found && there
		}
		if !found {
			continue
		}
		if dev.Block {
			major, minor, _ := strings.Cut(numbers, "|")
			dev.Major, _ = strconv.ParseInt(major, 16, 64)
			dev.Minor, _ = strconv.ParseInt(minor, 16, 64)
		}
		devices[d.UUID] = dev
	}
	return devices, nil
}

// runState is the word of gnt-instance info for what an instance does.
func runState(cfg *config.Config, inst *config.Instance, guests []kvm.State, fakes []fake.State) string {
	for _, s := range guests {
		if s.Name == inst.Name && inst.Hypervisor == config.HVKVM {
			if s.Running() {
				return "up"
			}
			if cfg.Cluster.EnabledUserShutdown && cfg.FilledHV(inst).Bool("user_shutdown") {
				return "user down"
			}
			return "down"
		}
	}
	if inst.Hypervisor == config.HVFake && slices.ContainsFunc(fakes, func(s fake.State) bool { return s.Name == inst.Name }) {
		return "up"
	}
	switch {
	case inst.AdminState == config.AdminOffline:
		return "offline"
	case inst.AdminState == config.AdminDown && inst.AdminStateSource == config.UserSource:
		return "user down"
	}
	return "down"
}
