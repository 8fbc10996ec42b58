package install

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gantry/tests/vmlab"
)

// helper is a system that fits into the first sector of a disk: it writes zeros on the second disk from sector 61440 on, as a helper does
// where there are no files, and powers off.
const helper = "31c0 8ed8 8ed0 bc007c" + // no segments; the stack is below
	"b80020 8ec0 31ff 31c0 fc b90040 f3ab" + // 32 KiB of zeros at 2000:0
	"be507c b281 b80043 cd13 720d" + // write them as the packet says on the second disk, until that fails
	"8306587c40 813e587cc0ff 72e7" + // or until sector 65472, 64 at a time
	"b80153 31db cd15 b80e53 31db b90201 cd15 b80753 bb0100 b90300 cd15 f4 ebfd" + // the BIOS switches off
	"1000 4000 0000 0020 00f0000000000000" // the packet

// putHelper writes the helper's image into the tree of the nodes.
func putHelper(t *testing.T, tree string) {
	t.Helper()
	code, err := hex.DecodeString(strings.ReplaceAll(helper, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	image := make([]byte, 1<<20)
	copy(image, code)
	copy(image[510:], "\x55\xaa")
	if err := os.WriteFile(filepath.Join(tree, "usr/share/debs/helper.img"), image, 0o644); err != nil {
		t.Fatal(err)
	}
}

// zeroed exports an instance whose free space, which begins at 30 MiB, is full of what nobody needs any more.
func zeroed(t *testing.T, l *vmlab.Lab) {
	const name = "full.example.com"
	l.Must(t, "node1", "gnt-cluster modify --zeroing-image=/usr/share/debs/helper.img")
	l.Must(t, "node1", "gnt-instance add -t plain -n node1 -o noop --disk 0:size=32m --no-install --no-start --no-name-check --no-ip-check --net=0:mac=generate --ignore-ipolicy "+
		"-B minmem=64M,maxmem=64M -H kvm:kernel_path=,kvm_flag=disabled,user_shutdown=true "+name)
	volume := "/dev/vg_ganeti/" + strings.TrimSpace(l.Must(t, "node1", "gnt-instance info "+name+" | sed -n 's|.*logical_id: vg_ganeti/||p'"))
	const parts = `; { head -c 30M $1 | sha256sum; tail -c +$((30 << 20 | 1)) $1 | head -c 1M | tr -d '\0' | wc -c; }`
	before := strings.Fields(l.Must(t, "node1", "set -- "+volume+"; lvchange -ay ${1#/dev/}; yes full | head -c 32M | dd of=$1 bs=1M iflag=fullblock oflag=direct status=none"+parts))
	said := l.Must(t, "node1", "gnt-backup export --zero-free-space -n node1 "+name)
	t.Log(said)
	for _, want := range []string{"Imaging temporary disks with image /usr/share/debs/helper.img", "Helper VM is up", "Temporary disk removed", "Helper VM execution completed"} {
		if !strings.Contains(said, "Zeroing free disk space: "+want+"\n") {
			t.Errorf("export does not say %q:\n%s", want, said)
		}
	}
	after := strings.Fields(l.Must(t, "node1", "set -- "+volume+"; lvchange -ay ${1#/dev/}"+parts))
	if len(before) != 3 || len(after) != 3 || before[0] != after[0] || before[2] != "1048576" || after[2] != "0" {
		t.Errorf("before %q, after %q: what is in use must stay, the rest must be zero", before, after)
	}
	if got := l.Must(t, "node1", "gnt-instance list --no-headers -o disk.count,status "+name+"; gnt-cluster verify-disks; pgrep -c -f [q]emu-system.*"+name+"; true"); !strings.HasPrefix(got, "1 ADMIN_down\n") || !strings.HasSuffix(got, "\n0\n") {
		t.Errorf("after the export:\n%s", got)
	}
	l.Must(t, "node1", "gnt-instance remove -f "+name)
	if got := l.Must(t, "node1", "lvs --noheadings -o lv_name vg_ganeti"); got != "" {
		t.Errorf("left are volumes:\n%s", got)
	}
}
