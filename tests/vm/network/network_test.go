// Package network shows guests on real networks: VLANs on a bridge and on Open vSwitch, routed ones, interfaces that come and go
// while the guest runs, and a guest that stays reachable while it moves. Its tests need virtual machines.
package network

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// The networks that guests are in; node3, which has none of them, looks at them from its own end.
const (
	onSwitch = "203.0.113.140" // VLAN 4000 of the Open vSwitch br0
	onBridge = "203.0.113.200" // VLAN 5 of the bridge brv
	routed   = "192.0.2.150"
)

// site is what the configuration management of a site would do: a bridge with VLANs over the secondary network.
const site = `set -e
ip link add brv type bridge vlan_filtering 1 forward_delay 0 mcast_snooping 0
address=$(ip -o -4 addr show dev eth1 | awk '{ print $4 }')
ip addr del "$address" dev eth1
ip link set eth1 master brv
ip addr add "$address" dev brv
ip link set brv up
sysctl -qw net.ipv4.ip_forward=1
ip link add up0 type dummy
`

// ends gives node3 its own end of each VLAN.
const ends = `set -e
ovs-vsctl add-port br0 v4000 tag=4000 -- set Interface v4000 type=internal
ip addr add 203.0.113.129/26 dev v4000
ip link set v4000 up
bridge vlan add dev eth1 vid 5
bridge vlan add dev brv vid 5 self
ip link add link brv name brv.5 type vlan id 5
ip addr add 203.0.113.193/26 dev brv.5
ip link set brv.5 up
`

// A guest is emulated by a qemu that is emulated itself. The kernel of a Debian takes minutes there to boot, so most guests are
// an iPXE: it has its address a few seconds after it was started, and answers pings. It knows nothing of cards that come and go.
const (
	loader = "/boot/ipxe.lkrn"
	ipxe   = "-B minmem=128M,maxmem=128M,vcpus=1 -H 'kvm:kernel_path=" + loader + ",initrd_path=,kvm_flag=disabled,migration_downtime=300,kernel_args=|| "
	linux  = "-B minmem=128M,maxmem=128M,vcpus=1 -H 'kvm:kernel_path=/boot/vmlinux-guest,initrd_path=/boot/initrd-guest,kvm_flag=disabled,migration_downtime=300,"
	args   = "kernel_args=quiet norandmaps nokaslr mitigations=off nowatchdog cryptomgr.notests audit=0 "
	// the clock of what is emulated twice goes as fast as that: else its timer's next interrupt comes before the last one was dealt with
	twice = "kvm_extra=-icount shift=3,"
)

// card is what gives an iPXE's card an address. Its command line is a script: it begins with "root=", which is no command.
func card(n int, address, mask, gateway string) string {
	net := "net" + strconv.Itoa(n)
	text := fmt.Sprintf("set %s/ip %s && set %s/netmask %s && ", net, address, net, mask)
	if gateway != "" {
		text += fmt.Sprintf("set %s/gateway %s && ", net, gateway)
	}
	return text + "ifopen " + net + " && "
}

// stay is what an iPXE does then; what Ganeti appends becomes another command.
const stay = "sleep 1000000 || x"

type stand struct {
	*vmlab.Lab
	t *testing.T
}

// with is the same stand for a part of the test.
func (s stand) with(t *testing.T) stand {
	s.t = t
	return s
}

func (s stand) must(node, text string) string {
	s.t.Helper()
	return s.Must(s.t, node, text)
}

// reaches waits until an address answers a node, or fails.
func (s stand) reaches(node, address string) {
	s.t.Helper()
	if r := s.Run(node, "for i in $(seq 260); do ping -qc 1 -W 2 "+address+" >/dev/null && exit; done; exit 1"); r.Status != 0 {
		s.t.Fatalf("%s does not reach %s\n%s", node, address, s.Run("node1", "ovs-vsctl show; bridge vlan; ip -br addr; ip route; tail -n 20 /var/log/ganeti/kvm/* 2>/dev/null").Stdout)
	}
}

func (s stand) cannotReach(node, address string) {
	s.t.Helper()
	if r := s.Run(node, "ping -qc 3 -i 0.5 -W 3 "+address); r.Status != 1 {
		s.t.Errorf("%s reaches %s: status %d, %s", node, address, r.Status, r.Stdout)
	}
}

