package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// mirroring is one operation on mirrored instances, measured with real Ganeti and with Gantry on the same machines.
type mirroring struct{ what, prepare, command string }

const (
	addMirrored = "gnt-instance add -t drbd -o noop --no-name-check --no-ip-check --no-install --no-wait-for-sync -n node1.example.com:node2.example.com " +
		"--disk 0:size=64M --disk 1:size=32M -B minmem=64,maxmem=64,vcpus=1 --net 0:mode=bridged,link=br0 "
	inSync = "for i in $(seq 600); do grep -qE 'Inconsistent|Sync|Negotiating|WF' /proc/drbd || break; sleep 0.5; done; "
)

// One that says nothing else goes on with what the one before it has left.
var mirrorings = []mirroring{
	{"add", "", addMirrored + "inst1.example.com"},
	{"verify", inSync + "gnt-instance startup inst1.example.com", "gnt-cluster verify >/tmp/verify; grep -qF '* Hooks Results' /tmp/verify"}, // what it finds does not matter
	{"migrate", "", "gnt-instance migrate -f inst1.example.com"},
	{"failover", "", "gnt-instance failover -f --shutdown-timeout 1 inst1.example.com"},
	{"replace-disks -s", inSync, "gnt-instance replace-disks -s inst1.example.com"},
	{"evacuate 5", "for n in 2 3 4 5; do " + addMirrored + "inst$n.example.com & done; wait; for n in 2 3 4 5; do gnt-instance activate-disks inst$n.example.com || exit; done; " + inSync, "gnt-node evacuate -f -s -n node3.example.com node2.example.com"},
}

// took is what an operation took, and the time in which the tools it needs did something.
type took struct{ all, tools time.Duration }

const (
	mirrorNodes = 3
	// originalInit makes a cluster of real Ganeti. The run time of its Haskell daemons takes all the address space that there may be, which
	// in user mode Linux takes minutes.
	originalInit = `ulimit -v 3000000
gnt-cluster init --no-ssh-init --no-etc-hosts ` + mirrorInit + "\nip addr add 192.0.2.10/32 dev br0 || true # where Ganeti has not done it"

	ourInit    = "gnt-cluster init " + mirrorInit
	mirrorInit = "--secondary-ip=198.51.100.11 --nic-parameters=mode=bridged,link=br0 --master-netdev=br0 --enabled-hypervisors=kvm --vg-name=vg_ganeti --drbd-usermode-helper=/bin/true --enabled-disk-templates=drbd,plain,diskless " +
		"--hypervisor-parameters=kvm:kernel_path=,kvm_flag=disabled cluster.example.com\n" + mirrorJoin
	// mirrorJoin tries twice: on a busy machine a node may not answer real Ganeti in time.
	mirrorJoin = "for n in 2 3; do join=\"gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.1$n node$n.example.com\"; $join || { sleep 5; $join; }; done\n" +
		"gnt-cluster modify --ipolicy-bounds-specs min:disk-size=16,cpu-count=1,disk-count=1,memory-size=32,nic-count=1,spindle-use=1/" +
		"max:disk-size=1048576,cpu-count=16,disk-count=8,memory-size=131072,nic-count=8,spindle-use=8"

	// forget leaves of a cluster of real Ganeti nothing on a node.
	forget = `for p in $(pgrep -x 'ganeti-.*|kvm|qemu-system-.*'); do kill -9 $p; done; sleep 1
for r in $(drbdsetup show | awk '$1 == "resource" { print $2 }' | tr -d '"'); do drbdsetup down $r; done
lvremove -qq -f vg_ganeti
if [ -n "$(drbdsetup show; lvs --noheadings vg_ganeti)" ]; then
	echo 'disks are left:'
	cat /proc/drbd
	lvs
	exit 1
fi >&2
ip addr del 192.0.2.10/32 dev br0 2>/dev/null
for t in $(ls /sys/class/net | grep tap); do ip link del $t; done
mv /usr/share/ganeti/os /root/os
rm -rf /usr/sbin/gnt-* /usr/sbin/ganeti-* /usr/lib/ganeti /usr/share/ganeti /etc/ganeti /etc/default/ganeti /var/lib/ganeti /var/log/ganeti /run/ganeti
mkdir -p /usr/share/ganeti && mv /root/os /usr/share/ganeti/os`
	// patient is for all nodes: a busy machine is given more time, and nobody asks the monitor here.
	patient    = "sed -i 's/^RPC_CONNECT_TIMEOUT = .*/RPC_CONNECT_TIMEOUT = 60/' /usr/share/ganeti/3.0/ganeti/_constants.py; ln -sf /bin/true /usr/sbin/ganeti-mond"
	hostKey    = "/etc/ssh/ssh_host_rsa_key" // one for all nodes, as Ganeti gives them
	restartSSH = "kill -HUP $(pgrep -x sshd -P 1)"
	commandLog = "/var/log/ganeti/node-commands.log"
)

// mirrors measures operations on DRBD with real Ganeti and then with what is installed in a tree, in one lab.
func (b *bench) mirrors(tree string) (err error) {
	say := func(text string) { fmt.Fprintln(os.Stderr, "bench:", text) }
	dir, err := os.MkdirTemp("/dev/shm", "gantry-vmlab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive, missing := vmlab.Ganeti(say)
	l, err := vmlab.Up(vmlab.Options{Dir: dir, UML: true, Nodes: mirrorNodes}, true, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vmlab.Down("", dir)) }()
	var theirs map[string]took
	if missing == nil {
		theirs, missing = original(l, archive, say)
	}
	if missing != nil {
		say("Ganeti: NOT MEASURED: " + missing.Error())
	}
	if err := everywhere(func(node string) error {
		if err := must(l, node, forget); err != nil {
			return err
		}
		return l.Push(node, tree, "/")
	}); err != nil {
		return err
	}
	say("measuring Gantry")
	if err := must(l, "node1", "set -e\n"+ourInit); err != nil {
		return err
	}
	ours, err := measureMirrors(l, say)
	if err != nil {
		return err
	}
	b.compare(theirs, ours)
	if missing != nil {
		b.missed++
		fmt.Printf("Ganeti: NOT MEASURED: %v\n", missing)
	}
	return nil
}

