package mirror

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/tests/lab"
)

// partOf reads GANTRY_FAULTS_PART: 2/4 takes each fourth command from the second on, so that a long run can be shared among labs and days.
func partOf(t *testing.T) (part, parts int) {
	t.Helper()
	part, parts = 1, 1
	if asked := os.Getenv(lab.FaultsName + "_PART"); asked != "" {
		if _, err := fmt.Sscanf(asked, "%d/%d", &part, &parts); err != nil || part < 1 || part > parts {
			t.Fatalf("%s_PART=%s: it is to be like 2/4", lab.FaultsName, asked)
		}
	}
	return part, parts
}

// victim is the instance whose operations are cut off.
const victim = "inst1.example.com"

// operation is something whose runner is killed.
type operation struct {
	name     string
	template string // which the instance has before
	stopped  bool   // it does not run before
	command  func(s *stand) string
	done     func(s *stand) // the ordinary command afterwards, which has to succeed
	points   []point        // where it can be killed; nil is not known yet
}

// point is a moment of an operation: "change:7:before" and what that command is.
type point struct{ at, what string }

// instance is a command of gnt-instance; %s stands for the name.
func instance(format string) func(*stand) string {
	return func(*stand) string { return fmt.Sprintf("gnt-instance "+format, victim) }
}

// again is the same command once more.
func again(format string) func(*stand) {
	return func(s *stand) { s.must("node1", instance(format)(s)) }
}

// to is the ordinary way to a template from wherever the killed job has left the instance: the same command, which puts in order what is left
// of a conversion also where that had come to its end and it has nothing to do itself.
func to(template string) func(*stand) {
	return func(s *stand) {
		command, there := s.convert(template), s.field("disk_template") == template
		r := s.Run("node1", command)
		if refused := strings.Contains(r.Stderr, "Instance already has disk template"); refused != there || (r.Status == 0) == there {
			s.t.Errorf("%s: status %d, %s", command, r.Status, r.Stderr)
		}
	}
}

func (s *stand) field(name string) string {
	s.t.Helper()
	return strings.TrimSpace(s.must("node1", "gnt-instance list --no-headers -o "+name+" "+victim))
}

func (s *stand) convert(template string) string {
	if template == config.DTPlain {
		return "gnt-instance modify -t plain " + victim
	}
	return "gnt-instance modify -t drbd -n " + s.spare() + " " + victim
}

// spare is a node that has no side of the instance's disks.
func (s *stand) spare() string {
	used := strings.Split(s.field("pnode,snodes --separator=,"), ",")
	for _, node := range nodes {
		if !slices.Contains(used, node+".example.com") {
			return node
		}
	}
	s.t.Fatalf("%s is on all nodes: %s", victim, used)
	return ""
}

const addVictim = "gnt-instance add -t drbd -o noop --no-name-check --no-ip-check --no-install -n node1:node2 --disk 0:size=16M "

func operations() []*operation {
	newNode, added := "", []string{}
	return []*operation{
		{name: "add", template: config.DTDRBD, command: func(*stand) string {
			added = append(added, fmt.Sprintf("added%d.example.com", len(added)+1)) // the one before may be there already
			return addVictim + added[len(added)-1]
		}, done: func(s *stand) {
			for _, name := range added { // what a killed job has left is put in order by the next one for that name
				if s.Run("node1", "gnt-instance list "+name).Status != 0 {
					s.must("node1", addVictim+name)
				}
			}
			s.removeAdded()
			added = nil
		}},
		{name: "replace -s", template: config.DTDRBD, command: instance("replace-disks -s %s"), done: again("replace-disks -s %s")},
		{name: "replace -p", template: config.DTDRBD, command: instance("replace-disks -p %s"), done: again("replace-disks -p %s")},
		{name: "replace -n", template: config.DTDRBD, command: func(s *stand) string {
			newNode = s.spare()
			return "gnt-instance replace-disks -n " + newNode + " " + victim
		}, done: func(s *stand) {
			r := s.Run("node1", "gnt-instance replace-disks -n "+newNode+" "+victim)
			if r.Status != 0 && !strings.Contains(r.Stderr, "The specified node is already the secondary node of the instance") {
				s.t.Errorf("replaced again: status %d, %s", r.Status, r.Stderr)
			}
			if strings.Contains(r.Stdout+r.Stderr, "is kept until the disk is whole on its new nodes") { // by the next command after that
				s.must("node1", instance("activate-disks --wait-for-sync %[1]s && gnt-instance activate-disks %[1]s")(s))
			}
			if got := s.field("snodes"); got != newNode+".example.com" {
				s.t.Errorf("the secondary is %s, was to be %s", got, newNode)
			}
		}},
		{name: "migrate", template: config.DTDRBD, command: instance("migrate -f %s"), done: again("migrate -f %s")},
		{name: "failover", template: config.DTDRBD, command: instance("failover -f --shutdown-timeout 1 %s"), done: again("failover -f --shutdown-timeout 1 %s")},
		{name: "grow", template: config.DTDRBD, command: instance("grow-disk %s 0 8m"), done: again("grow-disk %s 0 8m")},
		{name: "to plain", template: config.DTDRBD, stopped: true, command: instance("modify -t plain %s"), done: to(config.DTPlain)},
		{name: "to drbd", template: config.DTPlain, stopped: true, command: func(s *stand) string { return s.convert(config.DTDRBD) }, done: to(config.DTDRBD)},
	}
}

