package conformance

import (
	"regexp"
	"strings"
	"testing"
)

const (
	uuidA = "11111111-2222-4333-8444-55555555555a"
	uuidB = "11111111-2222-4333-8444-55555555555b"
	uuidC = "11111111-2222-4333-8444-55555555555c"
	uuidD = "11111111-2222-4333-8444-55555555555d"
)

var long = strings.Repeat("Aa0+", 11)

// maskCases has, for every rule, a recorded text with one of ours that is the same, and with one that is not.
var maskCases = map[string]struct{ cmd, want, same, wrong string }{
	"date":                     {"gnt-instance add", "Sun Nov 22 06:13:10 2026 * creating\n", "Mon Nov  2 16:13:01 2027 * creating\n", "Mon Nov 2 * creating\n"},
	"date, text":               {"gnt-instance add", "Sun Nov 22 06:13:10 2026 * creating\n", "Mon Nov  2 16:13:01 2027 * creating\n", "Sun Nov 22 06:13:10 2026 - creating\n"},
	"timestamp":                {"gnt-instance info", "ctime: 2026-11-22 06:13:10\n", "ctime: 2027-01-02 00:00:00\n", "ctime: None\n"},
	"timestamp, form":          {"gnt-instance info", "at: 2026-11-22 06:13:10.123456\n", "at: 2027-01-02 00:00:00.000001\n", "at: 2027-01-02\n"},
	"seconds and microseconds": {"gnt-job list", "[1795329998, 329486]\n", "[1801234567, 1]\n", "[1801234567]\n"},
	"nanoseconds":              {"gnt-job info 1", "- 1795329998327794944\n", "- 1800000000000000000\n", "- 1800000000\n"},
	"epoch":                    {"gnt-instance list", "1795329998.33\n", "1800000000.5\n", "0.5\n"},
	"duration":                 {"gnt-job info 1", "(delta 0.727604s)\n", "(delta 12.1s)\n", "(delta None)\n"},
	"process id":               {"gnt-node add", "ssh pid=12 said\n", "ssh pid=3456 said\n", "ssh pid=x said\n"},
	"loop device":              {"gnt-instance info", "on primary: /dev/loop105 (7:105)\n", "on primary: /dev/loop2005 (7:2005)\n", "on primary: /dev/sda (8:0)\n"},
	"LUN's number":             {"gnt-instance info", "/dev/disk/by-id/orc-lun0 (7:100)\n", "/dev/disk/by-id/orc-lun0 (7:2000)\n", "/dev/disk/by-id/orc-lun1 (7:100)\n"},
	"major number":             {"gnt-instance info", "/dev/vg_ganeti/a.disk0 (253:5)\n", "/dev/vg_ganeti/a.disk0 (254:5)\n", "/dev/vg_ganeti/a.disk0 (254:6)\n"},
	"device id":                {"gnt-instance modify", "Device nic-d9a9d91b-f15e-4663 gone\n", "Device nic-00000000-0000-0000 gone\n", "Device disk-d9a9d91b-f15e-4663 gone\n"},
	"host key":                 {"gnt-cluster verify", "ssh-rsa AAAA" + long + "==\n", "ssh-rsa AAAA" + strings.ToLower(long) + "\n", "ssh-dss AAAA" + long + "==\n"},
	"fingerprint":              {"gnt-node add", "is SHA256:" + long[:43] + ".\n", "is SHA256:" + strings.ToLower(long)[:43] + ".\n", "is SHA256:.\n"},
	"connection time":          {"gnt-cluster verify", "port 1811 after 12 ms: no\n", "port 1811 after 3000 ms: no\n", "port 1812 after 12 ms: no\n"},
	"columns":                  {"gnt-node list", "Node  DFree MTotal Pinst\nnode1 80.1G    23G     2\n", "Node  DFree MTotal Pinst\nnode1  7.1G  24.5G     2\n", "Node  DFree MTotal Pinst\nnode1 80.1G    23G     3\n"},
	"columns, empty cells":     {"gnt-node list", "Node  Tags DFree Group\nnode1      80.1G g\n", "Node  Tags  DFree Group\nnode1      180.1G g\n", "Node  Tags DFree Group\nnode1 1    80.1G g\n"},
	"columns, other numbers":   {"gnt-node list", "DFree Pinst Tags\n80.1G     7 \n", "DFree Pinst Tags\n 8.1G     7 \n", "DFree Pinst Tags\n80.1G     8 \n"},
	"columns, no value":        {"gnt-node list", "Node  DFree\nnode1 80.1G\n", "Node  DFree\nnode1    0M\n", "Node  DFree\nnode1     ?\n"},
	"columns, title":           {"gnt-node list", "Node  DFree\nnode1 80.1G\n", "Node  DFree\nnode1    1G\n", "Node  MFree\nnode1 80.1G\n"},
	"columns, elsewhere":       {"gnt-instance list", "Size\n512M\n", "Size\n512M\n", "Size\n513M\n"},
	"columns, missing cell":    {"gnt-node list", "Node  DFree MTotal\nnode1 80.1G     1G\n", "Node  DFree MTotal\nnode1  8.1G     9G\n", "Node  DFree MTotal\nnode1 80.1G       \n"},
	"job in a sentence":        {"gnt-instance add", "Waiting for job 12 for inst1 ...\n", "Waiting for job 7 for inst1 ...\n", "Waiting for job 12 for inst2 ...\n"},
	"job list":                 {"gnt-job list", " 9 success A\n10 success B\n", "  99 success A\n 100 success B\n", "  99 success A\n 100 error B\n"},
	"job list, one missing":    {"gnt-job list", " 9 success A\n10 success B\n", " 9 success A\n10 success B\n", " 9 success A\n"},
	"jobs in a row":            {"gnt-cluster verify", "Submitted jobs 43, 44\n", "Submitted jobs 7, 8\n", "Submitted jobs 43\n"},
	"jobs in a row, doubled":   {"gnt-cluster verify", "Submitted jobs 43, 44\n", "Submitted jobs 7, 8\n", "Submitted jobs 7, 7\n"},
	"job id as an answer":      {"gnt-instance modify --submit x", "21\n", "3\n", "x\n"},
	"number as an answer":      {"gnt-cluster info", "21\n", "21\n", "3\n"},
	"job that was asked for":   {"gnt-job info 9999", "Job 9999 not found\n", "Job 9999 not found\n", "Job 9998 not found\n"},
	"uuid":                     {"gnt-node info", "UUID: " + uuidA + "\n", "UUID: " + uuidC + "\n", "UUID: node1\n"},
	"uuid, two":                {"gnt-node info", "a " + uuidA + "\nb " + uuidB + "\n", "a " + uuidC + "\nb " + uuidD + "\n", "a " + uuidC + "\nb " + uuidC + "\n"},
	"uuid, one twice":          {"gnt-node info", "a " + uuidA + "\nb " + uuidA + "\n", "a " + uuidC + "\nb " + uuidC + "\n", "a " + uuidC + "\nb " + uuidD + "\n"},
	"MAC":                      {"gnt-instance info", "MAC: aa:00:00:12:34:56\n", "MAC: aa:00:00:65:43:21\n", "MAC: auto\n"},
	"choices":                  {"gnt-instance add", "(choose from 'file', 'plain', 'rbd')\n", "(choose from 'rbd', 'file', 'plain')\n", "(choose from 'rbd', 'file')\n"},
	"choices, other order":     {"gnt-instance add", "error: a, b\n", "error: a, b\n", "error: b, a\n"},
	"one of":                   {"gnt-cluster init", "must be one of: x, y\n", "must be one of: y, x\n", "must be one of: y, z\n"},
	"templates":                {"gnt-cluster modify", "but not enabled on the cluster: ext, file\n", "but not enabled on the cluster: file, ext\n", "but not enabled on the cluster: file\n"},
	"findings":                 {"gnt-cluster verify", finding("ERROR: node a: x") + finding("ERROR: node b: x"), finding("ERROR: node b: x") + finding("ERROR: node a: x"), finding("ERROR: node b: x") + finding("ERROR: node b: x")},
	"findings of two checks":   {"gnt-cluster verify", finding("ERROR: node a: x") + "* Next\n" + finding("ERROR: node b: x"), finding("ERROR: node a: x") + "* Next\n" + finding("ERROR: node b: x"), finding("ERROR: node b: x") + "* Next\n" + finding("ERROR: node a: x")},
	"synchronisation": {"gnt-instance add", "Sun Nov 22 06:13:10 2026  - INFO: - device disk/0: 33.40% done, 2s remaining (estimated)\nend\n",
		"Sun Nov 22 06:13:10 2026  - INFO: - device disk/0:  0.10% done, no time estimate\nSun Nov 22 06:13:15 2026  - INFO: - device disk/0: 99.00% done, 1m 2s remaining (estimated)\nend\n",
		"Sun Nov 22 06:13:10 2026  - INFO: - device disk/0: degraded\nend\n"},
	"copy": {"gnt-instance move", "Sun Nov 22 06:13:10 2026 disk/0 is sending data on node1\nSun Nov 22 06:13:10 2026 disk/0 sent 42M, 7.4 MiB/s, 32%, ETA 12s\nend\n",
		"Sun Nov 22 06:13:10 2026 disk/0 sent 1.5G, 7.4 MiB/s\nend\n", "Sun Nov 22 06:13:10 2026 disk/0 failed\nend\n"},
	"volumes": {"gnt-node volumes", "Node  PhysDev  VG Name Size Instance\nnode1 /dev/vdb vg " + uuidA + ".disk0 64M inst1\nnode1 /dev/vdb vg " + uuidB + ".disk1 64M inst2\n",
		"Node  PhysDev  VG Name Size Instance\nnode1 /dev/vdb vg " + uuidC + ".disk1 64M inst2\nnode1 /dev/vdb vg " + uuidD + ".disk0 64M inst1\n",
		"Node  PhysDev  VG Name Size Instance\nnode1 /dev/vdb vg " + uuidC + ".disk1 64M inst1\nnode1 /dev/vdb vg " + uuidD + ".disk0 64M inst1\n"},
	"volume groups": {"gnt-node list-storage", "Node  Type   Name Size Free Allocatable\nnode1 lvm-vg vg     9G   9G Y\nnode2 lvm-vg vg     9G   9G N\n",
		"Node  Type   Name Size Free Allocatable\nnode2 lvm-vg vg     8G   7G N\nnode1 lvm-vg vg     8G   7G Y\n",
		"Node  Type   Name Size Free Allocatable\nnode2 lvm-vg vg     8G   7G Y\nnode1 lvm-vg vg     8G   7G Y\n"},
	"findings, grade": {"gnt-cluster verify", finding("ERROR: node a: x"), finding("ERROR: node a: x"), finding("WARNING: node a: x")},
	"nodes that are verified": {"gnt-cluster verify -v", verified("node status") + verified("node b (master)") + verified("node a (regular)"),
		verified("node status") + verified("node a (regular)") + verified("node b (master)"), verified("node b (master)") + verified("node a (regular)") + verified("node status")},
	"instances that are verified": {"gnt-cluster verify -v", verified("instance status") + verified("instance b.x") + verified("instance a.x"),
		verified("instance status") + verified("instance a.x") + verified("instance b.x"), verified("instance a.x") + verified("instance b.x") + verified("instance status")},
	"nodes by UUID":           {"gnt-os diagnose", "  Node: " + uuidA + ", status: valid\n  Node: " + uuidB + ", status: bad\n", "  Node: " + uuidD + ", status: bad\n  Node: " + uuidC + ", status: valid\n", "  Node: " + uuidD + ", status: bad\n  Node: " + uuidC + ", status: bad\n"},
	"reserved addresses":      {"gnt-network add", " - INFO: Reserved IP address of node 'a' (1)\n - INFO: Reserved IP address of node 'b' (2)\n", " - INFO: Reserved IP address of node 'b' (2)\n - INFO: Reserved IP address of node 'a' (1)\n", " - INFO: Reserved IP address of node 'b' (1)\n - INFO: Reserved IP address of node 'a' (2)\n"},
	"help":                    {"gnt-x y --help", help("[-f] <name>", "--force, -f  Do it", "--net=NET\n   Which one"), help("[-f] <name>", "--force, -f     Really", "--net=NET  Another"), help("[-f] <name>", "--force  Do it", "--net=NET  Which one")},
	"help, an option missing": {"gnt-x y --help", help("<name>", "--force, -f  Do it", "--net=NET\n   Which one"), help("<name>", "--force, -f  It", "--net=NET  One"), help("<name>", "--force, -f  Do it")},
	"help, usage":             {"gnt-x y --help", help("[-f] <name>", "--force, -f  Do it"), help("[-f] <name>", "--force, -f"), help("<name>", "--force, -f  Do it")},
	"commands":                {"gnt-x", "Usage: gnt-x {command} [options...]\nsee man\n\nCommands:\n add  - Adds one\n        or two\n list - Lists\n", "Usage: gnt-x {command} [options...]\nsee man\n\nCommands:\n add  - Makes\n list - Shows\n", "Usage: gnt-x {command} [options...]\nsee man\n\nCommands:\n add  - Adds one\n lost - Lists\n"},
	"one of, with value":      {"gnt-x", "must be one of: a, b, c (current value: 'x')\n", "must be one of: c, a, b (current value: 'x')\n", "must be one of: c, a, b (current value: 'y')\n"},
	"bounds":                  {"gnt-cluster info", "    - min/0: \n        a: 1\n      max/0: \n        a: 2\n", "    - max/0: \n        a: 2\n      min/0: \n        a: 1\n", "    - max/0: \n        a: 1\n      min/0: \n        a: 2\n"},
	"ratios of the policy":    {"gnt-cluster info", "  spindle-ratio: 1\n  vcpu-ratio: 2\n", "  vcpu-ratio: 2\n  spindle-ratio: 1\n", "  vcpu-ratio: 1\n  spindle-ratio: 2\n"},
	"templates of the policy": {"gnt-cluster info", "  allowed disk templates: ext, file\n", "  allowed disk templates: file, ext\n", "  allowed disk templates: file, plain\n"},
	"missing specifications":  {"gnt-cluster modify", "Missing parameters in ipolicy spec min: a, b\n", "Missing parameters in ipolicy spec min: b, a\n", "Missing parameters in ipolicy spec max: a, b\n"},
	"trailing space":          {"gnt-network list", "Name   \nnet1   \n", "Name   \nnet1   \n", "Name\nnet1\n"},
	"newline at the end":      {"gnt-cluster info", "x\n", "x\n", "x"},
}

