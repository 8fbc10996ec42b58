package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

// cluster3 is node1 (the master), node2 (a candidate) and node3, with two instances on node2 and one on node3.
func cluster3() *config.Config {
	cfg := &config.Config{Cluster: config.Cluster{
		UUID: "c", ClusterName: "cluster", MasterNode: "n1", MasterIP: "192.0.2.10", MasterNetdev: "br0", PrimaryIPFamily: 2,
		EnabledHypervisors: []string{"kvm", "fake"}, EnabledDiskTemplates: []string{"file", "sharedfile", "diskless"},
		FileStorageDir: "/srv/file", SharedFileStorageDir: "/srv/shared", CandidatePool: 2, ModifySSHSetup: true, ModifyEtcHosts: true,
		HighestUsedPort: 11010,
		NICParams:       map[string]config.Params{"default": {"mode": "bridged", "link": "br0"}},
		HVParams:        map[string]config.Params{"kvm": {"kvm_path": "/usr/bin/kvm", "kernel_path": ""}},
		IPolicy:         config.DefaultIPolicy(),
	}}
	cfg.NodeGroups = []*config.NodeGroup{{UUID: "g1", Name: "default"}}
	for i, name := range []string{"node1", "node2", "node3"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: fmt.Sprint("n", i+1), Name: name, Group: "g1", PrimaryIP: fmt.Sprint("192.0.2.", 11+i),
			SecondaryIP: fmt.Sprint("198.51.100.", 11+i), MasterCandidate: i < 2, MasterCapable: true, VMCapable: true, Powered: true})
	}
	add := func(name, hv, node string, port int) *config.Instance {
		d := &config.Disk{UUID: "d-" + name, IVName: "disk/0", DevType: "sharedfile", Size: 1024, Mode: "rw",
			LogicalID: config.LogicalID{"loop", "/srv/shared/" + name + "/d"}}
		inst := &config.Instance{UUID: "i-" + name, Name: name, PrimaryNode: node, Hypervisor: hv, AdminState: config.AdminUp, DisksActive: true,
			NetworkPort: port, Disks: []string{d.UUID}, NICs: []config.NIC{{UUID: "nic-" + name, MAC: "aa:00:00:00:01:0" + fmt.Sprint(len(cfg.Instances))}}}
		cfg.Disks, cfg.Instances = append(cfg.Disks, d), append(cfg.Instances, inst)
		return inst
	}
	add("web", "kvm", "n2", 11001)
	add("db", "kvm", "n2", 11002)
	add("mail", "fake", "n3", 0)
	return cfg
}

// nobody is a report and what it said.
type nobody struct {
	said []string
}

