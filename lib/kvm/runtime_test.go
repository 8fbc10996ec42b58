package kvm

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A file of Ganeti's own, with two hotplugged devices, must come through unchanged: a Ganeti node that gets it by
// migration has to accept it.
func TestRuntimeFileRoundTrip(t *testing.T) {
	data, err := os.ReadFile("testdata/ganeti.runtime")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRuntime(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.NICs) != 3 || len(r.Disks) != 3 || r.NICs[2].Slot.Addr != "0x10" || r.Disks[2].Slot.Addr != "0x11" {
		t.Fatalf("%d NICs, %d disks, slots %v %v", len(r.NICs), len(r.Disks), r.NICs[2].Slot, r.Disks[2].Slot)
	}
	again, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want, got := plain(t, data), plain(t, again)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", again, data)
	}
	if !strings.Contains(string(again), `"-m",128,`) {
		t.Error("-m is no number any more")
	}
}

// plain decodes JSON without what has no meaning: null, false and empty attributes.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return strip(v)
}

func strip(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case map[string]any:
		for name, value := range v {
			v[name] = strip(value)
			if list, is := value.([]any); value == nil || value == false && name == "forthcoming" || is && len(list) == 0 {
				delete(v, name)
			}
		}
	}
	return v
}

func TestOldRuntimeFileIsUpgraded(t *testing.T) {
	r, err := ParseRuntime([]byte(`[["/usr/bin/kvm", "-m", 64, "-localtime", "-balloon", "virtio,addr=0x3", "-vnc", ":5100,tls,x509verify=/etc/x,password"],
		[{"mac": "aa:00:00:00:00:01", "nicparams": {"mode": "bridged", "link": "br0"}, "pci": 5, "uuid": "0a1b2c3d-1-2-3-4"}], {"acpi": true, "nic_type": "e1000"}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/usr/bin/kvm", "-m", "64", "-rtc", "base=localtime", "-device", "virtio-balloon,addr=0x3",
		"-object", "tls-creds-x509,id=vnctls0,endpoint=server,dir=/etc/x,verify-peer=yes", "-vnc", ":5100,tls-creds=vnctls0,password"}
	if !slices.Equal(r.Command, want) {
		t.Errorf("command %q", r.Command)
	}
	if got := r.NICs[0].Slot.String(); got != "e1000,id=hotnic-0a1b2c3d-pci-5,bus=pci.0,addr=0x5" {
		t.Errorf("slot %s", got)
	}
	if len(r.Disks) != 0 {
		t.Errorf("disks %v", r.Disks)
	}
}

func FuzzParseRuntime(f *testing.F) {
	data, err := os.ReadFile("testdata/ganeti.runtime")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`[[],[],{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRuntime(data)
		if err != nil {
			return
		}
		if _, _, err := argv(r, Launch{}, qemu72); err == nil && len(r.NICs) > 0 {
			t.Error("started without a tap device for each NIC")
		}
		if _, err := r.Encode(); err != nil && !slices.Contains(r.Command, "-m") {
			t.Errorf("cannot be written again: %v", err)
		}
	})
}
