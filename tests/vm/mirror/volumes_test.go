package mirror

import (
	"fmt"
	"strings"
)

// volumeIsLost: a mirror without the volume of one side works with its peer, on either node, until the volume is replaced.
func volumeIsLost(s *stand) {
	primary, secondary := s.sides()
	s.sum = s.begins(primary, s.device())
	for _, lost := range []struct{ node, mode string }{{primary, "-p"}, {primary, "-a"}, {secondary, "-s"}, {secondary, "-a"}} {
		s.stop()
		s.must(lost.node, "lvremove -qq -f $(lvs --noheadings -o vg_name,lv_name --separator / | grep disk0_data)")
		s.must("node1", "gnt-instance startup "+victim)
		if got := s.begins(primary, s.device()); got != s.sum {
			s.t.Errorf("without the volume on %s it has other data", lost.node)
		}
		s.scribble(s.inventory(), primary)
		said := s.errors()
		for _, want := range []string{"disk0_data missing on node " + lost.node + ".example.com", "disk/0 on " + lost.node + ".example.com is degraded; local disk state is 'faulty'"} {
			if !strings.Contains(said, want) {
				s.t.Errorf("verify does not say %q:\n%s", want, said)
			}
		}
		s.must("node1", "gnt-instance replace-disks "+lost.mode+" "+victim)
		s.wholeAgain()
		s.must("node1", "gnt-instance migrate -f "+victim)
		if got := s.begins(secondary, s.device()); got != s.sum {
			s.t.Errorf("%s: the other side has other data", lost.mode)
		}
		s.must("node1", "gnt-instance migrate -f "+victim)
	}
}

// cutOffDetached: a job dies as it exchanges the volumes of a side, and the network fails before anybody looks what became of it. What
// the side has is not taken for what the primary has written since, not even when that is lost.
func cutOffDetached(s *stand) {
	primary, secondary := s.sides()
	command := "gnt-instance replace-disks -s " + victim
	at := ""
	for _, p := range s.points(command) {
		if strings.Contains(p.What, " drbdsetup detach ") {
			at = p.At
		}
	}
	if r := s.Run("node1", "GANTRY_FAULT=gnt-job/"+at+":after "+command); !strings.Contains(r.Stderr, " died on ") {
		s.t.Fatalf("the job was not killed at %q: %s%s", at, r.Stdout, r.Stderr)
	}
	if err := s.Link(secondary, "san", "down"); err != nil {
		s.t.Fatal(err)
	}
	s.scribble(s.inventory(), primary)
	// DRBD takes up to half a minute to see that its peer is gone, and refuses meanwhile
	s.must("node1", "for i in $(seq 20); do gnt-instance activate-disks "+victim+" && exit; sleep 2; done; exit 1")
	if got := s.must(secondary, fmt.Sprintf("drbdsetup dstate %d", s.minor(s.inventory(), secondary))); !strings.HasPrefix(got, "Outdated/") {
		s.t.Errorf("the side that was cut off is %s", got)
	}
	if err := s.Kill(primary); err != nil {
		s.t.Fatal(err)
	}
	if r := s.Run("node1", "gnt-node modify --offline=yes -f "+primary+" && gnt-instance failover -f --shutdown-timeout 1 "+victim); r.Status == 0 || !strings.Contains(r.Stdout, "Need access to UpToDate data") {
		s.t.Errorf("failing over to old data ended with %d: %s%s", r.Status, r.Stdout, r.Stderr)
	}
	if err := s.Power(primary); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Link(secondary, "san", "up"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check "+primary+".example.com")
	s.must("node1", "for i in 1 2 3; do gnt-instance activate-disks --wait-for-sync "+victim+" && exit; done; exit 1")
	s.must("node1", "gnt-instance startup "+victim)
	s.wholeAgain()
	if got := s.begins(secondary, s.device()); got != s.sum {
		s.t.Error("what was written while the side was cut off is not on it")
	}
	s.must("node1", "gnt-instance migrate -f "+victim)
}
