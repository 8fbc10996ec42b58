package lab

import (
	"os/exec"
	"strings"
	"testing"
)

const tinyScript = `cd "$1"
mkdir -p bin usr/bin etc/network proc sys dev
cp "$(command -v busybox)" bin/busybox
ln -s busybox bin/sh
ln -s /bin/busybox usr/bin/passwd
echo root:x:0:0:root:/root:/bin/sh >etc/passwd
echo 'root:*:1:0:99999:7:::' >etc/shadow
tar -cf "$2" .
sha256sum <"$2"`

// TinySystem makes an archive of a system that the OS definition debootstrap can take for one, for tests that are not about what is
// installed, and gives its SHA-256.
func TinySystem(t testing.TB, file string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-ec", tinyScript, "sh", t.TempDir(), file).Output()
	if err != nil {
		t.Fatal(err)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}
