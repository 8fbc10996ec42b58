package instance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
)

// said reads the result of a modification, a line for each change.
func said(t *testing.T, e jobtest.Ended) []string {
	t.Helper()
	var changes [][2]any
	if err := json.Unmarshal(e.Result, &changes); err != nil {
		t.Fatalf("%v in %s (%v)", err, e.Result, e.Err)
	}
	lines := []string{}
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%v %v", c[0], c[1]))
	}
	return lines
}

func TestModifyParameters(t *testing.T) {
	w := newWorld(t).lax()
	e := w.run(Modify{Name: "web", BEParams: map[string]any{"memory": "96", "vcpus": "2"}, OS: "other"})
	if want := []string{"be/memory 96", "be/vcpus 2"}; !slices.Equal(said(t, e), want) {
		t.Errorf("said %q", said(t, e))
	}
	if be := w.web().BEParams; be.Int("minmem") != 96 || be.Int("maxmem") != 96 || be.Int("vcpus") != 2 || w.web().OS != "other" {
		t.Errorf("kept %v, OS %s", be, w.web().OS)
	}
	e = w.run(Modify{Name: "web", BEParams: map[string]any{"vcpus": "default"}})
	if _, kept := w.web().BEParams["vcpus"]; kept || e.Err != nil {
		t.Errorf("%v: kept %v", e.Err, w.web().BEParams)
	}
}

func TestModifyState(t *testing.T) {
	w := newWorld(t).lax()
	w.expect(w.run(Modify{Name: "web", Offline: new(true)}), "", nowhere, "node1 offline disks=false")
	w.expect(w.run(Modify{Name: "web", Offline: new(false)}), "", nowhere, "node1 down disks=false")
	w.running("node1")
	w.expect(w.run(Modify{Name: "web", Offline: new(true)}), "can't change to offline without being down first", []string{"node1"}, "node1 up disks=true")
	w.expect(w.run(Modify{Name: "web", PNode: "node2"}), "Instance is still running on node1", []string{"node1"}, "node1 up disks=true")
}

func TestModifyRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		op   Modify
		want string
	}{
		"nothing":           {Modify{}, "No changes submitted"},
		"global parameter":  {Modify{HVParams: map[string]any{"migration_port": "1", "migration_bandwidth": "1"}}, "please modify them at cluster level: migration_bandwidth, migration_port"},
		"unknown parameter": {Modify{BEParams: map[string]any{"nosuch": "1"}}, "Unknown parameter 'nosuch'"},
		"against policy":    {Modify{BEParams: map[string]any{"vcpus": "99"}}, "violates policy: cpu-count value 99 is not in range"},
		"not running":       {Modify{RuntimeMem: 64}, "Instance web is not running"},
		"too much memory":   {Modify{BEParams: map[string]any{"maxmem": "1000000000", "minmem": "64"}, IgnoreIPolicy: true}, "missing on its primary node"},
		"hotplug of fakes":  {Modify{Hotplug: true, BEParams: map[string]any{"vcpus": "2"}}, "Hotplug is not possible"},
		"no such NIC":       {Modify{NICs: []DeviceChange{{"remove", "eth0", nil}}}, "Cannot find NIC with identifier eth0"},
		"no NIC so high":    {Modify{NICs: []DeviceChange{{"add", "99999999999999999999", nil}}}, "Got NIC index 99999999999999999999, but there are only 0"},
		"none so low":       {Modify{NICs: []DeviceChange{{"add", "-99999999999999999999", nil}}}, "Not accepting negative indices other than -1"},
		"immeasurable":      {Modify{BEParams: map[string]any{"maxmem": "99999999999999999999"}, IgnoreIPolicy: true}, " MB of memory missing on its primary node"},
		"the least memory":  {Modify{BEParams: map[string]any{"minmem": "99999999999999999999"}}, "memory-size value 100000000000000000000 is not in range"},
		"no NIC 9":          {Modify{NICs: []DeviceChange{{"remove", "9", nil}}}, "Got NIC index 9, but there are only 0"},
		"no NIC at all":     {Modify{NICs: []DeviceChange{{"remove", "-1", nil}}}, "list index out of range"},
		"before the first":  {Modify{NICs: []DeviceChange{{"add", "-2", nil}}}, "Not accepting negative indices other than -1"},
		"NIC by no address": {Modify{NICs: []DeviceChange{{"add", "-1", map[string]any{"ip": "x", "mode": "routed"}}}}, "Invalid IP address 'x'"},
		"routed without IP": {Modify{NICs: []DeviceChange{{"add", "-1", map[string]any{"mode": "routed"}}}}, "Cannot set the NIC IP address to None on a routed NIC"},
		"bridge missing":    {Modify{NICs: []DeviceChange{{"add", "-1", map[string]any{"mode": "bridged", "link": "nosuchbr"}}}}, "Missing bridges nosuchbr"},
		"settings of none":  {Modify{NICs: []DeviceChange{{"remove", "0", map[string]any{"ip": "10.0.0.1"}}}}, "No settings should be passed when removing"},
		"disk of none":      {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 8}}}}, "Must specify disk type on diskless instance"},
		"disk by name":      {Modify{Disks: []DeviceChange{{"modify", "root", map[string]any{"mode": "ro"}}}}, "Lookup of disk 'root' failed"},
		"other template":    {Modify{DiskTemplate: config.DTFile}, "Conversion from the 'diskless' disk template is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).lax()
			tt.op.Name = "web"
			before := w.cfg.Serial
			w.expect(w.run(tt.op), tt.want, nowhere, "node1 down disks=false")
			if w.cfg.Serial != before || len(w.begun) > 0 {
				t.Errorf("changed: %q", w.begun)
			}
		})
	}
}