func TestMasksHideNoWrongAnswer(t *testing.T) {
	for name, tt := range maskCases {
		t.Run(name, func(t *testing.T) {
			fresh := func() *comparison { return newComparison(nil) }
			if want, got, same := fresh().compare(tt.cmd, tt.want, tt.same); !same {
				t.Errorf("a right answer counts as wrong:\n%s", unified(want, got))
			}
			if want, _, same := fresh().compare(tt.cmd, tt.want, tt.wrong); same {
				t.Errorf("a wrong answer is hidden: both are\n%s", want)
			}
		})
	}
}

func verified(what string) string { return "Sun Nov 22 06:41:08 2026 * Verifying " + what + "\n" }

func finding(text string) string { return "Sun Nov 22 06:13:10 2026   - " + text + "\n" }

func help(usage string, options ...string) string {
	return "Usage\n=====\n  gnt-x y " + usage + "\n\nDoes y\n\nOptions\n=======\n" + strings.Join(options, "\n") + "\n"
}

// TestEveryRuleHasItsTest keeps maskCases complete.
func TestEveryRuleHasItsTest(t *testing.T) {
	rules := map[string]*regexp.Regexp{"jobs in a row": jobLists, "help page": helpPage, "help table": helpTable, "machine tables": machineTables, "job table": jobTable}
	for _, r := range plainRules {
		rules[r.name] = r.at
	}
	for _, id := range identities {
		rules[id.kind+" "+id.at.String()] = id.at
	}
	for _, set := range sets {
		rules[set.name] = set.at
	}
	for name, at := range rules {
		used := false
		for _, tt := range maskCases {
			used = used || at.MatchString(tt.cmd) || at.MatchString(tt.want) || at.MatchString(masked(tt.cmd, tt.want))
		}
		if !used {
			t.Errorf("rule %q has no case", name)
		}
	}
}

