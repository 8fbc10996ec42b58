package osdef

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

var envdump = OS{Name: "envdump", Path: "/usr/share/ganeti/os/envdump", Valid: true, Trusted: true, APIVersions: []int{20, 15},
	Variants: []string{"default", "large"}, Parameters: []Parameter{{"dhcp", "Whether to use DHCP"}, {"root_size", "Size"}}}

// What the scripts of an OS definition got from Ganeti 3.0.2, without what the recorder's own interpreter and the export
// daemon's login left there.
func TestEnvironmentIsGanetis(t *testing.T) {
	data, err := os.ReadFile("testdata/os-env.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []struct {
		Script string
		Argv   []string
		Env    map[string]string
	}
	if err := json.Unmarshal(data, &records); err != nil {
		t.Fatal(err)
	}
	if len(records) != 13 {
		t.Fatalf("%d records", len(records))
	}
	for i, record := range records {
		t.Run(fmt.Sprintf("%d %s", i, record.Script), func(t *testing.T) {
			want := record.Env
			values := map[string]string{}
			for name, value := range want {
				if name, found := strings.CutPrefix(name, "OSP_"); found {
					values[strings.ToLower(name)] = value
				}
			}
			got, err := envdump.Core(want["OS_VARIANT"], values, 0)
			if record.Script != "verify" {
				got, err = envdump.Environment(target(want), values, extra(want), 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range want {
				if v, is := got[name]; !is || v != value {
					t.Errorf("%s is %q, want %q", name, v, value)
				}
			}
			for name := range got {
				if _, is := want[name]; !is {
					t.Errorf("%s is too much", name)
				}
			}
		})
	}
}

// target makes the instance of a record.
func target(env map[string]string) Target {
	i := &config.Instance{Name: env["INSTANCE_NAME"], UUID: env["INSTANCE_UUID"], OS: env["INSTANCE_OS"], Hypervisor: env["HYPERVISOR"],
		PrimaryNode: env["INSTANCE_PRIMARY_NODE"]}
	fmt.Sscan(env["INSTANCE_CTIME"], &i.CTime)
	fmt.Sscan(env["INSTANCE_MTIME"], &i.MTime)
	t := Target{Instance: i, SecondaryNodes: strings.Fields(env["INSTANCE_SECONDARY_NODES"]), HV: params(env, "INSTANCE_HV_"), BE: params(env, "INSTANCE_BE_")}
	for n := 0; env[fmt.Sprintf("DISK_%d_UUID", n)] != ""; n++ {
		at := func(name string) string { return env[fmt.Sprintf("DISK_%d_%s", n, name)] }
		d := &config.Disk{UUID: at("UUID"), Name: at("NAME"), Mode: at("ACCESS"), DevType: "blockdev"}
		fmt.Sscan(at("SIZE"), &d.Size)
		if driver, is := strings.CutPrefix(at("BACKEND_TYPE"), "file:"); is {
			d.DevType, d.LogicalID = "file", config.LogicalID{driver, at("PATH")}
		}
		t.Disks = append(t.Disks, Disk{Disk: d, Path: at("PATH")})
	}
	for n := 0; env[fmt.Sprintf("NIC_%d_UUID", n)] != ""; n++ {
		at := func(name string) string { return env[fmt.Sprintf("NIC_%d_%s", n, name)] }
		nic := NIC{NIC: config.NIC{UUID: at("UUID"), Name: at("NAME"), MAC: at("MAC"), IP: at("IP"), NICParams: config.Params{"mode": at("MODE"), "link": at("LINK")}}}
		if at("NETWORK_UUID") != "" {
			nic.Network = &config.Network{UUID: at("NETWORK_UUID"), Name: at("NETWORK_NAME"), Tags: strings.Fields(at("NETWORK_TAGS")), Network: at("NETWORK_SUBNET"),
				Gateway: at("NETWORK_GATEWAY"), Network6: at("NETWORK_SUBNET6"), Gateway6: at("NETWORK_GATEWAY6"), MACPrefix: at("NETWORK_MAC_PREFIX")}
		}
		t.NICs = append(t.NICs, nic)
	}
	return t
}

func params(env map[string]string, prefix string) config.Params {
	p := config.Params{}
	for name, value := range env {
		name, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		p[name] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			p[name] = n
		} else if value == "True" || value == "False" {
			p[name] = value == "True"
		}
	}
	return p
}

func extra(env map[string]string) map[string]string {
	out := map[string]string{}
	if env["EXPORT_DEVICE"] != "" {
		n, _ := strconv.Atoi(env["EXPORT_INDEX"])
		out = ExportOf(n, env["EXPORT_DEVICE"], "")
	}
	for _, name := range []string{"INSTANCE_REINSTALL", "OLD_INSTANCE_NAME"} {
		set(out, name, env[name])
	}
	return out
}

func TestTargetOf(t *testing.T) {
	disk := &config.Disk{UUID: "d1", DevType: "blockdev", Mode: "rw", Size: 32}
	inst := &config.Instance{Name: "web", Hypervisor: "kvm", PrimaryNode: "p", Disks: []string{"d1"}, NICs: []config.NIC{{MAC: "aa:00:00:00:00:01"}}}
	cfg := &config.Config{Disks: []*config.Disk{disk}, Instances: []*config.Instance{inst}}
	got := TargetOf(cfg, inst, func(d *config.Disk) (string, string) { return "/dev/" + d.UUID, "" })
	if len(got.Disks) != 1 || got.Disks[0].Path != "/dev/d1" || got.HV.String("disk_type") != "paravirtual" || got.BE.Int("vcpus") != 1 ||
		len(got.SecondaryNodes) != 0 || got.NICs[0].NICParams.String("mode") != "bridged" {
		t.Errorf("%+v", got)
	}
}

func TestValues(t *testing.T) {
	got, err := Values(config.Params{"dhcp": "yes", "n": int64(7)}, config.Params{"key": "k"}, nil)
	if err != nil || !maps.Equal(got, map[string]string{"dhcp": "yes", "n": "7", "key": "k"}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = Values(config.Params{"a": "1", "b": "1", "c": "1"}, config.Params{"b": "2"}, config.Params{"a": "3"})
	want := "Cannot assign multiple values to OS parameters.\n\n      Conflicting OS parameters that would have been set by this operation:\n" +
		"      - at public visibility:  'a', 'b'\n      - at private visibility: 'b'\n      - at secret visibility:  'a'\n      "
	if err == nil || err.Error() != want {
		t.Errorf("Values = %v", err)
	}
	if _, err = Values(config.Params{"a": "1"}, nil, config.Params{"a": "3"}); err == nil || !strings.Contains(err.Error(), "at private visibility: (none)\n") {
		t.Errorf("Values = %v", err)
	}
}

func TestVariantDefaultsToTheFirst(t *testing.T) {
	env, err := envdump.Core("", map[string]string{"root-size": "7"}, 2)
	if err != nil || env["OS_VARIANT"] != "default" || env["OSP_ROOT_SIZE"] != "7" || env["DEBUG_LEVEL"] != "2" {
		t.Errorf("%v, %v", env, err)
	}
	old := OS{Name: "noop", APIVersions: []int{10, 5}, Variants: []string{"x"}}
	if env, err = old.Core("", nil, 0); err != nil || env["OS_VARIANT"] != "" || env["OS_API_VERSION"] != "10" {
		t.Errorf("%v, %v", env, err)
	}
	if _, err = envdump.Core("", map[string]string{"a;reboot": "1"}, 0); err == nil {
		t.Error("a parameter that is no name of a variable was passed on")
	}
}

// makeOS makes an OS definition; "-" removes a file, a trailing "x" in its name's value makes nothing executable.
func makeOS(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	all := map[string]string{"ganeti_api_version": "20\n15\n5\n", "create": "#!/bin/sh\n", "export": "#!/bin/sh\n", "import": "#!/bin/sh\n", "rename": "#!/bin/sh\n",
		"verify": "#!/bin/sh\n", "variants.list": "# comment\n\ndefault\n large \n", "parameters.list": "dhcp  Whether to use  DHCP\nroot_size\tSize\n"}
	maps.Copy(all, files)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range all {
		if text == "-" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// parseHere runs the probe on this machine for other directories than the real ones.
func parseHere(t *testing.T, name string, dirs ...string) []OS {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", append([]string{"-c", probeScript, "sh", name}, dirs...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	list, err := parse(out)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDiagnose(t *testing.T) {
	dir := t.TempDir()
	first, second := dir+"/a", dir+"/b"
	makeOS(t, first+"/good", nil)
	makeOS(t, second+"/good", map[string]string{"variants.list": "-"})
	makeOS(t, first+"/.hidden", nil)
	makeOS(t, first+"/old", map[string]string{"ganeti_api_version": "10", "verify": "-", "variants.list": "-", "parameters.list": "-"})
	if err := os.WriteFile(first+"/README.txt", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	list := parseHere(t, "", first, dir+"/nosuch", second)
	want := []OS{
		{Name: "README.txt", Path: first + "/README.txt", Reason: "Directory for OS README.txt not found in search path", Trusted: true},
		{Name: "good", Path: first + "/good", Valid: true, Trusted: true, APIVersions: []int{20, 15, 5}, Variants: []string{"default", "large"},
			Parameters: []Parameter{{"dhcp", "Whether to use  DHCP"}, {"root_size", "Size"}}},
		{Name: "old", Path: first + "/old", Valid: true, Trusted: true, APIVersions: []int{10}},
		{Name: "good", Path: second + "/good", Valid: true, Trusted: true, APIVersions: []int{20, 15, 5},
			Parameters: []Parameter{{"dhcp", "Whether to use  DHCP"}, {"root_size", "Size"}}},
	}
	if len(list) != len(want) {
		t.Fatalf("%+v", list)
	}
	for i := range want {
		if fmt.Sprintf("%+v", list[i]) != fmt.Sprintf("%+v", want[i]) {
			t.Errorf("got  %+v\nwant %+v", list[i], want[i])
		}
	}
	if one := parseHere(t, "good", first, second); len(one) != 1 || one[0].Path != first+"/good" {
		t.Errorf("found %+v", one)
	}
	if none := parseHere(t, "nosuch", first, second); len(none) != 0 {
		t.Errorf("found %+v", none)
	}
}

func TestReasons(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"api missing": {map[string]string{"ganeti_api_version": "-"}, "Required file 'ganeti_api_version' not found under path P: ENOENT"},
		"api text":    {map[string]string{"ganeti_api_version": "new\n"}, "API version(s) can't be converted to integer: invalid literal for int() with base 10: 'new'"},
		"api empty":   {map[string]string{"ganeti_api_version": ""}, "API version mismatch for path 'P': found [], want frozenset({10, 20, 15})."},
		"api blank":   {map[string]string{"ganeti_api_version": "20\n\n"}, "API version(s) can't be converted to integer: invalid literal for int() with base 10: ''"},
		"api unknown": {map[string]string{"ganeti_api_version": "5\n7\n"}, "API version mismatch for path 'P': found [5, 7], want frozenset({10, 20, 15})."},
		"no rename":   {map[string]string{"rename": "-"}, "File 'rename' under path 'P' is missing (ENOENT)"},
		"no verify":   {map[string]string{"verify": "-"}, "File 'verify' under path 'P' is missing (ENOENT)"},
		"no list":     {map[string]string{"parameters.list": "-"}, "File 'parameters.list' under path 'P' is missing (ENOENT)"},
		"no create":   {map[string]string{"create": "-"}, "A create script (trusted or untrusted) under path 'P' must exist"},
		"untrusted":   {map[string]string{"create": "-", "create_untrusted": "#!/bin/sh\n"}, ""},
		"no variants": {map[string]string{"variants.list": "-"}, ""},
	} {
		dir := t.TempDir() + "/os1"
		makeOS(t, dir, tt.files)
		o := parseHere(t, "", filepath.Dir(dir))[0]
		if want := strings.ReplaceAll(tt.want, "P", dir); strings.ReplaceAll(o.Reason, dir, "P") != tt.want && o.Reason != want || o.Valid != (tt.want == "") {
			t.Errorf("%s: %+v", name, o)
		}
		if o.Trusted == (name == "untrusted") {
			t.Errorf("%s: trusted %v", name, o.Trusted)
		}
	}
	dir := t.TempDir() + "/os1"
	makeOS(t, dir, map[string]string{"export": "-"})
	if err := errors.Join(os.Mkdir(dir+"/export", 0o755), os.Chmod(dir+"/import", 0o655)); err != nil {
		t.Fatal(err)
	}
	if o := parseHere(t, "", filepath.Dir(dir))[0]; o.Reason != "File 'export' under path '"+dir+"' is not a regular file" {
		t.Errorf("%+v", o)
	}
	if err := errors.Join(os.Remove(dir+"/export"), os.WriteFile(dir+"/export", nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	if o := parseHere(t, "", filepath.Dir(dir))[0]; o.Reason != "File 'import' under path '"+dir+"' is not executable" {
		t.Errorf("%+v", o)
	}
}

func TestChecks(t *testing.T) {
	plain := OS{Name: "noop", APIVersions: []int{10}}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"good":       {envdump.CheckVariant("large"), ""},
		"none":       {envdump.CheckVariant(""), "OS name 'envdump' must include a variant"},
		"unknown":    {envdump.CheckVariant("huge"), "OS 'envdump' does not support variant 'huge'"},
		"no such":    {plain.CheckVariant("default"), "OS 'noop' does not support variants ('default' passed)"},
		"plain":      {plain.CheckVariant(""), ""},
		"known":      {envdump.CheckParameters(map[string]string{"dhcp": "yes"}), ""},
		"parameters": {envdump.CheckParameters(map[string]string{"dhcp": "yes", "z": "", "a": ""}), "The following parameters are not supported by the OS envdump: a, z"},
		"old":        {plain.CheckParameters(map[string]string{"z": ""}), ""},
	} {
		var got string
		if tt.err != nil {
			got = tt.err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("dir /srv/ganeti/os/x\nmode 81ed /srv/ganeti/os/x/create\nline ganeti_api_version 20\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		list, err := parse(out)
		for _, o := range list {
			if err == nil && o.Valid == (o.Reason != "") {
				t.Errorf("%+v", o)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	answer := "dir /srv/ganeti/os/envdump\n"
	for _, file := range []string{"ganeti_api_version", "create", "export", "import", "rename", "verify", "parameters.list", "variants.list"} {
		answer += "mode 81ed /srv/ganeti/os/envdump/" + file + "\n"
	}
	answer += "line ganeti_api_version 20\nline variants.list default\nline parameters.list dhcp Use it\n"
	o := envdump
	o.Path = "/srv/ganeti/os/envdump"
	looked := "node1: " + remote.Quote(find("envdump").Argv...)
	verified := "node1: " + remote.Quote(o.verify(nil).Argv...)
	for full, tt := range map[string]struct {
		nodes  *remotetest.Fake
		values map[string]string
		want   string
	}{
		"envdump+default":  {remotetest.New(t).Answer(looked, answer).Answer(verified, ""), map[string]string{"dhcp": "yes"}, ""},
		"envdump":          {remotetest.New(t).Answer(looked, answer), nil, "OS name 'envdump' must include a variant"},
		"envdump+default+": {remotetest.New(t).Answer(looked, answer), nil, "OS 'envdump' does not support variant 'default+'"},
		"../x":             {remotetest.New(t), nil, "Directory for OS ../x not found in search path"},
	} {
		var got string
		if err := Validate(t.Context(), tt.nodes, "node1", full, tt.values, false); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s", full, got)
		}
	}
	gone := remotetest.New(t).Answer("node1: "+remote.Quote(find("nosuch").Argv...), "")
	if err := Validate(t.Context(), gone, "node1", "nosuch+x", nil, false); err == nil || err.Error() != "Directory for OS nosuch not found in search path" {
		t.Errorf("Validate = %v", err)
	}
}
