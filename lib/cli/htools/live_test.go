package htools

import (
	"slices"
	"testing"

	"gantry/lib/balance"
	"gantry/lib/config"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/query"
)

func TestWhatTheDiskFiguresAreAboutIsTheFirstKind(t *testing.T) {
	group := func(name string) lvm.VG { return lvm.VG{Name: name, Size: 100, Free: 50} }
	vg := func(name string) balance.Kind { return balance.Kind{Name: "lvm-vg/" + name, Total: 100, Free: 50} }
	there := &nodefacts.Dir{Exists: true, Total: 9, Free: 5}
	sharedThere, file := balance.Kind{Name: "sharedfile", Total: 9, Free: 5}, balance.Kind{Name: "file", Total: 9, Free: 5}
	lvmFirst, sharedFirst := []string{"plain", "sharedfile"}, []string{"sharedfile", "file"}
	for name, tt := range map[string]struct {
		templates []string
		said      query.NodeLive
		want      []balance.Kind
	}{
		"other groups before":      {lvmFirst, query.NodeLive{VGs: []lvm.VG{group("a"), group("b"), group("xenvg")}}, []balance.Kind{vg("xenvg"), vg("a"), vg("b")}},
		"no such group":            {lvmFirst, query.NodeLive{VGs: []lvm.VG{group("a")}}, []balance.Kind{{Name: "lvm-vg/xenvg"}, vg("a")}},
		"no groups at all":         {lvmFirst, query.NodeLive{VGs: []lvm.VG{}}, []balance.Kind{{Name: "lvm-vg/xenvg"}}},
		"nothing said":             {lvmFirst, query.NodeLive{}, nil},
		"groups not said":          {lvmFirst, query.NodeLive{Shared: there}, []balance.Kind{{Name: "lvm-vg/xenvg"}, sharedThere}},
		"a shared directory first": {sharedFirst, query.NodeLive{Files: there, Shared: there}, []balance.Kind{sharedThere, file}},
		"which is not there":       {sharedFirst, query.NodeLive{Files: there, Shared: &nodefacts.Dir{}}, []balance.Kind{{Name: "sharedfile"}, file}},
		"of which nothing is said": {sharedFirst, query.NodeLive{Files: there}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &config.Config{Cluster: config.Cluster{EnabledDiskTemplates: tt.templates, VolumeGroupName: "xenvg",
				FileStorageDir: "/srv/file", SharedFileStorageDir: "/srv/shared"}}
			if got := (&live{cfg: cfg}).kinds(tt.said); !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
