package install

import (
	"strings"
	"testing"

	"gantry/tests/lab"
)

// variants are published ones whose installation cannot end well.
const variants = `set -e
cd /etc/ganeti/instance-debootstrap
echo 'MIRROR=http://192.0.2.253/debian CACHE_URL=' >variants/silent.conf
echo 'IMAGE_URL=file:///etc/hosts IMAGE_FORMAT=raw IMAGE_SHA256=` + "0000000000000000000000000000000000000000000000000000000000000000" + `' >variants/forged.conf
printf '%s\n' silent forged unmade >>variants.list
printf 'timeout = 2\ntries = 1\n' >/usr/share/ganeti/os/debootstrap/wgetrc
cp -r /usr/share/ganeti/os/debootstrap /usr/share/ganeti/os/broken`

// badInput asks for what cannot be: each time it is said clearly, and the instance, if it is there, can be removed with all it has.
func badInput(t *testing.T, l *lab.Lab) {
	l.Must(t, "node1", variants)
	for _, tt := range []struct{ before, os, size, want string }{
		{"", "nosuch", "600m", "Directory for OS nosuch not found in search path"},
		{"", "debootstrap", "600m", "OS name 'debootstrap' must include a variant"},
		{"", "debootstrap+nosuch", "600m", "OS 'debootstrap' does not support variant 'nosuch'"},
		{"", "debootstrap+nosuch --force-variant", "600m", "Unofficial variant nosuch is unsupported"},
		{"", "debootstrap+unmade", "600m", "Published variant unmade is missing its config file"},
		{"", "debootstrap+default -O filesystem=fat", "600m", "Invalid value 'fat' for the filesystem parameter"},
		{"", "debootstrap+default -O nosuch=1", "600m", "The following parameters are not supported by the OS debootstrap: nosuch"},
		{"", "debootstrap+default", "100m", "Device size is too small (100 MB)"},
		{"", "debootstrap+silent", "600m", "Mirror http://192.0.2.253/debian does not answer"},
		{"", "debootstrap+forged", "600m", "fetch: file:///etc/hosts: the content does not have the SHA-256 given"},
		{"chmod -x /usr/share/ganeti/os/broken/create", "broken+default", "600m", "File 'create' under path '/usr/share/ganeti/os/broken' is not executable"},
		{"rm /usr/share/ganeti/os/broken/rename", "broken+default", "600m", "File 'rename' under path '/usr/share/ganeti/os/broken' is missing"},
		{"echo 99 >/usr/share/ganeti/os/broken/ganeti_api_version", "broken+default", "600m", "API version mismatch for path '/usr/share/ganeti/os/broken'"},
	} {
		if tt.before != "" {
			l.Must(t, "node1", "rm -rf /usr/share/ganeti/os/broken; cp -r /usr/share/ganeti/os/debootstrap /usr/share/ganeti/os/broken; "+tt.before)
		}
		r := l.Run("node1", "gnt-instance add -t file -n node1 -H fake --no-name-check --no-ip-check -s "+tt.size+" -o "+tt.os+" bad.example.com")
		if r.Status != 1 || !strings.Contains(r.Stderr, tt.want) {
			t.Errorf("-o %s: status %d, want %q in\n%s%s", tt.os, r.Status, tt.want, r.Stdout, r.Stderr)
		}
		l.Must(t, "node1", "! gnt-instance list bad.example.com 2>/dev/null || gnt-instance remove -f bad.example.com")
		left := l.Must(t, "node1", "ls /srv/ganeti/file-storage 2>/dev/null | grep bad.example.com; losetup --noheadings --output BACK-FILE | grep bad.example.com; findmnt -rn -o TARGET | grep instance-debootstrap; true")
		if left != "" {
			t.Errorf("-o %s: left %q", tt.os, left)
		}
	}
	l.Must(t, "node1", "rm -rf /usr/share/ganeti/os/broken")
}
