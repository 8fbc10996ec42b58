package kvm

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// TestArgvIsGanetis compares with every qemu command line that was recorded from Ganeti 3.0.2 on QEMU 7.2. Only the tap
// devices differ, see the package comment.
func TestArgvIsGanetis(t *testing.T) {
	var records []struct {
		Label string
		Argv  []string
	}
	data, err := os.ReadFile("testdata/argv.json")
	if err == nil {
		err = json.Unmarshal(data, &records)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < 90 {
		t.Fatalf("only %d records", len(records))
	}
	for i, record := range records {
		t.Run(fmt.Sprintf("%d %s", i, record.Label), func(t *testing.T) {
			g, l := recorded(record.Label, record.Argv)
			r, err := Prepare(g, qemu72)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := argv(r, l, qemu72)
			if err != nil {
				t.Fatal(err)
			}
			if want := byName(record.Argv, r); !slices.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
			}
		})
	}
}

var qemu72 = Emulator{
	Version: [3]int{7, 2, 22}, DefaultMachine: "pc-i440fx-7.2", AutoReadOnly: true, Spice: true,
	Devices: map[string]bool{"virtio-blk-pci": true, "virtio-net-pci": true, "scsi-hd": true, "scsi-cd": true,
		"scsi-block": true, "scsi-generic": true, "ide-hd": true},
	Addresses: map[string][]string{"br0": {"192.0.2.11", "2001:db8::1"}},
}

// recorded makes the guest that a record was taken of. What the record alone knows (UUIDs, MACs, ports) is read from it.
func recorded(label string, recorded []string) (Guest, Launch) {
	g := Guest{HV: defaults(), VCPUs: 1, MaxMem: 128, MinMem: 128, Port: 11000}
	for i, word := range recorded {
		switch word {
		case "-name":
			g.Name = recorded[i+1]
		case "-uuid":
			g.UUID = recorded[i+1]
		case "-netdev":
			id, _, _ := strings.Cut(strings.TrimPrefix(recorded[i+1], "type=tap,id=nic-"), ",")
			_, mac, _ := strings.Cut(recorded[i+3], ",mac=")
			g.NICs = append(g.NICs, NIC{NIC: config.NIC{UUID: id + "-0000-000000000000", MAC: mac}, Tap: fmt.Sprintf("tap%d", len(g.NICs))})
		}
	}
	templates := map[string]string{"inst1": "file", "inst2": "sharedfile", "inst4": "ext", "inst5": "ext", "inst6": "blockdev"}
	name, _, _ := strings.Cut(g.Name, ".")
	for i, word := range recorded {
		if word != "-drive" || strings.Contains(recorded[i+1], "media=") {
			continue
		}
		d := Disk{Disk: config.Disk{DevType: templates[name], Mode: "rw"}, Link: LinkPath(g.Name, len(g.Disks))}
		if file, _, _ := strings.Cut(strings.TrimPrefix(recorded[i+1], "file="), ","); strings.HasPrefix(file, "file:") {
			d.URI = file
		}
		if _, id, found := strings.Cut(recorded[i+1], ",id=disk-"); found {
			id, _, _ = strings.Cut(id, ",")
			d.UUID = id + "-0000-000000000000"
		}
		g.Disks = append(g.Disks, d)
	}
	configure(&g, label)
	l := LaunchOf(g)
	if i := slices.Index(recorded, "-incoming"); i > 0 {
		l.Incoming = strings.TrimPrefix(recorded[i+1], "tcp:")
	}
	return g, l
}

// configure sets what a record's label says.
func configure(g *Guest, label string) {
	switch label {
	case "paused":
		g.Paused = true
	case "minmem=100M,maxmem=200M":
		g.MinMem, g.MaxMem = 100, 200
		return
	case "scsi-hd virtio-scsi discard":
		label = "disk_type=scsi-hd,scsi_controller_type=virtio-scsi-pci,disk_discard=unmap,disk_cache=none,disk_aio=native"
	case "after hotplug":
		if g.UUID == "85e4fe3e-1122-452c-bbd9-ab3293b17783" {
			label = "disk_aio=native,disk_cache=none"
		}
	}
	if controller, found := strings.CutPrefix(label, "scsi-hd "); found {
		label = "disk_type=scsi-hd,scsi_controller_type=" + controller
	}
	label, vcpus, found := strings.Cut(label, " vcpus=")
	if found {
		fmt.Sscan(vcpus, &g.VCPUs)
	}
	set(g.HV, label)
}

// set fills in parameters written as on Ganeti's command line.
func set(hv config.Params, text string) {
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			continue
		}
		switch hv[name].(type) {
		case bool:
			hv[name] = value == "true"
		case int64:
			var n int64
			fmt.Sscan(value, &n)
			hv[name] = n
		default:
			hv[name] = value
		}
	}
}

// Newer qemu has dropped options that a runtime file may still hold.
func TestArgvForNewerQemu(t *testing.T) {
	qemu9 := qemu72
	qemu9.Version = [3]int{9, 2, 0}
	g := Guest{Name: "web", UUID: "u", HV: defaults(), VCPUs: 1, MaxMem: 64, Paused: true}
	set(g.HV, "acpi=false,use_chroot=true,security_model=user,security_domain=kvm")
	r, err := Prepare(g, qemu9)
	if err != nil {
		t.Fatal(err)
	}
	line, user, err := argv(r, LaunchOf(g), qemu9)
	got := strings.Join(line, " ")
	if err != nil || user != [2]string{"-run-with", "chroot=/var/run/ganeti/kvm-hypervisor/chroot/web,user="} {
		t.Errorf("%v %v", user, err)
	}
	for word, want := range map[string]bool{"-no-acpi": false, "-machine pc-i440fx-7.2,acpi=off": true, " -chroot ": false, "-runas": false,
		"-run-with chroot=/var/run/ganeti/kvm-hypervisor/chroot/web,user=kvm": true, " -S": true} {
		if strings.Contains(got, word) != want {
			t.Errorf("%q: %v in %s", word, !want, got)
		}
	}
	l := LaunchOf(g)
	l.Incoming, l.Security = "192.0.2.1:8102", "none"
	line, _, err = argv(r, l, qemu72)
	if got := strings.Join(line, " "); err != nil || strings.Contains(got, " -S") || !strings.Contains(got, " -chroot /var") {
		t.Errorf("arriving: %s, %v", got, err)
	}
}

// byName rewrites Ganeti's inherited file descriptors to tap devices by name.
func byName(argv []string, r Runtime) []string {
	out := slices.Clone(argv)
	n := 0
	for i, word := range out {
		if i == 0 || out[i-1] != "-netdev" {
			continue
		}
		before, _, _ := strings.Cut(word, ",fd=")
		out[i] = fmt.Sprintf("%s,ifname=tap%d,script=no,downscript=no", before, n)
		if headers, _ := TapOptions(r); !headers {
			out[i] += ",vnet_hdr=off"
		}
		n++
	}
	return out
}

// defaults are the cluster's parameters when the records were made.
func defaults() config.Params {
	hv := config.Params{}
	data, err := os.ReadFile("testdata/ganeti.runtime")
	if err != nil {
		panic(err)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		panic(err)
	}
	if err := json.Unmarshal(parts[2], &hv); err != nil {
		panic(err)
	}
	hv["kvm_path"] = "/usr/bin/qemu-system-x86_64"
	return hv
}