func TestIdentitiesHoldFromStepToStep(t *testing.T) {
	c := newComparison(nil)
	show := func(want, got string, same bool) {
		t.Helper()
		if _, _, is := c.compare("gnt-instance info", want, got); is != same {
			t.Errorf("%q against %q: same is %v", want, got, is)
		}
	}
	show("node1 "+uuidA+"\n", "node1 "+uuidC+"\n", true)
	show("primary "+uuidA+"\n", "primary "+uuidC+"\n", true)
	show("primary "+uuidA+"\n", "primary "+uuidD+"\n", false) // another node
	show("primary "+uuidB+"\n", "primary "+uuidC+"\n", false) // the recorded one was not node1
	show("primary "+uuidB+"\n", "primary "+uuidD+"\n", true)
	show("Waiting for job 5 ...\n", "Waiting for job 9 ...\n", true)
	show("Job 5 has failed\n", "Job 9 has failed\n", true)
	show("Job 5 has failed\n", "Job 8 has failed\n", false)
}

func TestRulesForRecordsOfVirtualMachines(t *testing.T) {
	for _, tt := range []struct{ cmd, want, same, wrong string }{
		{"gnt-instance info", "Allocated network port: 11004\n", "Allocated network port: 11000\n", "Allocated network port: None\n"},
		{"gnt-cluster verify", finding("ERROR: node master.lab.test: node setup error: The procfs filesystem is missing") + finding("ERROR: node node1: x"), finding("ERROR: node node1: x"), ""},
		{"gnt-cluster verify", finding("ERROR:ENODESETUP:node:master.lab.test:node setup error: The procfs filesystem is missing"), "", finding("ERROR:ENODESETUP:node:node1.lab.test:node setup error: The procfs filesystem is missing")},
		{"gnt-cluster verify", finding("ERROR: node node1: ssh problem: ssh: Could not resolve hostname master.lab.test: no"), "", finding("ERROR: node node1: ssh problem: ssh: Could not resolve hostname node2.lab.test: no")},
	} {
		c := newComparison(nil)
		if _, _, same := c.compare(tt.cmd, tt.want, tt.same); same {
			t.Errorf("hidden in all records: %q", tt.same)
		}
		c.virtual = true
		if want, got, same := c.compare(tt.cmd, tt.want, tt.same); !same {
			t.Errorf("a right answer counts as wrong:\n%s", unified(want, got))
		}
		if _, _, same := c.compare(tt.cmd, tt.want, tt.wrong); same {
			t.Errorf("a wrong answer is hidden: %q", tt.wrong)
		}
	}
}