func (s *nobody) say(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// healthy makes a verification of the group whose nodes have answered as they should.
func healthy(t *testing.T, cfg *config.Config, o Options) (*group, *nobody) {
	t.Helper()
	said := &nobody{}
	now := time.Unix(1_700_000_000, 0)
	g := &group{op: Group{Group: "default", Options: o}, report: report{Options: o, say: said.say}, env: &job.Env{Clock: func() time.Time { return now }}}
	if err := g.find(cfg); err != nil {
		t.Fatal(err)
	}
	g.answers = map[string]*answer{}
	for _, n := range g.nodes {
		a := &answer{start: now, end: now, version: version{"3.0.2", "0123abcd"}, allowed: []string{"/srv/file", "/srv/shared"}, sums: map[string]string{}}
		a.facts = nodefacts.Facts{Time: now, MemoryFree: 4096, Interfaces: map[string]nodefacts.Interface{"br0": {Bridge: true}},
			Dirs: map[string]nodefacts.Dir{"/srv/file": {Exists: true, Writable: true}, "/srv/shared": {Exists: true, Writable: true}}}
		if n.UUID == cfg.Cluster.MasterNode {
			a.facts.Interfaces["br0"] = nodefacts.Interface{Bridge: true, Addresses: []string{cfg.Cluster.MasterIP}}
		}
		for _, f := range g.files() {
			if f.where(cfg, n) && !f.optional {
				a.sums[f.path] = "0000000000000000000000000000000000000000"
			}
		}
		a.ssh = sshIdentity{hostname: n.Name, keys: []string{"AAAA-" + n.Name}, hostKeys: []string{"AAAA-host-" + n.Name},
			authorized: []string{"AAAA-node1", "AAAA-node2"}, sshd: map[string]string{"permitrootlogin": "prohibit-password", "maxsessions": "10", "subsystem": "sftp"}}
		a.reached = map[string]string{"master IP": "ok"}
		for _, p := range cfg.Nodes {
			a.ssh.known = append(a.ssh.known, knownKey{[]string{p.Name}, "AAAA-host-" + p.Name})
			a.reached[p.Name+" primary"], a.reached[p.Name+" secondary"] = "ok", "Connection refused"
		}
		for _, inst := range cfg.Instances {
			if inst.PrimaryNode == n.UUID {
				a.running = append(a.running, inst.Name)
			}
		}
		a.oses = []osdef.OS{{Name: "debootstrap", Path: "/os/debootstrap", Valid: true, APIVersions: []int{20}, Variants: []string{"bookworm"}}}
		a.lacking = map[wanted]string{}
		if g.mirrored() {
			a.mirrors = mirrorAnswer{version: "8.4.11", helper: "/bin/true", minors: map[int]drbd.Status{}}
		}
		g.answers[n.UUID] = a
	}
	return g, said
}

// verify goes through all that follows the answers.
func (g *group) verify(t *testing.T) {
	t.Helper()
	g.diskAnswers()
	g.access()
	g.consistency(t.Context(), nil)
	g.eachNode()
	for _, inst := range g.instances {
		g.instance(inst)
	}
	for _, n := range g.nodes {
		g.orphanVolumes(n)
	}
	for _, n := range g.nodes {
		g.failoverMemory(n)
	}
	g.notes()
}

// findings are what was said besides headings.
func (s *nobody) findings() []string {
	return slices.DeleteFunc(slices.Clone(s.said), func(line string) bool { return strings.HasPrefix(line, "* ") })
}

func TestNothingIsSaidOfAHealthyGroup(t *testing.T) {
	g, said := healthy(t, cluster3(), Options{})
	g.verify(t)
	if found := said.findings(); len(found) > 0 || g.bad {
		t.Errorf("found:\n%s", strings.Join(found, "\n"))
	}
	if got := inconsistencies(cluster3()); len(got) > 0 {
		t.Errorf("inconsistencies: %q", got)
	}
}

// qemu is asked about the guests that are to run on a node. Its process alone is no guest: that may have left, or not have begun.
func TestAGuestRunsIfQemuDoesNotSayOtherwise(t *testing.T) {
	cfg := cluster3()
	cfg.InstanceByName("db").AdminState = config.AdminDown
	g, _ := healthy(t, cfg, Options{})
	probes := g.guestProbes(cfg.Node("n2"))
	if argv := probes[0].cmd.Argv; !slices.Equal(argv[3:], []string{"sh", "web"}) {
		t.Errorf("asked about %q", argv[3:])
	}
	for said, runs := range map[string]bool{"": true, "running": true, "paused": true, "shutdown": false, "prelaunch": false, "inmigrate": false, "postmigrate": false} {
		if said != "" {
			said = "web\t{\"return\": {}}\t{\"return\": {\"status\": \"" + said + "\"}}\t\n"
		}
		a := &answer{}
		err := probes[0].read(a, []byte("=== pids\n7 web\n=== answers\n"+said+"=== commands\n/proc/7/cmdline:kvm\x00/proc/7/cmdline:-name\x00/proc/7/cmdline:web\x00"))
		if err != nil || slices.Contains(a.running, "web") != runs {
			t.Errorf("%q: %v, running %q", said, err, a.running)
		}
	}
}

func TestFindings(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   func(*config.Config)
		spoil func(g *group)
		want  []string
	}{
		"instance down": {spoil: func(g *group) { g.answers["n2"].running = []string{"db"} },
			want: []string{"  - ERROR: instance web: instance not running on its primary node node2"}},
		"instance that is to be down": {cfg: func(c *config.Config) { c.InstanceByName("web").AdminState = config.AdminDown },
			spoil: func(g *group) { g.answers["n2"].running = []string{"db"} }},
		"runs on two nodes": {spoil: func(g *group) { g.answers["n3"].running = append(g.answers["n3"].running, "web") },
			want: []string{"  - ERROR: instance web: instance should not run on node node3"}},
		"stranger": {spoil: func(g *group) { g.answers["n1"].running = []string{"who"} },
			want: []string{"  - ERROR: node node1: node is running unknown instance who"}},
		"disk is gone": {spoil: func(g *group) { g.answers["n2"].lacking[wanted{"f", "/srv/shared/db/d"}] = "absent" },
			want: []string{"  - ERROR: instance db: couldn't retrieve status for disk/0 on node2: Can't find device <Disk(type=sharedfile, logical_id=('loop', '/srv/shared/db/d'), children=[], visible as /dev/disk/0, size=1024m)>"}},
		"offline node with an instance": {cfg: func(c *config.Config) { c.NodeByName("node3").Offline = true },
			spoil: func(g *group) { delete(g.answers, "n3") },
			want:  []string{"  - ERROR: instance mail: instance is marked as running and lives on offline node node3", "  - NOTICE: 1 offline node(s) found."}},
		"node that is silent": {spoil: func(g *group) {
			g.answers["n3"] = &answer{failed: &remote.Error{Node: "node3", Line: "sh -c …", Outcome: remote.Failed, Err: errors.New("no route to host")}}
			g.answers["n1"].reached["node3 primary"], g.answers["n2"].reached["node3 primary"] = "No route to host", "Connection timed out"
			g.answers["n2"].reached["node3 secondary"] = "Connection timed out"
		}, want: []string{
			"  - ERROR: node node3: while getting disk information: no route to host",
			"  - ERROR: node node3: Could not verify the SSH setup of this node.",
			"  - ERROR: node node3: Node did not return file checksum data",
			"  - ERROR: node node1: ssh communication with node 'node3': ssh problem: ssh: connect to host node3 port 22: No route to host\n",
			"  - ERROR: node node1: tcp communication with node 'node3': failure using the primary interface(s)",
			"  - ERROR: node node2: ssh communication with node 'node3': ssh problem: ssh: connect to host node3 port 22: Connection timed out\n",
			"  - ERROR: node node2: tcp communication with node 'node3': failure using the primary and secondary interface(s)",
			"  - ERROR: node node3: while contacting node: no route to host",
			"  - ERROR: instance mail: instance not running on its primary node node3",
			"  - ERROR: instance mail: couldn't retrieve status for disk/0 on node3: no route to host",
			"  - ERROR: node node3: instance mail, connection to primary node failed",
		}},
		"garbage": {spoil: func(g *group) { g.answers["n1"].garbled = errors.New("the answer ends after 1 of 9 parts") },
			want: []string{"  - ERROR: node node1: connection to node returned invalid data: the answer ends after 1 of 9 parts"}},
		"files": {spoil: func(g *group) {
			g.answers["n2"].sums["/var/lib/ganeti/known_hosts"] = "1111111111111111111111111111111111111111"
			g.answers["n2"].ssh.cluster = []string{"junk"}
			delete(g.answers["n3"].sums, "/etc/hosts")
			g.answers["n3"].sums["/var/lib/ganeti/config.toml"] = "2222222222222222222222222222222222222222"
			g.answers["n1"].sums["/etc/ganeti/rapi/users"] = "0000000000000000000000000000000000000000"
		}, want: []string{
			"  - ERROR: cluster : File /etc/ganeti/rapi/users is optional, but it must exist on all or no nodes (not found on node2, node3)",
			"  - ERROR: cluster : File /etc/hosts is missing from node(s) node3",
			"  - ERROR: cluster : File /var/lib/ganeti/config.toml should not exist on node(s) node3",
			"  - ERROR: cluster : File /var/lib/ganeti/known_hosts found with 2 different checksums (variant 1 on node1, node3; variant 2 on node2)",
		}},
		"copies of the configuration may be of several versions": {spoil: func(g *group) {
			g.answers["n2"].sums["/var/lib/ganeti/config.toml"] = "2222222222222222222222222222222222222222"
		}},
		"clock": {spoil: func(g *group) { g.answers["n2"].facts.Time = g.answers["n2"].end.Add(500 * time.Second) },
			want: []string{"  - ERROR: node node2: Node time diverges by at least 500.0s from master node time"}},
		"bridge": {cfg: func(c *config.Config) {
			c.InstanceByName("mail").NICs[0].NICParams = config.Params{"link": "br9"}
		}, want: []string{"  - ERROR: node node1: missing bridges: br9", "  - ERROR: node node2: missing bridges: br9", "  - ERROR: node node3: missing bridges: br9"}},
		"software": {spoil: func(g *group) { g.answers["n2"].version.release = "3.0.99"; g.answers["n3"].version.build = "ffff0000" }, want: []string{
			"  - WARNING: node node2: software version mismatch: master 3.0.2, node 3.0.99",
			"  - WARNING: node node3: software version mismatch: master 3.0.2 build 0123abcd, node 3.0.2 build ffff0000"}},
		"only nodes that may become master need programs": {spoil: func(g *group) { g.answers["n3"].version = version{} }},
		"hypervisor": {spoil: func(g *group) {
			g.answers["n2"].facts.Missing = []string{"/usr/bin/kvm", "socat", "flock", "perl"}
			g.answers["n3"].parameters = []wrongParameters{{"instance web", "kvm", "Parameter 'kernel_path' fails validation: not found or not a file (current value: '/k')"}}
		}, want: []string{
			"  - ERROR: node node2: hypervisor kvm verify failure: 'The KVM binary ('/usr/bin/kvm') does not exist; The socat binary ('/usr/bin/socat') does not exist'",
			"  - ERROR: node node2: node setup error: The program flock is missing; The program perl is missing",
			"  - ERROR: node node3: hypervisor kvm parameter verify failure (source instance web): Parameter 'kernel_path' fails validation: not found or not a file (current value: '/k')",
		}},
		"storage": {spoil: func(g *group) {
			g.answers["n1"].allowed = []string{"/srv/file", "/srv/shared", "/etc/x"}
			g.answers["n2"].allowed = []string{"/srv/shared"}
			g.answers["n3"].facts.Dirs["/srv/shared"] = nodefacts.Dir{}
		}, want: []string{
			"  - ERROR: node node1: Found forbidden file storage paths: /etc/x",
			"  - ERROR: node node2: The configured file storage path is unusable: Path '/srv/file' is not acceptable for file storage",
			"  - ERROR: node node3: The configured sharedfile storage path is unusable: Path '/srv/shared' is not existing or not a directory.",
		}},
		"master IP": {spoil: func(g *group) {
			g.answers["n1"].facts.Interfaces = map[string]nodefacts.Interface{"br0": {Bridge: true}}
			g.answers["n2"].reached["master IP"] = "No route to host"
		}, want: []string{"  - ERROR: node node1: the master node cannot reach the master IP (not configured?)", "  - ERROR: node node2: cannot reach the master IP"}},
		"name": {spoil: func(g *group) { g.answers["n3"].ssh.hostname = "nod" }, want: []string{
			"  - ERROR: node node1: ssh communication with node 'node3': hostname mismatch: expected node3 but got nod",
			"  - ERROR: node node2: ssh communication with node 'node3': hostname mismatch: expected node3 but got nod"}},
		"sshd": {spoil: func(g *group) {
			g.answers["n3"].ssh.sshd = map[string]string{"permitrootlogin": "no", "maxsessions": "4"}
			g.answers["n2"].ssh.noise = "hello"
		}, want: []string{
			"  - ERROR: node node2: the shell of root prints something by itself: hello",
			"  - ERROR: node node3: sshd does not let root log in (PermitRootLogin no)",
			"  - ERROR: node node3: sshd allows 4 sessions on a connection, 8 are needed (MaxSessions)",
			"  - ERROR: node node3: sshd has no sftp subsystem"}},
		"keys of copies": {cfg: func(c *config.Config) { c.Cluster.ModifySSHSetup = true }, spoil: func(g *group) {
			line := func(until time.Time, id string) string {
				return `restrict,expiry-time="` + until.Format("200601021504") + `",command="test x" ssh-ed25519 AAAA gantry-copy-` + id
			}
			g.answers["n2"].ssh.lines = []string{"ssh-rsa AAAA root@node1", line(g.env.Clock().Add(-time.Hour), "os-transfer-4-0-u"), line(g.env.Clock().Add(time.Minute), "runs")}
		}, want: []string{"  - ERROR: node node2: line 2 of root's authorized_keys is the key of copy os-transfer-4-0-u, which has ended; it opens nothing any more and can be removed"}},
		"OS": {spoil: func(g *group) {
			a := g.answers["n2"]
			a.oses = []osdef.OS{{Name: "debootstrap", Path: "/os/debootstrap", Valid: true, APIVersions: []int{20, 5}, Variants: []string{"trixie"}, Trusted: true},
				{Name: "debootstrap", Path: "/os2/debootstrap", Valid: true}, {Name: "noop", Path: "/os/noop", Reason: "File 'create' is missing"}}
			g.answers["n3"].oses = nil
		}, want: []string{
			"  - ERROR: node node2: OS 'debootstrap' has multiple entries (first one shadows the rest): /os/debootstrap, /os2/debootstrap",
			"  - ERROR: node node2: OS API version for debootstrap differs from reference node node1: [5, 20] vs. [20]",
			"  - ERROR: node node2: OS variants list for debootstrap differs from reference node node1: [trixie] vs. [bookworm]",
			"  - ERROR: node node2: OS trusted for debootstrap differs from reference node node1: True vs. False",
			"  - ERROR: node node2: Invalid OS noop (located at /os/noop): File 'create' is missing",
			"  - ERROR: node node2: Extra OS noop not present on reference node (node1)",
			"  - ERROR: node node3: OSes present on reference node node1 but missing on this node: debootstrap",
		}},
		"policy": {cfg: func(c *config.Config) {
			c.InstanceByName("db").BEParams = config.Params{"maxmem": int64(65536), "minmem": int64(128)}
		},
			want: []string{"  - WARNING: instance db: memory-size value 65536 is not in range [128, 32768]"}},
		"exclusion tags": {cfg: func(c *config.Config) {
			c.Cluster.Tags = []string{"htools:iextags:service"}
			c.InstanceByName("web").Tags, c.InstanceByName("db").Tags = []string{"service:web"}, []string{"service:web"}
		}, want: []string{"  - WARNING: node node2: Tags where there is more than one instance: ['service:web']"}},
		"N+1": {cfg: func(c *config.Config) {
			d := c.Disk("d-web")
			d.DevType, d.LogicalID = config.DTDRBD, config.DRBDID{NodeA: "n2", NodeB: "n3", Port: 11003}.LogicalID()
			c.InstanceByName("web").BEParams = config.Params{"maxmem": int64(16384), "minmem": int64(16384)}
		}, want: []string{"  - ERROR: node node3: not enough memory to accomodate instance failovers should node node2 fail (16384MiB needed, 4096MiB available)"}},
		"volumes": {cfg: func(c *config.Config) {
			c.Cluster.VolumeGroupName, c.Cluster.ReservedLVs = "xenvg", []string{"xenvg/swap.*"}
			d := c.Disk("d-web")
			d.DevType, d.LogicalID = config.DTPlain, config.LogicalID{"xenvg", "1.disk0"}
		}, spoil: func(g *group) {
			g.answers["n1"].noVolumes = true
			g.answers["n2"].groups, g.answers["n2"].volumes = []lvm.VG{{Name: "xenvg", Size: 1000}}, map[string]bool{"xenvg/swap1": true, "xenvg/2.disk0": true, "other/x": true}
			g.answers["n3"].groups = []lvm.VG{{Name: "other", Size: 100000}}
		}, want: []string{
			"  - ERROR: node node1: unable to check volume groups",
			"  - ERROR: node node1: LVM problem on node: the volumes cannot be listed",
			"  - ERROR: node node1: node didn't return data for the volume group 'xenvg' - it is either missing or broken",
			"  - ERROR: node node2: volume group 'xenvg' too small (20480 MiB required, 1000 MiB found)",
			"  - ERROR: node node3: volume group 'xenvg' missing",
			"  - ERROR: node node3: node didn't return data for the volume group 'xenvg' - it is either missing or broken",
			"  - ERROR: instance web: volume xenvg/1.disk0 missing on node node2",
			"  - ERROR: instance web: couldn't retrieve status for disk/0 on node2: Can't find device <LogicalVolume(/dev/xenvg/1.disk0, visible as /dev/disk/0, size=1024m)>",
			"  - WARNING: node node2: volume xenvg/2.disk0 is unknown",
			"  - NOTICE: 1 non-redundant instance(s) found.",
		}},
		"physical volumes": {cfg: func(c *config.Config) {
			c.Cluster.VolumeGroupName = "xenvg"
			c.NodeByName("node3").NDParams = config.Params{"exclusive_storage": true}
			c.NodeByName("node1").NDParams = config.Params{"exclusive_storage": true}
		}, spoil: func(g *group) {
			for _, a := range g.answers {
				a.groups = []lvm.VG{{Name: "xenvg", Size: 100000}}
			}
			g.answers["n1"].physical = []lvm.PV{{Name: "/dev/b", VG: "xenvg", Size: 1000}}
			g.answers["n2"].physical = []lvm.PV{{Name: "/dev/a:b", VG: "xenvg"}, {Name: "/dev/c:d", VG: "other"}}
			n3 := g.answers["n3"]
			n3.physical = []lvm.PV{{Name: "/dev/b", VG: "xenvg", Size: 1200}, {Name: "/dev/c", VG: "xenvg", Size: 1200}}
			for _, name := range []string{"1.disk0_data", "1.disk0_meta", "2.disk0", "3.disk0"} {
				device := "/dev/b"
				if strings.HasPrefix(name, "1") {
					device = "/dev/c"
				}
				n3.segments = append(n3.segments, lvm.Segment{Volume: lvm.Volume{VG: "xenvg", Name: name}, Device: device})
			}
		}, want: []string{
			"  - ERROR: node node2: Invalid character ':' in PV '/dev/a:b' of VG 'xenvg'",
			"  - ERROR: node node3: PV /dev/b is shared among unrelated LVs (2.disk0, 3.disk0)",
			"  - ERROR: group default: PV sizes differ too much in the group; smallest (1000 MB) is on node1, biggest (1200 MB) is on node3",
			"  - WARNING: instance mail: spindle-use value 0 is not in range [1, 12]",
			"  - ERROR: instance mail: number of spindles not configured for disk 0 while exclusive storage is enabled, try running gnt-cluster repair-disk-sizes",
			"  - ERROR: instance mail: instance uses disk types sharedfile, which are not supported on nodes that have exclusive storage set: node3",
		}},
		"mirrors": {cfg: mirrorWeb, spoil: func(g *group) {
			g.answers["n1"].mirrors = mirrorAnswer{version: "8.4.10", helper: "/bin/false", minors: map[int]drbd.Status{7: {Minor: 7, Connection: "StandAlone"}}}
			g.answers["n2"].mirrors.minors = map[int]drbd.Status{4: {Minor: 4, Connection: "WFConnection", LocalDisk: "UpToDate"}}
			g.answers["n3"].mirrors.minors = map[int]drbd.Status{5: {Minor: 5, Connection: "WFConnection", LocalDisk: "Diskless"}}
		}, want: []string{
			"  - ERROR: node node1: wrong drbd usermode helper: /bin/false",
			"  - ERROR: node node1: unallocated drbd minor 7 is in use",
			"  - WARNING: node node1: DRBD version mismatch: 8.4.10",
			"  - WARNING: node node2: DRBD version mismatch: 8.4.11",
			"  - WARNING: node node3: DRBD version mismatch: 8.4.11",
			"  - WARNING: instance web: disk/0 on node2 is degraded; local disk state is 'ok'",
			"  - ERROR: instance web: disk/0 on node3 is degraded; local disk state is 'faulty'",
		}},
		"lost mirrors": {cfg: mirrorWeb, spoil: func(g *group) {
			g.answers["n1"].mirrors = mirrorAnswer{noHelper: true}
			g.answers["n2"].mirrors.minors = map[int]drbd.Status{4: {Minor: 4, Connection: "SyncTarget", LocalDisk: "Inconsistent"}}
			g.answers["n3"].mirrors.minors = map[int]drbd.Status{}
		}, want: []string{
			"  - ERROR: node node1: drbd usermode helper check unsuccessful: The file /sys/module/drbd/parameters/usermode_helper cannot be opened, check if the module is loaded ([Errno 2] No such file or directory: '/sys/module/drbd/parameters/usermode_helper')",
			"  - ERROR: node node1: cannot parse drbd status file: The file /proc/drbd cannot be opened, please check if the module is loaded ([Errno 2] No such file or directory: '/proc/drbd')",
			"  - ERROR: node node3: drbd minor 5 of disk d-web (attached in instance 'web') is not active",
			"  - WARNING: instance web: disk/0 on node2 is degraded; local disk state is 'syncing'",
			"  - ERROR: instance web: couldn't retrieve status for disk/0 on node3: Can't find device <DRBD8(hosts=n2/4-n3/5, port=11003, " +
				"backend=<LogicalVolume(/dev/xenvg/d, not visible, size=1024m)>, metadev=<LogicalVolume(/dev/xenvg/m, not visible, size=128m)>, visible as /dev/disk/0, size=1024m)>",
		}},
		"notes": {cfg: func(c *config.Config) {
			c.Disk("d-web").DevType = config.DTFile
			c.InstanceByName("web").BEParams = config.Params{"auto_balance": false}
			c.InstanceByName("mail").AdminState, c.InstanceByName("mail").DisksActive = config.AdminOffline, false
			c.NodeByName("node3").Drained = true
		}, want: []string{"  - NOTICE: 1 non-redundant instance(s) found.", "  - NOTICE: 1 non-auto-balanced instance(s) found.",
			"  - NOTICE: 1 offline instance(s) found.", "  - NOTICE: 1 drained node(s) found."}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cluster3()
			if tt.cfg != nil {
				tt.cfg(cfg)
			}
			g, said := healthy(t, cfg, Options{})
			if tt.spoil != nil {
				tt.spoil(g)
			}
			g.verify(t)
			if got := said.findings(); !slices.Equal(got, tt.want) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if want := slices.ContainsFunc(tt.want, func(s string) bool { return strings.Contains(s, "ERROR") }); g.bad != want {
				t.Errorf("bad = %t", g.bad)
			}
		})
	}
}

