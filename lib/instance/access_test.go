package instance

import (
	"reflect"
	"testing"

	"gantry/lib/config"
)

// A disk keeps the word of who opens it where its template has that choice. Others have never kept it.
func TestWhoOpensADiskIsKept(t *testing.T) {
	cfg := &config.Config{}
	for template, want := range map[string]config.Params{
		config.DTRBD: {"access": "userspace"}, config.DTGluster: {"access": "userspace"}, config.DTExt: {"access": "userspace", "provider": "san", "copies": "2"},
		config.DTSharedFile: {}, config.DTPlain: {},
	} {
		asked := map[string]any{"size": 8, "access": "userspace"}
		if template == config.DTExt {
			asked["provider"], asked["copies"] = "san", "2"
		}
		request, err := newDisk(cfg, template, asked)
		if err != nil {
			t.Fatal(err)
		}
		disks, err := layOut(template, "n1", "/srv/dir", "loop", 0, []diskRequest{request})
		if err != nil || !reflect.DeepEqual(disks[0].Params, want) {
			t.Errorf("%s: %v, %v", template, disks[0].Params, err)
		}
	}
	request, err := newDisk(cfg, config.DTRBD, map[string]any{"size": 8})
	if err != nil {
		t.Fatal(err)
	}
	if disks, err := layOut(config.DTRBD, "n1", "", "", 0, []diskRequest{request}); err != nil || !reflect.DeepEqual(disks[0].Params, config.Params{}) {
		t.Errorf("nothing asked: %v, %v", disks[0].Params, err)
	}
}

func TestOnlyKVMOpensDisksByItself(t *testing.T) {
	cfg := &config.Config{}
	group := func(access string) *config.NodeGroup {
		p := map[string]config.Params{}
		for _, template := range []string{config.DTExt, config.DTGluster, config.DTRBD} {
			p[template] = config.Params{"access": access}
		}
		return &config.NodeGroup{DiskParams: p}
	}
	own := func(template, access string) *config.Disk {
		return &config.Disk{DevType: template, Params: config.Params{"access": access}}
	}
	for _, tt := range []struct {
		hypervisor string
		disk       *config.Disk
		group      string
		refused    string
	}{
		{config.HVKVM, own(config.DTRBD, "userspace"), "kernelspace", ""},
		{config.HVKVM, own(config.DTGluster, "userspace"), "kernelspace", ""},
		{config.HVKVM, own(config.DTExt, "userspace"), "kernelspace", ""},
		{config.HVKVM, own(config.DTExt, "elsewhere"), "kernelspace", "Selected hypervisor (kvm) cannot be used with elsewhere disk access param"},
		{config.HVKVM, own(config.DTExt, ""), "kernelspace", "Selected hypervisor (kvm) cannot be used with  disk access param"},
		{config.HVFake, own(config.DTRBD, "userspace"), "kernelspace", "Selected hypervisor (fake) cannot be used with userspace disk access param"},
		{config.HVFake, own(config.DTRBD, "kernelspace"), "userspace", ""},
		{config.HVFake, &config.Disk{DevType: config.DTGluster}, "userspace", "Selected hypervisor (fake) cannot be used with userspace disk access param"},
		{"xen-pvm", own(config.DTExt, "userspace"), "kernelspace", "Selected hypervisor (xen-pvm) cannot be used with userspace disk access param"},
		{config.HVFake, own(config.DTPlain, "userspace"), "userspace", ""},
	} {
		err := checkAccess(cfg, tt.hypervisor, tt.disk, group(tt.group))
		if tt.refused == "" && err != nil || tt.refused != "" && (err == nil || err.Error() != tt.refused) {
			t.Errorf("%s, %s of %v in %s: %v", tt.hypervisor, tt.disk.DevType, tt.disk.Params, tt.group, err)
		}
	}
}

// The hypervisor of these instances is fake.
func TestDisksThatTheHypervisorCannotOpen(t *testing.T) {
	const refused = "Selected hypervisor (fake) cannot be used with userspace disk access param"
	w := newWorld(t).withFiles().lax()
	w.cfg.Cluster.EnabledDiskTemplates = append(w.cfg.Cluster.EnabledDiskTemplates, config.DTRBD)
	e := w.run(newInstance("db", func(op *Create) {
		op.DiskTemplate, op.Disks = config.DTRBD, []map[string]any{{"size": 8}, {"size": 8, "access": "userspace"}}
	}))
	if e.Err == nil || e.Err.Error() != refused || w.cfg.InstanceByName("db") != nil || len(w.left()) > 0 {
		t.Errorf("added with its instance: %v, %q", e.Err, w.left())
	}
	disk := func(uuid string, params config.Params) *config.Disk {
		return &config.Disk{UUID: uuid, Name: uuid, DevType: config.DTRBD, LogicalID: config.LogicalID{"rbd", uuid}, Size: 8, Mode: "rw", Params: params}
	}
	w.cfg.Disks = []*config.Disk{disk("own", nil), disk("loose", config.Params{"access": "userspace"})}
	w.web().Disks = []string{"own"}
	for name, change := range map[string]DeviceChange{
		"added": {"add", "-1", map[string]any{"size": 8, "access": "userspace"}}, "attached": {"attach", "-1", map[string]any{"name": "loose"}},
	} {
		e := w.run(Modify{Name: "web", Disks: []DeviceChange{change}, WaitForSync: true})
		if e.Err == nil || e.Err.Error() != refused || len(w.web().Disks) != 1 {
			t.Errorf("%s: %v, disks %v", name, e.Err, w.web().Disks)
		}
	}
}