// inNetwork gives the cluster a network and its group a way to it that needs no bridge.
func (w *world) inNetwork() *world {
	net := &config.Network{UUID: "net", Name: "lan", Network: "10.1.0.0/29", Gateway: "10.1.0.1", MACPrefix: "aa:bb:cc"}
	if err := net.InitPool(); err != nil {
		w.t.Fatal(err)
	}
	w.cfg.Networks = append(w.cfg.Networks, net)
	w.cfg.NodeGroups[0].Networks = map[string]config.Params{"net": {"mode": "routed", "link": "100", "vlan": ""}}
	return w
}

func TestModifyNICs(t *testing.T) {
	w := newWorld(t).lax().inNetwork()
	e := w.run(Modify{Name: "web", ConflictsCheck: true, NICs: []DeviceChange{
		{"add", "-1", map[string]any{"network": "lan", "ip": "pool", "name": "first"}},
		{"add", "-1", map[string]any{"mode": "routed", "ip": "10.9.0.5", "mac": "aa:00:00:00:00:77"}},
	}})
	nics := w.web().NICs
	if e.Err != nil || len(nics) != 2 {
		t.Fatalf("%v: %v", e.Err, nics)
	}
	if !strings.HasPrefix(nics[0].MAC, "aa:bb:cc:") || nics[0].IP != "10.1.0.2" || nics[0].Network != "net" || nics[0].NICParams.String("link") != "100" {
		t.Errorf("first: %+v", nics[0])
	}
	want := []string{"nic.0 add:mac=" + nics[0].MAC + ",ip=10.1.0.2,mode=routed,link=100,network=lan", "nic.1 add:mac=aa:00:00:00:00:77,ip=10.9.0.5,mode=routed,link=xen-br0,network=None"}
	if got := said(t, e); !slices.Equal(got, want) {
		t.Errorf("said %q", got)
	}
	if lan := w.cfg.Network("net"); !lan.IsUsed("10.1.0.2") {
		t.Error("the address is not taken from the network")
	}

	e = w.run(Modify{Name: "web", NICs: []DeviceChange{{"modify", "first", map[string]any{"ip": "10.1.0.5"}}, {"remove", "1", nil}}})
	if got := said(t, e); !slices.Equal(got, []string{"nic.ip/0 10.1.0.5", "nic.link/0 100", "nic.mode/0 routed", "nic.vlan/0 ", "NIC/1 remove"}) {
		t.Errorf("said %q", got)
	}
	if lan := w.cfg.Network("net"); lan.IsUsed("10.1.0.2") || !lan.IsUsed("10.1.0.5") {
		t.Error("addresses of the network:", lan.Map())
	}
	w.run(Modify{Name: "web", NICs: []DeviceChange{{"remove", "-1", nil}}})
	if lan := w.cfg.Network("net"); lan.IsUsed("10.1.0.5") || len(w.web().NICs) != 0 {
		t.Error("after removing all:", lan.Map(), w.web().NICs)
	}
}

var fromPool = DeviceChange{"add", "-1", map[string]any{"network": "lan", "ip": "pool"}}