func TestWhatTheUserGaveIsNoIdentity(t *testing.T) {
	c := newComparison([]Step{{Cmd: "gnt-instance modify --net add:mac=aa:00:00:00:00:77 inst1"}})
	if _, _, same := c.compare("gnt-instance list", "aa:00:00:00:00:77\n", "aa:00:00:00:00:78\n"); same {
		t.Error("another MAC address than the one asked for is hidden")
	}
	if _, _, same := c.compare("gnt-instance list", "aa:00:00:00:00:01\n", "aa:00:00:00:00:02\n"); !same {
		t.Error("a generated MAC address is not masked")
	}
}

func TestLinesInOrderOfTheirUUIDsTeachNothing(t *testing.T) {
	c := newComparison(nil)
	list := func(a, b string) string { return "  Node: " + a + ", valid\n  Node: " + b + ", valid\n" }
	if _, _, same := c.compare("gnt-os diagnose", list(uuidA, uuidB), list(uuidC, uuidD)); !same {
		t.Fatal("not the same")
	}
	if _, _, same := c.compare("gnt-node list", "node1 "+uuidA+"\n", "node1 "+uuidD+"\n"); !same {
		t.Error("a pair was learned from lines whose order says nothing")
	}
	if _, _, same := c.compare("gnt-os diagnose", list(uuidA, uuidB), list(uuidD, uuidC)); !same {
		t.Error("known names in another order are not the same set")
	}
}
