package lab

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// files are laid over every node's root: what a site would have put there itself, such as an OS definition.
//
//go:embed all:files
var files embed.FS

// config is a lab as its own processes know it, kept in lab.json.
type config struct {
	Options
	Keeper    int // process id
	FirstLoop int
}

func (c *config) read(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "lab.json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, c)
}

func (c config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Dir}, parts...)...)
}

// prepare fills the lab's directory with everything that does not depend on a running world.
func (c config) prepare() error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("lab.json"), text, 0o644); err != nil {
		return err
	}
	for _, dir := range []string{"shared", "luns", "nodes", "tree"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := c.install(); err != nil {
		return err
	}
	keys, err := c.makeKeys()
	if err != nil {
		return err
	}
	errs := make([]error, c.Nodes)
	Each(c.Nodes, func(n int) { errs[n-1] = c.makeDisk(n, keys) })
	return errors.Join(errs...)
}

// disk is what a node changed of the machine's root: the upper directory of its overlay. (It cannot be built of several
// layers: the kernel refuses a layer that lies inside another one, as all do inside the machine's root.)
type disk string

// makeDisk makes the disk of node n as it is before it is first switched on.
func (c config) makeDisk(n int, keys rootKeys) error {
	dir := c.path("nodes", Name(n))
	var err error
	for _, part := range []string{"upper/etc", "work", "root", "srv"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(dir, part), 0o755))
	}
	d := disk(filepath.Join(dir, "upper"))
	return errors.Join(err, d.mask(), c.distinguish(n, keys, append([]string{c.path("tree")}, c.Files...)))
}

// distinguish gives the disk of node n what a site would: its name, its keys, files of the lab, and the trees.
func (c config) distinguish(n int, keys rootKeys, trees []string) error {
	d := disk(c.path("nodes", Name(n), "upper"))
	return errors.Join(
		d.putFiles(),
		d.lay(trees),
		d.put("/etc/hostname", FullName(n)+"\n", 0o644),
		d.put("/etc/machine-id", fmt.Sprintf("%032x\n", 0xabc0000+n), 0o644),
		keys.put(d, c.Trust))
}

// Seed makes, below o.Dir, what a lab of another kind lays over the roots of its nodes: the tree "tree", which has what is
// installed in all, and for each node "nodes/NAME/upper", which has its name, its keys and the files of this package.
func Seed(o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	c := config{Options: o}
	for _, dir := range []string{"nodes", "tree"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := c.install(); err != nil {
		return err
	}
	keys, err := c.makeKeys()
	if err != nil {
		return err
	}
	errs := make([]error, c.Nodes)
	Each(c.Nodes, func(n int) { errs[n-1] = c.distinguish(n, keys, c.Files) })
	return errors.Join(errs...)
}

// kept are the machine's top directories that nodes see. All others, whoever made them, are not Debian's.
var kept = []string{"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"}

// emptied are directories of which nodes see nothing but what the lab puts there. Real Ganeti may be installed on the machine.
var emptied = map[string]fs.FileMode{
	"/dev": 0o755, "/home": 0o755, "/media": 0o755, "/mnt": 0o755, "/opt": 0o755, "/proc": 0o755, "/run": 0o755, "/srv": 0o755, "/sys": 0o755, "/tmp": 0o1777,
	"/root": 0o700, "/usr/local": 0o755, "/etc/ssh": 0o755, "/var/log": 0o755, "/var/spool": 0o755, "/var/tmp": 0o1777,
	"/etc/ganeti": 0o755, "/usr/lib/ganeti": 0o755, "/usr/share/ganeti": 0o755, "/var/lib/ganeti": 0o755, "/var/cache/ganeti-instance-debootstrap": 0o755,
}

// hidden are single names of real Ganeti on the machine.
var hidden = []string{
	"/usr/sbin/gnt-*", "/usr/sbin/ganeti-*", "/usr/bin/htools", "/usr/bin/h*", "/etc/cron.d/ganeti", "/etc/init.d/ganeti", "/etc/default/ganeti*",
	"/etc/bash_completion.d/ganeti", "/usr/share/bash-completion/completions/ganeti", "/usr/share/man/man?/gnt-*", "/usr/share/man/man?/ganeti*",
}

// htools are the names of real Ganeti among /usr/bin/h*.
var htools = []string{"hail", "harep", "hbal", "hcheck", "hinfo", "hroller", "hscan", "hspace", "hsqueeze", "htools"}

// mask hides what is the machine's own.
func (d disk) mask() error {
	top, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for dir, mode := range emptied {
		err = errors.Join(err, d.makeEmpty(dir, mode))
	}
	for _, entry := range top {
		_, made := emptied["/"+entry.Name()]
		if !made && !slices.Contains(kept, entry.Name()) {
			err = errors.Join(err, d.whiteout("/"+entry.Name()))
		}
	}
	for _, pattern := range hidden {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			if base := filepath.Base(name); filepath.Dir(name) == "/usr/bin" && !slices.Contains(htools, base) {
				continue
			}
			err = errors.Join(err, d.whiteout(name))
		}
	}
	return err
}