// TestAGuestWithAKernelStaysReachable moves a kernel with busybox. What is emulated twice stalls for longer than the gap may be, so its
// nodes are not.
func TestAGuestWithAKernelStaysReachable(t *testing.T) {
	vmlab.NeedAll(t)
	s := stand{vmlab.Start(t, vmlab.Options{Bin: lab.Build(t, programs...), UML: true}), t}
	s.Init(t, 2)
	s.must("node1", add+"-n node1 "+linux+args+"guest.ip0="+routed+"/24' --net 0:mode=bridged,link=br0 inst1.example.com")
	s.reaches("node3", routed)
	s.moves("inst1", routed)
	s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 inst1")
}

var programs = []string{"gnt-cluster", "gnt-node", "gnt-instance", "gnt-job"}

const add = "gnt-instance add -t diskless -o noop --no-name-check --no-ip-check "

func TestGuestsOnRealNetworks(t *testing.T) {
	vmlab.NeedAll(t)
	s := stand{vmlab.Start(t, vmlab.Options{Bin: lab.Build(t, programs...), OVS: true}), t}
	for _, node := range []string{"node1", "node2", "node3"} {
		if err := s.Push(node, loader, loader); err != nil {
			t.Fatalf("%v (tests/needs installs ipxe)", err)
		}
		s.must(node, site)
	}
	s.must("node3", ends)
	s.must("node1", `gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=kvm --enabled-disk-templates=diskless \
		--nic-parameters=mode=openvswitch,link=br0 --node-parameters=ovs=true,ovs_name=sw0,ovs_link=up0 cluster.example.com
	gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.12 node2.example.com`)
	for _, node := range []string{"node1", "node2"} {
		if got := s.must(node, "ovs-vsctl list-ports sw0"); got != "up0\n" {
			t.Errorf("the ports of the switch that %s was to be given are %q", node, got)
		}
	}
	s.must("node1", add+"-n node1 "+ipxe+card(0, onSwitch, "255.255.255.192", "")+card(1, onBridge, "255.255.255.192", "")+stay+"' "+
		"--net 0:mode=openvswitch,link=br0,vlan=4000 --net 1:mode=bridged,link=brv,vlan=5 inst1.example.com")

	t.Run("vlan=4000 on Open vSwitch is a tag, and is shown as .4000", func(t *testing.T) {
		s := s.with(t)
		s.reaches("node3", onSwitch)
		if got := s.port("node1"); got != "4000 [] []" {
			t.Errorf("tag, trunks and mode of the port are %s", got)
		}
		if got := s.must("node1", "gnt-instance list --no-headers -o nic.vlan/0,nic.mode/0,nic.link/0 inst1"); strings.TrimSpace(got) != ".4000 openvswitch br0" {
			t.Errorf("shown as %q", got)
		}
		if r := s.Run("node3", "arping -c 2 -w 4 -I br0 "+onSwitch); r.Status == 0 {
			t.Errorf("the guest answers without a tag: %s", r.Stdout)
		}
	})
	t.Run("vlan=5 on a bridge is a VLAN of the port and of the uplink", func(t *testing.T) {
		s := s.with(t)
		s.reaches("node3", onBridge)
		s.onVLAN("node1")
	})
	t.Run("a guest that moves stays reachable", func(t *testing.T) {
		s := s.with(t)
		s.moves("inst1", onSwitch)
		if got := s.must("node1", "ovs-vsctl list-ports br0; ip -o link show type tun"); got != "eth0\n" {
			t.Errorf("on the source there are %q", got)
		}
		if got := s.port("node2"); got != "4000 [] []" {
			t.Errorf("tag, trunks and mode of the port on the target are %s", got)
		}
		s.reaches("node3", onBridge)
	})
	t.Run("a routed guest is reached through its node", func(t *testing.T) {
		s := s.with(t)
		s.must("node1", add+"-n node1 "+ipxe+card(0, routed, "255.255.255.0", "192.0.2.11")+stay+"' --net 0:mode=routed,link=main,ip="+routed+" inst2.example.com")
		if got := s.must("node1", "ip route show "+routed); !strings.HasPrefix(got, routed+" dev tap") {
			t.Errorf("the route is %q", got)
		}
		s.reaches("node1", routed)
		s.must("node3", "ip route add "+routed+"/32 via 192.0.2.11")
		s.reaches("node3", routed)
	})
	t.Run("nothing is left of guests that are removed", func(t *testing.T) {
		s := s.with(t)
		s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 inst1; gnt-instance remove -f --shutdown-timeout 1 inst2")
		s.clean()
	})
	t.Run("cards of a guest that runs", func(t *testing.T) {
		s := s.with(t)
		s.must("node1", add+"-n node1 "+linux+twice+args+"guest.ip0="+onSwitch+"/26 guest.ip1="+onBridge+"/26' --net 0:mode=openvswitch,link=br0,vlan=4000 inst3.example.com")
		s.reaches("node3", onSwitch)
		s.cards()
		s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 inst3")
		s.clean()
	})
}

