package faults

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/tests/lab"
)

// inventory is what there is, as the machines themselves show it: processes, files, devices. Nothing of the programs under test takes
// part in it but the reading of the configuration file.
type inventory struct {
	guests  []guest
	files   map[string][]string // of disks, by node; those that all nodes share under ""
	taps    map[string][]string
	loops   string
	digests map[string]string // of the configuration, by node
	cfg     *config.Config    // the master's
}

// guest is a process of a hypervisor.
type guest struct {
	node, name string
	status     string // qemu's word; "running" for the fake hypervisor
	started    string // when its process began
}

// Running says that it does something: it neither waits for another's memory nor has given its own away.
func (g guest) running() bool { return g.status == "running" || g.status == "paused" }

// look lists, in sections, qemu processes with their start times and states, fake guests, files, taps, loop devices and the digest.
const look = `
for pid in $(pgrep -f '^/usr/bin/qemu-system'); do
	words=$(tr '\0' '\n' 2>/dev/null </proc/$pid/cmdline)
	[ -n "$words" ] || continue # it was about to end
	name=$(printf '%s\n' "$words" | sed -n '/^-name$/{n;s/,.*//;p;q}')
	status=$(printf '{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n' | timeout 5 socat -t 2 - UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/$name.qmp 2>/dev/null |
		sed -n 's/.*"status": "\([a-z-]*\)".*/\1/p' | tail -n 1)
	printf 'guest %s %s %s\n' "$name" "${status:-unknown}" "$(cut -d' ' -f22 /proc/$pid/stat)"
done
for f in /run/ganeti/fake-hypervisor/*; do [ -f "$f" ] && printf 'guest %s running -\n' "${f##*/}"; done
find /srv/ganeti/file-storage -type f | sed 's/^/file /'
find /srv/ganeti/shared-file-storage -type f | sed 's/^/shared /'
ls /sys/class/net | grep -E '^(tap|gnt)' | sed 's/^/tap /'
losetup -a | sed 's/^/loop /'
sha256sum /var/lib/ganeti/config.toml 2>/dev/null | sed 's/^\([0-9a-f]*\).*/digest \1/'
exit 0`

// inventory looks at all nodes that have power.
func (c *cluster) inventory(t *testing.T, master string) *inventory {
	t.Helper()
	inv := &inventory{files: map[string][]string{}, taps: map[string][]string{}, digests: map[string]string{}}
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= c.nodes; n++ {
		node := lab.Name(n)
		if status[n-1].Word != "running" {
			continue
		}
		for line := range strings.Lines(c.Must(t, node, look)) {
			inv.note(node, strings.Fields(line))
		}
	}
	inv.cfg = c.config(t, master)
	return inv
}

func (inv *inventory) note(node string, words []string) {
	switch words[0] {
	case "guest":
		inv.guests = append(inv.guests, guest{node, words[1], words[2], words[3]})
	case "file":
		inv.files[node] = append(inv.files[node], words[1])
	case "shared":
		if !slices.Contains(inv.files[""], words[1]) {
			inv.files[""] = append(inv.files[""], words[1])
		}
	case "tap":
		inv.taps[node] = append(inv.taps[node], words[1])
	case "loop":
		inv.loops += node + " " + strings.Join(words[1:], " ") + "\n"
	case "digest":
		inv.digests[node] = words[1]
	}
}

// config reads the configuration of a node from its file.
func (c *cluster) config(t *testing.T, node string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(c.Must(t, node, "cat /var/lib/ganeti/config.toml")), 0o600); err != nil {
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

// doubled lists instances that run on more than one node.
func (inv *inventory) doubled() (names []string) {
	on := map[string]int{}
	for _, g := range inv.guests {
		if g.running() {
			on[g.name]++
		}
	}
	for name, n := range on {
		if n > 1 {
			names = append(names, fmt.Sprintf("%s runs %d times: %+v", name, n, inv.guests))
		}
	}
	return names
}

// missing lists disks of the configuration that are not there.
func (inv *inventory) missing() (out []string) {
	for _, inst := range inv.cfg.Instances {
		for _, d := range inv.cfg.InstanceDisks(inst) {
			file := fmt.Sprint(d.LogicalID[1])
			node, _, _ := strings.Cut(inv.cfg.NodeName(inst.PrimaryNode), ".")
			if d.DevType == config.DTSharedFile {
				node = ""
			}
			if !slices.Contains(inv.files[node], file) {
				out = append(out, fmt.Sprintf("%s of %s is not on %q", file, inst.Name, node))
			}
		}
	}
	return out
}

// extras lists what the configuration does not account for.
func (inv *inventory) extras() (out []string) {
	known := map[string]bool{}
	for _, d := range inv.cfg.Disks {
		known[fmt.Sprint(d.LogicalID[1])] = true
	}
	for _, node := range slices.Sorted(maps.Keys(inv.files)) {
		for _, file := range inv.files[node] {
			if !known[file] {
				out = append(out, file)
			}
		}
	}
	for _, g := range inv.guests {
		inst := inv.cfg.InstanceByName(g.name)
		if inst == nil || !strings.HasPrefix(inv.cfg.NodeName(inst.PrimaryNode), g.node+".") {
			out = append(out, fmt.Sprintf("guest %s on %s (%s)", g.name, g.node, g.status))
		}
	}
	return out
}

// on lists the nodes on which an instance runs.
func (inv *inventory) on(name string) (nodes []string) {
	for _, g := range inv.guests {
		if g.name == name && g.running() {
			nodes = append(nodes, g.node)
		}
	}
	return nodes
}
