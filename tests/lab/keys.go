package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rootKeys is what nodes that trust each other share.
type rootKeys struct{ private, public, known string }

// makeKeys makes the nodes' host keys, on their disks, and root's.
func (c config) makeKeys() (keys rootKeys, err error) {
	if keys.known, err = c.hostKeys(); err != nil || c.Trust == TrustNone {
		return keys, err
	}
	path := c.path("root_key")
	if err := Keygen("ed25519", path, "root@lab."+Domain); err != nil {
		return keys, err
	}
	private, err := os.ReadFile(path)
	if err != nil {
		return keys, err
	}
	public, err := os.ReadFile(path + ".pub")
	keys.private, keys.public = string(private), string(public)
	return keys, err
}

// put gives a node what its trust needs.
func (k rootKeys) put(d disk, trust Trust) error {
	if trust == TrustNone {
		return nil
	}
	err := errors.Join(
		d.put("/root/.ssh/id_ed25519", k.private, 0o600),
		d.put("/root/.ssh/id_ed25519.pub", k.public, 0o644),
		d.put("/root/.ssh/authorized_keys", k.public, 0o600),
		os.Chmod(string(d)+"/root/.ssh", 0o700))
	if trust == TrustAll {
		return errors.Join(err, d.put("/etc/ssh/ssh_known_hosts", k.known, 0o644))
	}
	return errors.Join(err, d.put("/etc/ssh/ssh_config.d/lab.conf", "Host *\n  StrictHostKeyChecking accept-new\n", 0o644))
}

// hostKeys makes every node's keys and returns them as lines of a known_hosts file.
func (c config) hostKeys() (string, error) {
	lines := make([]string, c.Nodes)
	errs := make([]error, c.Nodes)
	Each(c.Nodes, func(n int) {
		dir := c.path("nodes", Name(n), "upper/etc/ssh")
		if errs[n-1] = os.MkdirAll(dir, 0o755); errs[n-1] != nil {
			return
		}
		for _, kind := range c.HostKeys {
			path := filepath.Join(dir, "ssh_host_"+kind+"_key")
			err := Keygen(kind, path, "root@"+Name(n))
			public, readErr := os.ReadFile(path + ".pub")
			if err := errors.Join(err, readErr); err != nil {
				errs[n-1] = err
				return
			}
			word := strings.Fields(string(public))
			lines[n-1] += fmt.Sprintf("%s,%s,%s,%s %s %s\n", FullName(n), Name(n), Primary(n), Secondary(n), word[0], word[1])
		}
	})
	return strings.Join(lines, ""), errors.Join(errs...)
}

// Keygen makes a key without a passphrase.
func Keygen(kind, path, comment string) error {
	argv := []string{"-q", "-t", kind, "-N", "", "-C", comment, "-f", path}
	if kind == "rsa" {
		argv = append(argv, "-b", "2048") // the default takes five times as long
	}
	out, err := exec.Command("ssh-keygen", argv...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh-keygen -t %s: %w: %s", kind, err, out)
	}
	return nil
}
