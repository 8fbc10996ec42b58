package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"gantry/lib/fault"
)

var sample = Table{
	{Name: "b", Type: Bool}, {Name: "f", Type: Float}, {Name: "i", Type: Int}, {Name: "m", Type: MaybeString}, {Name: "s", Type: String}, {Name: "z", Type: Size},
}

// The answers are those of Ganeti 3.0.2 to the same values.
func TestValuesAreForcedAsGanetiDoes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value any
		want  any
		fails string // after "'x' (value …) "
	}{
		{"b", "true", true, ""}, {"b", "TRUE", true, ""}, {"b", "False", false, ""}, {"b", "", false, ""}, {"b", nil, false, ""}, {"b", true, true, ""},
		{"b", "yes", nil, "is not a valid boolean"}, {"b", "1", nil, "is not a valid boolean"}, {"b", "default", nil, "is not a valid boolean"},
		{"i", "7", int64(7), ""}, {"i", " 7 ", int64(7), ""}, {"i", "-1", int64(-1), ""}, {"i", "+5", int64(5), ""}, {"i", "010", int64(10), ""},
		{"i", "1_000", int64(1000), ""}, {"i", true, int64(1), ""}, {"i", 1.5, int64(1), ""},
		{"i", "1.5", nil, "is not a valid integer"}, {"i", "1e3", nil, "is not a valid integer"}, {"i", "many", nil, "is not a valid integer"},
		{"i", nil, nil, "is not a valid integer"}, {"i", "0x10", nil, "is not a valid integer"}, {"i", "", nil, "is not a valid integer"},
		{"s", "x", "x", ""}, {"s", "", "", ""}, {"s", false, "", ""}, {"s", true, nil, "is not a valid string"}, {"s", nil, nil, "is not a valid string"},
		{"m", nil, nil, ""}, {"m", "none", "none", ""}, {"m", false, "", ""}, {"m", true, nil, "is not a valid string"},
		{"z", "5", int64(8), ""}, {"z", "1g", int64(1024), ""}, {"z", "1.5G", int64(1536), ""}, {"z", "10 g", int64(10240), ""}, {"z", int64(1), int64(4), ""},
		{"z", "10X", nil, "is not a valid size. error: Unknown unit: X"}, {"z", "-1", nil, "is not a valid size. error: Invalid format"},
		{"z", "1e99", nil, "is not a valid size. error: Invalid format"}, {"z", true, nil, "is not a valid size. error: Invalid format"},
		{"f", "1.5", 1.5, ""}, {"f", "1e3", 1000.0, ""}, {"f", int64(2), 2.0, ""}, {"f", "0x10", nil, "is not a valid float"}, {"f", "", nil, "is not a valid float"},
	} {
		got, err := sample.Force(map[string]any{tt.name: tt.value})
		if tt.fails != "" {
			if err == nil || !strings.HasPrefix(err.Error(), "'"+tt.name+"' (value ") || !strings.HasSuffix(err.Error(), ") "+tt.fails) {
				t.Errorf("%s=%v: %v, want %q", tt.name, tt.value, err, tt.fails)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, Params{tt.name: tt.want}) {
			t.Errorf("%s=%#v: %#v, %v, want %#v", tt.name, tt.value, got, err, tt.want)
		}
	}
}

func TestForcingPrintsGanetisErrors(t *testing.T) {
	for want, params := range map[string]map[string]any{
		"Parameter Error: Unknown parameter 'nosuch'":                                       {"nosuch": "1"},
		"Parameter Error: 'auto_balance' (value yes) is not a valid boolean":                {"auto_balance": "yes"},
		"Parameter Error: 'vcpus' (value many) is not a valid integer":                      {"vcpus": "many"},
		"Parameter Error: 'memory' (value lots) is not a valid size. error: Invalid format": {"memory": "lots"},
	} {
		_, err := BEInput.Force(params)
		if text, status := fault.Text(err); text != want || status != 1 {
			t.Errorf("got  %s (%d)\nwant %s", text, status, want)
		}
	}
	if got, err := BEParams.Force(map[string]any{"vcpus": "default"}, "default"); err != nil || got["vcpus"] != "default" {
		t.Errorf("an allowed word: %v, %v", got, err)
	}
}

