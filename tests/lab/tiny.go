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
out=$2
shift 2
for file; do mkdir -p "${file%/*}" && touch "$file"; done
tar -cf "$out" .
sha256sum <"$out"`

// TinySystem makes an archive of a system that the OS definition debootstrap can take for one, for tests that are not about what is
// installed, and gives its SHA-256. It has more empty files, or directories whose names end in a slash.
func TinySystem(t testing.TB, file string, more ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", append([]string{"-ec", tinyScript, "sh", t.TempDir(), file}, more...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}
