package vmlab

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// bootstrap makes the archive of a system: OUT RELEASE MIRROR PACKAGES.
const bootstrap = `set -eu
mount --make-rprivate /
debootstrap --include="$4" "$2" "$1/root" "$3"
rm -rf "$1"/root/var/cache/apt/archives/*.deb
tar --acls --xattrs --xattrs-include='*' -C "$1/root" -cf "$1/system.tar" .
rm -rf "$1/root"`

// System gives the archive of a Debian system of this machine's release that has some packages more, as the OS definition
// debootstrap keeps it. It is made once, which takes a minute or two, and kept where the images are.
func System(t testing.TB, packages ...string) (file string) {
	t.Helper()
	release, err := lab.OSRelease("VERSION_CODENAME")
	if err != nil {
		t.Fatal(err)
	}
	mirror, err := lab.DebianMirror()
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Join(packages, ",")
	key := fmt.Sprintf("system-%.8x", sha256.Sum256([]byte(release+"\n"+with+"\n"+bootstrap)))
	dir, err := cached(key, func(fresh string) error {
		t.Log("bootstrapping " + release + " with " + with)
		return apart(fresh, "-c", bootstrap, "bootstrap", fresh, release, mirror.String(), with)
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "system.tar")
}
