package vmlab

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// installGaneti makes the archive of what Debian's packages of Ganeti change in an image, which it does not touch: OUT IMAGE.
const installGaneti = `set -eu
mount --make-rprivate /
cd "$1"
mkdir image top
mount -o ro,loop,noload "$2" image
mount -t tmpfs top top
mkdir top/upper top/work top/root
root=top/root
mount -t overlay -o lowerdir=image,upperdir=top/upper,workdir=top/work overlay $root
mount -t proc proc $root/proc
cp /etc/resolv.conf $root/etc/resolv.conf
apt-config dump | grep -i '^Acquire::.*Proxy' >$root/etc/apt/apt.conf.d/90proxy || true
inside() { chroot $root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"; }
inside apt-get -q update
inside apt-get -q install -y --no-install-recommends ganeti ganeti-3.0 ganeti-haskell-3.0 ganeti-htools-3.0
umount $root/proc $root
tar -C top/upper -cf ganeti.tar --exclude=./var/lib/apt/lists --exclude=./var/cache --exclude=./etc/resolv.conf --exclude=./etc/apt/apt.conf.d/90proxy .
umount top image
rmdir top image
`

// Ganeti gives the archive of what makes a node of the original: Debian's packages and what they need, for tests that compare with it.
// It is made once, which takes half a minute, and kept where the images are. The machine itself gets none of it.
func Ganeti(say func(string)) (file string, err error) {
	image, err := FindImage(say)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(string(image) + "\n" + installGaneti))
	dir, err := cached(fmt.Sprintf("ganeti-%.8x", key), func(fresh string) error {
		say("installing Debian's Ganeti for virtual machines")
		return apart(fresh, "-c", installGaneti, "ganeti", fresh, image.root())
	})
	return filepath.Join(dir, "ganeti.tar"), err
}

// Unpack unpacks an archive over a node's root.
func (l *Lab) Unpack(node, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	cmd, err := l.Command(node, "tar", "-xf", "-", "-C", "/")
	if err != nil {
		return err
	}
	cmd.Stdin = file
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s on %s: %w: %s", archive, node, err, out)
	}
	return nil
}