// Instances on different nodes are changed at the same time.
func TestAnAddressThatSomebodyElseGotMeanwhileIsNotChosen(t *testing.T) {
	w := newWorld(t).lax().inNetwork()
	e := w.run(Modify{Name: "web", NICs: []DeviceChange{fromPool}}, jobtest.Before(1, func(cfg *config.Config) {
		if err := cfg.Network("net").Reserve("10.1.0.2"); err != nil {
			t.Error(err)
		}
	}))
	if e.Err != nil || len(w.web().NICs) != 1 || w.web().NICs[0].IP != "10.1.0.3" || !slices.Equal(e.Messages, []string{" - INFO: Chose IP 10.1.0.3 from network lan"}) {
		t.Errorf("%v, %+v, said %q", e.Err, w.web().NICs, e.Messages)
	}
	mac := "aa:00:00:00:00:77"
	e = w.run(Modify{Name: "web", NICs: []DeviceChange{{"modify", "0", map[string]any{"mac": mac}}}}, jobtest.Before(1, func(cfg *config.Config) {
		cfg.Instances = append(cfg.Instances, &config.Instance{UUID: "i2", Name: "db", PrimaryNode: "n2", NICs: []config.NIC{{UUID: "theirs", MAC: mac}}})
	}))
	if e.Err == nil || e.Err.Error() != "MAC address '"+mac+"' already in use in cluster" {
		t.Error(e.Err)
	}
}

// A running guest gets its addresses before they are recorded as its own.
func TestNewAddressesAreTheJobsUntilTheyAreTheInstances(t *testing.T) {
	w := newWorld(t).withFile().inNetwork()
	var reserved []string
	see := func(cfg *config.Config) {
		for _, r := range cfg.Reservations {
			reserved = append(reserved, fmt.Sprint(r.Network, r.IP, r.MAC != ""))
		}
	}
	op := Modify{Name: "web", Disks: add(8), WaitForSync: true, NICs: []DeviceChange{fromPool}}
	e := w.run(op, jobtest.Before(2, see), jobtest.Before(3, see)) // the disk is recorded, and then the interface
	if e.Err != nil || e.Commits != 3 || !slices.Equal(reserved, []string{"net10.1.0.2true", "net10.1.0.2true"}) || len(w.cfg.Reservations) > 0 || !w.cfg.Network("net").IsUsed("10.1.0.2") {
		t.Errorf("%v after %d commits, reserved %q and now %v", e.Err, e.Commits, reserved, w.cfg.Reservations)
	}
	dry := true
	if e := w.run(Modify{Name: "web", NICs: []DeviceChange{fromPool}}, jobtest.With(job.Options{DryRun: &dry})); e.Err != nil || e.Commits > 0 {
		t.Errorf("rehearsed: %v, %d commits", e.Err, e.Commits)
	}
}

func TestAnAddressThatIsGivenUpAgainIsNotTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		changes   []DeviceChange
		addresses string
		nics      int
	}{
		"added and removed":        {[]DeviceChange{fromPool, {"remove", "-1", nil}}, "XXX....X", 1},
		"changed twice":            {[]DeviceChange{{"modify", "0", map[string]any{"ip": "10.1.0.5"}}, {"modify", "0", map[string]any{"ip": "10.1.0.6"}}}, "XX....XX", 1},
		"changed and removed":      {[]DeviceChange{{"modify", "0", map[string]any{"ip": "10.1.0.5"}}, {"remove", "0", nil}}, "XX.....X", 0},
		"given up, then another's": {[]DeviceChange{fromPool, {"remove", "-1", nil}, fromPool}, "XXXX...X", 2},
	} {
		w := newWorld(t).lax().inNetwork()
		if e := w.run(Modify{Name: "web", NICs: []DeviceChange{fromPool}}); e.Err != nil {
			t.Fatal(e.Err)
		}
		e := w.run(Modify{Name: "web", NICs: tt.changes})
		if m := w.cfg.Network("net").Map(); e.Err != nil || m != tt.addresses || len(w.web().NICs) != tt.nics {
			t.Errorf("%s: %v, the network is %s, interfaces %+v", name, e.Err, m, w.web().NICs)
		}
	}
}

