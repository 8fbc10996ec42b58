package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// world is nodes that run the real scripts, each below a directory of its own on this machine, and instances of the fake
// hypervisor on them. Commands can be made to fail or to be lost on the way.
type world struct {
	t      *testing.T
	dir    string
	cfg    *config.Config
	mu     sync.Mutex
	mends  map[string]mishap // by the beginning of "NODE: WHAT IT CHANGES"
	off    map[string]bool   // nodes that do not answer
	twice  bool              // an instance ran on two nodes at some time
	moving bool              // it is being migrated: two may know of it
	silent string            // after this change no node answers
	cut    int               // so does none after the change of this number, from 1; 0 is never
	cutBy  mishap            // and this becomes of that one
	dead   bool              // that has happened
	ran    string            // the last operation
	begun  []string          // what was about to be changed, in order
	watch  func(line string) // is told of it, too
	store  *volumes          // nil: there are none
	alone  bool              // no agent is forwarded
	guests guests            // nil: there is no kvm
}

// mishap is what happens to a command.
type mishap int

const (
	refused  mishap = iota // it fails
	unheard                // it is done, but nobody hears of it
	vanished               // it is lost before it is done, and nobody hears of that
)

// newWorld has a master and two other nodes, and the instance web, diskless, which belongs to node1.
func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), mends: map[string]mishap{}, off: map[string]bool{}}
	group := &config.NodeGroup{UUID: "g", Name: "default", AllocPolicy: "preferred"}
	w.cfg = &config.Config{NodeGroups: []*config.NodeGroup{group}, Cluster: config.Cluster{
		ClusterName: "cluster", MasterNode: "n1", EnabledHypervisors: []string{config.HVFake}, EnabledDiskTemplates: []string{config.DTDiskless, config.DTFile}}}
	for _, n := range []string{"1", "2", "3"} {
		w.cfg.Nodes = append(w.cfg.Nodes, &config.Node{UUID: "n" + n, Name: "node" + n, PrimaryIP: "192.0.2.1" + n, SecondaryIP: "192.0.2.1" + n,
			Group: "g", MasterCandidate: true, MasterCapable: true, VMCapable: true, Powered: true})
	}
	w.cfg.Instances = []*config.Instance{{UUID: "i1", Name: "web", PrimaryNode: "n1", OS: "noop", Hypervisor: config.HVFake,
		AdminState: config.AdminDown, AdminStateSource: config.AdminSource}}
	return w
}

func (w *world) web() *config.Instance { return w.cfg.InstanceByName("web") }

// running makes an instance run on a node, as the configuration wants.
func (w *world) running(node string) *world {
	w.web().AdminState, w.web().DisksActive = config.AdminUp, true
	w.put(node)
	return w
}

func (w *world) guest(node string) string {
	return filepath.Join(w.dir, node, "fake-hypervisor", "web")
}

func (w *world) put(node string) {
	w.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(w.guest(node)), 0o755), os.WriteFile(w.guest(node), []byte("0\n128\n1\n"), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

// where names the nodes that run the instance.
func (w *world) where() []string {
	nodes := []string{}
	for _, n := range w.cfg.Nodes {
		if _, err := os.Stat(w.guest(n.Name)); err == nil {
			nodes = append(nodes, n.Name)
		}
	}
	return nodes
}

func (w *world) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := node + ": " + c.Changes
	if c.Changes != "" {
		w.begun = append(w.begun, line)
		if w.watch != nil {
			w.watch(line)
		}
	}
	failed := &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: 1, Err: errors.New("refused")}
	if w.dead {
		return remote.Result{}, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Unknown, Err: errors.New("connection lost")}
	}
	if w.off[node] {
		failed.Err = errors.New("unreachable")
		return remote.Result{}, failed
	}
	if w.alone && c.LendKey {
		failed.Err = remote.ErrNoForwarding
		return remote.Result{}, failed
	}
	m, hit := w.mishap(line)
	isCut := c.Changes != "" && len(w.begun) == w.cut
	if isCut {
		m, hit = w.cutBy, true
	}
	w.dead = w.dead || isCut
	if w.silent != "" && line == w.silent {
		for _, n := range w.cfg.Nodes {
			w.off[n.Name] = true
		}
	}
	if hit && m == refused {
		return remote.Result{}, failed
	}
	lost := &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Unknown, Err: errors.New("connection lost")}
	if hit && m == vanished {
		return remote.Result{}, lost
	}
	out, err := w.execute(ctx, node, c)
	w.twice = w.twice || len(w.where()) > 1 && !w.moving
	if hit {
		return remote.Result{}, lost
	}
	return out, err
}

// mishap finds what is to happen to a command, once.
func (w *world) mishap(line string) (mishap, bool) {
	for begin, m := range w.mends {
		if strings.HasPrefix(line, begin) && !strings.HasSuffix(line, ": ") {
			delete(w.mends, begin)
			return m, true
		}
	}
	return 0, false
}