// shortWhile is how long points are tried unless more is asked for.
const shortWhile = time.Minute

// inARow is how many jobs are killed before an operator looks.
const inARow = 3

// TestMirrorsSurviveTheDeathOfAJobAnywhere kills the runner with SIGKILL, looks what is there, and goes on as an operator would.
func TestMirrorsSurviveTheDeathOfAJobAnywhere(t *testing.T) {
	s := start(t)
	limit, random := lab.FaultTime(t, shortWhile), lab.FaultChance(t)
	part, parts := partOf(t)
	s.must("node1", addVictim+victim+" && gnt-instance startup "+victim)
	s.scribble(s.inventory(), "node1") // whatever is tried first, there is something that can be lost
	all := operations()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	began, tried, failed := time.Now(), map[string]int{}, 0
	for round := 0; len(all) > 0; round++ {
		op := all[round%len(all)]
		if limit > 0 && time.Since(began) > limit {
			break
		}
		if op.points == nil {
			ok := t.Run(op.name, func(t *testing.T) { s.in(t, func() { s.list(op) }) })
			if !ok || len(op.points) == 0 {
				t.Fatalf("%s does not work even undisturbed", op.name)
			}
			n := len(op.points)
			op.points = share(op.points, part, parts)
			random.Shuffle(len(op.points), func(i, j int) { op.points[i], op.points[j] = op.points[j], op.points[i] })
			t.Logf("%s can be killed at %d points, of which %d are tried", op.name, n, len(op.points))
		}
		several := min(inARow, len(op.points))
		points := op.points[:several]
		name := fmt.Sprintf("%d %s", round, op.name)
		for _, p := range points {
			name += "/" + p.at
		}
		var later []point
		if !t.Run(name, func(t *testing.T) {
			s.in(t, func() {
				var killed int
				killed, later = s.kill(op, points)
				tried[op.name] += killed
			})
		}) {
			failed++
			s.anew()
		}
		if op.points = append(op.points[several:], later...); len(op.points) == 0 {
			all = slices.Delete(all, round%len(all), round%len(all)+1)
		}
	}
	s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 "+victim)
	t.Logf("killed at %v; %d turns failed; in %s", tried, failed, time.Since(began).Round(time.Second))
}

// share is a part of the points of an operation: those before and after each command are in the same.
func share(points []point, part, parts int) (out []point) {
	for i, p := range points {
		if i/2%parts == part-1 {
			out = append(out, p)
		}
	}
	return out
}

// anew makes the instance again after something has gone wrong, so that the next point begins with nothing of it.
func (s *stand) anew() {
	s.Run("node1", "for i in $(gnt-instance list --no-headers -o name); do gnt-instance remove -f --shutdown-timeout 1 $i; done")
	for _, node := range nodes {
		r := s.Run(node, `pkill -KILL -f '^/usr/bin/(kvm|qemu-system-[^ ]*) '; sleep 1; for r in $(drbdsetup show | awk '$1 == "resource" { print $2 }' | tr -d '"'); do drbdsetup down $r || exit; done; lvremove -qq -f $(vgs --noheadings -o vg_name)`)
		if r.Status != 0 {
			s.t.Errorf("%s cannot be cleaned: %s%s", node, r.Stdout, r.Stderr)
		}
	}
	s.must("node1", addVictim+victim+" && gnt-instance startup "+victim)
	s.scribble(s.inventory(), "node1")
}