func TestMemoryStandsForBothBounds(t *testing.T) {
	got := SplitMemory(Params{"memory": int64(512), "minmem": int64(7), "vcpus": int64(2)})
	if want := (Params{"maxmem": int64(512), "minmem": int64(512), "vcpus": int64(2)}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTablesAreSortedAndTheirDefaultsFit(t *testing.T) {
	tables := map[string]Table{"be": BEParams, "be input": BEInput, "nic": NICParams, "nd": NDParams, "disk": DiskInput, "hv state": HVState, "disk state": DiskState}
	for _, hv := range Hypervisors() {
		tables[hv] = HVTable(hv)
	}
	for _, template := range DiskTemplates {
		tables["disk "+template] = DiskTable(template)
	}
	for name, table := range tables {
		for i, p := range table {
			if i > 0 && table[i-1].Name >= p.Name {
				t.Errorf("%s: %s comes after %s", name, p.Name, table[i-1].Name)
			}
			if p.Default == nil {
				continue
			}
			if forced, why := p.Type.force(p.Default); why != "" || !reflect.DeepEqual(forced, p.Default) {
				t.Errorf("%s: the default of %s is %#v, no %s", name, p.Name, p.Default, p.Type)
			}
		}
	}
}

func TestTheDefaultsOfEveryHypervisorPassItsChecks(t *testing.T) {
	for _, hv := range Hypervisors() {
		if err := CheckHV(hv, HVTable(hv).Defaults()); err != nil {
			t.Errorf("%s: %v", hv, err)
		}
	}
	c := recordedConfig(t)
	for _, inst := range c.Instances {
		if err := CheckHV(inst.Hypervisor, c.FilledHV(inst)); err != nil {
			t.Errorf("%s: %v", inst.Name, err)
		}
	}
}

// The texts are those of Ganeti 3.0.2 to the same values; the order of "one of" is ours.
func TestHypervisorParametersAreChecked(t *testing.T) {
	syntax := func(name, why, value string) string {
		return "Parameter '" + name + "' fails syntax check: " + why + " (current value: '" + value + "')"
	}
	for _, tt := range []struct {
		hv   string
		set  Params
		want string
	}{
		{"kvm", Params{"boot_order": "nosuch"}, syntax("boot_order", "The value must be one of: cdrom, disk, floppy, network", "nosuch")},
		{"kvm", Params{"boot_order": ""}, "Parameter 'boot_order' is required but is currently not defined"},
		{"kvm", Params{"kernel_path": "relative"}, syntax("kernel_path", "must be an absolute normalized path", "relative")},
		{"kvm", Params{"kernel_path": "/x/../y"}, syntax("kernel_path", "must be an absolute normalized path", "/x/../y")},
		{"kvm", Params{"kernel_path": "", "initrd_path": ""}, ""},
		{"kvm", Params{"root_path": ""}, "Need a root partition for the instance, if a kernel is defined"},
		{"kvm", Params{"cdrom_image_path": "http://x/y.iso"}, ""},
		{"kvm", Params{"cdrom_image_path": "nfs://x"}, syntax("cdrom_image_path", "must be an absolute normalized path or a URL", "nfs://x")},
		{"kvm", Params{"boot_order": "cdrom"}, "Cannot boot from cdrom without an ISO path"},
		{"kvm", Params{"cpu_cores": int64(-1)}, syntax("cpu_cores", "cannot be negative", "-1")},
		{"kvm", Params{"cpu_mask": "0-1:2-3,5:all"}, ""},
		{"kvm", Params{"cpu_mask": "99999999999999999999"}, ""},
		{"kvm", Params{"cpu_mask": "3-1"}, syntax("cpu_mask", "Multiple CPU mask definition is not well-formed", "3-1")},
		{"lxc", Params{"cpu_mask": "0-1:2"}, syntax("cpu_mask", "CPU mask definition is not well-formed", "0-1:2")},
		{"kvm", Params{"migration_port": int64(65535)}, syntax("migration_port", "invalid port number", "65535")},
		{"kvm", Params{"migration_mode": "x"}, syntax("migration_mode", "invalid migration mode", "x")},
		{"kvm", Params{"virtio_net_queues": int64(9)}, syntax("virtio_net_queues", "invalid number of queues", "9")},
		{"kvm", Params{"spice_ip_version": int64(5)}, syntax("spice_ip_version", "The SPICE IP version should be 4 or 6", "5")},
		{"kvm", Params{"spice_ip_version": int64(4)}, "SPICE: spice_ip_version requires spice_bind to be set"},
		{"kvm", Params{"spice_bind": "127.0.0.1", "spice_ip_version": int64(6)}, "SPICE: Got an IPv4 address (127.0.0.1), but the specified IP version is 6"},
		{"kvm", Params{"spice_use_tls": true}, "SPICE: spice_use_tls requires spice_bind to be set"},
		{"kvm", Params{"serial_speed": int64(12345)}, "Invalid serial console speed, must be one of: 75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 345600, 460800"},
		{"kvm", Params{"security_model": "user"}, "A security domain (user to run kvm as) must be specified"},
		{"kvm", Params{"security_model": "pool", "security_domain": "x"}, "Cannot have a security domain when the security model is 'none' or 'pool'"},
		{"kvm", Params{"vnc_x509_verify": true}, "vnc_x509_path must be defined, if vnc_x509_verify is"},
		{"kvm", Params{"disk_aio": "native"}, "When 'disk_aio' is set to 'native', the only supported value for 'disk_cache' is 'none'."},
		{"kvm", Params{"disk_type": "scsi-hd", "scsi_controller_type": "virtio-scsi-pci", "disk_discard": "unmap", "disk_cache": "none", "security_model": "pool"}, ""},
		{"fake", Params{"bogus": "1"}, "Parameter 'bogus' is not supported"},
		{"xen-hvm", Params{"boot_order": "xyz"}, syntax("boot_order", "Invalid boot order specified, must be one or more of [acdn]", "xyz")},
		{"xen-pvm", Params{"cpu_weight": int64(0)}, syntax("cpu_weight", "invalid weight", "0")},
	} {
		err := CheckHV(tt.hv, tt.set.Fill(HVTable(tt.hv).Defaults()))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s %v:\ngot  %s\nwant %s", tt.hv, tt.set, got, tt.want)
		}
	}
	p := HVTable("kvm").Defaults()
	delete(p, "acpi")
	if err := CheckHV("kvm", p); err == nil || err.Error() != "Parameter 'acpi' is missing" {
		t.Errorf("a missing parameter: %v", err)
	}
}

func TestParametersComeFromTheNearestLevel(t *testing.T) {
	c := recordedConfig(t)
	inst := c.InstanceByName("inst1.example.com")
	c.Cluster.OSHVP = map[string]map[string]Params{"noop": {"kvm": {"acpi": false, "serial_speed": int64(9600)}}}
	inst.HVParams = Params{"serial_speed": int64(115200)}
	hv := c.FilledHV(inst)
	if hv["acpi"] != false || hv["serial_speed"] != int64(115200) || hv["kernel_path"] != "" || hv["disk_type"] != "paravirtual" {
		t.Errorf("hypervisor parameters %v", hv)
	}
	c.Cluster.NDParams = Params{"ssh_port": int64(2222)}
	node := c.NodeByName("node2.example.com")
	c.Group(node.Group).NDParams = Params{"spindle_count": int64(3)}
	node.NDParams = Params{"cpu_speed": 2.5}
	if nd := c.FilledND(node); nd.Int("ssh_port") != 2222 || nd.Int("spindle_count") != 3 || nd.Float("cpu_speed") != 2.5 || nd.String("ovs_name") != "switch1" {
		t.Errorf("node parameters %v", nd)
	}
	c.Cluster.OSParams = map[string]Params{"deb": {"a": "1", "b": "1", "c": "1"}, "deb+x": {"b": "2", "c": "2"}}
	inst.OS, inst.OSParams = "deb+x", Params{"c": "3"}
	if os := c.FilledOS(inst); !reflect.DeepEqual(os, Params{"a": "1", "b": "2", "c": "3"}) {
		t.Errorf("OS parameters %v", os)
	}
	if got := (Params{"a": int64(1)}).Update(map[string]any{"a": "default", "b": "x", "c": nil}); !reflect.DeepEqual(got, Params{"b": "x"}) {
		t.Errorf("Update = %v", got)
	}
}

func TestWhatIsTypedFirstIsRefusedFirst(t *testing.T) {
	params := map[string]any{"vcpus": "x", "maxmem": "y", "nosuch": "1"}
	for first, want := range map[string]string{
		"vcpus": "'vcpus' (value x) is not a valid integer", "maxmem": "'maxmem' (value y) is not a valid size. error: Invalid format", "nosuch": "Unknown parameter 'nosuch'",
	} {
		if _, err := BEInput.ForceTyped([]string{first, "vcpus", "maxmem", "nosuch"}, params); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", first, err, want)
		}
	}
	if forced, err := BEInput.ForceTyped(nil, map[string]any{"vcpus": "2"}); err != nil || forced.Int("vcpus") != 2 {
		t.Errorf("%v, %v", forced, err)
	}
}

func TestNumbersThatNothingHolds(t *testing.T) {
	const huge = "99999999999999999999"
	for name, want := range map[string]string{
		"migration_port":     "Parameter 'migration_port' fails syntax check: invalid port number (current value: '" + huge + "')",
		"migration_downtime": "'migration_downtime' (value " + huge + ") is not a valid integer",
	} {
		if _, err := HVInput.Force(map[string]any{name: huge}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for typed, token := range map[string]string{"1e400": "Infinity", "-inf": "-Infinity", "nan": "NaN"} {
		_, err := NDParams.Force(map[string]any{"cpu_speed": typed})
		if err == nil || err.Error() != "Failed to parse request: parsing top-level JSON message: Malformed JSON: invalid token in this context "+token {
			t.Errorf("%s: %v", typed, err)
		}
	}
}

func TestTheOrderOfNodeParametersHasThemAll(t *testing.T) {
	var names []string
	for _, p := range NDParams {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	if order := slices.Sorted(slices.Values(NDOrder)); !slices.Equal(order, names) {
		t.Errorf("the order has %q, the table %q", order, names)
	}
}