// Host keys that configuration management has changed are known to all, whatever the cluster's file of the other nodes still says.
func TestKnownHostsMayDifferWhereTheSystemVouches(t *testing.T) {
	for name, tt := range map[string]struct {
		system string
		line   string
		want   int
	}{
		"the system's file has the host": {"node3,192.0.2.13 ssh-rsa AAAAnew\n", "node3 ssh-rsa AAAAold", 0},
		"an authority has them all":      {"@cert-authority * ssh-rsa AAAAca\n", "node3 ssh-rsa AAAAold", 0},
		"it has another host":            {"node2 ssh-rsa AAAAnew\n", "node3 ssh-rsa AAAAold", 1},
		"junk":                           {"@cert-authority * ssh-rsa AAAAca\n", "junk", 1},
		"nobody vouches":                 {"", "node3 ssh-rsa AAAAold", 1},
	} {
		g, said := healthy(t, cluster3(), Options{})
		g.answers["n1"].ssh.readKnown(tt.system, "node3 ssh-rsa AAAAnew\nnode1 ssh-rsa AAAAone\n")
		for _, n := range []string{"n2", "n3"} {
			g.answers[n].sums["/var/lib/ganeti/known_hosts"] = "1111111111111111111111111111111111111111"
			g.answers[n].ssh.readKnown("", tt.line+"\nnode1 ssh-rsa AAAAone\n")
		}
		g.consistency(t.Context(), nil)
		if len(said.findings()) != tt.want {
			t.Errorf("%s: %q", name, said.findings())
		}
	}
}

