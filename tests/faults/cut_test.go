package faults

import (
	"encoding/base64"
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// cutFor is how long a network is cut that comes back: the whole minute only where there is time for it.
func cutFor() time.Duration {
	if os.Getenv(lab.FaultsName) == "" {
		return 20 * time.Second
	}
	return time.Minute
}

// onEveryNode writes a program of the OS, or one that stands before another in the path.
func (c *cluster) onEveryNode(t *testing.T, path, script string) {
	t.Helper()
	for _, node := range []string{"node1", "node2", "node3"} {
		c.Must(t, node, "mkdir -p $(dirname "+path+") && cat >"+path+" <<'END' && chmod 755 "+path+"\n#!/bin/sh\n"+script+"\nEND\n")
	}
}

// slow is a script that says that it has begun and takes longer than the cut, once.
func slow() string {
	return "[ -e /run/begun ] || { touch /run/begun; sleep " + strconv.Itoa(int((cutFor() + 10*time.Second).Seconds())) + "; }"
}

const osCreate = "/usr/share/ganeti/os/empty/create"

// until waits for a command to succeed.
func (c *cluster) until(t *testing.T, node, command string, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); c.Run(node, command).Status != 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: still not after %v: %s\n%s", node, limit, command, c.Run("node1", "gnt-job list; tail -n 5 /var/lib/ganeti/queue/job-*").Stdout)
		}
	}
}

// begin submits a command as a job and gives its number. The environment is its runner's, too.
func (c *cluster) begin(t *testing.T, command string, env ...string) string {
	t.Helper()
	words := strings.SplitN(command, " ", 3)
	said := c.Must(t, "node1", strings.Join(append(env, words[0], words[1], "--submit", words[2]), " ")+" 2>&1")
	_, id, found := strings.Cut(strings.TrimSpace(said), "JobID: ")
	if !found {
		t.Fatalf("%s says %q", command, said)
	}
	return id
}

// ended is a command that succeeds once a job has ended.
func ended(id string) string {
	return "gnt-job list --no-headers -o status " + id + " | grep -Eq 'success|error|canceled'"
}

// end waits for the end of a job, and gives its status and all that it says.
func (c *cluster) end(t *testing.T, id string, limit time.Duration) (status, said string) {
	t.Helper()
	c.until(t, "node1", ended(id), limit)
	return strings.TrimSpace(c.Must(t, "node1", "gnt-job list --no-headers -o status "+id)), c.Must(t, "node1", "gnt-job info "+id)
}

// once checks that an instance runs on this node and nowhere else, as the configuration says.
func (c *cluster) once(t *testing.T, name, node string) {
	t.Helper()
	inv := c.inventory(t, "node1")
	c.judge(t, inv)
	if on := inv.on(name); !slices.Equal(on, []string{node}) || c.field(t, "node1", name, "pnode") != node+".example.com" {
		t.Errorf("%s runs on %v, its primary is %s", name, on, c.field(t, "node1", name, "pnode"))
	}
}

// survives cuts a node off, or two from one another, for a while. The job ends well nevertheless, and the instance runs on node3, once.
func (c *cluster) survives(t *testing.T, job, node string, other ...string) (said string) {
	t.Helper()
	cut, heal := func() error { return c.Cut(node) }, func() error { return c.Heal(node) }
	if other != nil {
		cut, heal = func() error { return c.CutBetween(node, other[0]) }, func() error { return c.HealBetween(node, other[0]) }
	}
	must(t, cut())
	time.Sleep(cutFor())
	must(t, heal())
	status, said := c.end(t, job, 3*time.Minute)
	if status != "success" {
		t.Errorf("%s: %s", status, said)
	}
	c.once(t, "web.example.com", "node3")
	return said
}

// The network between the master and a node is cut for a minute while an OS is installed there: the job goes on and ends well.
func TestACutDuringAnInstallation(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.onEveryNode(t, osCreate, slow())
	job := c.begin(t, addCommand("web.example.com", "fake", "file", "node3"))
	c.until(t, "node3", "test -e /run/begun", time.Minute)
	c.survives(t, job, "node3")
}

