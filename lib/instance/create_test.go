package instance

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
)

// withFiles gives the nodes a directory for files of disks, and an OS whose create script writes on the first disk.
func (w *world) withFiles() *world {
	w.cfg.Cluster.FileStorageDir = filepath.Join(w.dir, "files")
	for _, n := range w.cfg.Nodes {
		w.write(filepath.Join(n.Name, "etc", "file-storage-paths"), w.cfg.Cluster.FileStorageDir+"\n", 0o644)
	}
	return w.withOS(`printf '%s %s' "$INSTANCE_NAME" "$OSP_WORD" >"$DISK_0_PATH"`)
}

// withOS makes the OS noop with this create script.
func (w *world) withOS(create string) *world {
	w.write("os/noop/ganeti_api_version", "20\n", 0o644)
	w.write("os/noop/parameters.list", "word What to write\n", 0o644)
	w.write("os/noop/create", "#!/bin/sh\n"+create+"\n", 0o755)
	for _, script := range []string{"export", "import", "rename", "verify"} {
		w.write("os/noop/"+script, "#!/bin/sh\n", 0o755)
	}
	return w
}

func (w *world) write(file, content string, mode os.FileMode) {
	w.t.Helper()
	file = filepath.Join(w.dir, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), mode)); err != nil {
		w.t.Fatal(err)
	}
}

// left lists the files of disks, relative to their directory.
func (w *world) left() []string {
	files := []string{}
	filepath.WalkDir(filepath.Join(w.dir, "files"), func(path string, d os.DirEntry, err error) error {
		if err == nil && path != filepath.Join(w.dir, "files") {
			files = append(files, strings.TrimPrefix(path, w.dir+"/files/"))
		}
		return nil
	})
	return files
}

// newInstance is an operation that makes an instance of the fake hypervisor on node1, without network interfaces.
func newInstance(name string, change func(op *Create)) Create {
	op := NewCreate()
	op.Name, op.PNode, op.OSType, op.DiskTemplate, op.Hypervisor = name, "node1", "noop", config.DTDiskless, config.HVFake
	op.NameCheck, op.IPCheck, op.IgnoreIPolicy = false, false, true
	op.Disks, op.NICs = []map[string]any{}, []map[string]any{}
	if change != nil {
		change(&op)
	}
	return op
}

func inFiles(sizes ...int) func(op *Create) {
	return func(op *Create) {
		op.DiskTemplate = config.DTFile
		for _, mib := range sizes {
			op.Disks = append(op.Disks, map[string]any{"size": mib})
		}
	}
}

func TestCreateWithoutDisks(t *testing.T) {
	w := newWorld(t).withOS("")
	e := w.run(newInstance("db", nil))
	if e.Err != nil || string(e.Result) != `["node1"]` {
		t.Fatal(e.Err, string(e.Result))
	}
	want := []string{"* creating instance disks...", "adding instance db to cluster config", "adding disks to cluster config", "* starting instance..."}
	if !slices.Equal(e.Messages, want) {
		t.Errorf("said %q, want %q", e.Messages, want)
	}
	inst := w.cfg.InstanceByName("db")
	if inst.AdminState != config.AdminUp || !inst.DisksActive || inst.SerialNo != 2 || e.Commits != 1 {
		t.Errorf("%+v after %d commits", inst, e.Commits)
	}
	if s, err := stateOf(t.Context(), w, inst, "node1"); err != nil || !s.Running || s.Memory != 128 {
		t.Errorf("it is %+v, %v", s, err)
	}
}