// cards has the cards of a guest come, change and go while it runs.
func (s stand) cards() {
	s.must("node1", "gnt-instance modify -f --hotplug --net add:mode=bridged,link=brv,vlan=5 inst3")
	s.onVLAN("node1")
	s.reaches("node3", onBridge)
	s.reaches("node3", onSwitch)
	s.must("node1", "gnt-instance modify -f --hotplug --net 0:vlan=4001 inst3")
	s.cannotReach("node3", onSwitch)
	// A guest that is emulated takes its time for a card, and gives none back that it has not taken yet.
	for _, c := range []struct {
		vlan, port string
		seen       func(node, address string)
	}{{".4000:10:20", "4000 [10, 20] native-untagged", s.reaches}, {":10:20", "[] [10, 20] []", s.cannotReach}, {".4000", "4000 [] []", s.reaches}} {
		s.must("node1", "gnt-instance modify -f --hotplug --net 0:vlan="+c.vlan+" inst3")
		if got := s.port("node1"); got != c.port {
			s.t.Errorf("with vlan=%s tag, trunks and mode of the port are %s", c.vlan, got)
		}
		c.seen("node3", onSwitch)
	}
	if got := s.must("node1", "cat $(grep -lx 'ganeti:inst3.example.com:[0-9]*' /sys/class/net/*/ifalias) | sort"); got != "ganeti:inst3.example.com:0\nganeti:inst3.example.com:1\n" {
		s.t.Errorf("cards are called %q", got)
	}
	s.must("node1", "gnt-instance modify -f --hotplug --net 1:remove inst3")
	s.cannotReach("node3", onBridge)
	if got := s.must("node1", "ls /sys/class/net/brv/brif"); got != "eth1\n" {
		s.t.Errorf("the bridge still has %q", got)
	}
}

// onVLAN looks that the one guest's port on a node's bridge is in VLAN 5, and the way out, too.
func (s stand) onVLAN(node string) {
	s.t.Helper()
	if got := s.must(node, "p=$(ls /sys/class/net/brv/brif | grep tap); bridge vlan show dev $p | tail -n +2 | xargs; bridge vlan show dev eth1 | grep -wo 5"); !strings.HasSuffix(got, " 5 PVID Egress Untagged\n5\n") {
		s.t.Errorf("the VLANs of the port and of the uplink are %q", got)
	}
}

// clean looks that no guest's network is left.
func (s stand) clean() {
	s.t.Helper()
	for _, node := range []string{"node1", "node2"} {
		if got := s.must(node, "ip -o link show type tun; ovs-vsctl list-ports br0; ip route show "+routed+"; ip rule show | grep tap || true"); got != "eth0\n" {
			s.t.Errorf("%s has %q", node, got)
		}
	}
}

// port is the tag, the trunks and the mode of the one guest's port on a node's Open vSwitch.
func (s stand) port(node string) string {
	s.t.Helper()
	return strings.Join(strings.Fields(strings.ReplaceAll(s.must(node, "p=$(ovs-vsctl list-ports br0 | grep tap); for c in tag trunks vlan_mode; do ovs-vsctl get Port $p $c; done"), "\n", " ")), " ")
}

