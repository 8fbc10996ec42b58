package cluster

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
	"gantry/lib/unit"
)

const probed = "node1: probe.sh envdump /srv/ganeti/os /usr/local/lib/ganeti/os /usr/lib/ganeti/os /usr/share/ganeti/os"

// envdump is the answer of a node that has this definition.
func envdump() string {
	answer := "dir /srv/ganeti/os/envdump\n"
	for _, file := range []string{"ganeti_api_version", "create", "export", "import", "rename", "verify", "parameters.list", "variants.list"} {
		answer += "mode 81ed /srv/ganeti/os/envdump/" + file + "\n"
	}
	return answer + "line ganeti_api_version 20\nline variants.list default\nline parameters.list dhcp Use it\nline parameters.list key A key\n"
}

// ofOS reads what was typed for an OS.
func ofOS(t *testing.T, o OSOptions) Modify {
	t.Helper()
	op, err := o.Read()
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestModifyChangesWhatAnOSGives(t *testing.T) {
	cfg := lab()
	cfg.Cluster.OSHVP = map[string]map[string]config.Params{"envdump+default": {"kvm": {"acpi": false}, "fake": {"migration_mode": "live"}}}
	cfg.Cluster.OSParams = map[string]config.Params{"envdump+default": {"dhcp": "no"}}
	cfg.Cluster.HiddenOS = []string{"envdump+default"}
	op := ofOS(t, OSOptions{Name: "envdump+default", HVOptions: []unit.Ident{{Name: "kvm"}, {Name: "fake", Params: unit.Params{"migration_mode": config.Default}}},
		Public: unit.Params{"dhcp": config.Default}, Private: unit.Params{"key": "word"}, Hidden: ptr(false), Blacklisted: ptr(true)})
	nodes := remotetest.New(t).Answer(probed, envdump()).Answer("node1: verify.sh /srv/ganeti/os/envdump", "")
	end := jobtest.Run(t, nodes, cfg, op, newModify)
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	c := end.Config.Cluster
	if _, kvm := c.OSHVP["envdump+default"]["kvm"]; kvm || len(c.OSHVP["envdump+default"]["fake"]) > 0 || len(c.OSParams) > 0 ||
		c.OSParamsPrivateCluster["envdump+default"]["key"] != "word" || len(c.HiddenOS) > 0 || !slices.Equal(c.BlacklistedOS, []string{"envdump+default"}) {
		t.Errorf("got %+v", c)
	}
	if text, _ := json.Marshal(end.Job.Ops[0].Input); strings.Contains(string(text), "word") {
		t.Errorf("the job file has the private value: %s", text)
	}
}

func TestModifyOfAnOSIsRefusedBeforeAnythingChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		nodes *remotetest.Fake
		o     OSOptions
		want  string
	}{
		"a parameter no hypervisor has": {remotetest.New(t), OSOptions{Name: "noop", HVOptions: []unit.Ident{{Name: "kvm", Params: unit.Params{"nosuch": "1"}}}}, "Unknown parameter 'nosuch'"},
		"a value of another type": {remotetest.New(t), OSOptions{Name: "noop", HVOptions: []unit.Ident{{Name: "nosuch", Params: unit.Params{"acpi": "maybe"}}}},
			"'acpi' (value maybe) is not a valid boolean"},
		"a hypervisor that is none": {remotetest.New(t), OSOptions{Name: "noop", HVOptions: []unit.Ident{{Name: "nosuch", Params: unit.Params{"acpi": "true"}}}},
			"Unknown hypervisor type 'nosuch'"},
		"a disc that is not there": {remotetest.New(t), OSOptions{Name: "noop", HVOptions: []unit.Ident{{Name: "kvm", Params: unit.Params{"boot_order": "cdrom"}}}},
			"Cannot boot from cdrom without an ISO path"},
		"a kernel of a hypervisor that runs nothing here": {remotetest.New(t).Answer("node1: checknode.sh '' '' f /nosuch", "=== missing\n0\n").
			Answer("node2: checknode.sh '' '' f /nosuch", ""),
			OSOptions{Name: "noop", HVOptions: []unit.Ident{{Name: "xen-pvm", Params: unit.Params{"kernel_path": "/nosuch"}}}},
			"Hypervisor parameter validation failed on node node1: Parameter 'kernel_path' fails validation: not found or not a file (current value: '/nosuch')"},
		"no variant": {remotetest.New(t).Answer(probed, envdump()), OSOptions{Name: "envdump", Public: unit.Params{"dhcp": "no"}},
			"OS Parameters validation failed on node node1: OS name 'envdump' must include a variant"},
		"a parameter it does not know": {remotetest.New(t).Answer(probed, envdump()), OSOptions{Name: "envdump+default", Public: unit.Params{"x": "no"}},
			"OS Parameters validation failed on node node1: The following parameters are not supported by the OS envdump: x"},
		"a value it does not take": {remotetest.New(t).Answer(probed, envdump()).Fail("node1: verify.sh /srv/ganeti/os/envdump", 10, ""),
			OSOptions{Name: "envdump+default", Public: unit.Params{"dhcp": "x"}}, "OS Parameters validation failed on node node1: OS validation script failed (exited with exit code ), output: "},
		"public and private at once": {remotetest.New(t), OSOptions{Name: "envdump+default", Public: unit.Params{"a": "1"}, Private: unit.Params{"a": "2"}}, "Cannot assign multiple values to OS parameters."},
	} {
		t.Run(name, func(t *testing.T) {
			end := jobtest.Run(t, tt.nodes, lab(), ofOS(t, tt.o), newModify)
			if end.Err == nil || !strings.HasPrefix(end.Err.Error(), tt.want) || end.Commits != 0 {
				t.Errorf("got %v after %d commits", end.Err, end.Commits)
			}
		})
	}
}

func TestAnOSThatIsNotThereIsNotAsked(t *testing.T) {
	end := jobtest.Run(t, remotetest.New(t).Answer(probed, ""), lab(), ofOS(t, OSOptions{Name: "envdump", Public: unit.Params{"dhcp": "no"}}), newModify)
	if end.Err != nil || end.Config.Cluster.OSParams["envdump"]["dhcp"] != "no" || !slices.Contains(end.Messages, " - INFO: OS envdump not found on node node1, validation skipped") {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
}

func TestListsOfOSesSayWhatTheyHaveAlready(t *testing.T) {
	cfg := lab()
	cfg.Cluster.HiddenOS = []string{"noop"}
	end := jobtest.Run(t, remotetest.New(t), cfg, ofOS(t, OSOptions{Name: "noop", Hidden: ptr(true), Blacklisted: ptr(false)}), newModify)
	if want := []string{"OS noop already in hidden OS list, ignoring", "OS noop not found in blacklisted OS list, ignoring"}; end.Err != nil || !slices.Equal(end.Messages, want) {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
	if !slices.Equal(end.Config.Cluster.HiddenOS, []string{"noop"}) {
		t.Errorf("hidden: %q", end.Config.Cluster.HiddenOS)
	}
}