// original measures real Ganeti, as far as it comes.
func original(l *vmlab.Lab, archive string, say func(string)) (map[string]took, error) {
	key, err := output(l, "node1", "rm -f "+hostKey+"*; ssh-keygen -q -t rsa -N '' -f "+hostKey+" && cat "+hostKey)
	if err != nil {
		return nil, err
	}
	if err := everywhere(func(node string) error {
		if err := l.Unpack(node, archive); err != nil {
			return err
		}
		return must(l, node, "umask 077; cat >"+hostKey+" <<'K'\n"+key+"K\nssh-keygen -y -f "+hostKey+" >"+hostKey+".pub; "+patient+"; "+restartSSH)
	}); err != nil {
		return nil, err
	}
	say("measuring Ganeti")
	if err := must(l, "node1", "set -e\n"+originalInit); err != nil {
		return nil, err
	}
	return measureMirrors(l, say)
}

func everywhere(do func(node string) error) error {
	errs := make([]error, mirrorNodes)
	lab.Each(mirrorNodes, func(n int) { errs[n-1] = do(lab.Name(n)) })
	return errors.Join(errs...)
}

func must(l *vmlab.Lab, node, text string) error {
	_, err := output(l, node, text)
	return err
}

func output(l *vmlab.Lab, node, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	r, err := l.Do(ctx, node, text)
	if err == nil && r.Status != 0 {
		err = fmt.Errorf("%s: status %d\n%s%s", text, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout, err
}

// measureMirrors carries the operations out. Gantry's log of commands tells what the tools did.
func measureMirrors(l *vmlab.Lab, say func(string)) (map[string]took, error) {
	all := map[string]took{}
	for _, m := range mirrorings {
		if m.prepare != "" {
			if err := must(l, "node1", m.prepare); err != nil {
				return all, fmt.Errorf("before %s: %w", m.what, err)
			}
		}
		out, err := output(l, "node1", fmt.Sprintf(`: >%[1]s; a=${EPOCHREALTIME/./}; { %[2]s; } >/tmp/bench.out 2>&1 || { cat /tmp/bench.out >&2; exit 1; }
b=${EPOCHREALTIME/./}; echo $((b - a)); cat %[1]s`, commandLog, m.command))
		if err != nil {
			return all, err
		}
		first, log, _ := strings.Cut(out, "\n")
		us, err := strconv.Atoi(first)
		if err != nil {
			return all, fmt.Errorf("%s: %q", m.what, first)
		}
		all[m.what] = took{time.Duration(us) * time.Microsecond, toolTime(log)}
		say(fmt.Sprintf("%s: %s, tools %s", m.what, seconds(all[m.what].all), seconds(all[m.what].tools)))
	}
	return all, nil
}

var (
	logged = regexp.MustCompile(`^(\S+ \S+): node=(\S+) took=(\S+)s status=\S+ (.*)$`)
	// ownWork are commands that no tool is needed for: copies of the configuration, and hooks.
	ownWork = regexp.MustCompile(`^timeout -k \d+ \d+ (perl|xargs) `)
)

// toolTime is how long the tools were at work on any node: the union of the times of all commands but Gantry's own, and of the pauses
// between two equal commands, in which it waits for what the tools do.
func toolTime(log string) (sum time.Duration) {
	type span struct{ from, to time.Time }
	var spans []span
	last := map[string]span{}
	for line := range strings.Lines(log) {
		f := logged.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if f == nil || ownWork.MatchString(f[4]) {
			continue
		}
		to, err := time.Parse("2006-01-02 15:04:05.000", strings.Replace(f[1], ",", ".", 1))
		length, err2 := time.ParseDuration(f[3] + "s")
		if err != nil || err2 != nil {
			continue
		}
		s := span{to.Add(-length), to}
		if before, again := last[f[2]+f[4]]; again && len(last) == 1 {
			s.from = before.to
		}
		last = map[string]span{f[2] + f[4]: s}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var end time.Time
	for _, s := range spans {
		if s.from.Before(end) {
			s.from = end
		}
		if s.to.After(end) {
			sum += s.to.Sub(s.from)
			end = s.to
		}
	}
	return sum
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// compare prints the table. The tools' time is that of Gantry's commands: what is left of either's is its own.
func (b *bench) compare(theirs, ours map[string]took) {
	fmt.Printf("\n%-20s %10s %10s %10s %12s %12s  %s\n", "mirrored, 3 nodes", "ours", "Ganeti", "tools", "own, ours", "own, Ganeti", "goals: not slower, own at most a fifth")
	for _, m := range mirrorings {
		us, them := ours[m.what], theirs[m.what]
		own := us.all - us.tools
		var missed []string
		theirOwn := time.Duration(0)
		if them.all > 0 {
			theirOwn = max(0, them.all-us.tools)
			if us.all > them.all {
				missed = append(missed, "slower")
			}
			if 5*own > theirOwn {
				missed = append(missed, "own more than a fifth")
			}
		}
		words := ""
		if len(missed) > 0 {
			b.missed++
			words = "missed: " + strings.Join(missed, ", ")
		}
		fmt.Printf("%-20s %10s %10s %10s %12s %12s  %s\n", m.what, seconds(us.all), seconds(them.all), seconds(us.tools), seconds(own), seconds(theirOwn), words)
	}
}
