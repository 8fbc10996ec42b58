package instance

import (
	"os"
	"path/filepath"
	"testing"

	"gantry/lib/config"
	"gantry/lib/gluster"
)

// rbdProgram keeps one image, and maps it on one node.
const rbdProgram = `#!/bin/sh
cd "${0%/*}" || exit
case $1 in
create) [ ! -e image ] && printf %s "$4" >image ;;
map) [ ! -e mapped ] && printf '[{"pool":"rbd","name":"%s","device":"/dev/rbd0"}]' "$4" >mapped ;;
showmapped) cat mapped 2>&- || echo '[]' ;;
unmap) rm mapped ;;
ls) printf '["%s"]' "$(cat image)" ;;
rm) [ ! -e mapped ] && rm image ;;
esac
`

// lives takes an instance on shared storage from its creation to its removal.
func (w *world) lives(template string, alive func(when string)) {
	w.t.Helper()
	w.t.Setenv("PATH", filepath.Join(w.dir, "bin")+":"+os.Getenv("PATH"))
	w.cfg.Cluster.EnabledDiskTemplates = append(w.cfg.Cluster.EnabledDiskTemplates, template)
	w.cfg.Instances = nil
	if e := w.run(newInstance("web", func(op *Create) { inFiles(1)(op); op.DiskTemplate, op.Start, op.NoInstall = template, false, true })); e.Err != nil {
		w.t.Fatal(e.Err)
	}
	w.upAndRunning()
	alive("started")
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2", IgnoreIPolicy: true}), "", []string{"node2"}, "node2 up disks=true")
	alive("failed over")
	w.expect(w.run(GrowDisk{Name: "web", Amount: 1, IgnoreIPolicy: true}), "", []string{"node2"}, "node2 up disks=true")
	alive("grown")
	if e := w.run(Remove{Name: "web"}); e.Err != nil {
		w.t.Fatal(e.Err)
	}
}

func TestInstanceInAPoolOfCeph(t *testing.T) {
	w := newWorld(t).withOS("")
	w.write("bin/rbd", rbdProgram, 0o755)
	w.lives(config.DTRBD, func(when string) {
		image, err := os.ReadFile(filepath.Join(w.dir, "bin", "image"))
		if name, _ := w.disk().Image(); err != nil || string(image) != name {
			t.Errorf("%s: %q, %v", when, image, err)
		}
	})
	if left, _ := filepath.Glob(filepath.Join(w.dir, "bin", "[im]*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestInstanceInGluster(t *testing.T) {
	w := newWorld(t).withOS("")
	w.cfg.Cluster.GlusterStorageDir = gluster.MountPoint
	w.write("bin/findmnt", "#!/bin/sh\necho 127.0.0.1:/gv0\n", 0o755)
	shared := filepath.Join(w.dir, "gluster")
	for _, n := range w.cfg.Nodes {
		w.write(n.Name+"/x", "", 0o600)
		if err := os.Symlink(shared, filepath.Join(w.dir, n.Name, "gluster")); err != nil {
			t.Fatal(err)
		}
	}
	w.write("gluster/x", "", 0o600)
	w.lives(config.DTGluster, func(when string) {
		s, err := os.Stat(filepath.Join(shared, "ganeti", w.web().UUID+".0"))
		if err != nil || s.Size() != w.disk().Size<<20 {
			t.Errorf("%s: %v, %v", when, s, err)
		}
	})
	if left, _ := filepath.Glob(filepath.Join(shared, "ganeti", "*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}
