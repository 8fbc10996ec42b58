package bridge

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// lab is a node with a network of its own: a namespace of this machine.
type lab struct {
	t    *testing.T
	pid  int
	path string // of commands that are only noted down
}

func newLab(t *testing.T) *lab {
	if os.Getenv("GANTRY_LAB") == "" {
		t.Skip("GANTRY_LAB IS NOT SET: no real network interface was made")
	}
	c := exec.Command("unshare", "--net", "--mount", "sh", "-c",
		"mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec sleep 120")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "ready\n" {
		t.Fatalf("%s, %v", line, err)
	}
	return &lab{t: t, pid: c.Process.Pid, path: t.TempDir()}
}

func (l *lab) Run(ctx context.Context, _ string, c remote.Cmd) (remote.Result, error) {
	x := exec.CommandContext(ctx, "nsenter", append([]string{"--net", "--mount", "--target", strconv.Itoa(l.pid)}, c.Argv...)...)
	x.Env = []string{"PATH=" + l.path + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	for name, value := range c.Env {
		x.Env = append(x.Env, name+"="+value)
	}
	var out, diagnostics bytes.Buffer
	x.Stdout, x.Stderr = &out, &diagnostics
	err := x.Run()
	res := remote.Result{Stdout: out.Bytes(), Stderr: diagnostics.Bytes()}
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		res.Status = exit.ExitCode()
		if slices.Contains(c.OK, res.Status) {
			return res, nil
		}
	}
	if err != nil {
		return res, &remote.Error{Node: "node1", Line: c.Line(), Outcome: remote.Failed, Status: res.Status, Stderr: res.Stderr}
	}
	return res, nil
}

func (l *lab) sh(script string) string {
	l.t.Helper()
	out, err := l.Run(l.t.Context(), "", remote.Script(script))
	if err != nil {
		l.t.Fatalf("%s: %v", script, err)
	}
	return strings.TrimSpace(string(out.Stdout))
}

func (l *lab) up(n NIC) (string, error) {
	return Up(l.t.Context(), l, "node1", n, Options{VnetHdr: true})
}

