package instance

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// maxNICs is how many network interfaces an instance can have.
const maxNICs = 8

// nicChanges is what is to become of the network interfaces.
type nicChanges struct {
	cfg          *config.Config // they are worked out in
	nics         []config.NIC   // all of them, after it
	takes, frees []config.NIC   // those whose addresses are taken from and given back to networks
	steps        []nicStep
	told         []message // of addresses and links
	warnings     []string
}

// nicStep is one change: what is said of it, and what a running guest has to be told.
type nicStep struct {
	action string
	index  int
	title  string // of the line about hotplugging
	nic    config.NIC
	said   [][2]any
}

// checkNICArguments looks at what can be refused without knowing the instance.
func checkNICArguments(changes []DeviceChange) error {
	for _, c := range changes {
		params, err := NICInput.Force(c.Params)
		if err != nil {
			return err
		}
		switch c.Action {
		case removeDevice, detachDevice:
			if len(params) > 0 {
				return fault.Refuse(fault.WrongInput, "No settings should be passed when removing or detaching a NIC")
			}
		case addDevice, modifyDevice:
			if err := checkNICArgument(c.Action, params); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNICArgument(action string, params config.Params) error {
	network, ip := text(params, "network"), text(params, "ip")
	_, mode := params["mode"]
	_, link := params["link"]
	if !isNone(network) && (mode || link) {
		return fault.Refuse(fault.WrongInput, "If network is given mode or link should not")
	}
	if strings.EqualFold(ip, pool) {
		if action == addDevice && isNone(network) {
			return fault.Refuse(fault.WrongInput, "If ip=pool, parameter network cannot be none")
		}
	} else if !isNone(ip) {
		if _, err := netip.ParseAddr(ip); err != nil {
			return fault.Refuse(fault.WrongInput, "Invalid IP address '%s'", ip)
		}
	}
	mac := text(params, "mac")
	if mac == auto && action == modifyDevice {
		return fault.Refuse(fault.WrongInput, "'auto' is not a valid MAC address when modifying an existing NIC")
	}
	if mac != "" && mac != auto && mac != generate {
		_, err := config.NormalizeMAC(mac)
		return err
	}
	return nil
}

func (w *modify) checkNICs(ctx context.Context) error {
	w.nics, w.bridges = nil, map[string]error{}
	changes, err := w.communication()
	if changes = append(changes, w.NICs...); err != nil || len(changes) == 0 {
		return err
	}
	if err = w.chooseNICs(ctx, w.env.Config, changes); err == nil {
		err = w.reserveNICs(ctx, changes)
	}
	for _, m := range w.nics.told {
		w.env.Info(m.format, m.args...)
	}
	w.warnings = append(w.warnings, w.nics.warnings...)
	w.next.NICs = w.nics.nics
	return err
}

// reserveNICs makes the new addresses this job's: hooks are told of them and a running guest gets them before they are recorded as the
// instance's. Those out of a pool are chosen again if others have committed since.
func (w *modify) reserveNICs(ctx context.Context, changes []DeviceChange) error {
	if w.env.DryRun || len(w.nics.reservations(w.inst.NICs)) == 0 {
		return nil
	}
	return w.env.Reserve(ctx, func(cfg *config.Config) ([]config.Reservation, error) {
		err := w.chooseNICs(ctx, cfg, changes)
		return w.nics.reservations(w.inst.NICs), err
	})
}

// chooseNICs works out what becomes of the interfaces in a configuration.
func (w *modify) chooseNICs(ctx context.Context, cfg *config.Config, changes []DeviceChange) error {
	w.nics = &nicChanges{cfg: cfg, nics: slices.Clone(w.inst.NICs)}
	for _, c := range changes {
		if err := w.checkNIC(ctx, c); err != nil {
			return err
		}
	}
	if len(w.nics.nics) > maxNICs {
		return fault.Refuse(fault.WrongState, "Instance has too many network interfaces (%d), cannot add more", maxNICs)
	}
	names := make([]map[string]any, len(w.nics.nics))
	for i, nic := range w.nics.nics {
		names[i] = map[string]any{"name": nic.Name}
	}
	return checkDeviceNames("NIC", names)
}

func (w *modify) checkNIC(ctx context.Context, c DeviceChange) error {
	n := w.nics
	i, err := c.position("NIC", len(n.nics), func(name string) int {
		return slices.IndexFunc(n.nics, func(nic config.NIC) bool { return nic.UUID == name || nic.Name == name })
	})
	if err != nil {
		return err
	}
	switch c.Action {
	case attachDevice, detachDevice:
		verb := map[string]string{attachDevice: "Attach", detachDevice: "Detach"}[c.Action]
		return fault.Refuse(fault.WrongInput, "%s operation is not supported for NICs", verb)
	case removeDevice:
		nic := n.nics[i]
		n.giveUp(nic)
		n.nics = slices.Delete(n.nics, i, i+1)
		title := fmt.Sprintf("NIC/%d", i)
		n.steps = append(n.steps, nicStep{removeDevice, i, title, nic, [][2]any{{title, "remove"}}})
		return nil
	}
	asked, err := NICInput.Force(c.Params)
	if err != nil {
		return err
	}
	if c.Action == addDevice {
		return w.addNIC(ctx, i, asked)
	}
	return w.changeNIC(ctx, i, asked)
}

func (w *modify) addNIC(ctx context.Context, i int, asked config.Params) error {
	if _, given := asked["mac"]; !given {
		asked["mac"] = auto
	}
	nic, _, err := w.prepareNIC(ctx, config.NIC{UUID: config.NewUUID()}, asked)
	if err != nil {
		return err
	}
	w.nics.nics = slices.Insert(w.nics.nics, i, nic)
	title := fmt.Sprintf("nic.%d", i)
	said := fmt.Sprintf("add:mac=%s,ip=%s,mode=%s,link=%s,network=%s", nic.MAC, unit.Str(orNil(nic.IP)), nic.NICParams.String("mode"),
		nic.NICParams.String("link"), unit.Str(orNil(asked.String("network"))))
	w.nics.steps = append(w.nics.steps, nicStep{addDevice, i, title, nic, [][2]any{{title, said}}})
	return nil
}

func (w *modify) changeNIC(ctx context.Context, i int, asked config.Params) error {
	before := w.nics.nics[i]
	nic, given, err := w.prepareNIC(ctx, before, asked)
	if err != nil {
		return err
	}
	w.nics.nics[i] = nic
	var said [][2]any
	for _, p := range []struct {
		name  string
		value any
	}{{"mac", nic.MAC}, {"ip", orNil(nic.IP)}, {"name", orNil(nic.Name)}} {
		if given[p.name] {
			said = append(said, [2]any{fmt.Sprintf("nic.%s/%d", p.name, i), p.value})
		}
	}
	if nic.Network != before.Network {
		said = append(said, [2]any{fmt.Sprintf("nic.network/%d", i), orNil(asked.String("network"))})
	}
	for _, name := range sortedNames(nic.NICParams) {
		said = append(said, [2]any{fmt.Sprintf("nic.%s/%d", name, i), nic.NICParams[name]})
	}
	w.nics.steps = append(w.nics.steps, nicStep{modifyDevice, i, fmt.Sprintf("nic/%d", i), nic, said})
	return nil
}

func orNil(s string) any {
	if isNone(s) {
		return nil
	}
	return s
}

// prepareNIC makes an interface as it was asked for out of the one it was, and says which of mac, ip and name were set.
func (w *modify) prepareNIC(ctx context.Context, nic config.NIC, asked config.Params) (config.NIC, map[string]bool, error) {
	before, given := nic, map[string]bool{}
	for _, name := range []string{"mac", "ip", "name"} {
		_, given[name] = asked[name]
	}
	if given["name"] {
		if nic.Name = asked.String("name"); isNone(nic.Name) {
			nic.Name = ""
		}
	}
	for _, set := range []func(context.Context, *config.NIC, config.NIC, config.Params, map[string]bool) error{w.setNetwork, w.checkMode, w.setMAC, w.setIP} {
		if err := set(ctx, &nic, before, asked, given); err != nil {
			return nic, nil, err
		}
	}
	return nic, given, nil
}

// setNetwork gives it the network, and with it the network's parameters or its own.
func (w *modify) setNetwork(_ context.Context, nic *config.NIC, before config.NIC, asked config.Params, _ map[string]bool) error {
	cfg := w.nics.cfg
	if name, given := asked["network"]; given {
		nic.Network = ""
		if s, _ := name.(string); !isNone(s) {
			net := cfg.NetworkByName(s)
			if net == nil {
				return fault.Refuse(fault.NotFound, "Network '%s' not found", s)
			}
			nic.Network = net.UUID
		}
	}
	own := config.Params{}
	for _, name := range config.NICParams.Names() {
		if v, given := asked[name]; given {
			own[name] = v
		}
	}
	params := before.NICParams.Update(own)
	if nic.Network != "" {
		connected, ok := cfg.Group(w.primary().Group).Networks[nic.Network]
		if !ok {
			return fault.Refuse(fault.WrongInput, "No netparams found for the network %s, probably not connected", cfg.Network(nic.Network).Name)
		}
		params = connected
	}
	nic.NICParams = params.Fill(cfg.NICDefaults())
	return config.CheckNICParams(nic.NICParams)
}

// checkMode makes sure that the interface can be brought up on the primary node.
func (w *modify) checkMode(ctx context.Context, nic *config.NIC, before config.NIC, asked config.Params, given map[string]bool) error {
	switch nic.NICParams.String("mode") {
	case config.NICBridged:
		return w.checkBridge(ctx, nic.NICParams.String("link"))
	case config.NICRouted:
		ip := before.IP
		if given["ip"] {
			ip = asked.String("ip")
		}
		if isNone(ip) && nic.Network == "" {
			return fault.Refuse(fault.WrongInput, "Cannot set the NIC IP address to None on a routed NIC if not attached to a network")
		}
	case config.NICOpenvswitch:
		w.nics.tell("OVS links are currently not checked for correctness")
	}
	return nil
}

func (w *modify) checkBridge(ctx context.Context, link string) error {
	node := w.primary()
	failure, asked := w.bridges[link]
	if !asked {
		failure = fault.Exec("Node is marked offline")
		if !node.Offline {
			failure = bridge.CheckExist(ctx, w.env.Nodes, node.Name, []string{link})
		}
		w.bridges[link] = failure
	}
	if failure == nil {
		return nil
	}
	words := fmt.Sprintf("Error checking bridges on node '%s': %v", node.Name, failure)
	if !w.Force {
		return fault.Refuse(fault.Environment, "%s", words)
	}
	w.nics.warnings = append(w.nics.warnings, words)
	return nil
}

// setMAC takes the address that was asked for, or makes one; also where the new network has a prefix of its own.
func (w *modify) setMAC(_ context.Context, nic *config.NIC, before config.NIC, asked config.Params, given map[string]bool) error {
	cfg := w.nics.cfg
	mac := asked.String("mac")
	prefix := func(uuid string) string {
		if n := cfg.Network(uuid); n != nil {
			return n.MACPrefix
		}
		return ""
	}
	switch {
	case !given["mac"] && (nic.Network == before.Network || prefix(nic.Network) == prefix(before.Network)):
		return nil
	case !given["mac"], mac == auto, mac == generate:
		made, err := generateMAC(cfg, nic.Network, w.nics.nics)
		nic.MAC, given["mac"] = made, true
		return err
	}
	normal, err := config.NormalizeMAC(mac)
	if err != nil {
		return err
	}
	if cfg.MACs()[normal] || slices.ContainsFunc(w.nics.nics, func(other config.NIC) bool { return other.MAC == normal && other.UUID != nic.UUID }) {
		return fault.Refuse(fault.NotUnique, "MAC address '%s' already in use in cluster", normal)
	}
	nic.MAC = normal
	return nil
}

// setIP takes the address that was asked for; one in a network is taken from its pool.
func (w *modify) setIP(_ context.Context, nic *config.NIC, before config.NIC, asked config.Params, given map[string]bool) error {
	if given["ip"] {
		if nic.IP = asked.String("ip"); isNone(nic.IP) {
			nic.IP = ""
		}
	}
	if nic.IP == before.IP && nic.Network == before.Network {
		_, link := asked["link"]
		_, mode := asked["mode"]
		if before.Network != "" && (link || mode) {
			return fault.Refuse(fault.WrongInput, "Not allowed to change link or mode of a NIC that is connected to a network")
		}
		return nil
	}
	if before.IP != "" && before.Network != "" {
		w.nics.giveUp(before)
	}
	if nic.IP == "" {
		return nil
	}
	return w.takeIP(nic)
}

func (w *modify) takeIP(nic *config.NIC) error {
	cfg := w.nics.cfg
	net := cfg.Network(nic.Network)
	switch {
	case net == nil && strings.EqualFold(nic.IP, pool):
		return fault.Refuse(fault.WrongInput, "ip=pool, but no network found")
	case net == nil:
		if under := underNetwork(cfg, cfg.Group(w.primary().Group), nic.IP); under != nil && w.ConflictsCheck {
			return fault.Refuse(fault.WrongState, "The requested IP address (%s) belongs to network %s, but the target NIC does not.", nic.IP, under.Name)
		}
		return nil
	}
	taken := w.nics.besides(cfg, net)
	if strings.EqualFold(nic.IP, pool) {
		ip, err := net.Free(taken)
		if err != nil {
			return fault.Refuse(fault.WrongState, "Unable to get a free IP from the address pool")
		}
		w.nics.tell("Chose IP %s from network %s", ip, net.Name)
		nic.IP = ip
	} else {
		if !net.Contains(nic.IP) || net.IsUsed(nic.IP) || taken[nic.IP] || w.ConflictsCheck && net.IsExternal(nic.IP) {
			return fault.Refuse(fault.NotUnique, "IP %s not available in network %s", nic.IP, net.Name)
		}
		w.nics.tell("Reserving IP %s in network %s", nic.IP, net.Name)
	}
	w.nics.takes = append(w.nics.takes, *nic)
	return nil
}

func (n *nicChanges) tell(format string, args ...any) {
	n.told = append(n.told, message{format, args})
}

// giveUp takes the address of an interface from it: it goes back to its network, unless it has only been about to be taken.
func (n *nicChanges) giveUp(nic config.NIC) {
	mine := func(other config.NIC) bool { return other.UUID == nic.UUID }
	if slices.ContainsFunc(n.takes, mine) {
		n.takes = slices.DeleteFunc(n.takes, mine)
		return
	}
	n.frees = append(n.frees, nic)
}

// reservations are what the interfaces have that those before did not.
func (n *nicChanges) reservations(before []config.NIC) (all []config.Reservation) {
	for _, nic := range n.nics {
		r := reservation(nic)
		if slices.ContainsFunc(before, func(other config.NIC) bool { return other.MAC == nic.MAC }) {
			r.MAC = ""
		}
		if !slices.ContainsFunc(n.takes, func(other config.NIC) bool { return other.UUID == nic.UUID }) {
			r.IP = ""
		}
		if ofNIC(r) {
			all = append(all, *r)
		}
	}
	return all
}

// besides are the addresses of a network that running jobs have set aside, and those this operation takes itself.
func (n *nicChanges) besides(cfg *config.Config, net *config.Network) map[string]bool {
	set := map[string]bool{}
	for _, r := range cfg.Reservations {
		if r.Network == net.UUID {
			set[r.IP] = true
		}
	}
	for _, nic := range n.takes {
		if nic.Network == net.UUID {
			set[nic.IP] = true
		}
	}
	return set
}

// apply takes the changes over.
func (n *nicChanges) apply(cfg *config.Config, inst *config.Instance) error {
	inst.NICs = slices.Clone(n.nics)
	releaseIPs(cfg, n.frees)
	return takeIPs(cfg, n.takes)
}

// list is what is said of the changes.
func (n *nicChanges) list() [][2]any {
	var out [][2]any
	for _, s := range n.steps {
		out = append(out, s.said...)
	}
	return out
}
