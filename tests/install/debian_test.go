package install

import (
	"regexp"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// lun makes a device of 1.5 GiB appear on a node, as a SAN would.
const lun = `set -e
truncate -s 1536M /srv/lun
for loop in /dev/loop[0-9]*; do
	! losetup $loop /srv/lun 2>/dev/null || break
done
mkdir -p /dev/disk/by-id
ln -s $loop /dev/disk/by-id/lun-$(hostname -s)`

// debiansDefinitions runs Debian's own definitions, unmodified, on node2, beside ours on node1, on disks that are adopted.
func debiansDefinitions(t *testing.T, l *lab.Lab) {
	l.Must(t, "node1", "dpkg-deb -x /usr/share/debs/ganeti-os-noop*.deb /")
	l.Must(t, "node2", "set -- none\n"+lab.PutDebiansOS)
	if got := l.Must(t, "node1", "gnt-os diagnose"); !strings.Contains(got, "OS: noop [global status: valid]") || !strings.Contains(got, "OS: debootstrap [global status: valid]") {
		t.Errorf("gnt-os diagnose:\n%s", got)
	}
	name := "foreign.example.com"
	found, logs := map[string]string{}, map[string]string{}
	for _, node := range []string{"node1", "node2"} {
		l.Must(t, node, lun)
		device := "/dev/disk/by-id/lun-" + node
		l.Must(t, "node1", "gnt-instance add -t blockdev --disk 0:adopt="+device+" -n "+node+" -o debootstrap+default -H fake --no-start --no-name-check --no-ip-check "+name)
		l.Must(t, "node1", "gnt-instance reinstall -f "+name)
		logs[node] = l.Must(t, node, "cat /var/log/ganeti/os/add-debootstrap+default-"+name+"-*.log")
		uuid := l.Must(t, node, "blkid -p -o value -s UUID "+device)
		found[node] = strings.ReplaceAll(l.Must(t, node, "set -- "+device+"\n"+lab.Content), strings.TrimSpace(uuid), "UUID")
		l.Must(t, "node1", "gnt-backup export -n node1 "+name)
		l.Must(t, "node1", "gnt-instance rename -f --no-name-check --no-ip-check "+name+" renamed.example.com")
		if got := l.Must(t, node, "set -- "+device+"\n"+lab.Content); !strings.Contains(got, "== etc/hostname\nrenamed.example.com\n== etc/mailname\nrenamed.example.com\n") {
			t.Errorf("%s: the rename script did not see to the names", node)
		}
		l.Must(t, "node1", "gnt-instance remove -f renamed.example.com")
		// A dump of either is read by our import script, on a disk that is a file.
		l.Must(t, "node1", "gnt-backup import -t file -n node1 --src-node node1 --src-dir "+name+" --no-name-check --no-ip-check back.example.com")
		file := strings.TrimSpace(l.Must(t, "node1", "ls /srv/ganeti/file-storage/back.example.com/*"))
		if got := l.Must(t, "node1", "debugfs -R 'cat /etc/hostname' "+file+" 2>/dev/null"); got != "back.example.com\n" {
			t.Errorf("%s: what was exported there did not come back under its new name", node)
		}
		l.Must(t, "node1", "gnt-instance remove -f back.example.com")
	}
	ours, theirs := strings.Split(found["node1"], "\n"), strings.Split(found["node2"], "\n")
	if len(ours) < 20 || logs["node1"] != logs["node2"] || logs["node1"] == "" {
		t.Errorf("%d lines; logs %q", len(ours), logs)
	}
	for what, only := range map[string][]string{"only ours": lab.Besides(ours, theirs), "only Debian's": lab.Besides(theirs, ours)} {
		if len(only) > 0 {
			t.Errorf("%s: %q", what, only)
		}
	}

	for _, command := range []string{
		"gnt-instance add -t file -s 32m -n node2 -o noop -H fake --no-name-check --no-ip-check noop.example.com",
		"gnt-instance shutdown --timeout=0 noop.example.com", "gnt-instance reinstall -f noop.example.com",
		"gnt-backup export -n node1 noop.example.com",
		"gnt-backup import -t file -n node2 --src-dir noop.example.com --net 0:mac=generate --no-name-check --no-ip-check noop2.example.com",
		"gnt-instance rename -f --no-name-check --no-ip-check noop2.example.com noop3.example.com", "gnt-instance remove -f noop.example.com", "gnt-instance remove -f noop3.example.com",
	} {
		l.Must(t, "node1", command)
	}
	if left := l.Must(t, "node1", "gnt-instance list --no-headers"); left != "" {
		t.Errorf("left: %s", left)
	}
	if got := l.Must(t, "node2", "losetup --noheadings --output BACK-FILE; findmnt -rn -o TARGET | grep instance-debootstrap; true"); regexp.MustCompile(`(?m)^/(srv/ganeti|.*target)`).MatchString(got) {
		t.Errorf("node2 still holds %s", got)
	}
}
