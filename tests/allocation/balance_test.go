package allocation

import (
	"regexp"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// TestHbalMakesItsMoves as jobs, set after set; when one fails the rest stays, and what it says is what Ganeti's says.
func TestHbalMakesItsMoves(t *testing.T) {
	l := start(t, 3, "hbal")
	l.Must(t, "node1", "gnt-cluster modify --enabled-disk-templates=sharedfile,diskless")
	for _, name := range []string{"inst1", "inst2", "inst3"} {
		l.Must(t, "node1", strings.Replace(add, "-t diskless", "-t sharedfile -s 16M -n node1", 1)+name)
	}
	hook := "mkdir -p /etc/ganeti/hooks/instance-migrate-pre.d && cd /etc/ganeti/hooks/instance-migrate-pre.d && printf '#!/bin/sh\nexit 1\n' >no && chmod +x no"
	for i := 1; i <= 3; i++ {
		l.Must(t, lab.FullName(i), hook)
	}
	r := l.Run("node1", "hbal -L -X -l 2")
	failed := regexp.MustCompile(`^Error: hbal: Not all jobs completed successfully: \[\(JobId \{fromJobId = (\d+)\},JOB_STATUS_ERROR\)\]\nAborting\.\n\n$`)
	said := r.Stderr[max(0, strings.Index(r.Stderr, "Error:")):]
	if id := failed.FindStringSubmatch(said); r.Status != 1 || id == nil || !strings.HasSuffix(r.Stdout, "\nGot job IDs "+id[1]+"\n") {
		t.Errorf("a job fails: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	for i := 1; i <= 3; i++ {
		l.Must(t, lab.FullName(i), "rm -r /etc/ganeti/hooks/instance-migrate-pre.d")
	}
	out := l.Must(t, "node1", "hbal -L -C -v -P -X")
	if !regexp.MustCompile(`(?s)    gnt-instance failover -f -n .*\nGot job IDs \d+\nGot job IDs \d+\n$`).MatchString(out) {
		t.Errorf("all succeed:\n%s", out)
	}
	on := strings.Fields(l.Must(t, "node1", "gnt-instance list --no-headers -o pnode"))
	if len(on) != 3 || on[0] == on[1] || on[1] == on[2] || on[0] == on[2] {
		t.Errorf("the instances are on %v", on)
	}
	l.Must(t, "node1", "for i in inst1 inst2 inst3; do [ $(gnt-instance list --no-headers -o pnode $i) = node1.example.com ] || gnt-instance failover -f -n node1 $i; done")
	l.Must(t, "node3", "umount /srv/ganeti/shared-file-storage && rmdir /srv/ganeti/shared-file-storage")
	out = l.Must(t, "node1", "hbal -L -C")
	if !strings.Contains(out, "=> node2") || strings.Contains(out, "=> node3") {
		t.Errorf("node3 has lost the directory of the disks:\n%s", out)
	}
	if out = l.Must(t, "node1", "hbal -L -C --no-storage-kinds"); !strings.Contains(out, "=> node3") {
		t.Errorf("without kinds nothing goes to node3, and the case shows nothing:\n%s", out)
	}
}

// TestFilesAreAKindOfStorage: hail gives no node a disk that its directory for files has no room for, as big as the first may look.
func TestFilesAreAKindOfStorage(t *testing.T) {
	l := start(t, 2)
	l.Must(t, "node1", "gnt-cluster modify --enabled-disk-templates=file,diskless --file-storage-dir=/srv/ganeti/file-storage --ipolicy-disk-templates=file,diskless")
	for _, disk := range []struct{ size, wants string }{{"1023G", "failure reasons: FailDisk: 2"}, {"16M", "Selected nodes for instance"}} {
		r := l.Run("node1", strings.Replace(add, "-t diskless", "-t file -s "+disk.size, 1)+"inst1")
		if !strings.Contains(r.Stdout+r.Stderr, disk.wants) {
			t.Errorf("%s:\n%s%s", disk.size, r.Stdout, r.Stderr)
		}
	}
}
