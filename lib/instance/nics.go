package instance

import (
	"crypto/rand"
	"net/netip"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// NICInput is what can be said of a network interface of an instance.
var NICInput = config.Table{
	{Name: "bridge", Type: config.MaybeString}, {Name: "ip", Type: config.MaybeString}, {Name: "link", Type: config.String},
	{Name: "mac", Type: config.String}, {Name: "mode", Type: config.String}, {Name: "name", Type: config.MaybeString},
	{Name: "network", Type: config.MaybeString}, {Name: "vlan", Type: config.MaybeString},
}

// Words with a meaning in place of a value.
const (
	auto     = "auto"
	generate = "generate"
	none     = "none"
	pool     = "pool" // as an IP: take one from the network
)

// nicRequest is one network interface as it was asked for: values are checked, names resolved, but nothing is taken yet.
type nicRequest struct {
	config.NIC      // without MAC if one is to be made, without IP if it comes from the network
	fromPool   bool // the IP is to be taken from the network
}

// checkDeviceNames refuses names of devices (kind is NIC or disk) that are numbers or given twice.
func checkDeviceNames(kind string, devices []map[string]any) error {
	seen := map[string]bool{}
	for _, d := range devices {
		name, _ := d["name"].(string)
		if _, err := unit.ParseInt(name); err == nil {
			return fault.Refuse(fault.WrongInput, "Invalid name '%s'. Purely numeric %s names are not allowed", name, kind)
		}
		if name == "" || strings.EqualFold(name, none) {
			continue
		}
		if seen[name] {
			return fault.Refuse(fault.NotUnique, "%s name '%s' already used", kind, name)
		}
		seen[name] = true
	}
	return nil
}

var (
	number = unit.Form(`^[0-9]+$`)
	trunk  = unit.Form(`^[.:][0-9]+(:[0-9]+)*$`)
)

// normalVLAN gives the form in which a VLAN is kept: .10 for a plain 10, :10:20 for a trunk.
func normalVLAN(vlan string) (string, error) {
	switch {
	case number().MatchString(vlan):
		return "." + vlan, nil
	case vlan == "" || trunk().MatchString(vlan):
		return vlan, nil
	}
	return "", fault.Refuse(fault.WrongInput, "Specified VLAN parameter is invalid : %s", vlan)
}

// text returns a value of a request, "" when it was not given.
func text(request map[string]any, name string) string {
	s, _ := request[name].(string)
	return s
}

// isNone says that a value is not given, or taken back.
func isNone(s string) bool { return s == "" || strings.EqualFold(s, none) }

// newNIC checks what was asked of an interface. ownIP is what the instance's name resolves to, "" when nobody looked.
func newNIC(cfg *config.Config, asked map[string]any, ownIP string) (nicRequest, error) {
	n := nicRequest{NIC: config.NIC{UUID: config.NewUUID(), NICParams: config.Params{}}}
	network := text(asked, "network")
	_, mode := asked["mode"]
	_, link := asked["link"]
	if !isNone(network) && (mode || link) {
		return n, fault.Refuse(fault.WrongInput, "If network is given, no mode or link is allowed to be passed")
	}
	if err := n.setIP(text(asked, "ip"), ownIP, isNone(network)); err != nil {
		return n, err
	}
	if wanted := text(asked, "mode"); wanted == config.NICRouted || (wanted == "" || wanted == auto) && cfg.NICDefaults().String("mode") == config.NICRouted {
		if n.IP == "" && !n.fromPool && isNone(network) {
			return n, fault.Refuse(fault.WrongInput, "Routed nic mode requires an ip address if not attached to a network")
		}
	}
	if err := n.setMAC(cfg, asked); err != nil {
		return n, err
	}
	if err := n.setParams(cfg, asked); err != nil {
		return n, err
	}
	if !isNone(network) {
		net := cfg.NetworkByName(network)
		if net == nil {
			return n, fault.Refuse(fault.NotFound, "Network '%s' not found", network)
		}
		n.Network = net.UUID
	}
	if name := text(asked, "name"); !isNone(name) {
		n.Name = name
	}
	return n, nil
}

func (n *nicRequest) setIP(ip, ownIP string, alone bool) error {
	switch low := strings.ToLower(ip); {
	case isNone(ip):
	case low == auto:
		if ownIP == "" {
			return fault.Refuse(fault.WrongInput, "IP address set to auto but name checks have been skipped")
		}
		n.IP = ownIP
	case low == pool:
		if alone {
			return fault.Refuse(fault.WrongInput, "if ip=pool, parameter network must be passed too")
		}
		n.fromPool = true
	default:
		if _, err := netip.ParseAddr(ip); err != nil {
			return fault.Refuse(fault.WrongInput, "Invalid IP address '%s'", ip)
		}
		n.IP = ip
	}
	return nil
}

func (n *nicRequest) setMAC(cfg *config.Config, asked map[string]any) error {
	mac, given := asked["mac"].(string)
	if !given || mac == auto || mac == generate {
		return nil
	}
	normal, err := config.NormalizeMAC(mac)
	if err != nil {
		return err
	}
	n.MAC = normal
	return checkMACFree(cfg, normal)
}

func checkMACFree(cfg *config.Config, mac string) error {
	if cfg.MACs()[mac] {
		return fault.Refuse(fault.NotUnique, "MAC address %s already in use in cluster", mac)
	}
	return nil
}

func (n *nicRequest) setParams(cfg *config.Config, asked map[string]any) error {
	if mode := text(asked, "mode"); mode == auto {
		n.NICParams["mode"] = cfg.NICDefaults().String("mode")
	} else if mode != "" {
		n.NICParams["mode"] = mode
	}
	for _, name := range []string{"link", "vlan"} {
		if value := text(asked, name); value != "" {
			n.NICParams[name] = value
		}
	}
	return config.CheckNICParams(n.NICParams.Fill(cfg.NICDefaults()))
}

// generateMAC gives an interface an address of its own.
func generateMAC(cfg *config.Config, network string, besides []config.NIC) (string, error) {
	for {
		mac, err := cfg.GenerateMAC(network, rand.Reader)
		if err != nil {
			return "", err
		}
		taken := false
		for _, other := range besides {
			taken = taken || other.MAC == mac
		}
		if !taken {
			return mac, nil
		}
	}
}

// inherited is how the parameters that an interface gets from its network are shown.
func inherited(p config.Params) []any {
	return []any{p.String("link"), p.String("mode"), p.String("vlan")}
}

// underNetwork finds the network of a group that an address lies in.
func underNetwork(cfg *config.Config, group *config.NodeGroup, ip string) *config.Network {
	for _, n := range cfg.Networks {
		if _, connected := group.Networks[n.UUID]; connected && n.Contains(ip) {
			return n
		}
	}
	return nil
}

// addresses chooses the IPs of interfaces that are in networks. It computes only; what it took is in reservations, what is to be
// told in said.
type addresses struct {
	cfg        *config.Config
	node       *config.Node
	check      bool // respect what is reserved for others than instances, and refuse addresses of networks the interface is not in
	taken      []*config.Reservation
	said       []message
	failPhrase func(index int) error // no address is free
}

type message struct {
	format string
	args   []any
}

func (a *addresses) say(format string, args ...any) { a.said = append(a.said, message{format, args}) }

// choose completes one interface.
func (a *addresses) choose(index int, n nicRequest) (config.NIC, error) {
	group := a.cfg.Group(a.node.Group)
	net := a.cfg.Network(n.Network)
	if net == nil {
		if under := underNetwork(a.cfg, group, n.IP); a.check && n.IP != "" && under != nil {
			return n.NIC, fault.Refuse(fault.WrongState, "The requested IP address (%s) belongs to network %s, but the target NIC does not.", n.IP, under.Name)
		}
		return n.NIC, nil
	}
	params, connected := group.Networks[net.UUID]
	if !connected {
		return n.NIC, fault.Refuse(fault.WrongInput, "No netparams found for network %s. Probably not connected to node's %s nodegroup", net.Name, a.node.Name)
	}
	nic := n.NIC
	nic.NICParams = params.Fill(config.NICParams.Defaults())
	a.say("NIC/%d inherits netparams %s", index, unit.Repr(inherited(nic.NICParams)))
	switch {
	case n.fromPool:
		ip, err := net.Free(a.besides(net))
		if err != nil {
			return nic, a.failPhrase(index)
		}
		nic.IP = ip
		a.say("Chose IP %s from network %s", ip, net.Name)
	case nic.IP == "":
		return nic, nil
	case !net.Contains(nic.IP) || net.IsUsed(nic.IP) || a.besides(net)[nic.IP] || a.check && net.IsExternal(nic.IP):
		return nic, fault.Refuse(fault.NotUnique, "IP address %s already in use or does not belong to network %s", nic.IP, net.Name)
	}
	a.taken = append(a.taken, &config.Reservation{Network: net.UUID, IP: nic.IP})
	return nic, nil
}

// besides are the addresses of a network that running jobs have set aside, this one included.
func (a *addresses) besides(net *config.Network) map[string]bool {
	set := map[string]bool{}
	for _, list := range [][]*config.Reservation{a.cfg.Reservations, a.taken} {
		for _, r := range list {
			if r.Network == net.UUID {
				set[r.IP] = true
			}
		}
	}
	return set
}

// reservation is what an interface takes before it is recorded: its addresses, and that its network stays connected.
func reservation(nic config.NIC) *config.Reservation {
	r := &config.Reservation{MAC: nic.MAC, Network: nic.Network}
	if nic.Network != "" {
		r.IP = nic.IP
	}
	return r
}

// ofNIC tells the reservations of network interfaces from others.
func ofNIC(r *config.Reservation) bool { return r.MAC != "" || r.IP != "" }

// takeIPs marks the addresses of an instance's interfaces as its own, in a configuration that gets it.
func takeIPs(cfg *config.Config, nics []config.NIC) error {
	for _, nic := range nics {
		if net := cfg.Network(nic.Network); net != nil && nic.IP != "" {
			if err := net.Reserve(nic.IP); err != nil {
				return fault.Refuse(fault.NotUnique, "IP address %s already in use or does not belong to network %s", nic.IP, net.Name)
			}
		}
	}
	return nil
}

// releaseIPs gives them back.
func releaseIPs(cfg *config.Config, nics []config.NIC) {
	for _, nic := range nics {
		if net := cfg.Network(nic.Network); net != nil && net.IsUsed(nic.IP) {
			_ = net.Release(nic.IP) // it is in use: the only refusal is that it is not
		}
	}
}