// The same while a disk is written.
func TestACutWhileADiskIsWiped(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.Must(t, "node1", "gnt-cluster modify --prealloc-wipe-disks=yes")
	c.onEveryNode(t, "/usr/local/sbin/dd", "[ \"$1\" != if=/dev/zero ] || "+slow()+"\nexec /usr/bin/dd \"$@\"")
	job := c.begin(t, addCommand("web.example.com", "fake", "file", "node3"))
	c.until(t, "node3", "test -e /run/begun", time.Minute)
	c.survives(t, job, "node3")
}

// The same while a disk is copied from one node to another: only the master cannot reach the one that copies.
func TestACutWhileADiskIsCopied(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.onEveryNode(t, osCreate, `echo data | dd of="$DISK_0_PATH" conv=notrunc status=none`)
	c.add(t, "web.example.com", "fake", "file", "node2")
	c.onEveryNode(t, "/usr/local/sbin/dd", "case $1 in if=/srv/ganeti/file-storage/*) "+slow()+" ;; esac\nexec /usr/bin/dd \"$@\"")
	job := c.begin(t, "gnt-instance move -f --shutdown-timeout=0 -n node3 web.example.com")
	c.until(t, "node2", "test -e /run/begun", time.Minute)
	c.survives(t, job, "node1", "node2")
	if got := c.Must(t, "node3", dataOfDisk); got != "data\n" {
		t.Errorf("the copy begins with %q", got)
	}
}

// The node loses its power in the middle: what it did is gone, and nobody pretends to know. The next command looks.
func TestANodeThatIsRestartedDuringAnInstallation(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.loops = c.inventory(t, "node1").loops
	c.onEveryNode(t, osCreate, slow())
	job := c.begin(t, addCommand("web.example.com", "fake", "file", "node3"))
	c.until(t, "node3", "test -e /run/begun", time.Minute)
	must(t, c.Kill("node3"))
	must(t, c.Power("node3"))
	status, said := c.end(t, job, 3*time.Minute)
	if status != "error" || !strings.Contains(said, "the node knows no such work") {
		t.Errorf("%s: %s", status, said)
	}
	c.doubtful(t, "web.example.com", "runs the OS create script")
	c.onEveryNode(t, osCreate, "exit 0")
	c.Must(t, "node1", "gnt-instance remove -f web.example.com")
	c.nothingLeft(t)
	c.nothingToReport(t)
}

// doubtful checks that verify says what a job does not know.
func (c *cluster) doubtful(t *testing.T, name, what string) {
	t.Helper()
	for line := range strings.Lines(c.Run("node1", "gnt-cluster verify").Stdout) {
		if strings.Contains(line, name) && strings.Contains(line, what) {
			return
		}
	}
	t.Errorf("verify does not say that it is not known whether something %s:\n%s", what, c.Run("node1", "gnt-cluster verify").Stdout)
}

// The network to the node stays cut: the job ends after a while, says what it does not know, and the next command finds out.
func TestACutForGoodDuringAnInstallation(t *testing.T) {
	if os.Getenv(lab.FaultsName) == "" {
		t.Skip("takes as long as a node is waited for, five minutes: make test-faults does it")
	}
	t.Parallel()
	c := start(t, 3)
	c.loops = c.inventory(t, "node1").loops
	c.onEveryNode(t, osCreate, slow())
	job := c.begin(t, addCommand("web.example.com", "fake", "file", "node3"))
	c.until(t, "node3", "test -e /run/begun", time.Minute)
	must(t, c.Cut("node3"))
	status, said := c.end(t, job, 8*time.Minute)
	if status != "error" || !strings.Contains(said, "no contact for") || !strings.Contains(said, "node3") {
		t.Errorf("%s: %s", status, said)
	}
	if r := c.Run("node1", "gnt-instance remove -f web.example.com"); r.Status == 0 {
		t.Errorf("removed from a node that nobody can reach: %s%s", r.Stdout, r.Stderr)
	}
	must(t, c.Heal("node3"))
	c.doubtful(t, "web.example.com", "runs the OS create script")
	c.Must(t, "node1", "gnt-instance remove -f web.example.com")
	c.nothingLeft(t)
	c.nothingToReport(t)
}

