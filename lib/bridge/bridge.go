// Package bridge joins guests to networks: it makes the tap device of a network interface, brings it up on a bridge, an
// Open vSwitch or a routing table, and removes it when the guest has gone.
//
// Ganeti's taps are held open by qemu and vanish with it. Here qemu opens them by name, so they are persistent and have
// to be removed. Each carries its instance's name as its alias (ip link shows it): whatever a crash left behind can be
// found and removed by Down, and a tap of Ganeti's own or of another guest is never touched.
package bridge

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

//go:embed tap.sh
var tapScript string

//go:embed ifup.sh
var ifupScript string

//go:embed ifdown.sh
var ifdownScript string

// NIC is one network interface of an instance. Its NICParams are filled.
type NIC struct {
	config.NIC
	Index    int
	Instance string
	Tags     []string        // of the instance, for a script of the user's
	Network  *config.Network // the one it is in, or nil
}

// NICsOf are the network interfaces of an instance as its configuration describes them.
func NICsOf(cfg *config.Config, inst *config.Instance) []NIC {
	list := make([]NIC, len(inst.NICs))
	for i, nic := range inst.NICs {
		nic.NICParams = cfg.FilledNIC(&nic)
		list[i] = NIC{NIC: nic, Index: i, Instance: inst.Name, Tags: inst.Tags}
		if nic.Network != "" {
			list[i].Network = cfg.Network(nic.Network)
		}
	}
	return list
}

// Options is what the hypervisor wants of a tap device.
type Options struct {
	VnetHdr    bool
	MultiQueue bool
	VHost      bool   // fails when the kernel has no vhost-net
	Afresh     bool   // first removes the tap devices of an earlier guest of the instance, which has died
	User       string // who may open it, "" is root: for interfaces that are added to a running, unprivileged qemu
}

// Up makes the tap device of a NIC, brings it up and returns its name. On failure nothing is left of it.
func Up(ctx context.Context, r remote.Runner, node string, n NIC, o Options) (string, error) {
	return ifup(ctx, r, node, ifupCmd(n, o, "both", ""))
}

// Make only makes the tap device. The target of a migration does that for routed NICs: their address must not be taken
// over before the guest is there.
func Make(ctx context.Context, r remote.Runner, node string, n NIC, o Options) (string, error) {
	return ifup(ctx, r, node, ifupCmd(n, o, "make", ""))
}

// Configure brings up a tap device that Make has made.
func Configure(ctx context.Context, r remote.Runner, node string, n NIC, tap string) error {
	_, err := ifup(ctx, r, node, ifupCmd(n, Options{}, "up", tap))
	return err
}

func ifupCmd(n NIC, o Options, steps, tap string) remote.Cmd {
	options := []string{}
	for _, option := range []struct {
		on   bool
		word string
	}{{o.VnetHdr, "vnet_hdr"}, {o.MultiQueue, "multi_queue"}} {
		if option.on {
			options = append(options, option.word)
		}
	}
	if steps != "up" {
		options = append(options, "user", cmp.Or(o.User, "root")) // one without an owner is anybody's
	}
	vhost := ""
	if o.VHost {
		vhost = "vhost"
	}
	afresh := ""
	if o.Afresh {
		afresh = "afresh"
	}
	c := remote.Script(tapScript+ifupScript, append([]string{steps, tap, vhost, afresh}, options...)...)
	c.Env = environment(n)
	c.OK = []int{10, 11, 12}
	c.Changes = fmt.Sprintf("brings up network interface %d of instance %s", n.Index, n.Instance)
	return c
}

// BringsUp says whether an intent is to make or to bring up a tap device of an instance.
func BringsUp(changes, instance string) bool {
	return strings.HasPrefix(changes, "brings up network interface ") && strings.HasSuffix(changes, " of instance "+instance)
}

func ifup(ctx context.Context, r remote.Runner, node string, c remote.Cmd) (string, error) {
	out, err := r.Run(ctx, node, c)
	if err != nil {
		return "", fmt.Errorf("configuring a network interface of %s: %w", c.Env["INSTANCE"], err)
	}
	tap, status, _ := strings.Cut(strings.TrimSpace(string(out.Stdout)), " ")
	switch out.Status {
	case 10:
		return "", fault.New(fault.Hypervisor, "Failed to configure interface %s: exited with exit code %s; network configuration script output: %s", tap, status, out.Stderr)
	case 11:
		return "", fault.New(fault.Hypervisor, "Failed to open /dev/vhost-net")
	case 12:
		return "", fault.New(fault.Hypervisor, "Failed to allocate a new TAP device: %s", strings.TrimSpace(string(out.Stderr)))
	}
	return tap, nil
}