// A card that is changed while the guest runs keeps its number, although it goes to the end of the runtime's list.
func TestHotpluggedCardsHaveTheirOwnNumbers(t *testing.T) {
	w := newWorld(t)
	inst := w.web()
	for _, n := range []string{"5", "6"} {
		inst.NICs = append(inst.NICs, config.NIC{UUID: "nic" + n, MAC: "aa:00:00:00:00:0" + n, IP: "10.9.0." + n, NICParams: config.Params{"mode": "routed", "link": "100"}})
	}
	next := *inst
	m := &modify{onOne: onOne{env: &job.Env{Config: w.cfg}, inst: inst}, next: &next, Modify: Modify{NICs: []DeviceChange{
		{"modify", "0", map[string]any{"ip": "10.9.0.7"}},
		{"add", "1", map[string]any{"mode": "routed", "ip": "10.9.0.8"}},
		{"modify", "-1", map[string]any{"ip": "10.9.0.9"}},
	}}}
	if err := m.chooseNICs(t.Context(), w.cfg, m.NICs); err != nil {
		t.Fatal(err)
	}
	for i := range m.nics.steps {
		if card := m.card(&m.nics.steps[i]); card.Index != i || card.IP != []string{"10.9.0.7", "10.9.0.8", "10.9.0.9"}[i] {
			t.Errorf("card %s has number %d, not %d", card.IP, card.Index, i)
		}
	}
}

func TestModifyNICRefused(t *testing.T) {
	w := newWorld(t).lax().inNetwork()
	w.run(Modify{Name: "web", NICs: []DeviceChange{{"add", "-1", map[string]any{"network": "lan", "ip": "10.1.0.3", "mac": "aa:00:00:00:00:77"}}}})
	for name, tt := range map[string]struct {
		change DeviceChange
		want   string
	}{
		"MAC twice":            {DeviceChange{"add", "-1", map[string]any{"mode": "routed", "ip": "10.9.0.1", "mac": "aa:00:00:00:00:77"}}, "MAC address 'aa:00:00:00:00:77' already in use in cluster"},
		"IP twice":             {DeviceChange{"add", "-1", map[string]any{"network": "lan", "ip": "10.1.0.3"}}, "IP 10.1.0.3 not available in network lan"},
		"IP of the router":     {DeviceChange{"add", "-1", map[string]any{"network": "lan", "ip": "10.1.0.1"}}, "IP 10.1.0.1 not available in network lan"},
		"IP outside":           {DeviceChange{"add", "-1", map[string]any{"network": "lan", "ip": "10.2.0.1"}}, "IP 10.2.0.1 not available in network lan"},
		"IP without network":   {DeviceChange{"add", "-1", map[string]any{"mode": "routed", "ip": "10.1.0.4"}}, "belongs to network lan, but the target NIC does not"},
		"link in a network":    {DeviceChange{"modify", "0", map[string]any{"link": "7"}}, "Not allowed to change link or mode of a NIC that is connected to a network"},
		"network and link":     {DeviceChange{"add", "-1", map[string]any{"network": "lan", "link": "7"}}, "If network is given mode or link should not"},
		"unknown network":      {DeviceChange{"add", "-1", map[string]any{"network": "wan"}}, "Network 'wan' not found"},
		"auto for an old one":  {DeviceChange{"modify", "0", map[string]any{"mac": "auto"}}, "'auto' is not a valid MAC address when modifying"},
		"no name":              {DeviceChange{"modify", "", map[string]any{"ip": "none"}}, "Cannot find NIC with identifier "},
		"name of another sort": {DeviceChange{"modify", "0", map[string]any{"name": "7"}}, "Purely numeric NIC names are not allowed"},
	} {
		e := w.run(Modify{Name: "web", ConflictsCheck: true, NICs: []DeviceChange{tt.change}})
		if e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, e.Err, tt.want)
		}
	}
	if len(w.web().NICs) != 1 {
		t.Errorf("left %v", w.web().NICs)
	}
}

// withFile gives the instance a disk in a file, made by itself.
func (w *world) withFile() *world {
	w.withFiles().lax().cfg.Instances = nil
	if e := w.run(newInstance("web", func(op *Create) { inFiles(4)(op); op.Start, op.NoInstall = false, true })); e.Err != nil {
		w.t.Fatal(e.Err)
	}
	return w
}

// lax allows small instances.
func (w *world) lax() *world {
	w.cfg.NodeGroups[0].IPolicy = config.IPolicy{MinMax: []config.MinMax{{Min: config.ISpec{}, Max: config.ISpec{
		"disk-size": 4096, "disk-count": 16, "cpu-count": 8, "memory-size": 4096, "nic-count": 8, "spindle-use": 8}}}}
	return w
}

func add(size int) []DeviceChange {
	return []DeviceChange{{"add", "-1", map[string]any{"size": size, "name": "data"}}}
}

