// Package network holds the operations on networks: ranges of addresses that instances take theirs from.
package network

import (
	"net/netip"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// find returns a network by name or UUID.
func find(cfg *config.Config, name string) (*config.Network, error) {
	if n := cfg.NetworkByName(name); n != nil {
		return n, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Network '%s' not found", name)
}

// findGroup returns a node group by name or UUID.
func findGroup(cfg *config.Config, name string) (*config.NodeGroup, error) {
	if g := cfg.GroupByName(name); g != nil {
		return g, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Node group '%s' not found", name)
}

// hooksEnv is what hooks of network operations are told.
func hooksEnv(n *config.Network) map[string]string {
	env := map[string]string{"NETWORK_NAME": n.Name, "NETWORK_SUBNET": n.Network, "NETWORK_TAGS": strings.Join(n.Tags, " ")}
	for name, value := range map[string]string{"GATEWAY": n.Gateway, "SUBNET6": n.Network6, "GATEWAY6": n.Gateway6, "MAC_PREFIX": n.MACPrefix} {
		if value != "" {
			env["NETWORK_"+name] = value
		}
	}
	return env
}

// onMaster is a plan whose hooks run on the master alone.
func onMaster(cfg *config.Config, path string, env map[string]string) *hooks.Plan {
	master := []string{cfg.MasterNode().Name}
	return &hooks.Plan{Path: path, Env: env, Pre: master, Post: master}
}

// lockNetwork is the exclusive lock of one network.
func lockNetwork(n *config.Network) []job.Lock {
	return []job.Lock{{Level: job.LevelNetwork, Name: n.UUID}}
}

// invalid is Ganeti's refusal of an attribute that has the wrong form.
func invalid(opcode, attribute string) error {
	return fault.Refuse(fault.WrongInput, "Parameter '%s.%s' fails validation", opcode, attribute)
}

// unreadable is Ganeti's refusal of an attribute that its queue daemon cannot even read.
func unreadable(attribute, why string) error {
	return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for '%s': %s", attribute, why)
}

// Empty is Ganeti's refusal of an attribute that is given and says nothing.
func Empty(opcode, attribute string) error {
	if attribute == "mac_prefix" {
		return fault.EmptyValue(attribute)
	}
	return invalid(opcode, attribute)
}

// checkForms looks at the forms of the addresses that an operation was given; empty ones were not.
func checkForms(opcode, network, gateway, network6, gateway6 string, ips ...[]string) error {
	for _, a := range []struct {
		name, value string
		ok          func(string) bool
	}{
		{"network", network, isNetwork4}, {"gateway", gateway, isAddress4}, {"network6", network6, isNetwork6}, {"gateway6", gateway6, isAddress6},
	} {
		if a.value != "" && !a.ok(a.value) {
			return invalid(opcode, a.name)
		}
	}
	for i, list := range ips {
		for _, ip := range list {
			if !isAddress4(ip) {
				return invalid(opcode, []string{"add_reserved_ips", "remove_reserved_ips"}[i])
			}
		}
	}
	return nil
}

func isAddress4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isAddress6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

// isNetwork4 looks at the address only: what is wrong with the netmask is said in other words, later.
func isNetwork4(s string) bool {
	address, _, _ := strings.Cut(s, "/")
	return isAddress4(address)
}

func isNetwork6(s string) bool {
	address, _, _ := strings.Cut(s, "/")
	return isAddress6(address)
}

// checkNetmask refuses a netmask that is none; longest is the longest there is.
func checkNetmask(network string, longest int) error {
	_, mask, given := strings.Cut(network, "/")
	if bits, err := strconv.Atoi(mask); given && (err != nil || bits < 0 || bits > longest) {
		return fault.Exec("'%s' is not a valid netmask", mask)
	}
	return nil
}

// checkNetwork6 refuses a subnet that is none, and a router that is not in it nor on the link. Either may be missing.
func checkNetwork6(n *config.Network) error {
	if n.Network6 == "" {
		return nil
	}
	if err := checkNetmask(n.Network6, 128); err != nil {
		return err
	}
	p, err := netip.ParsePrefix(n.Network6)
	if err != nil {
		return nil // a bare address
	}
	if p.Masked() != p {
		return fault.Exec("%s has host bits set", n.Network6)
	}
	if router, err := netip.ParseAddr(n.Gateway6); err == nil && !p.Contains(router) && !router.IsLinkLocalUnicast() {
		return fault.Exec("%s does not contain %s", n.Network6, n.Gateway6)
	}
	return nil
}

// checkMACPrefix gives the prefix in the form it is kept in.
func checkMACPrefix(prefix string) (string, error) {
	normal, err := config.NormalizeMACPrefix(prefix)
	if err != nil {
		return "", fault.Refuse(fault.WrongInput, "Invalid MAC address prefix '%s'", prefix)
	}
	return normal, nil
}
