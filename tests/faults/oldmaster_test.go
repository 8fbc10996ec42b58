package faults

import (
	"cmp"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// attempt is a command that would change something, on a master whose time is over.
type attempt struct {
	words string // after "gnt-X SUBCOMMAND "
	says  string // its own reason to refuse, which comes before the fence
	idle  bool   // finds nothing to do, or changes nothing in any case
}

// Why subcommands are not tried.
const (
	reads      = "only looks"
	ownQueue   = "the queue belongs to this node, and none of its jobs can do anything"
	interacts  = "a person's session with a guest"
	takesOver  = "it is the way to become the master again, with all its own questions"
	hasNothing = "does nothing in a cluster without daemons"
)

// attempts has every subcommand of every program, as its help lists them: with what to try, or why not.
var attempts = map[string]map[string]any{
	"gnt-backup": {
		"export": attempt{words: "-n node2 down.example.com"}, "remove": attempt{words: "down.example.com"},
		"import": attempt{words: "-t sharedfile -n node3 --src-node=node3 --src-dir=/var/lib/ganeti/export/down.example.com --net=0:link=br0 --no-ip-check --no-name-check late.example.com"},
		"list":   reads, "list-fields": reads,
	},
	"gnt-cluster": {
		"activate-master-ip": attempt{}, "add-tags": attempt{words: "late"}, "command": attempt{words: "touch /root/late"}, "copyfile": attempt{words: "/root/early"},
		"deactivate-master-ip": attempt{words: "--yes"}, "destroy": attempt{words: "--yes-do-it", says: "There are still"}, "epo": attempt{words: "-f node3"},
		"init": attempt{words: "other.example.com", says: "already"}, "master-failover": takesOver, "modify": attempt{words: "--candidate-pool-size=5"},
		"queue": ownQueue, "redist-conf": attempt{}, "remove-tags": attempt{words: "early"}, "rename": attempt{words: "-f newcluster.example.com"},
		"renew-crypto": attempt{words: "-f --new-ssh-keys"}, "repair-disk-sizes": attempt{idle: true}, "upgrade": attempt{words: "--to=3.1", says: "pgrade"},
		"verify-disks": attempt{idle: true}, "watcher": attempt{words: "pause 1h"},
		"getmaster": reads, "info": reads, "list-tags": reads, "master-ping": reads, "search-tags": reads, "show-ispecs-cmd": reads, "verify": reads, "version": reads,
	},
	"gnt-debug": {
		"delay": attempt{words: "-n node2 0.1", idle: true}, "submit-job": attempt{words: "/root/job.json"},
		"iallocator": reads, "locks": reads, "metad": hasNothing, "wconfd": hasNothing, "test-jobqueue": ownQueue, "test-osparams": reads,
	},
	"gnt-filter": {
		"add": attempt{words: "--priority=3 --action=REJECT"}, "delete": attempt{words: "$(gnt-filter list --no-headers -o uuid | head -n 1)"},
		"replace": attempt{words: "--action=PAUSE $(gnt-filter list --no-headers -o uuid | head -n 1)"}, "info": reads, "list": reads, "list-fields": reads,
	},
	"gnt-group": {
		"add": attempt{words: "late"}, "add-tags": attempt{words: "early late"}, "assign-nodes": attempt{words: "--force early node3"},
		"evacuate": attempt{words: "--to=early default", says: "Unable to evacuate"}, "modify": attempt{words: "--alloc-policy=last_resort early"}, "remove": attempt{words: "spare"},
		"remove-tags": attempt{words: "early tag"}, "rename": attempt{words: "early late"}, "info": reads, "list": reads, "list-fields": reads, "list-tags": reads, "show-ispecs-cmd": reads,
	},
	"gnt-instance": {
		"activate-disks": attempt{words: "down.example.com"}, "add-tags": attempt{words: "up.example.com late"}, "batch-create": attempt{words: "/root/batch.json"},
		"add":          attempt{words: "-t diskless -n node3 -o empty+default -H fake --no-ip-check --no-name-check late.example.com"},
		"change-group": attempt{words: "--to=early up.example.com", says: "Unable to evacuate"}, "deactivate-disks": attempt{words: "down.example.com"}, "failover": attempt{words: "-f -n node2 up.example.com"},
		"grow-disk": attempt{words: "down.example.com 0 1m"}, "migrate": attempt{words: "-f -n node2 up.example.com"}, "modify": attempt{words: "-B vcpus=2 up.example.com"},
		"move": attempt{words: "-f -n node3 file.example.com"}, "reboot": attempt{words: "--shutdown-timeout=0 up.example.com"}, "recreate-disks": attempt{words: "down.example.com"},
		"reinstall": attempt{words: "-f down.example.com"}, "remove": attempt{words: "-f --shutdown-timeout=0 up.example.com"}, "remove-tags": attempt{words: "up.example.com early"},
		"rename": attempt{words: "-f --no-ip-check --no-name-check down.example.com late.example.com"}, "replace-disks": attempt{words: "-p up.example.com", says: "strange layout"},
		"shutdown": attempt{words: "--timeout=0 up.example.com"}, "startup": attempt{words: "down.example.com"},
		"console": interacts, "info": reads, "list": reads, "list-fields": reads, "list-tags": reads,
	},
	"gnt-job": {
		"archive": ownQueue, "autoarchive": ownQueue, "cancel": ownQueue, "change-priority": ownQueue,
		"info": reads, "list": reads, "list-fields": reads, "wait": reads, "watch": reads,
	},
	"gnt-network": {
		"add": attempt{words: "--network=10.6.0.0/24 late"}, "add-tags": attempt{words: "early late"}, "connect": attempt{words: "-N mode=bridged,link=br0 early early"},
		"disconnect": attempt{words: "early default"}, "modify": attempt{words: "--gateway=10.5.0.7 early"}, "rename": attempt{words: "early late"}, "remove": attempt{words: "lone"}, "remove-tags": attempt{words: "early tag"},
		"info": reads, "list": reads, "list-fields": reads, "list-tags": reads,
	},
	"gnt-node": {
		"add": attempt{words: "--readd --no-ssh-key-check node3.example.com"}, "add-tags": attempt{words: "node3 late"}, "evacuate": attempt{words: "-f -I hail -p node3"},
		"failover": attempt{words: "-f node3"}, "migrate": attempt{words: "-f node3"}, "modify": attempt{words: "-O yes node3"},
		"modify-storage": attempt{words: "--allocatable=no node3 lvm-pv /dev/x", says: "nabled"}, "power": attempt{words: "-f off node3"}, "powercycle": attempt{words: "--yes node3"},
		"remove": attempt{words: "node3", says: "please remove first"}, "remove-tags": attempt{words: "node3 early"}, "repair-storage": attempt{words: "node3 lvm-vg x", says: "nabled"},
		"restricted-command": attempt{words: "early node3"}, "health": reads, "info": reads, "list": reads, "list-drbd": reads, "list-fields": reads, "list-storage": reads, "list-tags": reads, "volumes": reads,
	},
	"gnt-os":      {"modify": attempt{words: "--hidden=yes empty"}, "diagnose": reads, "info": reads, "list": reads},
	"gnt-storage": {"diagnose": reads, "info": reads},
}

// objects is what those commands are about.
const objects = `gnt-group add early && gnt-group add spare && gnt-group assign-nodes --force early node2 && gnt-group add-tags early tag && gnt-network add --network=10.5.0.0/24 early && gnt-network add --network=10.7.0.0/24 lone && gnt-network add-tags early tag &&
gnt-network connect -N mode=bridged,link=br0 early default && gnt-filter add --priority=2 --action=REJECT --predicates='[["jobid", ["<", "id", 0]]]' && gnt-cluster add-tags early &&
gnt-node add-tags node3 early && gnt-instance add-tags up.example.com early && gnt-backup export -n node3 down.example.com && gnt-group modify --alloc-policy=preferred early &&
echo early >/root/early && mkdir -p /etc/ganeti/restricted-commands &&
echo '[{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["late"]}]' >/root/job.json &&
echo '[{"instance_name": "late.example.com", "mode": "create", "disk_template": "diskless", "disks": [], "nics": [], "pnode": "node3", "os_type": "empty+default", "hypervisor": "fake", "ip_check": false, "name_check": false}]' >/root/batch.json`

var inHelp = regexp.MustCompile(`(?m)^ ([a-z][a-z-]*) +- `)

// everyAttempt gives all commands to try. A subcommand that has none, and no reason for that, is an error.
func (c *cluster) everyAttempt(t *testing.T) map[string]attempt {
	t.Helper()
	all := map[string]attempt{}
	for program := range strings.FieldsSeq(c.Must(t, "node1", "cd /usr/sbin && echo gnt-*")) {
		for _, found := range inHelp.FindAllStringSubmatch(c.Must(t, "node1", program+" --help"), -1) {
			switch what := attempts[program][found[1]].(type) {
			case attempt:
				all[strings.TrimSpace(program+" "+found[1]+" "+what.words)] = what
			case string:
			default:
				t.Errorf("%s %s: nobody has said whether it changes anything, nor how to see that an old master cannot", program, found[1])
			}
		}
	}
	if len(all) < 70 {
		t.Fatalf("only %d commands to try: %v", len(all), slices.Sorted(maps.Keys(all)))
	}
	return all
}

// traces is all that a command might change on a node: files with their modes and owners, addresses, processes of guests. Logs, and the old
// master's own queue, tell of what was tried.
const traces = `cd / && find etc/ganeti etc/hosts etc/ssh root srv/ganeti var/lib/ganeti run/ganeti/*-hypervisor run/ganeti/instance-disks run/ganeti/gantry/keys \
-path var/lib/ganeti/queue -prune -o -name '.*.lock' -o -name '.config.toml.*' -o -printf '%p %m %U %y %l\n' -type f -exec sha256sum {} + 2>/dev/null | sort
ip -o addr | sed 's/valid_lft.*//'; pgrep -fa '^/usr/bin/qemu'; true`

func (c *cluster) traces(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for n := 1; n <= c.nodes; n++ {
		all[lab.Name(n)] = c.Must(t, lab.Name(n), traces)
	}
	return all
}

// differ tells which lines of traces came and went.
func differ(before, after map[string]string) (lines []string) {
	for node := range before {
		was, is := strings.Split(before[node], "\n"), strings.Split(after[node], "\n")
		for _, line := range was {
			if !slices.Contains(is, line) {
				lines = append(lines, node+" had "+line)
			}
		}
		for _, line := range is {
			if !slices.Contains(was, line) {
				lines = append(lines, node+" has "+line)
			}
		}
	}
	return lines
}

// nothingOfAnyCommand tries all of them. With time each is looked at by itself.
func (c *cluster) nothingOfAnyCommand(t *testing.T, all map[string]attempt, node string, reasons ...string) {
	t.Helper()
	before := c.traces(t)
	compare := func(command string) {
		after := c.traces(t)
		if lines := differ(before, after); lines != nil {
			t.Errorf("%s has changed\n%s", command, strings.Join(lines, "\n"))
			before = after
		}
	}
	for _, command := range slices.Sorted(maps.Keys(all)) {
		what := all[command]
		r := c.Run(node, command+" </dev/null")
		said := r.Stdout + r.Stderr
		known := slices.ContainsFunc(append(slices.Clone(reasons), cmp.Or(what.says, "\x00")), func(reason string) bool { return strings.Contains(said, reason) })
		if !known && !what.idle {
			t.Errorf("%s: %s: status %d\n%s", node, command, r.Status, said)
		}
		if os.Getenv(lab.FaultsName) != "" {
			compare(command)
		}
	}
	compare("one of all those")
}

// Every command that there is, beside Ganeti itself, and on a master after another node has taken over: in sight of all nodes, cut off from the new master, from one
// that is none, and from all.
func TestNoCommandOfAnOldMasterChangesAnything(t *testing.T) {
	t.Parallel()
	c := withInstances(t, 3)
	c.add(t, "file.example.com", "fake", "file", "node1")
	c.Must(t, "node1", "gnt-instance shutdown --timeout=0 file.example.com && "+objects)
	all := c.everyAttempt(t)
	c.Must(t, "node1", "touch /var/lib/ganeti/config.data")
	t.Run("beside Ganeti", func(t *testing.T) { c.nothingOfAnyCommand(t, all, "node1", "Ganeti's own configuration is in use") })
	c.Must(t, "node1", "rm /var/lib/ganeti/config.data")
	must(t, c.CutBetween("node1", "node2"))
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	if os.Getenv(lab.FaultsName) != "" {
		t.Run("cut from the new master", func(t *testing.T) { c.nothingOfAnyCommand(t, all, "node1", takenOver, "unreachable") })
	}
	c.healBetween(t, "node1", "node2")
	t.Run("in sight of all", func(t *testing.T) { c.nothingOfAnyCommand(t, all, "node1", takenOver) })
	if os.Getenv(lab.FaultsName) == "" {
		return
	}
	must(t, c.CutBetween("node1", "node3"))
	t.Run("cut from another", func(t *testing.T) { c.nothingOfAnyCommand(t, all, "node1", takenOver, "unreachable") })
	c.healBetween(t, "node1", "node3")
	must(t, c.Cut("node1"))
	for command := range all {
		if slices.ContainsFunc([]string{"gnt-node modify", "gnt-cluster command", "gnt-cluster copyfile", "gnt-cluster watcher"}, func(s string) bool { return strings.HasPrefix(command, s) }) {
			delete(all, command) // a person's word, or nothing that is started or committed: nobody who answers knows better
		}
	}
	t.Run("cut from all", func(t *testing.T) { c.nothingOfAnyCommand(t, all, "node1", tooFew, "unreachable") })
}