func TestBridged(t *testing.T) {
	l := newLab(t)
	l.sh("ip link add br0 type bridge && ip link set br0 mtu 1400 up")
	tap, err := l.up(nic(0, "bridged", "br0", ""))
	if err != nil || tap != "tap0" {
		t.Fatalf("Up = %s, %v", tap, err)
	}
	got := l.sh("ip -o link show tap0")
	for _, want := range []string{"master br0", "mtu 1400", "link/ether fe:", "alias ganeti:web:0", ",UP"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if tap, err := l.up(nic(1, "bridged", "nosuch", "")); err == nil || tap != "" ||
		err.Error() != "Failed to configure interface tap1: exited with exit code 1; network configuration script output: Bridge nosuch does not exist\n" {
		t.Errorf("missing bridge: %s, %v", tap, err)
	}
	other := nic(0, "bridged", "br0", "")
	other.Instance = "web2"
	if tap, err := l.up(other); err != nil || tap != "tap1" {
		t.Fatalf("Up = %s, %v", tap, err)
	}
	l.sh("ip tuntap add dev tap2 mode tap") // somebody else's
	if err := Down(t.Context(), l, "node1", "web"); err != nil {
		t.Error(err)
	}
	if got := l.sh("cd /sys/class/net && echo tap*"); got != "tap1 tap2" {
		t.Errorf("left: %s", got)
	}
}

// The numbers are those of the table in the behaviour of Ganeti's script, but for the bridge's own VLAN 1: that one stays
// off the port.
func TestVLANs(t *testing.T) {
	l := newLab(t)
	if _, err := l.Run(t.Context(), "", remote.Script("ip link add br0 type bridge vlan_filtering 1")); err != nil {
		t.Skip("THIS KERNEL HAS NO VLAN FILTERING: VLANs were not tried on a real bridge")
	}
	l.sh("ip link set br0 up && ip link add up0 type veth peer name up1 && ip link set up0 master br0 up")
	for vlan, want := range map[string]string{
		"4000":   "tap0 4000 PVID Egress Untagged",
		".4000":  "tap0 4000 PVID Egress Untagged",
		":10:20": "tap0 10 20",
		".5:6:7": "tap0 5 PVID Egress Untagged 6 7",
		"5:6":    "tap0 5 PVID Egress Untagged 6",
		":1:2":   "tap0 1 2",
		"":       "tap0 1 PVID Egress Untagged",
	} {
		n := nic(0, "bridged", "br0", vlan)
		if _, err := l.up(n); err != nil {
			t.Fatalf("%q: %v", vlan, err)
		}
		got := strings.Join(strings.Fields(l.sh("bridge vlan show dev tap0 | tail -n +2")), " ")
		if got != want {
			t.Errorf("%q: %s, want %s", vlan, got, want)
		}
		if err := Down(t.Context(), l, "node1", "web"); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.sh("bridge vlan show dev up0 | tail -n +2 | awk '{print $(NF>2 ? 2 : NF)}' | sort -n | tr '\\n' ' '"); !strings.Contains(got, "4000") {
		t.Errorf("the uplink has %s", got)
	}
	l.sh("ip link add br1 type bridge")
	_, err := l.up(nic(0, "bridged", "br1", "4000"))
	if want := "Instance web NIC 0 configured for VLAN support, but bridge br1 has VLAN filtering disabled"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no filtering: %v", err)
	}
	if _, err := l.up(nic(0, "bridged", "br0", "5;reboot")); err == nil || !strings.Contains(err.Error(), "Invalid VLAN '5;reboot'") {
		t.Errorf("bad VLAN: %v", err)
	}
	if got := l.sh("cd /sys/class/net && echo tap*"); got != "tap*" {
		t.Errorf("left: %s", got)
	}
}

// The same with the commands only noted down, for kernels that cannot filter.
func TestVLANCommands(t *testing.T) {
	l := newLab(t)
	log := filepath.Join(l.path, "log")
	if err := os.WriteFile(filepath.Join(l.path, "bridge"), []byte("#!/bin/sh\necho \"$*\" >>"+log+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.sh("ip link add br0 type bridge && ip link set br0 up && ip link add up0 type veth peer name up1 && ip link set up0 master br0 up && " +
		"mkdir /run/br0 && echo 1 >/run/br0/vlan_filtering && echo 1 >/run/br0/default_pvid && mount --bind /run/br0 /sys/class/net/br0/bridge")
	for vlan, want := range map[string]string{
		"4000":  "vlan add dev tap0 vid 4000 pvid untagged master; vlan del dev tap0 vid 1; vlan add dev up0 vid 4000 master",
		":1:20": "vlan add dev tap0 vid 1 master; vlan add dev tap0 vid 20 master; vlan add dev up0 vid 1 master; vlan add dev up0 vid 20 master",
		".5:6":  "vlan add dev tap0 vid 5 pvid untagged master; vlan add dev tap0 vid 6 master; vlan del dev tap0 vid 1; vlan add dev up0 vid 5 master; vlan add dev up0 vid 6 master",
	} {
		l.sh(": >" + log)
		if _, err := l.up(nic(0, "bridged", "br0", vlan)); err != nil {
			t.Fatalf("%q: %v", vlan, err)
		}
		if got := strings.ReplaceAll(l.sh("cat "+log), "\n", "; "); got != want {
			t.Errorf("%q: %s\nwant %s", vlan, got, want)
		}
		if err := Down(t.Context(), l, "node1", "web"); err != nil {
			t.Fatal(err)
		}
	}
	l.sh("echo 0 >/run/br0/vlan_filtering")
	_, err := l.up(nic(0, "bridged", "br0", "4000"))
	if want := "Instance web NIC 0 configured for VLAN support, but bridge br0 has VLAN filtering disabled"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no filtering: %v", err)
	}
	l.sh("echo 1 >/run/br0/vlan_filtering")
	if _, err := l.up(nic(0, "bridged", "br0", "5;reboot")); err == nil || !strings.Contains(err.Error(), "Invalid VLAN '5;reboot'") {
		t.Errorf("bad VLAN: %v", err)
	}
}

func TestRouted(t *testing.T) {
	l := newLab(t)
	n := nic(0, "routed", "100", "")
	if _, err := l.up(n); err == nil || !strings.Contains(err.Error(), "Routed NIC but no IP address specified") {
		t.Errorf("no address: %v", err)
	}
	n.IP = "10.1.2.3"
	tap, err := Make(t.Context(), l, "node1", n, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.sh("ip rule show table 100; cat /sys/class/net/" + tap + "/operstate"); got != "down" {
		t.Errorf("configured too early: %s", got)
	}
	if err := Configure(t.Context(), l, "node1", n, tap); err != nil {
		t.Fatal(err)
	}
	got := l.sh("ip rule show table 100; ip route show table 100; cat /proc/sys/net/ipv4/conf/tap0/proxy_arp")
	for _, want := range []string{"iif tap0", "10.1.2.3 dev tap0 proto static", "\n1"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if err := Down(t.Context(), l, "node1", "web", "tap9"); err != nil {
		t.Error(err)
	}
	if got := l.sh("cd /sys/class/net && echo tap*"); got != "tap0" {
		t.Errorf("left: %s", got)
	}
	if err := Down(t.Context(), l, "node1", "web", "tap0"); err != nil {
		t.Error(err)
	}
	if got := l.sh("ip rule show table 100; ls /sys/class/net"); strings.Contains(got, "tap") {
		t.Errorf("left: %s", got)
	}
}

// ovs-vsctl is only noted down here: its daemon and kernel module are not everywhere.
func TestOpenvswitch(t *testing.T) {
	l := newLab(t)
	log := filepath.Join(l.path, "log")
	script := "#!/bin/sh\necho \"$*\" >>" + log + "\n[ \"$5\" != broken ]\n"
	if err := os.WriteFile(filepath.Join(l.path, "ovs-vsctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for vlan, want := range map[string]string{
		"":       "--if-exists del-port tap0 -- add-port br0 tap0",
		"4000":   "--if-exists del-port tap0 -- add-port br0 tap0 tag=4000",
		".4000":  "--if-exists del-port tap0 -- add-port br0 tap0 tag=4000",
		":10:20": "--if-exists del-port tap0 -- add-port br0 tap0 trunks=10,20",
		".5:6:7": "--if-exists del-port tap0 -- add-port br0 tap0 tag=5 trunks=6,7 vlan_mode=native-untagged",
	} {
		if _, err := l.up(nic(0, "openvswitch", "br0", vlan)); err != nil {
			t.Errorf("%q: %v", vlan, err)
		}
		if got := l.sh("tail -n 1 " + log); got != want {
			t.Errorf("%q: %s, want %s", vlan, got, want)
		}
		if err := Down(t.Context(), l, "node1", "web"); err != nil {
			t.Error(err)
		}
	}
}

// A tap that qemu still has open is left alone.
func TestDownLeavesATapInUse(t *testing.T) {
	l := newLab(t)
	l.sh("ip link add br0 type bridge && ip link set br0 up")
	if _, err := l.up(nic(0, "bridged", "br0", "")); err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("nsenter", "--net", "--mount", "--target", strconv.Itoa(l.pid), "qemu-system-x86_64", "-machine", "none", "-S",
		"-display", "none", "-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no", "-monitor", "stdio")
	in, err := holder.StdinPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	l.sh("n=0; while [ \"$(cat /sys/class/net/tap0/carrier)\" = 0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done")
	if err := Down(t.Context(), l, "node1", "web"); err == nil || err.Error() != "removing the network interfaces of web: still in use: tap0" {
		t.Errorf("Down = %v", err)
	}
	in.Write([]byte("quit\n"))
	holder.Wait()
	if err := Down(t.Context(), l, "node1", "web"); err != nil {
		t.Error(err)
	}
}

// A script of the user's replaces the built-in set-up.
func TestUsersScript(t *testing.T) {
	l := newLab(t)
	l.sh("mkdir -p /run/etc/ganeti && cp -a /etc/. /run/etc/ 2>/dev/null; mkdir -p /run/etc/ganeti && mount --bind /run/etc /etc && " +
		"printf '#!/bin/sh\\nenv >/run/env\\necho hello\\n[ $MODE != routed ] || exit 3\\n' >/etc/ganeti/kvm-vif-bridge && chmod 755 /etc/ganeti/kvm-vif-bridge")
	n := nic(0, "bridged", "nosuch", "")
	n.Network = &config.Network{Name: "net1"}
	if tap, err := l.up(n); err != nil || tap != "tap0" {
		t.Fatalf("Up = %s, %v", tap, err)
	}
	if got := l.sh("grep -cE '^(INTERFACE=tap0|BRIDGE=nosuch|NETWORK_NAME=net1|LC_ALL=C)$' /run/env"); got != "4" {
		t.Errorf("environment: %s", l.sh("cat /run/env"))
	}
	_, err := l.up(nic(1, "routed", "", ""))
	if want := "Failed to configure interface tap1: exited with exit code 3; network configuration script output: hello\n"; err == nil || err.Error() != want {
		t.Errorf("Up = %v", err)
	}
}