// moves migrates a guest under the eyes of node3, whose pings may not miss it for longer than qemu says it stood still, and a second.
func (s stand) moves(name, address string) {
	watch, err := s.Command("node3", "timeout", "600", "ping", "-D", "-i", "0.1", address)
	if err != nil {
		s.t.Fatal(err)
	}
	replies := s.follow(watch)
	// qemu tells how long the guest stood still when it has sent all, and is ended soon after
	downtime, err := s.Command("node1", "sh", "-c", `{ while sleep 0.1; do echo info migrate || exit; done; } | timeout 600 socat -t 1 - UNIX-CONNECT:"$1" | tr -d '\r' | sed -n 's/^downtime: \([0-9]*\).*/\1/p'`,
		"downtime", "/var/run/ganeti/kvm-hypervisor/ctrl/"+name+".example.com.monitor")
	if err != nil {
		s.t.Fatal(err)
	}
	told := s.follow(downtime)
	time.Sleep(2 * time.Second)
	s.must("node1", "gnt-instance migrate -f -n node2 "+name)
	time.Sleep(5 * time.Second)
	if got := strings.Fields(s.must("node1", "gnt-instance list --no-headers -o pnode,status "+name)); !slices.Equal(got, []string{"node2.example.com", "running"}) {
		s.t.Fatalf("after the migration: %s", got)
	}
	end := s.must("node3", "pkill -INT -x ping; date +[%s.%6N]")
	gap := longestGap(append(replies(), strings.TrimSpace(end)))
	milliseconds := told()
	if len(milliseconds) == 0 {
		s.t.Fatal("qemu did not tell how long the guest stood still")
	}
	stood, err := strconv.Atoi(milliseconds[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("qemu: %d ms, longest gap between answers: %v", stood, gap)
	if limit := time.Duration(stood)*time.Millisecond + time.Second; gap > limit {
		s.t.Errorf("the guest did not answer for %v, qemu reported %d ms", gap, stood)
	}
}

// follow starts a command and gives what returns its lines when it has ended.
func (s stand) follow(cmd *exec.Cmd) func() []string {
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := make(chan []string, 1)
	go func() {
		var list []string
		for scan := bufio.NewScanner(out); scan.Scan(); {
			list = append(list, scan.Text())
		}
		io.Copy(io.Discard, out)
		lines <- list
	}()
	return func() []string {
		select {
		case list := <-lines:
			cmd.Wait() // ping says by its status that some were lost
			return list
		case <-time.After(time.Minute):
			cmd.Process.Kill()
			cmd.Wait()
			return <-lines
		}
	}
}

var answer = regexp.MustCompile(`^\[(\d+)\.(\d{6})\]( 64 bytes from .*icmp_seq=\d+|$)`)

// longestGap is the longest time without an answer in the output of ping -D, after which comes the time when it was ended.
func longestGap(lines []string) (longest time.Duration) {
	var times []time.Duration
	for _, line := range lines {
		if m := answer.FindStringSubmatch(line); m != nil {
			d, err := time.ParseDuration(fmt.Sprintf("%ss%sus", m[1], m[2]))
			if err == nil {
				times = append(times, d)
			}
		}
	}
	slices.Sort(times)
	for i := 1; i < len(times); i++ {
		longest = max(longest, times[i]-times[i-1])
	}
	return longest
}

func TestLongestGap(t *testing.T) {
	got := longestGap([]string{
		"PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.",
		"[1700000000.100000] 64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.5 ms",
		"[1700000000.300000] 64 bytes from 192.0.2.1: icmp_seq=2 ttl=64 time=0.5 ms",
		"[1700000001.900000] 64 bytes from 192.0.2.1: icmp_seq=9 ttl=64 time=0.5 ms",
		"[1700000002.000000] From 192.0.2.3 icmp_seq=10 Destination Host Unreachable",
		"[1700000003.000000]",
	})
	if got != 1600*time.Millisecond {
		t.Errorf("got %v", got)
	}
	if got := longestGap([]string{"[1700000000.100000] 64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.5 ms", "[1700000007.100000]"}); got != 7*time.Second {
		t.Errorf("of a guest that never came back: %v", got)
	}
}