func TestModifyDisks(t *testing.T) {
	w := newWorld(t).withFile()
	e := w.run(Modify{Name: "web", Disks: add(8), WaitForSync: true})
	if got := said(t, e); !slices.Equal(got, []string{"disk/1 add:size=8,mode=rw"}) {
		t.Errorf("said %q", got)
	}
	disks := w.cfg.InstanceDisks(w.web())
	if len(disks) != 2 || disks[1].IVName != "disk/1" || disks[1].Name != "data" || !strings.HasPrefix(disks[1].Path(), w.dir+"/files/web/") {
		t.Fatalf("disks %+v", disks)
	}
	e = w.run(Modify{Name: "web", Disks: []DeviceChange{{"modify", "data", map[string]any{"mode": "ro", "name": "none"}}, {"remove", "0", nil}}})
	if got := said(t, e); !slices.Equal(got, []string{"disk.mode/1 ro", "disk.name/1 <nil>", "disk/0 remove"}) {
		t.Errorf("said %q", got)
	}
	disks = w.cfg.InstanceDisks(w.web())
	if len(disks) != 1 || disks[0].IVName != "disk/0" || disks[0].Mode != "ro" || disks[0].Name != "" || len(w.cfg.Disks) != 1 || len(w.left()) != 2 {
		t.Errorf("disks %+v", disks)
	}
}

// A disk that cannot be recorded is removed again, unless nobody knows whether it is recorded.
func TestAddedDiskIsTakenBack(t *testing.T) {
	full := errors.New("no space left on device")
	for state, want := range map[store.State]bool{store.NotCommitted: true, store.Unknown: false} {
		w := newWorld(t).withFile()
		e := w.run(Modify{Name: "web", Disks: add(8), WaitForSync: true}, jobtest.FailingUpdate(1, state, full))
		removed := len(w.left()) == 2 // the directory and the first disk
		if e.Err == nil || removed != want || len(w.web().Disks) != 1 {
			t.Errorf("%v: %v; removed %v: %q", state, e.Err, removed, w.left())
		}
	}
}

func readFile(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// A disk that is detached keeps its data under a name of its own, and takes the name that its next place gives it.
func TestADetachedDiskCanBeAttachedAgain(t *testing.T) {
	w := newWorld(t).withFile()
	before := w.cfg.InstanceDisks(w.web())[0]
	if err := os.WriteFile(before.Path(), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(Modify{Name: "web", Disks: []DeviceChange{{"modify", "0", map[string]any{"name": "data"}}}})
	e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"detach", "data", nil}}})
	if got := said(t, e); !slices.Equal(got, []string{"disk/0 detach"}) {
		t.Errorf("said %q", got)
	}
	alone := w.cfg.Disk(before.UUID)
	if len(w.web().Disks) != 0 || alone == nil || alone.Path() != filepath.Join(w.dir, "files", filepath.Base(before.Path())) || readFile(alone.Path()) != "data" {
		t.Fatalf("instance has %v; disk %+v", w.web().Disks, alone)
	}
	e = w.run(Modify{Name: "web", Disks: []DeviceChange{{"attach", "-1", map[string]any{"name": "data"}}}, WaitForSync: true})
	if got := said(t, e); !slices.Equal(got, []string{fmt.Sprintf("disk/0 attach:size=%d,mode=rw", before.Size)}) {
		t.Errorf("said %q", got)
	}
	d := w.cfg.Disk(before.UUID)
	if !slices.Equal(w.web().Disks, []string{d.UUID}) || d.IVName != "disk/0" || !strings.HasPrefix(d.Path(), w.dir+"/files/web/") || readFile(d.Path()) != "data" {
		t.Errorf("instance has %v; disk %+v", w.web().Disks, d)
	}
}

func TestADiskThatCannotBeAttached(t *testing.T) {
	for want, change := range map[string]func(w *world, d *config.Disk){
		"There are 2 disks with this name: data":                              func(w *world, _ *config.Disk) { w.cfg.Disks[0].Name = "data" },
		"Instance has 'file' template while disk has 'sharedfile' template":   func(_ *world, d *config.Disk) { d.DevType = config.DTSharedFile },
		"Disk nodes are ['elsewhere'] while the instance's nodes are ('n1',)": func(_ *world, d *config.Disk) { d.Nodes = []string{"elsewhere"} },
		"Disk 'loose' already attached to instance 'web'":                     func(w *world, d *config.Disk) { w.web().Disks = append(w.web().Disks, d.UUID) },
	} {
		w := newWorld(t).withFile()
		d := w.cfg.Clone().Disks[0]
		d.UUID, d.Name = "loose", "data"
		w.cfg.Disks = append(w.cfg.Disks, d)
		change(w, d)
		w.begun = nil
		e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"attach", "-1", map[string]any{"name": "data"}}}})
		if e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
			t.Errorf("%v, want %s; begun %q", e.Err, want, w.begun)
		}
	}
}

