// Package install holds the tests that install systems on instances in a lab, with our OS definition and with Debian's own, and that
// look at them from within.
package install

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"gantry/tests/lab"
)

// installLimit is what an installation gets: the machine may be busy.
const installLimit = 15 * time.Minute

// TestDefinitions is about the scripts, not about what they install: that is a tiny system out of an archive.
func TestDefinitions(t *testing.T) {
	lab.Need(t)
	packages := t.TempDir()
	had := lab.DebiansOS(t, packages)
	sum := lab.TinySystem(t, filepath.Join(packages, "tiny.tar"))
	l := start(t, "CACHE_URL=file:///usr/share/debs/tiny.tar\nCACHE_SHA256="+sum+"\nPARTITION_STYLE=none\n", nil, packages)
	t.Run("what cannot be installed", func(t *testing.T) { badInput(t, l) })
	t.Run("secrets stay secret", func(t *testing.T) { secretsStaySecret(t, l) })
	t.Run("what is chosen on a terminal", func(t *testing.T) { chosenOnATerminal(t, l) })
	t.Run("Debian's work unchanged", func(t *testing.T) {
		if !had {
			t.Skip("DEBIAN'S PACKAGES CANNOT BE HAD: their definitions were not run")
		}
		debiansDefinitions(t, l)
	})
}

// install runs a command that installs, which takes longer than others.
func install(t *testing.T, l *lab.Lab, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	if r, err := l.Do(ctx, "node1", command); err != nil || r.Status != 0 {
		t.Fatalf("%s: %v, status %d\n%s%s", command, err, r.Status, r.Stdout, r.Stderr)
	}
}

// find gives what the pattern's group is in a text.
func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s in\n%s", pattern, text)
	}
	return m[1]
}

// start makes a cluster of two nodes whose OS definition debootstrap has these settings and example hooks. What is in the directory
// debs lies in /usr/share/debs on both.
func start(t *testing.T, settings string, hooks []string, debs string) *lab.Lab {
	t.Helper()
	tree, site := t.TempDir(), t.TempDir()
	if err := lab.Install(tree); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(site, "etc/default/ganeti-instance-debootstrap"), settings, 0o644)
	for _, hook := range hooks {
		text, err := os.ReadFile("../../debootstrap/examples/" + hook)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(site, "etc/ganeti/instance-debootstrap/hooks", hook), string(text), 0o755)
	}
	packages, _ := filepath.Glob(debs + "/*")
	for _, file := range packages {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(site, "usr/share/debs", filepath.Base(file)), string(text), 0o644)
	}
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: tree, Files: []string{site}, Mirror: true})
	l.Must(t, "node1", "gnt-cluster init --master-netdev br0 --nic-parameters link=br0 --secondary-ip 198.51.100.11 --enabled-hypervisors kvm,fake "+
		"--enabled-disk-templates file,blockdev,diskless --mac-prefix 06:66:38 --no-etc-hosts "+
		"--ipolicy-bounds-specs=min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/max:memory-size=32768,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 "+
		"cluster.example.com")
	l.Must(t, "node1", "gnt-node add --secondary-ip 198.51.100.12 --no-ssh-key-check --no-node-setup node2.example.com")
	return l
}

func put(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
