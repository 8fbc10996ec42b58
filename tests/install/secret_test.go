package install

import (
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// secretive is an OS whose parameter nobody else is to know. Its script takes its time, so that others can look for it.
const secretive = `set -e
cd /usr/share/ganeti/os
mkdir secretive
cd secretive
echo 20 >ganeti_api_version
echo 'word What nobody is to know' >parameters.list
printf '#!/bin/sh\necho "the word has ${#OSP_WORD} letters"\ntouch /run/installing\nsleep 6\n' >create
for script in export import rename verify; do printf '#!/bin/sh\n' >$script; done
chmod +x create export import rename verify`

// tells lists files on disks, files in memory that others than root can read, and command lines and environments of processes that
// have the word.
const tells = `word=$(printf %s%s abra cadabra17)
[ "$(findmnt -n -o FSTYPE -T /run)" = tmpfs ] || echo "/run is not in memory"
find /run -type f '(' -perm /077 -o ! -user root ')' -exec grep -lsF -e "$word" '{}' +
grep -rlsF -e "$word" /etc /root /srv /tmp /usr/local /var --exclude-dir=debs
for p in /proc/[0-9]*; do
	case $(tr '\0' ' ' <$p/cmdline 2>/dev/null) in *"grep -rlsF"*) ;; *"$word"*) echo "$p $(cat $p/comm)" ;; esac
	case $(tr '\0' ' ' <$p/environ 2>/dev/null) in *"$word"*) echo "$p $(cat $p/comm) environment" ;; esac
done
true`

// secretsStaySecret gives an OS definition a secret parameter: it gets there, and while it works and afterwards nothing else has it.
func secretsStaySecret(t *testing.T, l *lab.Lab) {
	for _, node := range []string{"node1", "node2"} {
		l.Must(t, node, secretive)
	}
	const add = "gnt-instance add --submit -t file -s 1m -n node2 -H fake --no-name-check --no-ip-check --no-start -o secretive "
	l.Must(t, "node1", add+"--os-parameters-secret=word=abracadabra17 secret.example.com")
	for end := time.Now().Add(time.Minute); l.Run("node2", "test -e /run/installing").Status != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the script did not begin: %s", l.Run("node1", "gnt-job list; gnt-job info 1-99").Stdout)
		}
	}
	if got := l.Must(t, "node1", tells); got != "" {
		t.Errorf("while it is installed node1 tells the secret:\n%s", got)
	}
	// The script has it in its environment, and so have those that it starts.
	if got := l.Must(t, "node2", "("+tells+") | grep -v -e ' create environment$' -e ' sleep environment$'; true"); got != "" {
		t.Errorf("while it is installed node2 tells the secret:\n%s", got)
	}
	l.Must(t, "node1", "gnt-job wait $(gnt-job list --no-headers -o id | tail -1)")
	if got := l.Must(t, "node2", newestLog); got != "the word has 13 letters\n" {
		t.Errorf("the script says %q", got)
	}
	for _, node := range []string{"node1", "node2"} {
		if got := l.Must(t, node, tells); got != "" {
			t.Errorf("afterwards %s tells the secret:\n%s", node, got)
		}
	}
	if got := l.Must(t, "node1", "gnt-instance info secret.example.com; gnt-job info $(gnt-job list --no-headers -o id | tail -1); gnt-instance remove -f secret.example.com"); strings.Contains(got, "cadabra") {
		t.Errorf("shown is\n%s", got)
	}
	for _, node := range []string{"node1", "node2"} {
		l.Must(t, node, "rm -r /usr/share/ganeti/os/secretive")
	}
}
