package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gantry/tests/vmlab"
)

// five are the instances that are moved together. Each has its name on its disk.
var five = []string{"e1", "e2", "e3", "e4", "e5"}

// TestNodesAreEmptiedBalancedAndRepaired does to five mirrored instances that run what an operator has the tools do with many.
func TestNodesAreEmptiedBalancedAndRepaired(t *testing.T) {
	vmlab.NeedAll(t)
	s := start(t)
	s.must("node1", "gnt-cluster modify --ipolicy-vcpu-ratio=32") // a node of these has one processor
	s.must("node1", "for i in "+strings.Join(five, " ")+"; do "+addEmptied+"$i.example.com & done; wait; gnt-instance startup --force-multiple "+strings.Join(five, " "))
	for _, name := range five {
		s.must("node1", "echo "+name+" | dd of=/var/run/ganeti/instance-disks/"+name+".example.com:0 bs=4096 conv=sync,notrunc oflag=direct 2>/dev/null")
	}
	for _, step := range []struct {
		name string
		run  func(*stand)
	}{
		{"secondaries are evacuated", secondariesEvacuated},
		{"an allocator chooses a new secondary", secondaryChosen},
		{"primaries are evacuated", primariesEvacuated},
		{"hbal spreads them", spread},
		{"harep repairs them when a node is gone", repaired},
	} {
		if !t.Run(step.name, func(t *testing.T) { s.in(t, func() { step.run(s) }) }) {
			return
		}
	}
}

const addEmptied = "gnt-instance add -t drbd -o noop --no-name-check --no-ip-check --no-install -n node1:node2 --disk 0:size=16M "

// where tells on how many nodes of each kind the five are: "node1:node2 5".
func (s *stand) where() (list []string) {
	s.t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(s.must("node1", "gnt-instance list --no-headers --separator=: -o pnode,snodes")) {
		count[strings.ReplaceAll(strings.TrimSpace(line), ".example.com", "")]++
	}
	for where, n := range count {
		list = append(list, fmt.Sprintf("%s %d", where, n))
	}
	slices.Sort(list)
	return list
}

// unharmed looks that all five run, each once and with its data, on whole mirrors, and that nothing is left where they were.
func (s *stand) unharmed() {
	s.t.Helper()
	inv := s.inventory()
	if odd := append(inv.extras(), inv.missing()...); len(odd) > 0 {
		s.t.Errorf("left over or missing: %q", odd)
	}
	for _, name := range five {
		name += ".example.com"
		primary := inv.short(inv.cfg.InstanceByName(name).PrimaryNode)
		if on := inv.on(name); !slices.Equal(on, []string{primary}) {
			s.t.Errorf("%s runs on %s, its primary node is %s", name, on, primary)
		}
		if got := s.must(primary, "dd if=/var/run/ganeti/instance-disks/"+name+":0 bs=4096 count=1 iflag=direct 2>/dev/null | head -n 1"); strings.TrimSpace(got)+".example.com" != name {
			s.t.Errorf("the disk of %s begins with %q", name, got)
		}
	}
	if said := s.errors(); said != "" {
		s.t.Errorf("verify says\n%s", said)
	}
}

func secondariesEvacuated(s *stand) {
	s.must("node1", "gnt-node evacuate -f -s -I hail node2")
	if got := s.where(); !slices.Equal(got, []string{"node1:node3 5"}) {
		s.t.Errorf("they are at %s", got)
	}
	s.unharmed()
}

func secondaryChosen(s *stand) {
	for _, move := range []struct {
		how  string
		want []string
	}{
		{"-I hail", []string{"node1:node2 1", "node1:node3 4"}},
		{"-n node3", []string{"node1:node3 5"}},
	} {
		s.must("node1", "gnt-instance replace-disks "+move.how+" e1")
		if got := s.where(); !slices.Equal(got, move.want) {
			s.t.Errorf("replace-disks %s: they are at %s", move.how, got)
		}
		s.unharmed()
	}
}

func primariesEvacuated(s *stand) {
	s.must("node1", "gnt-node evacuate -f -p -I hail node1")
	if got := s.where(); !slices.Equal(got, []string{"node3:node1 5"}) {
		s.t.Errorf("they are at %s", got)
	}
	s.unharmed()
}

// spread lets hbal do what it finds best, with jobs: no node has all primaries then, and a second run finds nothing to do.
func spread(s *stand) {
	said := s.must("node1", "hbal -L -X")
	if got := s.where(); len(got) < 2 {
		s.t.Errorf("they are at %s, hbal said\n%s", got, said)
	}
	s.unharmed()
	if again := s.must("node1", "hbal -L"); !strings.Contains(again, "No solution found") && !strings.Contains(again, "Cluster is already well balanced") {
		s.t.Errorf("hbal says then\n%s", again)
	}
}

// repaired has one node lose its power: harep fails over what ran there, and gives all a mirror on the nodes that are left.
func repaired(s *stand) {
	s.must("node1", "gnt-cluster add-tags ganeti:watcher:autorepair:failover")
	if err := s.Kill("node3"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node modify --offline=yes -f node3")
	said := ""
	for range 6 { // each run goes one step with each instance
		said = s.must("node1", "harep -L --job-delay 1; while gnt-job list --no-headers -o status | grep -qvE '^(success|error|canceled)'; do sleep 1; done")
		if !slices.ContainsFunc(s.where(), func(at string) bool { return strings.Contains(at, "node3") }) {
			break
		}
	}
	if got := s.where(); slices.ContainsFunc(got, func(at string) bool { return strings.Contains(at, "node3") }) {
		s.t.Errorf("they are at %s, harep said\n%s", got, said)
	}
	s.unharmed()
	if err := s.Power("node3"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check node3.example.com && gnt-cluster remove-tags ganeti:watcher:autorepair:failover")
	inv, said := s.inventory(), s.Verify(s.t)
	for _, left := range inv.extras() { // they were replaced while the node was away
		if !mentioned(said, left) {
			s.t.Errorf("verify does not tell of %s:\n%s", left, said)
		}
	}
	s.must("node3", "lvremove -qq -f vg_ganeti")
	s.unharmed()
}
