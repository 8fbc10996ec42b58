package cluster

import (
	"slices"
	"testing"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote/remotetest"
	"gantry/lib/unit"
)

// machine is a host with an address on br0 that answers what Init asks, up to a point.
func machine(t *testing.T, upTo int) Here {
	fake := remotetest.New(t)
	for i, a := range [][2]string{
		{"getent ahostsv4 -- node1", "192.0.2.11      STREAM node1.example.com\n"},
		{"ip -o addr show to 192.0.2.11", "2: br0    inet 192.0.2.11/24\n"},
		{"getent ahostsv4 -- cluster.example.com", "127.1.2.3      STREAM cluster.example.com\n"},
		{"ip -o addr show to 198.51.100.11", "3: eth1    inet 198.51.100.11/24\n"},
		{"ip link show dev br0", "2: br0: <UP>\n"},
	} {
		if i < upTo {
			fake.Answer("node1: "+a[0], a[1])
		}
	}
	return Here{Name: "node1", Nodes: fake, Now: time.Unix(1795418417, 0)}
}

func TestInitRefusesBeforeAnythingChanges(t *testing.T) {
	base := Init{Name: "cluster.example.com", EnabledHypervisors: []string{"fake"}, EnabledDiskTemplates: []string{"diskless"}, MasterNetdev: "br0"}
	for name, tt := range map[string]struct {
		change func(*Init)
		asks   int
		want   string
	}{
		"parameter": {func(op *Init) { op.BEParams = unit.Params{"nosuch": "1"} }, 0, "Unknown parameter 'nosuch'"},
		"type":      {func(op *Init) { op.BEParams = unit.Params{"vcpus": "many"} }, 0, "'vcpus' (value many) is not a valid integer"},
		"hypervisor": {func(op *Init) { op.EnabledHypervisors = []string{"nosuchhv"} }, 0,
			"Enabled hypervisors contains invalid entries: {'nosuchhv'}"},
		"template":                    {func(op *Init) { op.EnabledDiskTemplates = []string{"nosuch"} }, 0, "Enabled disk templates list contains invalid entries: {'nosuch'}"},
		"ip version":                  {func(op *Init) { op.PrimaryIPVersion = "5" }, 0, "Invalid primary ip version: 5."},
		"LVM without a volume group":  {func(op *Init) { op.EnabledDiskTemplates, op.VGName = []string{"plain"}, new("") }, 0, "LVM disk templates are enabled, but vg name not set."},
		"DRBD without its helper":     {func(op *Init) { op.EnabledDiskTemplates, op.DRBDHelper = []string{"drbd"}, new("") }, 0, "Unsetting the drbd usermode helper while enabling DRBD is not allowed."},
		"a key of a size that is not": {func(op *Init) { op.SSHKeyType, op.SSHKeyBits = "dsa", 512 }, 0, "Invalid key type and bit size combination: dsa with 512 bits"},
		"too short a key":             {func(op *Init) { op.SSHKeyBits = 512 }, 0, "Invalid key type and bit size combination: rsa with 512 bits"},
		"address in use": {func(*Init) {}, 3, // somebody answers at 127.1.2.3
			"Cluster IP already active"},
	} {
		t.Run(name, func(t *testing.T) {
			op := base
			tt.change(&op)
			_, err := op.Config(t.Context(), machine(t, tt.asks))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestANameThatDoesNotResolveIsRefused(t *testing.T) {
	fake := remotetest.New(t).Answer("node1: getent ahostsv4 -- node1", "192.0.2.11      STREAM node1.example.com\n").
		Answer("node1: ip -o addr show to 192.0.2.11", "2: br0\n").Answer("node1: getent ahostsv4 -- nosuch", "")
	op := Init{Name: "nosuch", EnabledHypervisors: []string{"fake"}, EnabledDiskTemplates: []string{"diskless"}}
	_, err := op.Config(t.Context(), Here{Name: "node1", Nodes: fake, Now: time.Now()})
	if fault.KindOf(err) != fault.Resolver {
		t.Errorf("got %v", err)
	}
}

// freeMachine is machine, with a cluster address that nobody has, and answers to what is asked then.
func freeMachine(t *testing.T, answers ...[2]string) Here {
	fake := remotetest.New(t).Answer("node1: getent ahostsv4 -- node1", "192.0.2.11      STREAM node1.example.com\n").
		Answer("node1: ip -o addr show to 192.0.2.11", "2: br0    inet 192.0.2.11/24\n").
		Answer("node1: getent ahostsv4 -- cluster.example.com", "255.255.255.255      STREAM cluster.example.com\n")
	for _, a := range answers {
		fake.Answer("node1: "+a[0], a[1])
	}
	return Here{Name: "node1", Nodes: fake, Now: time.Unix(1795418417, 0)}
}

var (
	helperIs = func(program string) [2]string {
		return [2]string{"cat /sys/module/drbd/parameters/usermode_helper", program + "\n"}
	}
	groupIs = func(name string) [2]string {
		return [2]string{"vgs --noheadings --nosuffix --units=m -o vg_size " + name, "  30000.00\n"}
	}
	pathsAre = func(list string) [2]string { return [2]string{"cat -- /etc/ganeti/file-storage-paths", list} }
	aFolder  = func(dir string) [2]string { return [2]string{`[ ! -e "$1" ] || [ -d "$1" ] ` + dir, ""} }
	device   = [2]string{"ip link show dev br0", "2: br0: <UP>\n"}
)

func TestInitRefusesWhatTheMachineCannotKeep(t *testing.T) {
	base := Init{Name: "cluster.example.com", EnabledHypervisors: []string{"fake"}, EnabledDiskTemplates: []string{"diskless"}, MasterNetdev: "br0"}
	for name, tt := range map[string]struct {
		change  func(*Init)
		answers [][2]string
		want    string
	}{
		"another helper": {func(op *Init) { op.EnabledDiskTemplates = []string{"drbd"} }, [][2]string{groupIs("xenvg"), helperIs("/sbin/drbdadm")},
			"Error: requiring /bin/true as drbd helper but /sbin/drbdadm is the current helper"},
		"a relative directory": {func(op *Init) { op.EnabledDiskTemplates, op.GlusterStorageDir = []string{"gluster"}, new("relative") },
			[][2]string{pathsAre("/srv\n")}, "Path 'relative' uses a forbidden prefix"},
		"a directory of the system's": {func(op *Init) { op.EnabledDiskTemplates, op.SharedFileStorageDir = []string{"sharedfile"}, new("/etc") },
			[][2]string{pathsAre("/srv\n")}, "Path '/etc' uses a forbidden prefix"},
		"a directory that is not allowed": {func(op *Init) { op.EnabledDiskTemplates, op.FileStorageDir = []string{"file"}, new("/data") },
			[][2]string{pathsAre("/srv\n")}, "Path '/data' is not acceptable for file storage"},
		"no directory": {func(op *Init) { op.EnabledDiskTemplates, op.FileStorageDir = []string{"file"}, new("") }, nil,
			"Unsetting the 'file' storage directory while having 'file' storage enabled is not permitted."},
		"half a prefix":  {func(op *Init) { op.MACPrefix = new("aa:00") }, nil, "Invalid mac prefix given 'aa:00'"},
		"capitals":       {func(op *Init) { op.MACPrefix = new("AA:00:00") }, nil, "Invalid mac prefix given 'AA:00:00'"},
		"no allocator":   {func(op *Init) { op.DefaultIAllocator = new("nosuch") }, [][2]string{device}, "Invalid default iallocator script 'nosuch' specified"},
		"an empty name":  {func(op *Init) { op.DefaultIAllocator = new("") }, [][2]string{device}, "Invalid default iallocator script '' specified"},
		"a path as tool": {func(op *Init) { op.CompressionTools = []string{"gzip", "../x"} }, [][2]string{device}, "The tools '../x' contain illegal characters: only alphanumeric values, dashes, and underscores are allowed"},
		"a parameter of another template": {func(op *Init) { op.DiskParams = []unit.Ident{{Name: "plain", Params: unit.Params{"resync-rate": "5"}}} }, [][2]string{device},
			"Invalid parameters for disk template plain: resync-rate"},
	} {
		t.Run(name, func(t *testing.T) {
			op := base
			tt.change(&op)
			_, err := op.Config(t.Context(), freeMachine(t, tt.answers...))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestInitKeepsMetadataInTheVolumeGroupThatWasNamed(t *testing.T) {
	op := Init{Name: "cluster.example.com", EnabledHypervisors: []string{"fake"}, MasterNetdev: "br0", CandidatePoolSize: 10, VGName: new("vg_ganeti")}
	cfg, err := op.Config(t.Context(), freeMachine(t, groupIs("vg_ganeti"), helperIs("/bin/true"), device))
	if err != nil {
		t.Fatal(err)
	}
	c := &cfg.Cluster
	if c.VolumeGroupName != "vg_ganeti" || c.DiskParams["drbd"].String("metavg") != "vg_ganeti" || c.DRBDUsermodeHelper != "/bin/true" || c.DefaultIAllocator != "hail" {
		t.Errorf("%s, %s, %s, %s", c.VolumeGroupName, c.DiskParams["drbd"]["metavg"], c.DRBDUsermodeHelper, c.DefaultIAllocator)
	}
}

func TestOptionsWithoutEffectAreToldOf(t *testing.T) {
	op := Init{EnabledDiskTemplates: []string{"diskless"}, VGName: new("vg"), DRBDHelper: new("/bin/true")}
	if got, want := op.Remarks(), []string{
		"You specified a volume group with --vg-name, but you did not enable any disk template that uses lvm.",
		"Note: You specified a DRBD usermode helper, while DRBD storage is not enabled.",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	op.EnabledDiskTemplates = nil // plain and drbd
	if got := op.Remarks(); got != nil {
		t.Errorf("got %q", got)
	}
}
