package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/remote"
)

// standIn is a node whose interfaces are directories, and whose ip and ovs-vsctl change those or only note what they were told.
type standIn struct {
	t   *testing.T
	dir string
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{t, t.TempDir()}
	s.write("bin/ip", `#!/bin/sh
echo "ip $*" >>"`+s.dir+`/log"
cd "`+s.dir+`/net" || exit
case "$1 $2" in
"tuntap add") mkdir "$4" && echo 0 >"$4/carrier" ;;
"link set") [ "$5" != alias ] || echo "$6" >"$4/ifalias" ;;
"link delete") rm -r "$4" ;;
"rule del") exit 1 ;;
esac
`)
	s.write("net/lo/ifalias", "\n")
	return s
}

func (s *standIn) write(file, text string) {
	s.t.Helper()
	file = filepath.Join(s.dir, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
		s.t.Fatal(err)
	}
}

// tap makes a device of an instance's network interface. Without a carrier it is down.
func (s *standIn) tap(name, alias, carrier string) {
	s.write("net/"+name+"/ifalias", alias+"\n")
	if carrier != "" {
		s.write("net/"+name+"/carrier", carrier+"\n")
	}
}

// open has a process of a namespace hold a device open.
func (s *standIn) open(pid, tap, namespace string) {
	s.t.Helper()
	s.write("proc/"+pid+"/fdinfo/5", "pos:\t0\niff:\t"+tap+"\n")
	if err := errors.Join(os.Mkdir(s.dir+"/proc/"+pid+"/ns", 0o755), os.Symlink(namespace, s.dir+"/proc/"+pid+"/ns/net")); err != nil {
		s.t.Fatal(err)
	}
}

// here is the namespace of this process.
func here(t *testing.T) string {
	t.Helper()
	namespace, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return namespace
}

func (s *standIn) left() string {
	list, err := filepath.Glob(s.dir + "/net/*tap*")
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	return strings.Join(list, " ")
}

// did is what the stand-ins were told.
func (s *standIn) did() []string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func (s *standIn) Run(ctx context.Context, _ string, c remote.Cmd) (remote.Result, error) {
	argv := slices.Clone(c.Argv)
	argv[2] = strings.NewReplacer("/sys/class/net", s.dir+"/net", "/var/run/ganeti", s.dir+"/run", "/proc/[0-9]", s.dir+"/proc/[0-9]", "/etc/ganeti", s.dir+"/etc").Replace(argv[2])
	x := exec.CommandContext(ctx, argv[0], argv[1:]...)
	x.Env = []string{"PATH=" + s.dir + "/bin:/usr/bin:/bin"}
	for name, value := range c.Env {
		x.Env = append(x.Env, name+"="+value)
	}
	out, err := x.Output()
	res := remote.Result{Stdout: out}
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		if res.Status, res.Stderr = exit.ExitCode(), exit.Stderr; slices.Contains(c.OK, res.Status) {
			return res, nil
		}
		return res, fmt.Errorf("exit status %d: %s", res.Status, res.Stderr)
	}
	return res, err
}

// A guest that crashed has left its taps. They go when it is started again, and nobody else's do.
func TestTheTapsOfAGuestThatDiedGoWhenItIsStartedAgain(t *testing.T) {
	for afresh, want := range map[bool]string{true: "tap0 tap2 tap3 tap4", false: "tap0 tap1 tap2 tap3 tap4 tap5 tap6"} {
		s := newStandIn(t)
		s.tap("tap1", "ganeti:web:0", "0")
		s.tap("tap2", "ganeti:web2:0", "0")
		s.tap("tap3", "ganeti:web:1", "1")
		s.tap("tap4", "ganeti:web:2", "")
		s.open("17", "tap4", here(t))
		s.open("18", "tap5", "net:[1]")
		s.tap("tap5", "ganeti:web:3", "")
		if !afresh {
			s.tap("tap6", "ganeti:web:4", "0")
		}
		if tap, err := Make(t.Context(), s, "node1", nic(0, "bridged", "br0", ""), Options{Afresh: afresh}); err != nil || tap != "tap0" {
			t.Errorf("Make = %s, %v", tap, err)
		}
		if got := s.left(); got != want {
			t.Errorf("afresh %v: left %s, want %s", afresh, got, want)
		}
	}
}

func TestDownKeepsWhatIsInUse(t *testing.T) {
	s := newStandIn(t)
	s.tap("tap0", "ganeti:web:0", "0")
	s.tap("tap1", "ganeti:web:1", "1")
	s.tap("tap2", "ganeti:web:2", "")
	s.open("17", "tap2", here(t))
	s.tap("tap3", "ganeti:other:0", "0")
	err := Down(t.Context(), s, "node1", "web")
	if err == nil || !strings.HasSuffix(err.Error(), "still in use: tap1, tap2") || s.left() != "tap1 tap2 tap3" {
		t.Errorf("%v, left %s", err, s.left())
	}
}

// A port that Open vSwitch remembers would take a bridged or routed device of its name.
func TestAPortOfTheSwitchIsForgottenBeforeADeviceGetsItsName(t *testing.T) {
	for _, status := range []string{"0", "1"} {
		s := newStandIn(t)
		s.tap("tap0", "ganeti:other:0", "1")
		s.write("bin/ovs-vsctl", "#!/bin/sh\necho \"ovs-vsctl $*\" | tee -a \""+s.dir+"/log\"\nexit "+status+"\n")
		if tap, err := Make(t.Context(), s, "node1", nic(0, "bridged", "br0", ""), Options{}); err != nil || tap != "tap1" {
			t.Errorf("status %s: Make = %s, %v", status, tap, err)
		}
		if did := s.did(); did[0] != "ovs-vsctl --timeout=5 --if-exists del-port tap1" || !strings.HasPrefix(did[1], "ip tuntap add dev tap1 ") {
			t.Errorf("status %s: did %q", status, did)
		}
	}
}