// busy is the first sector of a disk whose guest writes to half a megabyte of its memory for so long: with little bandwidth its migration
// does not end before.
func busy(d time.Duration) string {
	code := []byte{
		0x31, 0xC0, 0x8E, 0xD8, 0x8B, 0x1E, 0x6C, 0x04, 0xFC, 0xFB, // xor ax,ax; mov ds,ax; mov bx,[46c]: the BIOS counts ticks there; cld; sti
		0x42, 0xBE, 0x00, 0x10, // again: inc dx; mov si,1000
		0x8E, 0xC6, 0x89, 0xD0, 0x31, 0xFF, 0xB9, 0x00, 0x80, 0xF3, 0xAB, // segment: mov es,si; mov ax,dx; xor di,di; mov cx,8000; rep stosw
		0x81, 0xC6, 0x00, 0x10, 0x81, 0xFE, 0x00, 0x80, 0x72, 0xEB, // add si,1000; cmp si,8000; jb segment
		0xA1, 0x6C, 0x04, 0x29, 0xD8, 0x3D, 0, 0, 0x72, 0xDD, // mov ax,[46c]; sub ax,bx; cmp ax,TICKS; jb again
		0xF4, 0xEB, 0xFD, // halt: hlt; jmp halt
	}
	const ticks = 40
	binary.LittleEndian.PutUint16(code[ticks:], uint16(d.Seconds()*18.2))
	sector := append(code, make([]byte, 512-len(code))...)
	sector[510], sector[511] = 0x55, 0xAA
	return base64.StdEncoding.EncodeToString(sector)
}

// startsMigrating makes an instance on node2 that takes at least this long to migrate, and begins to migrate it to node3.
func (c *cluster) startsMigrating(t *testing.T, name string, takes time.Duration) (job string) {
	t.Helper()
	c.onEveryNode(t, osCreate, "echo "+busy(takes)+` | base64 -d | dd of="$DISK_0_PATH" conv=notrunc`)
	c.Must(t, "node1", "gnt-cluster modify -H kvm:migration_bandwidth=1")
	c.add(t, name, "kvm", "sharedfile", "node2")
	monitor := "socat -t 1 STDIO UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/" + name + ".monitor"
	c.until(t, "node2", "echo 'xp /1hx 0x10000' | "+monitor+" | grep -E '0x[0-9a-f]{4}.?$' | grep -v 0x0000", time.Minute)
	job = c.begin(t, "gnt-instance migrate -f -n node3 "+name)
	c.until(t, "node2", "echo 'info migrate' | "+monitor+" | grep -q 'Migration status: active'", time.Minute)
	return job
}

// The master cannot reach the source for a minute while the memory of a guest is on its way: the job goes on and ends well.
func TestACutDuringAMigration(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	job := c.startsMigrating(t, "web.example.com", cutFor()+30*time.Second)
	if said := c.survives(t, job, "node1", "node2"); !strings.Contains(said, "memory transfer complete") {
		t.Errorf("the migration says %s", said)
	}
}

// It cannot reach it any more: nothing is taken back, and the next command finds the guest where it is.
func TestACutForGoodDuringAMigration(t *testing.T) {
	if os.Getenv(lab.FaultsName) == "" {
		t.Skip("takes as long as a node is waited for, two minutes: make test-faults does it")
	}
	t.Parallel()
	c := start(t, 3)
	job := c.startsMigrating(t, "web.example.com", 40*time.Second)
	must(t, c.CutBetween("node1", "node2"))
	status, said := c.end(t, job, 6*time.Minute)
	if status != "error" || !strings.Contains(said, "it is not known where the instance is") {
		t.Errorf("%s: %s", status, said)
	}
	inv := c.inventory(t, "node1")
	if inv.doubled() != nil || !slices.Equal(inv.on("web.example.com"), []string{"node3"}) {
		t.Errorf("after the transfer it runs on %v", inv.guests)
	}
	if r := c.Run("node1", "gnt-instance startup web.example.com"); r.Status == 0 {
		t.Errorf("started although its primary cannot be asked: %s%s", r.Stdout, r.Stderr)
	}
	must(t, c.HealBetween("node1", "node2"))
	c.Must(t, "node1", "gnt-instance startup web.example.com")
	c.once(t, "web.example.com", "node3")
}