func TestCreateTellsHooks(t *testing.T) {
	w := newWorld(t).withFiles()
	e := w.run(newInstance("db", func(op *Create) {
		inFiles(32)(op)
		op.PNode, op.Tags, op.Start = "node2", []string{"b", "a"}, false
	}))
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	var seen []string
	for _, h := range e.Hooks {
		seen = append(seen, h.Node+" "+h.Dir)
	}
	want := []string{"node1 instance-add-pre.d", "node2 instance-add-pre.d", "node1 instance-add-post.d", "node2 instance-add-post.d", "node1 config-update-post.d"}
	if !slices.Equal(seen, want) {
		t.Errorf("hooks %q, want %q", seen, want)
	}
	for name, want := range map[string]string{"ADD_MODE": "create", "INSTANCE_STATUS": "False", "INSTANCE_DISK_TEMPLATE": "file", "INSTANCE_DISK0_SIZE": "32",
		"INSTANCE_DISK0_UUID": "", "INSTANCE_PRIMARY": "node2", "INSTANCE_SECONDARIES": "", "INSTANCE_TAGS": "a b", "INSTANCE_NIC_COUNT": "0", "INSTANCE_BE_vcpus": "1"} {
		if got, ok := e.Hooks[0].Env["GANETI_"+name]; got != want || !ok {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, told := e.Hooks[0].Env["GANETI_INSTANCE_DISK0_ID"]; told {
		t.Error("hooks are told where a disk is that is not there")
	}
}

func TestCreateInFiles(t *testing.T) {
	w := newWorld(t).withFiles()
	e := w.run(newInstance("db", func(op *Create) {
		inFiles(32, 16)(op)
		op.OSParams = map[string]any{"word": "hello"}
		op.OSParamsSecret = Private{}
	}))
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	inst := w.cfg.InstanceByName("db")
	disks := w.cfg.InstanceDisks(inst)
	if len(disks) != 2 || disks[0].IVName != "disk/0" || disks[1].Size != 16 || !slices.Equal(disks[0].Nodes, []string{"n1"}) {
		t.Fatalf("disks %+v", disks)
	}
	content, err := os.ReadFile(disks[0].Path())
	if err != nil || !strings.HasPrefix(string(content), "db hello") {
		t.Errorf("the first disk has %.20q, %v", content, err)
	}
	if target, err := os.Readlink(filepath.Join(w.dir, "node1", "instance-disks", "db:1")); target != disks[1].Path() {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if inst.AdminState != config.AdminUp || inst.SerialNo != 4 || e.Commits != 3 || len(w.cfg.Reservations) > 0 {
		t.Errorf("%s, serial %d, %d commits, reserved %v", inst.AdminState, inst.SerialNo, e.Commits, w.cfg.Reservations)
	}
}

// Until it is in the configuration nothing of an instance stays, unless nobody knows what became of a step.
func TestCreateIsTakenBack(t *testing.T) {
	for name, tt := range map[string]struct {
		mishap  string
		how     mishap
		option  jobtest.Option
		failure string
		left    int // files and directories
	}{
		"a disk cannot be made":         {"node1: creates file", refused, nil, "Can't create block device <Disk(type=file", 0},
		"nobody hears of a disk":        {"node1: creates file", unheard, nil, "Can't create block device <Disk(type=file", 2},
		"the directory cannot be made":  {"node1: creates directory", refused, nil, "Failed to create directory", 0},
		"it cannot be recorded":         {"", refused, jobtest.FailingUpdate(2, store.NotCommitted, errors.New("no space left")), "no space left", 0},
		"nobody knows whether it is":    {"", refused, jobtest.FailingUpdate(2, store.Unknown, errors.New("no answer")), "no answer", 3},
		"it cannot even be reserved":    {"", refused, jobtest.FailingUpdate(1, store.NotCommitted, errors.New("no majority")), "no majority", 0},
		"this is not the master at all": {"", refused, jobtest.Fenced(errors.New("another master")), "another master", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withFiles()
			if tt.mishap != "" {
				w.mends[tt.mishap] = tt.how
			}
			var options []jobtest.Option
			if tt.option != nil {
				options = append(options, tt.option)
			}
			e := w.run(newInstance("db", inFiles(32, 16)), options...)
			if e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure) {
				t.Errorf("error %v, want one with %q", e.Err, tt.failure)
			}
			if w.cfg.InstanceByName("db") != nil {
				t.Error("it is in the configuration")
			}
			if files := w.left(); len(files) != tt.left {
				t.Errorf("left: %q", files)
			}
			if kept := len(w.cfg.Reservations) > 0; kept != (tt.left > 0) {
				t.Errorf("reserved: %v", w.cfg.Reservations)
			}
		})
	}
}

func TestCreateRemovesTheDisksBeforeTheOneThatFailed(t *testing.T) {
	w := newWorld(t).withFiles()
	w.cfg.Nodes[0].VMCapable = true
	broken := filepath.Join(w.dir, "files", "db")
	e := w.run(newInstance("db", func(op *Create) {
		inFiles(32)(op)
		op.Disks = append(op.Disks, map[string]any{"size": 1 << 40}) // no file system takes that
	}))
	if e.Err == nil || !strings.Contains(e.Err.Error(), "disk1") {
		t.Errorf("error %v", e.Err)
	}
	if _, err := os.Stat(broken); !os.IsNotExist(err) || len(w.left()) > 0 {
		t.Errorf("left: %q", w.left())
	}
}

// An instance whose OS cannot be installed stays, with its disks, and is down.
func TestCreateKeepsWhatCannotBeInstalled(t *testing.T) {
	w := newWorld(t).withFiles().withOS("echo no mirror; exit 3")
	e := w.run(newInstance("db", inFiles(32)))
	want := "Could not add os for instance db on node node1: OS create script failed (exited with exit code 3), last lines in the log file:\nno mirror"
	if e.Err == nil || e.Err.Error() != want {
		t.Errorf("error %v, want %s", e.Err, want)
	}
	inst := w.cfg.InstanceByName("db")
	if inst == nil || inst.AdminState != config.AdminDown || len(w.left()) != 2 || len(w.cfg.Reservations) > 0 {
		t.Errorf("%+v, files %q, reserved %v", inst, w.left(), w.cfg.Reservations)
	}
}

func TestCreateRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(op *Create)
		prepare func(w *world)
		failure string
	}{
		"a name that is taken":        {func(op *Create) { op.Name = "web" }, nil, "Instance 'web' is already in the cluster"},
		"a name that is none":         {func(op *Create) { op.Name = "$(reboot)" }, nil, "Invalid hostname '$(reboot)'"},
		"an IP check without a name":  {func(op *Create) { op.IPCheck = true }, nil, "Cannot do IP address check without a name check"},
		"a node that is not there":    {func(op *Create) { op.PNode = "node9" }, nil, "Node 'node9' not known"},
		"a node that is offline":      {nil, func(w *world) { w.cfg.Node("n1").Offline = true }, "Cannot use offline primary node 'node1'"},
		"a node that is drained":      {nil, func(w *world) { w.cfg.Node("n1").Drained = true }, "Cannot use drained primary node 'node1'"},
		"node and allocator":          {func(op *Create) { op.IAllocator = "hail" }, nil, "Do not specify both, iallocator and node"},
		"neither":                     {func(op *Create) { op.PNode = "" }, nil, "No iallocator or node given and no cluster-wide default iallocator found"},
		"a template that is not on":   {func(op *Create) { op.DiskTemplate = "plain" }, nil, "Disk template 'plain' is not enabled in cluster"},
		"a disk without a size":       {func(op *Create) { inFiles()(op); op.Disks = []map[string]any{{}} }, nil, "Missing disk size"},
		"a disk of less than nothing": {inFiles(-5), nil, "is not a valid size"},
		"a disk with a number's name": {func(op *Create) { inFiles(8)(op); op.Disks[0]["name"] = "7" }, nil, "Purely numeric disk names are not allowed"},
		"a disk that nothing holds":   {inFiles(1 << 60), nil, "Disk 0 cannot be as large as 1152921504606846976 MiB"},
		"processors beyond numbers":   {func(op *Create) { op.BEParams = map[string]any{"vcpus": "99999999999999999999"} }, nil, "'vcpus' (value 99999999999999999999) is not a valid integer"},
		"memory beyond the policy": {func(op *Create) {
			op.IgnoreIPolicy = false
			op.BEParams = map[string]any{"memory": "99999999999999999999g"}
		}, nil, "memory-size value 102400000000000000000000 is not in range"},
		"a directory elsewhere":       {func(op *Create) { inFiles(8)(op); op.FileStorageDir = "/abs" }, nil, "Error: path joining resulted in different prefix (/abs/db != "},
		"a directory above":           {func(op *Create) { inFiles(8)(op); op.FileStorageDir = "../.." }, nil, "Invalid parameters to PathJoin: '('/"},
		"a directory by a way round":  {func(op *Create) { inFiles(8)(op); op.FileStorageDir = "a/../b" }, nil, ", 'a/../b', 'db')'"},
		"a directory not allowed":     {inFiles(8), func(w *world) { w.write("node1/etc/file-storage-paths", "/srv\n", 0o644) }, "is not acceptable for file storage"},
		"no OS":                       {func(op *Create) { op.OSType = "" }, nil, "No guest OS or OS image specified"},
		"an OS that is not there":     {func(op *Create) { op.OSType = "nosuch" }, nil, "OS Parameters validation failed on node node1: Directory for OS nosuch not found in search path"},
		"an OS that is not wanted":    {nil, func(w *world) { w.cfg.Cluster.BlacklistedOS = []string{"noop"} }, "Guest OS 'noop' is not allowed for installation"},
		"an OS parameter given twice": {func(op *Create) { op.OSParams = map[string]any{"word": "a"}; op.OSParamsSecret = Private{"word": "b"} }, nil, "Cannot assign multiple values to OS parameters"},
		"a hypervisor that is not on": {func(op *Create) { op.Hypervisor = "lxc" }, nil, "Selected hypervisor (lxc) not enabled in the cluster (fake)"},
		"a tag that is none":          {func(op *Create) { op.Tags = []string{"a b"} }, nil, "Tag contains invalid characters"},
		"too much memory":             {func(op *Create) { op.BEParams = map[string]any{"memory": 1 << 30} }, nil, "Not enough memory on node node1 for creating instance db"},
		"a policy that forbids it":    {func(op *Create) { op.IgnoreIPolicy = false; op.BEParams = map[string]any{"vcpus": 99} }, nil, "violates policy: cpu-count value 99 is not in range"},
		"routed without an address":   {func(op *Create) { op.NICs = []map[string]any{{"mode": "routed"}} }, nil, "Routed nic mode requires an ip address"},
		"a bridge that is not there":  {func(op *Create) { op.NICs = []map[string]any{{"link": "nosuchbr"}} }, nil, "Error checking bridges on destination node 'node1': Missing bridges nosuchbr"},
		"a MAC that is none":          {func(op *Create) { op.NICs = []map[string]any{{"mac": "zz"}} }, nil, "Invalid MAC address 'zz'"},
		"a VLAN that is none":         {func(op *Create) { op.NICs = []map[string]any{{"vlan": "x;y"}} }, nil, "Specified VLAN parameter is invalid : x;y"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).withFiles()
			if tt.prepare != nil {
				tt.prepare(w)
			}
			before := w.cfg.Serial
			e := w.run(newInstance("db", tt.change))
			if e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure) {
				t.Errorf("error %v, want one with %q", e.Err, tt.failure)
			}
			if w.cfg.Serial != before && name != "a directory not allowed" || w.cfg.InstanceByName("db") != nil || len(w.left()) > 0 || len(w.cfg.Reservations) > 0 {
				t.Errorf("changed: %q, %v", w.left(), w.cfg.Reservations)
			}
		})
	}
}

