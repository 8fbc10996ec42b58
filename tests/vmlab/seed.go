package vmlab

import (
	"archive/tar"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gantry/tests/lab"
)

// root is laid over the root of every node.
//
//go:embed all:root
var root embed.FS

// sshdControl is the server by which the lab reaches a node: not the one that Gantry talks to, so a node that is cut off or
// whose sshd has ended can still be looked at.
const sshdControl = `Port ` + controlPort + `
ListenAddress %s
HostKey /etc/ssh/ssh_host_%s_key
AuthorizedKeysFile /etc/lab/authorized_keys
PidFile none
PermitRootLogin yes
PasswordAuthentication no
UsePAM no
UseDNS no
MaxSessions 100
MaxStartups 100
`

// prepareSeeds makes the trees that are laid over the nodes' roots, and the archive of the one that they have in common.
func (c config) prepareSeeds() (tree *os.File, err error) {
	err = lab.Seed(lab.Options{
		Nodes: c.machines(), Bin: c.Bin, Files: c.Files, Trust: c.Trust, HostKeys: c.HostKeys, Dir: c.Dir,
	})
	if err != nil {
		return nil, err
	}
	if tree, err = c.nameless(0); err != nil {
		return nil, err
	}
	w := tar.NewWriter(tree)
	err = errors.Join(packRoot(w), c.packKey(w), pack(w, filepath.Join(c.Dir, "tree"), nil), w.Close(), pad(tree), os.RemoveAll(filepath.Join(c.Dir, "tree")))
	return tree, err
}

// packRoot writes the files of this package that make a Debian a node. Embedding has lost their modes.
func packRoot(w *tar.Writer) error {
	return fs.WalkDir(root, "root", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if strings.HasPrefix(string(text), "#!") {
			mode = 0o755
		}
		return write(w, strings.TrimPrefix(path, "root/"), string(text), mode)
	})
}

// packKey gives root a key of the kind that "gnt-node add" makes where there is none, which takes long in emulation.
func (c config) packKey(w *tar.Writer) error {
	path := filepath.Join(c.Dir, "id_rsa")
	err := lab.Keygen("rsa", path, "root@lab")
	for name, mode := range map[string]int64{"": 0o600, ".pub": 0o644} {
		text, readErr := os.ReadFile(path + name)
		err = errors.Join(err, readErr, write(w, "root/.ssh/id_rsa"+name, string(text), mode), os.Remove(path+name))
	}
	return err
}

func write(w *tar.Writer, name, text string, mode int64) error {
	err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), Typeflag: tar.TypeReg})
	_, e := io.WriteString(w, text)
	return errors.Join(err, e)
}

// writeSeed makes the archive of what is a machine's own.
func (c config) writeSeed(n int, to *os.File, groups, luns string) error {
	kind := "ed25519"
	if len(c.HostKeys) > 0 {
		kind = c.HostKeys[0]
	}
	ovs := "no"
	if c.OVS {
		ovs = "yes"
	}
	key, err := os.ReadFile(filepath.Join(c.Dir, "control_key.pub"))
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	for name, text := range map[string]string{
		"etc/lab/node": fmt.Sprintf("node=%s.%s\nlan=%s\nsan=%s\ncontrol=%s\ngateway=%s\nbridge=%s\novs=%s\ngroups='%s'\nluns='%s'\n",
			c.name(n), c.Domain, c.primary(n), c.secondary(n), control(n), lab.Outside, c.bridge(n), ovs, groups, luns),
		"etc/lab/sshd_config":     fmt.Sprintf(sshdControl, control(n), kind),
		"etc/lab/authorized_keys": string(key),
	} {
		err = errors.Join(err, write(w, name, text, 0o644))
	}
	upper := filepath.Join(c.Dir, "nodes", lab.Name(n), "upper")
	err = errors.Join(err, pack(w, upper, func(name, text string) string { return c.rename(n, name, text) }), w.Close(), pad(to))
	return errors.Join(err, os.RemoveAll(upper))
}

// rename gives the few files with names in them the lab's own.
func (c config) rename(n int, name, text string) string {
	switch name {
	case "etc/hostname":
		return c.name(n) + "." + c.Domain + "\n"
	case "etc/hosts":
		if c.Master {
			text += "192.0.2.1 master." + lab.Domain + " master\n"
		}
	case "etc/resolv.conf", "etc/ssh/ssh_known_hosts":
	default:
		return text
	}
	return strings.ReplaceAll(text, lab.Domain, c.Domain)
}

// pack writes a tree into an archive, with small files' texts as edit makes them.
func pack(w *tar.Writer, root string, edit func(name, text string) string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(root, path)
		if err = errors.Join(err, relErr); err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := ""
		if d.Type() == fs.ModeSymlink {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
		if d.IsDir() {
			h.Name += "/"
		}
		if !d.Type().IsRegular() {
			return w.WriteHeader(h)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if edit != nil {
			text = []byte(edit(name, string(text)))
			h.Size = int64(len(text))
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
}

// pad makes a file one that can be a disk.
func pad(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return f.Truncate((info.Size() + 4095) / 4096 * 4096)
}
