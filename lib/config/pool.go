package config

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// A network's pool is two texts of '0' and '1', one character an address of the subnet, the first being the network address:
// Reservations are addresses that instances have, ExtReservations those that something else has. Empty is all free.

// Prefix returns the subnet. It is IPv4 and has no host bits set, or the network is not usable.
func (n *Network) Prefix() (netip.Prefix, error) {
	text := n.Network
	if !strings.Contains(text, "/") {
		text += "/32" // Ganeti reads a bare address as a network of one
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("'%s' does not appear to be an IPv4 or IPv6 network", n.Network)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%s has host bits set", n.Network)
	}
	return p, nil
}

// InitPool makes the pool of a new network: its first and last address and its gateway are taken by others.
func (n *Network) InitPool() error {
	p, err := n.Prefix()
	if err != nil {
		return err
	}
	size := 1 << (32 - p.Bits())
	if p.Bits() < 16 {
		return fmt.Errorf("A big network with %d host(s) is currently not supported. please specify at most a /16 network", size)
	}
	if p.Bits() > 30 {
		return fmt.Errorf("A network with only %d host(s) is too small, please specify at least a /30 network", size)
	}
	n.Reservations = strings.Repeat("0", size)
	n.ExtReservations = "1" + strings.Repeat("0", size-2) + "1"
	if n.Gateway == "" {
		return nil
	}
	return n.ReserveExternal(n.Gateway)
}

// Size is the number of addresses, 0 when the subnet cannot be read.
func (n *Network) Size() int {
	p, err := n.Prefix()
	if err != nil {
		return 0
	}
	return 1 << (32 - p.Bits())
}

// Contains says whether an address lies in the subnet.
func (n *Network) Contains(ip string) bool {
	_, err := n.offset(ip)
	return err == nil
}

// offset returns the place of an address in the pool.
func (n *Network) offset(ip string) (int, error) {
	p, err := n.Prefix()
	if err != nil {
		return 0, err
	}
	a, err := netip.ParseAddr(ip)
	if err != nil || !p.Contains(a) {
		return 0, fmt.Errorf("%s does not contain %s", n.Network, ip)
	}
	return int(number4(a) - number4(p.Addr())), nil
}

// at returns the address at a place of the pool.
func (n *Network) at(i int) string {
	p, err := n.Prefix()
	if err != nil {
		return ""
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], number4(p.Addr())+uint32(i))
	return netip.AddrFrom4(b).String()
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// Reserve marks an address as an instance's. That something else has it too is no obstacle here: whoever cares asks IsExternal.
func (n *Network) Reserve(ip string) error {
	return n.set(&n.Reservations, ip, '1', "IP %s is already used by an instance")
}

// Release frees an address that an instance had.
func (n *Network) Release(ip string) error {
	return n.set(&n.Reservations, ip, '0', "IP %s is not used by an instance")
}

// ReserveExternal marks an address as taken by something that is no instance.
func (n *Network) ReserveExternal(ip string) error {
	return n.set(&n.ExtReservations, ip, '1', "IP %s is already externally reserved")
}

// ReleaseExternal frees such an address.
func (n *Network) ReleaseExternal(ip string) error {
	return n.set(&n.ExtReservations, ip, '0', "IP %s is not externally reserved")
}

// set changes one place of a pool; already is the complaint when it has that value.
func (n *Network) set(pool *string, ip string, value byte, already string) error {
	i, err := n.offset(ip)
	if err != nil {
		return err
	}
	bits := []byte(*pool)
	if len(bits) == 0 {
		bits = []byte(strings.Repeat("0", n.Size()))
	}
	if i >= len(bits) {
		return fmt.Errorf("the pool of network %s is shorter than %s", n.Name, n.Network)
	}
	if bits[i] == value {
		return fmt.Errorf(already, ip)
	}
	bits[i] = value
	*pool = string(bits)
	return nil
}

func taken(pool string, i int) bool { return i < len(pool) && pool[i] == '1' }

// IsUsed says whether an instance has the address.
func (n *Network) IsUsed(ip string) bool {
	i, err := n.offset(ip)
	return err == nil && taken(n.Reservations, i)
}

// IsExternal says whether something else has the address.
func (n *Network) IsExternal(ip string) bool {
	i, err := n.offset(ip)
	return err == nil && taken(n.ExtReservations, i)
}

// Free returns the lowest address that nobody has and that is not in the set besides.
func (n *Network) Free(besides map[string]bool) (string, error) {
	for i := range n.Size() {
		if taken(n.Reservations, i) || taken(n.ExtReservations, i) {
			continue
		}
		if ip := n.at(i); !besides[ip] {
			return ip, nil
		}
	}
	return "", fmt.Errorf("%s is full", n.Network)
}

// Map shows the pool: 'X' for a reserved address, '.' for a free one.
func (n *Network) Map() string {
	b := make([]byte, n.Size())
	for i := range b {
		b[i] = '.'
		if taken(n.Reservations, i) || taken(n.ExtReservations, i) {
			b[i] = 'X'
		}
	}
	return string(b)
}

// ReservedCount is the number of addresses somebody has.
func (n *Network) ReservedCount() int { return strings.Count(n.Map(), "X") }

// FreeCount is the number of addresses nobody has.
func (n *Network) FreeCount() int { return strings.Count(n.Map(), ".") }

// External returns the externally reserved addresses in their order.
func (n *Network) External() []string {
	var ips []string
	for i := range len(n.ExtReservations) {
		if taken(n.ExtReservations, i) {
			ips = append(ips, n.at(i))
		}
	}
	return ips
}
