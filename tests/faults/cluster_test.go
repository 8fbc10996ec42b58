// Package faults kills the runner of jobs at every point where it touches the world, cuts networks, freezes and restarts nodes, and
// then looks whether anything was lost, doubled or kept from the operator. Its tests need a lab.
package faults

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gantry/tests/lab"
)

// cluster is a lab whose nodes are a cluster.
type cluster struct {
	*lab.Lab
	nodes int
	loops string // loop devices there are without any instance: the lab's own
	// after trouble a job may end and say that a migration is to be cleaned up; after a kill the next command sees to it by itself
	cleans bool
}

// programs builds what the nodes need, once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gantry-faults-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./gnt-...", "./ganeti-...", "./hail")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", &buildError{err, string(out)}
	}
	return dir, nil
})

type buildError struct {
	err  error
	said string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.said }

func TestMain(m *testing.M) {
	status := m.Run()
	if os.Getenv(lab.Switch) == "1" {
		if dir, err := programs(); err == nil {
			os.RemoveAll(dir)
		}
	}
	os.Exit(status)
}

// osDefinition writes an OS without anything in it.
func osDefinition(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "usr/share/ganeti/os/empty")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"ganeti_api_version": "20\n", "parameters.list": "", "variants.list": "default\n"}
	for _, name := range []string{"create", "export", "import", "rename", "verify"} {
		files[name] = "#!/bin/sh\nexit 0\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const initCluster = "gnt-cluster init --ssh-key-type=ecdsa --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=kvm,fake " +
	"--enabled-disk-templates=file,sharedfile,diskless --nic-parameters=mode=bridged,link=br0 --no-etc-hosts " +
	"-H kvm:kvm_path=/usr/bin/qemu-system-x86_64,kernel_path=,serial_console=false -B minmem=64M,maxmem=64M,vcpus=1 " +
	"--ipolicy-bounds-specs=min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/" +
	"max:memory-size=32768,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 cluster.example.com"

// start makes a cluster of so many nodes. All are master candidates.
func start(t *testing.T, nodes int) *cluster {
	t.Helper()
	lab.Need(t)
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Lab: lab.Start(t, lab.Options{Nodes: nodes, Bin: bin, Files: []string{osDefinition(t)}}), nodes: nodes}
	c.Must(t, "node1", initCluster)
	for n := 2; n <= nodes; n++ {
		c.Must(t, "node1", "gnt-node add --no-ssh-key-check --secondary-ip="+lab.Secondary(n)+" "+lab.FullName(n))
	}
	return c
}

// add makes a running instance.
func (c *cluster) add(t *testing.T, name, hypervisor, template, node string) {
	t.Helper()
	c.Must(t, "node1", addCommand(name, hypervisor, template, node))
}

func addCommand(name, hypervisor, template, node string) string {
	size := "-s 16m "
	if template == "diskless" {
		size = ""
	}
	return "gnt-instance add -t " + template + " " + size + "-n " + node + " -o empty+default -H " + hypervisor + " --no-ip-check --no-name-check " + name
}

// field gives one field of an instance on the current master.
func (c *cluster) field(t *testing.T, master, name, field string) string {
	t.Helper()
	return strings.TrimSpace(c.Must(t, master, "gnt-instance list --no-headers -o "+field+" "+name))
}

// PowerAll gives all nodes their power back at once.
func (c *cluster) PowerAll() error {
	errs := make([]error, c.nodes)
	var all sync.WaitGroup
	for n := range c.nodes {
		all.Go(func() { errs[n] = c.Power(lab.Name(n + 1)) })
	}
	all.Wait()
	return errors.Join(errs...)
}