// in runs something in the name of a subtest.
func (s *stand) in(t *testing.T, run func()) {
	defer func(before *testing.T) { s.t = before }(s.t)
	s.t = t
	run()
}

// removeAdded removes all instances but the victim.
func (s *stand) removeAdded() {
	s.t.Helper()
	s.must("node1", "for i in $(gnt-instance list --no-headers -o name); do [ $i = "+victim+" ] || gnt-instance remove -f --shutdown-timeout 1 $i || exit 1; done")
}

// ready brings the instance to where an operation begins, with new data on its disk.
func (s *stand) ready(op *operation) {
	s.t.Helper()
	now := strings.Fields(s.field("disk_template,oper_state,admin_state"))
	if (now[0] != op.template || op.stopped) && (now[1] == "Y" || now[2] == "up") {
		s.stop()
	}
	if now[0] != op.template {
		s.must("node1", s.convert(op.template))
		now[1] = "N"
	}
	if op.stopped {
		return
	}
	if now[1] != "Y" {
		s.must("node1", "gnt-instance startup "+victim)
	}
	inv := s.inventory()
	if on := inv.on(victim); len(on) == 1 {
		s.scribble(inv, on[0])
	} else {
		s.t.Fatalf("it runs on %s", on)
	}
}

func (s *stand) stop() {
	s.t.Helper()
	s.must("node1", "gnt-instance shutdown --timeout 1 "+victim)
}

// points runs a command undisturbed and tells where its job could have been killed.
func (s *stand) points(command string) []lab.Point {
	s.t.Helper()
	s.must("node1", "rm -f /tmp/points; GANTRY_FAULT=list:/tmp/points "+command)
	return lab.Points(s.must("node1", "cat /tmp/points"))
}

// list runs an operation undisturbed and notes where it can be killed: before and after each command that changes something, and at each
// commit. To die at one that only looks leaves what the change before it has left.
func (s *stand) list(op *operation) {
	s.ready(op)
	op.points = []point{}
	for _, p := range s.points(op.command(s)) {
		if strings.HasPrefix(p.At, "change:") || p.What == "commit on candidates" || strings.HasPrefix(p.What, "rename config.toml.pending") {
			op.points = append(op.points, point{p.At + ":before", p.What}, point{p.At + ":after", p.What})
		}
	}
	s.removeAdded()
	s.settled()
}

// kill kills a job at a point, then the same command, given again, at the next one, and so on: what the first has left is still there.
// It returns at how many a job died and which are to be tried later: the second job may have less to do than the first.
func (s *stand) kill(op *operation, points []point) (killed int, later []point) {
	s.ready(op)
	said := ""
	for i, p := range points {
		if i > 0 && s.field("disk_template") != op.template { // it is converted
			later = append(later, points[i:]...)
			break
		}
		command := op.command(s)
		r := s.Run("node1", "GANTRY_FAULT=gnt-job/"+p.at+" "+command)
		said += fmt.Sprintf("the point was %s: %s\n%s: status %d\n%s%s\n", p.at, p.what, command, r.Status, r.Stdout, r.Stderr)
		switch died := strings.Contains(r.Stdout+r.Stderr, " died on "); {
		case died:
			killed++
		case i > 0:
			later = append(later, p)
		default:
			s.t.Errorf("no job came to %s: %s", p.at, p.what)
		}
		s.judge(s.inventory())
	}
	op.done(s)
	s.settled()
	if s.t.Failed() {
		s.t.Logf("%safterwards:\n%s", said, s.Run("node1", "gnt-job list | tail -n 4; tail -n 30 /var/log/ganeti/jobs.log; gnt-instance info "+victim).Stdout)
	}
	return killed, later
}

// judge looks at what a killed job has left: nothing runs twice, what was written is there where it runs, and verify tells the rest.
func (s *stand) judge(inv *inventory) {
	s.t.Helper()
	on := inv.on(victim)
	switch len(on) {
	case 0:
	case 1:
		if got := s.begins(on[0], "/dev/drbd"+strconv.Itoa(s.minor(inv, on[0]))); got != s.sum {
			s.t.Errorf("the disk on %s has %s, written was %s", on[0], got, s.sum)
		}
		s.scribble(inv, on[0])
	default:
		s.t.Errorf("it runs twice: %s", on)
	}
	odd := append(inv.extras(), inv.missing()...)
	if len(odd) == 0 {
		return
	}
	said := s.Verify(s.t)
	for _, extra := range odd {
		if !mentioned(said, extra) {
			s.t.Errorf("verify does not tell of %s:\n%s", extra, said)
		}
	}
}