// environment is what Ganeti's kvm-ifup gets, but for INTERFACE, which is known only when the device is there.
func environment(n NIC) map[string]string {
	p := n.NICParams
	env := map[string]string{
		"LC_ALL":          "C",
		"INSTANCE":        n.Instance,
		"MAC":             n.MAC,
		"MODE":            p.String("mode"),
		"INTERFACE_INDEX": fmt.Sprint(n.Index),
		"INTERFACE_UUID":  n.UUID,
		"TAGS":            strings.Join(n.Tags, " "),
		"VLAN":            p.String("vlan"),
	}
	set(env, "IP", n.IP)
	set(env, "INTERFACE_NAME", n.Name)
	set(env, "LINK", p.String("link"))
	if p.String("mode") == "bridged" {
		env["BRIDGE"] = p.String("link")
	}
	if net := n.Network; net != nil {
		env["NETWORK_NAME"], env["NETWORK_UUID"] = net.Name, net.UUID
		set(env, "NETWORK_TAGS", strings.Join(net.Tags, " "))
		set(env, "NETWORK_SUBNET", net.Network)
		set(env, "NETWORK_GATEWAY", net.Gateway)
		set(env, "NETWORK_SUBNET6", net.Network6)
		set(env, "NETWORK_GATEWAY6", net.Gateway6)
		set(env, "NETWORK_MAC_PREFIX", net.MACPrefix)
	}
	return env
}

func set(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}

// Down removes all tap devices of an instance, or only the named ones. One that is in use stays, and is an error.
func Down(ctx context.Context, r remote.Runner, node, instance string, taps ...string) error {
	out, err := r.Run(ctx, node, ifdown(instance, taps))
	if err != nil {
		return fmt.Errorf("removing the network interfaces of %s: %w", instance, err)
	}
	if out.Status == 10 {
		return fmt.Errorf("removing the network interfaces of %s: still in use: %s", instance,
			strings.Join(strings.Fields(string(out.Stdout)), ", "))
	}
	return nil
}

// Sweep removes those tap devices of an instance that nobody has open.
func Sweep(ctx context.Context, r remote.Runner, node, instance string) error {
	if _, err := r.Run(ctx, node, ifdown(instance, nil)); err != nil {
		return fmt.Errorf("removing network interfaces that %s does not use: %w", instance, err)
	}
	return nil
}

func ifdown(instance string, taps []string) remote.Cmd {
	c := remote.Script(tapScript+ifdownScript, append([]string{instance}, taps...)...)
	c.OK = []int{10}
	c.Changes = "removes network interfaces of instance " + instance
	return c
}

// CheckExist is an error with Ganeti's text when a node lacks any of these bridges.
func CheckExist(ctx context.Context, r remote.Runner, node string, bridges []string) error {
	out, err := r.Run(ctx, node, checkExist(bridges))
	if err != nil {
		return fmt.Errorf("looking for bridges: %w", err)
	}
	if missing := strings.Fields(string(out.Stdout)); len(missing) > 0 {
		return fault.New(fault.Generic, "Missing bridges %s", strings.Join(missing, ", "))
	}
	return nil
}

// ExistProbe is the command behind CheckExist, for who wants to gather several probes of a node.
func ExistProbe(bridges []string) remote.Cmd { return checkExist(bridges) }

func checkExist(bridges []string) remote.Cmd {
	return remote.Script(`for name; do [ -d "/sys/class/net/$name/bridge" ] || printf '%s\n' "$name"; done`, bridges...)
}

// SetUpSwitch makes the Open vSwitch that a node's parameters ask for, with an uplink if they name one.
func SetUpSwitch(ctx context.Context, r remote.Runner, node string, p config.Params, info func(format string, args ...any)) error {
	if !p.Bool("ovs") {
		return nil
	}
	link := p.String("ovs_link")
	if link == "" {
		info("No physical interface for OpenvSwitch was given. OpenvSwitch will not have an outside connection. This might not be what you want.")
	}
	for _, c := range addSwitch(p.String("ovs_name"), link) {
		if _, err := r.Run(ctx, node, c); err != nil {
			return fmt.Errorf("setting up the Open vSwitch %s: %w", p.String("ovs_name"), err)
		}
	}
	return nil
}

func addSwitch(name, uplink string) []remote.Cmd {
	out := []remote.Cmd{remote.Command("ovs-vsctl", "--may-exist", "add-br", name)}
	if uplink != "" {
		out = append(out, remote.Command("ovs-vsctl", "--may-exist", "add-port", name, uplink))
	}
	for i := range out {
		out[i].Changes = "sets up the Open vSwitch " + name
	}
	return out
}
