package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Build builds programs of this repository, by the names of their folders, into a directory that Options.Bin takes.
func Build(t testing.TB, programs ...string) string {
	t.Helper()
	Need(t)
	dir := t.TempDir()
	argv := []string{"build", "-o", dir + "/"}
	for _, p := range programs {
		argv = append(argv, "gantry/"+p)
	}
	cmd := exec.Command("go", argv...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// Install lays what make install does below tree. The working directory is one of this repository.
func Install(tree string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	if out, err := exec.Command("make", "-s", "-C", strings.TrimSpace(string(root)), "install", "DESTDIR="+tree).CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w\n%s", err, out)
	}
	return nil
}

// Init makes a cluster of the first n nodes of the lab, node1 being its master.
func (l *Lab) Init(t testing.TB, n int) {
	t.Helper()
	l.Must(t, "node1", "gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=fake "+
		"--enabled-disk-templates=diskless,sharedfile --nic-parameters=mode=bridged,link=br0 cluster.example.com")
	for i := 2; i <= n; i++ {
		l.Must(t, "node1", "gnt-node add --no-ssh-key-check --secondary-ip="+Secondary(i)+" "+FullName(i))
	}
}