// minor is that of the instance's disk on a node.
func (s *stand) minor(inv *inventory, node string) int {
	s.t.Helper()
	id, _ := inv.cfg.InstanceDisks(inv.cfg.InstanceByName(victim))[0].DRBD()
	return id.Minor(inv.cfg.NodeByName(node + ".example.com").UUID)
}

// The first MiB of the disk are looked at; grown ones, too, keep them.
const begin = "bs=1M count=16"

func (s *stand) begins(node, device string) string {
	s.t.Helper()
	return strings.Fields(s.must(node, "set -o pipefail; dd if="+device+" "+begin+" iflag=direct 2>/dev/null | md5sum"))[0]
}

// scribble writes something new to the disk where the instance runs.
func (s *stand) scribble(inv *inventory, node string) {
	s.t.Helper()
	device := fmt.Sprintf("/dev/drbd%d", s.minor(inv, node))
	if r := s.Run(node, fmt.Sprintf("dd if=/dev/urandom of=%s bs=1M count=2 oflag=direct conv=notrunc seek=%d || { cat /proc/drbd; exit 1; }", device, s.turns%8)); r.Status != 0 {
		s.t.Errorf("the disk cannot be written where the instance runs: %s%s", r.Stderr, r.Stdout)
	}
	s.turns++
	s.sum = s.begins(node, device)
}

// settled is how it has to be after the ordinary command: all volumes are there and no others, both sides of the mirror have what was
// written, the instance runs where the configuration says if it is up, and verify finds nothing.
func (s *stand) settled() {
	s.t.Helper()
	inv := s.inventory()
	if odd := append(inv.extras(), inv.missing()...); len(odd) > 0 {
		s.t.Errorf("left after the ordinary command: %q", odd)
	}
	inst := inv.cfg.InstanceByName(victim)
	primary := inv.short(inst.PrimaryNode)
	var want []string
	if inst.AdminState == "up" {
		want = []string{primary}
	}
	if on := inv.on(victim); !slices.Equal(on, want) {
		s.t.Errorf("it is %s on %s and runs on %s", inst.AdminState, primary, on)
	}
	d := inv.cfg.InstanceDisks(inst)[0]
	volume := d.LogicalID
	sides := []string{primary}
	if _, mirrored := d.DRBD(); mirrored {
		volume = d.Children[0].LogicalID
		sides = append(sides, inv.short(inv.cfg.SecondaryNodes(inst)[0]))
		if inst.AdminState == "up" {
			s.whole(inv, sides)
		}
	}
	for _, node := range sides {
		if got := s.begins(node, fmt.Sprintf("/dev/%s/%s", volume...)); got != s.sum {
			s.t.Errorf("the volume on %s has %s, written was %s", node, got, s.sum)
		}
	}
	if s.settles++; s.settles%verifyEach > 0 && !s.t.Failed() {
		return
	}
	if said := s.errors(); said != "" {
		s.t.Errorf("verify says\n%s", said)
	}
}

// verifyEach is how many points share one look of verify at what is whole again: the inventory has looked at each.
const verifyEach = 4

// whole waits until the mirror is complete, with one side that can be written.
func (s *stand) whole(inv *inventory, sides []string) {
	s.t.Helper()
	var got []string
	for range 20 {
		got = nil
		for _, node := range sides {
			got = append(got, strings.TrimSpace(s.must(node, fmt.Sprintf("sed -n 's/^ *%d: cs:\\(\\S*\\) ro:\\(\\S*\\) ds:\\(\\S*\\) .*/\\1 \\2 \\3/p' /proc/drbd", s.minor(inv, node)))))
		}
		if slices.Equal(got, []string{"Connected Primary/Secondary UpToDate/UpToDate", "Connected Secondary/Primary UpToDate/UpToDate"}) {
			return
		}
		time.Sleep(time.Second)
	}
	s.t.Errorf("the mirror is %q", got)
}