func TestCreateRehearsed(t *testing.T) {
	w, dry := newWorld(t).withFiles(), true
	e := w.run(newInstance("db", inFiles(32)), jobtest.With(job.Options{DryRun: &dry}))
	if e.Err != nil || e.Commits > 0 || len(w.left()) > 0 || w.cfg.InstanceByName("db") != nil {
		t.Errorf("%v, %d commits, %q", e.Err, e.Commits, w.left())
	}
}

// Memory that others have taken since the node was asked is not given out twice.
func TestCreateCountsWhatOthersReserved(t *testing.T) {
	w := newWorld(t).withOS("")
	w.cfg.Reservations = []*config.Reservation{{Job: 99, Node: "n1", Memory: 1 << 40}}
	e := w.run(newInstance("db", nil))
	if e.Err == nil || !strings.Contains(e.Err.Error(), "Not enough memory on node node1 for creating instance db") {
		t.Errorf("error %v", e.Err)
	}
}

func TestCreateForthcoming(t *testing.T) {
	w := newWorld(t).withFiles()
	e := w.run(newInstance("db", func(op *Create) { inFiles(32)(op); op.Forthcoming = true }))
	inst := w.cfg.InstanceByName("db")
	if e.Err != nil || !inst.Forthcoming || inst.AdminState != config.AdminDown || len(w.left()) > 0 {
		t.Fatalf("%v, %+v, %q", e.Err, inst, w.left())
	}
	disk := inst.Disks[0]
	e = w.run(newInstance("db", func(op *Create) { inFiles(32)(op); op.Commit = true }))
	now := w.cfg.InstanceByName("db")
	if e.Err != nil || now.Forthcoming || now.UUID != inst.UUID || now.Disks[0] != disk || now.AdminState != config.AdminUp || len(w.left()) != 2 {
		t.Errorf("%v, %+v, %q", e.Err, now, w.left())
	}
}
