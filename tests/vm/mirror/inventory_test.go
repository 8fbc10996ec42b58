package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/tests/lab"
)

// inventory is what there is, as the nodes' own tools show it. Nothing of the programs under test takes part in it but the reading of
// the configuration file. Nodes that are marked offline are not asked.
type inventory struct {
	cfg    *config.Config
	places map[string]*place
}

// place is what one node has.
type place struct {
	guests  []guest
	volumes []string       // VG/LV
	minors  map[int]string // as /proc/drbd has them: state, roles, disks
}

type guest struct{ name, status string }

// running says that a guest may write: it neither waits for another's memory, nor has given its own away, nor has it never begun.
func (g guest) running() bool {
	return !slices.Contains([]string{"inmigrate", "postmigrate", "prelaunch"}, g.status)
}

// look lists processes of qemu with their states, volumes and the devices of DRBD.
const look = `
for pid in $(pgrep -f '^/usr/bin/(kvm|qemu-system-[^ ]*) '); do
	name=$(tr '\0' '\n' </proc/$pid/cmdline | sed -n '/^-name$/{n;s/,.*//;p;q}')
	status=$(printf '{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n' | timeout 20 socat -t 5 - UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/$name.qmp 2>/dev/null |
		sed -n 's/.*"status": "\([a-z-]*\)".*/\1/p' | tail -n 1)
	echo "guest $name ${status:-unknown}"
done
lvs --noheadings --separator=/ -o vg_name,lv_name | sed 's/^ */volume /'
sed -n 's/^ *\([0-9]*\): cs:\(\S*\) ro:\(\S*\) ds:\(\S*\) .*/minor \1 \2 \3 \4/p' /proc/drbd
exit 0`

var nodes = []string{"node1", "node2", "node3"}

func (s *stand) inventory() *inventory {
	s.t.Helper()
	inv := &inventory{readConfig(s.t, s.must("node1", "cat /var/lib/ganeti/config.toml")), map[string]*place{}}
	said := make([]lab.Result, len(nodes))
	lab.Each(len(nodes), func(n int) {
		if !inv.cfg.NodeByName(nodes[n-1] + ".example.com").Offline {
			said[n-1] = s.Run(nodes[n-1], look)
		}
	})
	for n, node := range nodes {
		p := &place{minors: map[int]string{}}
		inv.places[node] = p
		if said[n].Status != 0 {
			s.t.Fatalf("%s: %s", node, said[n].Stderr)
		}
		for line := range strings.Lines(said[n].Stdout) {
			words := strings.Fields(line)
			switch words[0] {
			case "guest":
				p.guests = append(p.guests, guest{words[1], words[2]})
			case "volume":
				p.volumes = append(p.volumes, words[1])
			case "minor":
				minor, _ := strconv.Atoi(words[1])
				p.minors[minor] = strings.Join(words[2:], " ")
			}
		}
	}
	return inv
}

func readConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (inv *inventory) short(uuid string) string {
	name, _, _ := strings.Cut(inv.cfg.NodeName(uuid), ".")
	return name
}

// wanted are the volumes that the configuration has, by node.
func (inv *inventory) wanted() map[string][]string {
	all := map[string][]string{}
	put := func(node, vg, lv string) { all[node] = append(all[node], vg+"/"+lv) }
	for _, inst := range inv.cfg.Instances {
		for _, d := range inv.cfg.InstanceDisks(inst) {
			if vg, lv, plain := d.LV(); plain {
				put(inv.short(inst.PrimaryNode), vg, lv)
			}
			for _, child := range d.Children {
				vg, lv, _ := child.LV()
				for _, uuid := range d.NodesOf() {
					put(inv.short(uuid), vg, lv)
				}
			}
		}
	}
	return all
}

// missing lists volumes of the configuration that are not there.
func (inv *inventory) missing() (out []string) {
	for node, volumes := range inv.wanted() {
		for _, v := range volumes {
			if !slices.Contains(inv.places[node].volumes, v) {
				out = append(out, fmt.Sprintf("%s on %s", v, node))
			}
		}
	}
	return out
}

// extras lists what the configuration does not account for. The first word of each is what verify has to say of it.
func (inv *inventory) extras() (out []string) {
	wanted := inv.wanted()
	for _, node := range nodes {
		p := inv.places[node]
		for _, v := range p.volumes {
			if !slices.Contains(wanted[node], v) {
				out = append(out, fmt.Sprintf("%s on %s", v, node))
			}
		}
		for minor, state := range p.minors {
			if _, known := inv.cfg.Minors(inv.cfg.NodeByName(node + ".example.com").UUID)[minor]; !known {
				out = append(out, fmt.Sprintf("minor %d on %s: %s", minor, node, state))
			}
		}
		for _, g := range p.guests {
			if inst := inv.cfg.InstanceByName(g.name); inst == nil || inv.short(inst.PrimaryNode) != node {
				out = append(out, fmt.Sprintf("guest %s on %s, which is %s", g.name, node, g.status))
			}
		}
	}
	return out
}

// on lists the nodes on which an instance runs.
func (inv *inventory) on(name string) (list []string) {
	for _, node := range nodes {
		for _, g := range inv.places[node].guests {
			if g.name == name && g.running() {
				list = append(list, node)
			}
		}
	}
	return list
}

// mentioned says whether verify tells of an extra.
func mentioned(said, extra string) bool {
	words := strings.Fields(strings.NewReplacer(",", "", ":", "").Replace(extra))
	switch words[0] {
	case "minor":
		return strings.Contains(said, "node "+words[3]+".example.com: unallocated drbd minor "+words[1]+" is in use")
	case "guest":
		return strings.Contains(said, words[1])
	}
	return strings.Contains(said, words[0])
}