// execute runs the command below the node's own directory.
func (w *world) execute(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if w.store != nil {
		if out, status, handled := w.store.run(node, c); handled {
			res := remote.Result{Stdout: []byte(out), Status: status}
			if status == 0 || slices.Contains(c.OK, status) {
				return res, nil
			}
			return res, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: status}
		}
	}
	if w.guests != nil {
		if out, handled := w.guests.run(node, c); handled {
			return remote.Result{Stdout: []byte(out)}, nil
		}
	}
	argv := slices.Clone(c.Argv)
	places := strings.NewReplacer("/var/run/ganeti", filepath.Join(w.dir, node), "/run/ganeti/gantry", filepath.Join(w.dir, node, "gantry"), "/root/.ssh", filepath.Join(w.dir, node, "ssh"), "/etc/ganeti", filepath.Join(w.dir, node, "etc"), "/srv/ganeti/extstorage", filepath.Join(w.dir, "extstorage"),
		"/var/log/ganeti", filepath.Join(w.dir, node, "log"), "/var/lib/ganeti", filepath.Join(w.dir, node, "lib"), "/usr/share/ganeti/os", filepath.Join(w.dir, "os"),
		"/usr/local/lib/ganeti/iallocators", filepath.Join(w.dir, "iallocators"))
	for i := range argv {
		argv[i] = places.Replace(argv[i])
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(string(c.Stdin))
	cmd.Env = os.Environ()
	for name, value := range c.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	res := remote.Result{Stdout: out}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if res.Status, res.Stderr = exit.ExitCode(), exit.Stderr; slices.Contains(c.OK, res.Status) {
			return res, nil
		}
		return res, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: res.Status, Stderr: exit.Stderr}
	}
	return res, err
}

// run carries an operation out and takes over the configuration it leaves.
func (w *world) run(op job.Operation, options ...jobtest.Option) jobtest.Ended {
	w.t.Helper()
	create := map[string]func() job.Operation{
		Startup{}.OpID(): func() job.Operation { return &Startup{} }, Shutdown{}.OpID(): func() job.Operation { return &Shutdown{} },
		Reboot{}.OpID(): func() job.Operation { return &Reboot{} }, Failover{}.OpID(): func() job.Operation { return &Failover{} },
		Rename{}.OpID(): func() job.Operation { return &Rename{} }, ActivateDisks{}.OpID(): func() job.Operation { return &ActivateDisks{} },
		DeactivateDisks{}.OpID(): func() job.Operation { return &DeactivateDisks{} },
		Migrate{}.OpID():         func() job.Operation { return &Migrate{} }, Modify{}.OpID(): func() job.Operation { return &Modify{} },
		Create{}.OpID(): func() job.Operation { return &Create{} }, Remove{}.OpID(): func() job.Operation { return &Remove{} },
		Reinstall{}.OpID(): func() job.Operation { return &Reinstall{} }, TryAllocator{}.OpID(): func() job.Operation { return &TryAllocator{} },
		GrowDisk{}.OpID(): func() job.Operation { return &GrowDisk{} }, ReplaceDisks{}.OpID(): func() job.Operation { return &ReplaceDisks{} },
		RecreateDisks{}.OpID(): func() job.Operation { return &RecreateDisks{} },
		Export{}.OpID():        func() job.Operation { return &Export{} }, RemoveExport{}.OpID(): func() job.Operation { return &RemoveExport{} },
		Move{}.OpID():         func() job.Operation { return &Move{} },
		TestOSParams{}.OpID(): func() job.Operation { return &TestOSParams{} },
	}[op.OpID()]
	w.forget()
	w.ran = op.OpID()
	e := jobtest.Run(w.t, remotetest.New(w.t), w.cfg, op, create, append(options, jobtest.Through(w))...)
	w.cfg = e.Config
	return e
}

// forget empties the list of what was begun.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = nil
}

// expect looks at what an operation left: its failure ("" is none), where the instance runs, and what is marked.
func (w *world) expect(e jobtest.Ended, failure string, where []string, marked string) {
	w.t.Helper()
	switch {
	case failure == "" && e.Err != nil:
		w.t.Errorf("failed: %v", e.Err)
	case failure != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), failure)):
		w.t.Errorf("error %v, want one with %q", e.Err, failure)
	}
	if got := w.where(); !slices.Equal(got, where) {
		w.t.Errorf("it runs on %v, want %v", got, where)
	}
	inst := w.web()
	if got := fmt.Sprintf("%s %s disks=%v", w.cfg.NodeName(inst.PrimaryNode), inst.AdminState, inst.DisksActive); got != marked {
		w.t.Errorf("marked %s, want %s", got, marked)
	}
	if w.twice {
		w.t.Error("it ran on two nodes at once")
	}
}