func TestForms(t *testing.T) {
	for name, tt := range map[string]struct {
		o    Options
		want []string
		bad  bool
	}{
		"people":   {Options{}, []string{"  - ERROR: node n: x 1", "  - WARNING: cluster : y"}, true},
		"programs": {Options{ErrorCodes: true}, []string{"  - ERROR:ENODEHV:node:n:x 1", "  - WARNING:ECLUSTERCFG:cluster:None:y"}, true},
		"ignored":  {Options{IgnoreErrors: []string{"ENODEHV"}}, []string{"  - WARNING: node n: x 1", "  - WARNING: cluster : y"}, false},
	} {
		said := &nobody{}
		r := report{Options: tt.o, say: said.say}
		r.errorf("ENODEHV", "n", "x %d", 1)
		r.warnIf(true, "ECLUSTERCFG", "", "y")
		r.errorIf(false, "ECLUSTERCFG", "", "z")
		if !slices.Equal(said.said, tt.want) || r.bad != tt.bad {
			t.Errorf("%s: %q, %t", name, said.said, r.bad)
		}
	}
	said := &nobody{}
	r := report{Options: Options{Simulate: true}, say: said.say}
	if r.errorIf(false, "ENODEHV", "n", "x"); len(said.said) != 1 || !r.bad {
		t.Errorf("a simulated error: %q", said.said)
	}
}

