package install

import (
	"strings"
	"testing"

	"gantry/tests/lab"
)

// onTerminal types answers, one after each question, to a command on a terminal, and shows all that is seen there. The first is the
// number that an OS has on the screen, or what is given itself.
const onTerminal = `asked() {
	for i in $(seq 600); do
		! grep -q -e "$1" -e "^Script done" screen 2>/dev/null || return
		sleep 0.1
	done
}
cd $(mktemp -d)
{
	asked 'OS template number'
	number=$(tr -d '\r' <screen | sed -n "s/^ *\([0-9]*\): $2\$/\1/p")
	echo "${number:-$2}"
	asked 'Continue?'
	echo "$3"
} | script -qefc "$1" screen >/dev/null
status=$?
tr -d '\r' <screen
exit $status`

// chosenOnATerminal reinstalls with the OS that an operator picks from the list.
func chosenOnATerminal(t *testing.T, l *lab.Lab) {
	const name = "chosen.example.com"
	l.Must(t, "node1", "cp -r /usr/share/ganeti/os/debootstrap /usr/share/ganeti/os/other && ssh -q node2.example.com cp -r /usr/share/ganeti/os/debootstrap /usr/share/ganeti/os/other")
	l.Must(t, "node1", "gnt-instance add -t file -s 600m -n node1 -o debootstrap+default -H fake --no-install --no-start --no-name-check --no-ip-check "+name)
	for _, tt := range []struct {
		choice, sure string
		status       int
		want, os     string
	}{
		{"x", "", 1, "User aborted reinstall, exiting", "debootstrap+default"},
		{"other+default", "n", 1, "OS to 'other+default') which removes all data. Continue?", "debootstrap+default"},
		{"other+default", "y", 0, "Running instance OS create scripts...", "other+default"},
	} {
		r := l.Run("node1", "set -- 'gnt-instance reinstall --select-os "+name+"' "+tt.choice+" '"+tt.sure+"'\n"+onTerminal)
		if r.Status != tt.status || !strings.Contains(r.Stdout, "Available OS templates:\n") || !strings.Contains(r.Stdout, ": other+default\n") || !strings.Contains(r.Stdout, tt.want) {
			t.Errorf("%q, %q: status %d, want %d and %q in\n%s%s", tt.choice, tt.sure, r.Status, tt.status, tt.want, r.Stdout, r.Stderr)
		}
		if os := strings.TrimSpace(l.Must(t, "node1", "gnt-instance list --no-headers -o os "+name)); os != tt.os {
			t.Errorf("%q, %q: the OS is %s, want %s", tt.choice, tt.sure, os, tt.os)
		}
	}
	l.Must(t, "node1", "test -s /var/log/ganeti/os/add-other+default-"+name+"-*.log && gnt-instance remove -f "+name)
	l.Must(t, "node1", "rm -r /usr/share/ganeti/os/other; ssh -q node2.example.com rm -r /usr/share/ganeti/os/other")
}