// whiteout hides one name of the machine.
func (d disk) whiteout(name string) error {
	path := string(d) + name
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return syscall.Mknod(path, syscall.S_IFCHR, 0)
}

// makeEmpty hides all that the machine has in a directory.
func (d disk) makeEmpty(dir string, mode fs.FileMode) error {
	path := string(d) + dir
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if mode&0o1000 != 0 {
		mode = mode&0o777 | fs.ModeSticky
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return syscall.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0)
}

func (d disk) put(name, text string, mode fs.FileMode) error {
	path := string(d) + name
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	os.Remove(path) // a whiteout
	return os.WriteFile(path, []byte(text), mode)
}

// putFiles lays the files of this package, and what names and the network need.
func (d disk) putFiles() error {
	err := fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(text), "#!") { // embedding loses the mode
			mode = 0o755
		}
		return d.put(strings.TrimPrefix(path, "files"), string(text), mode)
	})
	return errors.Join(err,
		d.put("/etc/hosts", hosts(), 0o644),
		d.put("/etc/resolv.conf", "search "+Domain+"\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 0o644),
		d.put("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\nprotocols: files\nservices: files\n", 0o644),
		d.put("/etc/ssh/ssh_config", "Include /etc/ssh/ssh_config.d/*.conf\n", 0o644),
		d.put("/etc/ssh/sshd_config", sshdConfig, 0o644),
	)
}

// lay puts whole trees over the disk, in order.
func (d disk) lay(trees []string) (err error) {
	for _, tree := range trees {
		err = errors.Join(err, copyTree(tree, string(d)))
	}
	return err
}

// sshdConfig is Debian's in what a client can see, with the limits left as OpenSSH has them.
const sshdConfig = `Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
`

// install puts c.Bin into the tree: a tree as it is, loose binaries where Debian has them.
func (c config) install() error {
	if c.Bin == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.Bin, "usr")); err == nil {
		return copyTree(c.Bin, c.path("tree"))
	}
	list, err := os.ReadDir(c.Bin)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if entry.IsDir() {
			continue
		}
		places := []string{"usr/sbin"}
		switch name := entry.Name(); {
		case name == "hail":
			places = []string{"usr/bin", "usr/lib/ganeti/iallocators"}
		case slices.Contains(htools, name):
			places = []string{"usr/bin"}
		}
		for _, place := range places {
			if err := os.MkdirAll(c.path("tree", place), 0o755); err != nil {
				return err
			}
			if err := copyEntry(filepath.Join(c.Bin, entry.Name()), c.path("tree", place, entry.Name()), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTree copies a tree into another. Big files are linked where that is possible: they are binaries, which a node replaces
// or deletes but does not write into.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyEntry(path, filepath.Join(to, rel), d)
	})
}

func copyEntry(from, to string, d fs.DirEntry) error {
	switch {
	case d.IsDir():
		return os.MkdirAll(to, 0o755)
	case d.Type() == fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		os.Remove(to)
		return os.Symlink(target, to)
	}
	os.Remove(to)
	if info, err := d.Info(); err == nil && info.Size() > 1<<20 {
		if os.Link(from, to) == nil {
			return nil
		}
	}
	return copyFile(from, to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
