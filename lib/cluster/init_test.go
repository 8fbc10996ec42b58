package cluster

import (
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
		"template":   {func(op *Init) { op.EnabledDiskTemplates = []string{"nosuch"} }, 0, "Enabled disk templates list contains invalid entries: {'nosuch'}"},
		"ip version": {func(op *Init) { op.PrimaryIPVersion = "5" }, 0, "Invalid primary ip version: 5."},
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