// A mirror goes to an instance that has its primary node, and is waited for where the instance's disks are not active.
func TestAMirrorThatCannotBeAttached(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(w *world)
		waiting bool
		want    string
	}{
		"as it was":         {func(*world) {}, true, ""},
		"not waited for":    {func(*world) {}, false, "Can't attach a disk to an instance with deactivated disks and --no-wait-for-sync given"},
		"the other primary": {func(w *world) { w.web().PrimaryNode = "n2" }, true, "The disks' primary node is node1 whereas the instance's primary node is node2."},
	} {
		t.Run(name, func(t *testing.T) {
			w := mirroredWorld(t)
			uuid := w.disk().UUID
			if e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"detach", "0", nil}}, IgnoreIPolicy: true}); e.Err != nil {
				t.Fatal(e.Err)
			}
			tt.change(w)
			e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"attach", "-1", map[string]any{"uuid": uuid}}}, WaitForSync: tt.waiting, IgnoreIPolicy: true})
			if tt.want == "" && (e.Err != nil || len(w.web().Disks) != 1) || tt.want != "" && (e.Err == nil || e.Err.Error() != tt.want || len(w.begun) > 0) {
				t.Errorf("%v after %q; disks %v", e.Err, w.begun, w.web().Disks)
			}
		})
	}
}

// What cannot be recorded leaves the file where it was.
func TestADiskThatIsNotDetachedStaysWhereItIs(t *testing.T) {
	w := newWorld(t).withFile()
	before := w.cfg.InstanceDisks(w.web())[0].Path()
	e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"detach", "0", nil}}}, jobtest.FailingUpdate(1, store.NotCommitted, errors.New("no space left on device")))
	if _, err := os.Stat(before); e.Err == nil || err != nil || len(w.web().Disks) != 1 {
		t.Errorf("%v; %v; disks %v", e.Err, err, w.web().Disks)
	}
}

func TestModifyDiskRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		op   Modify
		want string
	}{
		"size of an old one": {Modify{Disks: []DeviceChange{{"modify", "0", map[string]any{"size": 8}}}}, "Disk size change not possible, use grow-disk"},
		"against policy":     {Modify{Disks: add(8000), WaitForSync: true}, "violates policy: disk-size/1 value 8000 is not in range"},
		"wrong mode":         {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 8, "mode": "rx"}}}, WaitForSync: true}, "Invalid disk access mode 'rx'"},
		"never in sync":      {Modify{Disks: add(8)}, "Can't add a disk to an instance with deactivated disks and --no-wait-for-sync given"},
		"from a running one": {Modify{Disks: []DeviceChange{{"remove", "0", nil}}}, "can't remove volume from a running instance without using hotplug"},
		"with spindles":      {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 8, "spindles": 2}}}, WaitForSync: true}, "Spindles in instance disks cannot be specified when"},
		"without spindles":   {Modify{Disks: add(8), WaitForSync: true}, "You must specify spindles in instance disks when exclusive storage is active"},
		"attached by what":   {Modify{Disks: []DeviceChange{{"attach", "-1", map[string]any{"size": 8}}}}, "Only one argument is permitted in attach op, either name or uuid"},
		"no such disk":       {Modify{Disks: []DeviceChange{{"attach", "-1", map[string]any{"name": "nosuch"}}}}, "No disk was found with this name: nosuch"},
		"no size, no sync":   {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{}}}}, "Missing disk size"},
		"no such UUID":       {Modify{Disks: []DeviceChange{{"attach", "-1", map[string]any{"uuid": "nosuch"}}}}, "No disk was found with this UUID: nosuch"},
		"no such parameter":  {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 8, "nosuch": "x"}}}, WaitForSync: true}, "Unknown parameter 'nosuch'"},
		"no name":            {Modify{Disks: []DeviceChange{{"modify", "", map[string]any{"mode": "ro"}}}}, "Lookup of disk '' failed"},
		"attached first":     {Modify{Disks: []DeviceChange{{"attach", "99999999999999999999", map[string]any{"name": "nosuch"}}}}, "No disk was found with this name: nosuch"},
		"too many spindles":  {Modify{Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 8, "spindles": "99999999999999999999"}}}, WaitForSync: true}, "Spindles in instance disks cannot be specified when"},
		"no disk so high":    {Modify{Disks: []DeviceChange{{"modify", "99999999999999999999", map[string]any{"mode": "ro"}}}}, "Got disk index 99999999999999999999, but there are only 1"},
		"no disk ten":        {Modify{Disks: []DeviceChange{{"modify", " 1_0", map[string]any{"mode": "ro"}}}}, "Got disk index 10, but there are only 1"},
		"no disk 7":          {Modify{Disks: []DeviceChange{{"modify", "7", map[string]any{"mode": "ro"}}}}, "Got disk index 7, but there are only 1"},
	} {
		w := newWorld(t).withFile()
		tt.op.Name = "web"
		if name == "from a running one" {
			w.running("node1")
		}
		if name == "without spindles" {
			w.cfg.Nodes[0].NDParams = config.Params{"exclusive_storage": true}
		}
		e := w.run(tt.op)
		if e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, e.Err, tt.want)
		}
	}
}