func TestWhatNeedsALogin(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(from, to *answer)
		proven bool
	}{
		"all is known":           {func(_, _ *answer) {}, true},
		"key not authorised":     {func(_, to *answer) { to.ssh.authorized = nil }, false},
		"key needs a password":   {func(from, _ *answer) { from.ssh.keys = nil }, false},
		"host key not known":     {func(from, _ *answer) { from.ssh.known = nil }, false},
		"other host key":         {func(_, to *answer) { to.ssh.hostKeys = []string{"AAAA-new"} }, false},
		"nothing was tried":      {func(from, _ *answer) { from.reached = nil }, false},
		"known by the cluster's": {func(from, to *answer) { from.ssh.known = []knownKey{{[]string{"cluster"}, to.ssh.hostKeys[0]}} }, true},
	} {
		g, _ := healthy(t, cluster3(), Options{})
		from, to := g.answers["n2"], g.answers["n3"]
		tt.spoil(from, to)
		if got := g.proven(from, g.cfg.NodeByName("node3")); got != tt.proven {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestLoginProblem(t *testing.T) {
	for said, want := range map[string]string{
		"node3.x\nstatus 0\n":               "",
		"Warning: x\r\nnode3.x\nstatus 0\n": "",
		"node3\nstatus 0\n":                 "hostname not FQDN: expected node3.x but got node3",
		"other\nstatus 0\n":                 "hostname mismatch: expected node3.x but got other",
		"root@node3.x: Permission denied (publickey).\r\nstatus 255\n":                                                "ssh problem: root@node3.x: Permission denied (publickey).\n",
		"@@@\n@ WARNING @\n@@@\nhelp\nHost key for node3.x has changed.\nHost key verification failed.\nstatus 255\n": "ssh problem: Host key for node3.x has changed.\nHost key verification failed.\n",
		"\nstatus 255\n": "ssh problem: exited with exit code 255 (no output)",
		"":               "ssh problem: no answer",
	} {
		if got := loginProblem("node3.x", said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

func TestHooks(t *testing.T) {
	g, said := healthy(t, cluster3(), Options{})
	g.answers["n3"] = &answer{failed: errors.New("gone")}
	if plan := g.Hooks(); !slices.Equal(plan.Post, []string{"node1", "node2"}) || plan.Env["NODE_TAGS_node3"] != "" || plan.Pre != nil {
		t.Errorf("%+v", plan)
	}
	got := g.HooksRan([]hooks.Report{{Node: "node1"}, {Node: "node2", Results: []hooks.Result{{Script: "cluster-verify-post.d/a"},
		{Script: "cluster-verify-post.d/b", Failed: true, Output: "hook says no"}}}}, true)
	want := []string{" - WARNING: Communication failure to node n3: gone", "* Hooks Results", "  - ERROR: node n2: Script cluster-verify-post.d/b failed, output:",
		"      hook says no", "  - ERROR: node n3: Communication failure in hooks execution: gone"}
	if got != false || !slices.Equal(said.said, want) {
		t.Errorf("%v\n%s", got, strings.Join(said.said, "\n"))
	}
}

func TestInconsistencies(t *testing.T) {
	cfg := cluster3()
	cfg.Cluster.HighestUsedPort, cfg.Cluster.CandidatePool = 11000, 10
	cfg.Cluster.DiskParams = map[string]config.Params{"rbd": {"access": "x"}}
	cfg.MasterNode().MasterCandidate = false
	cfg.NodeByName("node2").NDParams = config.Params{"exclusive_storage": true}
	cfg.Disk("d-web").IVName = "disk/1"
	cfg.NodeGroups[0].Name = "0ac2b26c-143f-48c5-901e-e1bb0cdc34a0"
	for _, name := range []string{"web", "db"} {
		cfg.InstanceByName(name).NICs[0].IP = "192.0.2.99"
	}
	want := []string{
		"Invalid value of 'rbd:access': 'x' (expected one of kernelspace, userspace)",
		"Instance 'web' has wrongly named disks: name of disk 0 should be 'disk/0', but is 'disk/1'",
		"Highest used port mismatch, saved 11000, computed 11002",
		"Master node is not a master candidate",
		"Not enough master candidates: actual 1, target 3",
		"Node 'node2' has some global parameters set: exclusive_storage",
		"node group '0ac2b26c-143f-48c5-901e-e1bb0cdc34a0' (uuid: 'g1') has uuid-like name",
		"IP address bridge:br0/192.0.2.99/None is used by multiple owners: instance:web/nic:0, instance:db/nic:0",
	}
	if got := inconsistencies(cfg); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPartnersOfOtherGroups(t *testing.T) {
	cfg := cluster3()
	cfg.NodeGroups = append(cfg.NodeGroups, &config.NodeGroup{UUID: "g2", Name: "other"})
	for i := range 3 {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: fmt.Sprint("o", i), Name: fmt.Sprint("other", i), Group: "g2", Offline: i == 0})
	}
	g, _ := healthy(t, cfg, Options{})
	got := map[string]string{}
	for _, n := range g.nodes {
		got[n.Name] = named(g.partners(n))
	}
	want := map[string]string{"node1": "node2, node3, other1", "node2": "node1, node3, other2", "node3": "node1, node2, other1"}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	g.answers["o1"] = &answer{partial: true}
	if text := g.loginFailure(g.nodes[0], g.answers["n1"], cfg.Node("o1")); text != "" {
		t.Errorf("a node that was not asked: %q", text)
	}
}

// mirrorWeb makes the disk of web a mirrored one, between node2 and node3.
func mirrorWeb(c *config.Config) {
	c.Cluster.EnabledDiskTemplates = append(c.Cluster.EnabledDiskTemplates, config.DTDRBD)
	c.Cluster.DRBDUsermodeHelper = "/bin/true"
	d := c.Disk("d-web")
	d.DevType, d.LogicalID = config.DTDRBD, config.DRBDID{NodeA: "n2", NodeB: "n3", Port: 11003, MinorA: 4, MinorB: 5}.LogicalID()
	d.Children = []*config.Disk{
		{UUID: "d-data", DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", "d"}, Size: 1024},
		{UUID: "d-meta", DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", "m"}, Size: 128},
	}
}
