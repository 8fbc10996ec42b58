package debootstrap

import (
	"os/exec"
	"path/filepath"
	"testing"
)

func TestScriptsPassShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	files := []string{"-x", "create", "import", "export", "rename", "verify", "heir"}
	for _, pattern := range []string{"inside-*", "*.sh", "examples/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	if out, err := exec.Command("shellcheck", files...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}

// sh runs lines of bash that see functions of the definition but not its
// settings, and returns what they print.
func sh(t *testing.T, env []string, lines string) string {
	t.Helper()
	cmd := exec.Command("bash", "-ec", `fail() { echo "$@"; exit 1; }; `+lines)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", lines, err, out)
	}
	return string(out)
}

func TestPartitionIsNamedByKpartx(t *testing.T) {
	// What kpartx prints for a multipath device given by its /dev/disk/by-id
	// name: the names there are not those of the path.
	const listing = `printf '%s\n' "tb-build-03-root-1 : 0 4192256 /dev/dm-3 2048" "tb-build-03-root-2 : 0 100 /dev/dm-3 5000000"`
	got := sh(t, nil, `. ./disk.sh
		kpartx() { [ "$1" != -l ] || `+listing+`; }
		fail() { echo "$@" | sed 's/.*mapper/mapper/'; }
		mapped_partition /dev/dm-3`)
	const want = "mapper/tb-build-03-root-1\n/dev/mapper/tb-build-03-root-1\n" // no such node here
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCacheIsKeyedByAllThatGoesIntoIt(t *testing.T) {
	base := []string{"CACHE_DIR=/c", "SUITE=bookworm", "ARCH=amd64", "MIRROR=http://deb.example.com/debian", "EXTRA_PKGS=vim", "COMPONENTS=main"}
	const lines = `. ./base.sh; cache_file`
	seen := map[string]string{sh(t, base, lines): "the base"}
	for _, change := range []string{
		"SUITE=trixie", "ARCH=i386", "MIRROR=http://deb.example.com/other", "EXTRA_PKGS=vim,less", "COMPONENTS=main,contrib",
	} {
		name := sh(t, append(base, change), lines)
		if other, ok := seen[name]; ok {
			t.Errorf("with %s the cache is %sas with %s", change, name, other)
		}
		seen[name] = change
	}
	if sh(t, base, lines) != sh(t, append(base, "PROXY=http://proxy.example.com"), lines) {
		t.Error("the proxy, which does not go into the cache, changes its name")
	}
}

func TestMirrorIsWhereAptGetsTheSuite(t *testing.T) {
	const uris = `'cdrom:[Debian]/dists/bookworm/InRelease' c 0
'http://a.example.com/ubuntu/dists/noble/InRelease' x 0
'http://deb.example.com/debian/dists/bookworm/InRelease' y 0
'http://deb.example.com/debian/dists/bookworm/main/binary-amd64/Packages.xz' y 0
`
	for name, tt := range map[string]struct{ env, want string }{
		"its own":       {"MIRROR=http://m.example.com/d", "http://m.example.com/d\n"},
		"apt has it":    {"SUITE=noble", "http://a.example.com/ubuntu\n"},
		"apt's own":     {"SUITE=bookworm", "http://deb.example.com/debian\n"},
		"a part of one": {"SUITE=book", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := sh(t, []string{tt.env, "URIS=" + uris}, `. ./base.sh
				apt-get() { printf '%s' "$URIS"; }
				own_suite() { echo bookworm; }
				mirror`)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNetworkHookComputesAddresses(t *testing.T) {
	for subnet, want := range map[string]string{
		"2001:db8:1::/64":       "2001:db8:1:0:a800:ff:fe11:2233/64\n",
		"2001:db8::/32":         "2001:db8:0:0:a800:ff:fe11:2233/32\n",
		"2001:db8:1:2::/64":     "2001:db8:1:2:a800:ff:fe11:2233/64\n",
		"2001:db8:1:2:0:0::/64": "2001:db8:1:2:a800:ff:fe11:2233/64\n",
		"fd00::/8":              "fd00:0:0:0:a800:ff:fe11:2233/8\n",
	} {
		target := t.TempDir()
		got := sh(t, []string{"TARGET=" + target, "SUBNET=" + subnet},
			`mkdir -p "$TARGET/etc/network"; . ./examples/network; address6 "$SUBNET" aa:00:00:11:22:33`)
		if got != want {
			t.Errorf("%s: got %q, want %q", subnet, got, want)
		}
	}
}

func TestVerifyKnowsTheFileSystems(t *testing.T) {
	for filesystem, want := range map[string]string{
		"": "", "ext2": "", "ext3": "", "ext4": "",
		"btrfs": "Invalid value 'btrfs' for the filesystem parameter\n",
	} {
		cmd := exec.Command("./verify", "parameters")
		cmd.Env = []string{"OSP_FILESYSTEM=" + filesystem}
		out, err := cmd.CombinedOutput()
		if string(out) != want || (err == nil) != (want == "") {
			t.Errorf("verify of %q: %q, %v; want %q", filesystem, out, err, want)
		}
	}
}