// What the provider of external storage is told of a disk can be changed, but not who that is.
func TestParametersOfAProvider(t *testing.T) {
	old := &config.Disk{DevType: config.DTExt, Params: config.Params{"provider": "san", "copies": "2", "pool": "slow"}}
	step := diskStep{index: 1, disk: &config.Disk{DevType: old.DevType, Params: old.Params}}
	if err := step.change(map[string]any{"pool": "fast", "copies": "default", "mode": "ro"}); err != nil {
		t.Fatal(err)
	}
	if d := step.disk; d.Mode != "ro" || !reflect.DeepEqual(d.Params, config.Params{"provider": "san", "pool": "fast"}) || old.Params["pool"] != "slow" {
		t.Errorf("%+v, before %v", d, old.Params)
	}
	if want := [][2]any{{"disk.mode/1", "ro"}, {"disk.params:copies/1", "default"}, {"disk.params:pool/1", "fast"}}; !reflect.DeepEqual(step.said, want) {
		t.Errorf("said %v", step.said)
	}
	if err := step.change(map[string]any{"provider": "other"}); err == nil || err.Error() != "Disk 'provider' parameter change is not possible" {
		t.Error(err)
	}
}

// Secret parameters reach the operation and not the job file.
func TestModifyHidesPrivateParameters(t *testing.T) {
	op := Modify{Name: "web", OSParamsPrivate: Private{"password": "geheim"}}
	data, err := json.Marshal(op)
	if err != nil || strings.Contains(string(data), "geheim") || !strings.Contains(string(op.Secrets()["osparams_private"]), "geheim") {
		t.Errorf("%s, %v", data, err)
	}
}

func TestDeviceChangeAsJSON(t *testing.T) {
	for _, want := range []string{`["add",-1,{"ip":"pool"}]`, `["modify","eth0",{}]`} {
		var c DeviceChange
		if err := json.Unmarshal([]byte(want), &c); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(c); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	if err := json.Unmarshal([]byte(`["add"]`), new(DeviceChange)); err == nil {
		t.Error("a change of one word was read")
	}
}

func TestRename(t *testing.T) {
	w := newWorld(t)
	e := w.run(Rename{Name: "web", NewName: "www"})
	if e.Err != nil || string(e.Result) != `"www"` || w.cfg.InstanceByName("www") == nil || w.web() != nil {
		t.Errorf("%v: %s", e.Err, e.Result)
	}
}

func TestRenameTagsTheVolumesOfAllNodes(t *testing.T) {
	w := mirroredWorld(t)
	if e := w.run(Rename{Name: "web", NewName: "www"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	for _, node := range []string{"node1", "node2"} {
		for name, v := range w.store.lvs[node] {
			if v.tag != "originstname+www" {
				t.Errorf("%s on %s is tagged %s", name, node, v.tag)
			}
		}
	}
	w.cfg.Nodes[1].Offline = true
	e := w.run(Rename{Name: "www", NewName: "web"})
	if said := strings.Join(e.Messages, "|"); e.Err != nil || !strings.Contains(said, " - WARNING: Error setting info on node node2 for disk 0: Node is marked offline") {
		t.Errorf("%v: %s", e.Err, said)
	}
}

func TestRenameRefused(t *testing.T) {
	w := newWorld(t)
	other := *w.web()
	other.UUID, other.Name = "i2", "db"
	w.cfg.Instances = append(w.cfg.Instances, &other)
	for name, tt := range map[string]struct {
		op   job.Operation
		want string
	}{
		"taken":      {Rename{Name: "web", NewName: "db"}, "Instance 'db' is already in the cluster"},
		"half check": {Rename{Name: "web", NewName: "www", IPCheck: true}, "IP address check requires a name check"},
		"unknown":    {Rename{Name: "nosuch", NewName: "www"}, "Instance 'nosuch' not known"},
	} {
		if e := w.run(tt.op); e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) {
			t.Errorf("%s: %v", name, e.Err)
		}
	}
	w.running("node1")
	w.expect(w.run(Rename{Name: "web", NewName: "www"}), "Instance 'web' is marked to be up, cannot rename", []string{"node1"}, "node1 up disks=true")
}

func TestActivateDisks(t *testing.T) {
	w := newWorld(t)
	w.expect(w.run(ActivateDisks{Name: "web"}), "", nowhere, "node1 down disks=true")
	w.expect(w.run(DeactivateDisks{Name: "web"}), "", nowhere, "node1 down disks=false")
	w.addFile() // whose file is nowhere
	w.expect(w.run(ActivateDisks{Name: "web"}), "Cannot activate block devices", nowhere, "node1 down disks=false")
	w.running("node1")
	w.expect(w.run(DeactivateDisks{Name: "web"}), "Instance 'web' is marked to be up, cannot shutdown disks", []string{"node1"}, "node1 up disks=true")
	w.expect(w.run(DeactivateDisks{Name: "web", Force: true}), "", []string{"node1"}, "node1 up disks=false")
}

func TestNumbersOfDisks(t *testing.T) {
	for n, fits := range map[int]bool{-1: false, 0: true, 15: true, 16: false} {
		err := GrowDisk{Disk: n}.WellFormed()
		want := fmt.Sprintf("Failed to parse request: SubmitJob: Can't parse value for 'disk': Invalid value for disk index '%d', required between 0 and 16", n)
		if fits != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%d: %v", n, err)
		}
		if err := (ReplaceDisks{Disks: []int{1, n}}).WellFormed(); fits != (err == nil) {
			t.Errorf("%d to be replaced: %v", n, err)
		}
		if err := (RecreateDisks{Disks: []RecreateDisk{{Index: 1}, {Index: n}}}).WellFormed(); fits != (err == nil) {
			t.Errorf("%d to be made anew: %v", n, err)
		}
	}
}

func TestRecreateDisksRefused(t *testing.T) {
	for want, op := range map[string]RecreateDisks{
		"Some disks have been specified more than once: 0":                    {Disks: []RecreateDisk{{Index: 0}, {Index: 0, Params: map[string]any{"nosuch": "1"}}}},
		"Unknown parameter 'nosuch'":                                          {Disks: []RecreateDisk{{Index: 0, Params: map[string]any{"nosuch": "1"}}}},
		"Parameters for disk 1 try to change unmodifyable parameter(s): name": {Disks: []RecreateDisk{{Index: 1, Params: map[string]any{"name": "x", "mode": "ro"}}}},
		"Do not specify both, iallocator and node":                            {Nodes: []string{"node1"}, IAllocator: "hail"},
	} {
		if err := (&recreateDisks{RecreateDisks: op}).checkArguments(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Growing a disk is held against what the policy says of disks, whatever else of the instance breaks it.
func TestGrowingLooksAtDisksAlone(t *testing.T) {
	w := newWorld(t).withFile()
	w.web().BEParams = config.Params{"vcpus": int64(99)}
	if e := w.run(GrowDisk{Name: "web", Amount: 4, WaitForSync: true}); e.Err != nil {
		t.Error(e.Err)
	}
	if e := w.run(GrowDisk{Name: "web", Amount: 8000, WaitForSync: true}); e.Err == nil || e.Err.Error() != "Growing disk 0 violates policy: disk-size/0 value 8008 is not in range [0, 4096]" {
		t.Error(e.Err)
	}
}

// What a guest has written behind the size that the configuration has is not wiped with what is added.
func TestOnlyWhatIsAddedIsWiped(t *testing.T) {
	w := newWorld(t).withFile()
	w.cfg.Cluster.PreallocWipeDisks = true
	file := w.cfg.InstanceDisks(w.web())[0].Path()
	tail := bytes.Repeat([]byte("x"), 1<<20+4096)
	written, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = written.Write(tail)
	}
	if err == nil {
		err = written.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	e := w.run(GrowDisk{Name: "web", Amount: 4})
	if e.Err != nil || !strings.Contains(strings.Join(e.Messages, "\n"), "rounding up to not overwrite existing data (1044480 bytes will not be wiped)") {
		t.Errorf("%v, said %q", e.Err, e.Messages)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[4<<20:4<<20+len(tail)], tail) || !slices.Contains(w.begun, "node1: wipes "+file) {
		t.Errorf("the end is overwritten, or nothing was wiped: %q", w.begun)
	}
}
