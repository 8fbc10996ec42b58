package config

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// What is handed out here is taken neither by an object nor by a reservation of a running job. Nothing is recorded: the caller
// puts it into an object or a reservation, in the same transaction.

// First and last port of the cluster's pool (DRBD, consoles).
const (
	FirstPort = 11000
	LastPort  = 14999
)

// DefaultMACPrefix is what Ganeti gives a cluster that sets none.
const DefaultMACPrefix = "aa:00:00"

const (
	macTries    = 64
	secretBytes = 20
)

var (
	macForm    = unit.Form(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)
	prefixForm = unit.Form(`^[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}$`)
)

// NormalizeMAC returns an address in lower case, or refuses it.
func NormalizeMAC(mac string) (string, error) {
	low := strings.ToLower(mac)
	if !macForm().MatchString(low) {
		return "", fault.Refuse(fault.WrongInput, "Invalid MAC address '%s'", mac)
	}
	return low, nil
}

// NormalizeMACPrefix returns the first three octets in lower case, or refuses them.
func NormalizeMACPrefix(prefix string) (string, error) {
	low := strings.ToLower(prefix)
	if !prefixForm().MatchString(low) {
		return "", fault.Refuse(fault.WrongInput, "Invalid MAC address prefix '%s'", prefix)
	}
	return low, nil
}

// MACs returns every address in use, by instances and reservations.
func (c *Config) MACs() map[string]bool {
	macs := make(map[string]bool, len(c.Instances))
	for _, inst := range c.Instances {
		for _, nic := range inst.NICs {
			macs[nic.MAC] = true
		}
	}
	for _, r := range c.Reservations {
		macs[r.MAC] = true
	}
	delete(macs, "")
	return macs
}

// MACPrefix returns the prefix for an interface in a network ("" is no network).
func (c *Config) MACPrefix(network string) string {
	if n := c.Network(network); n != nil && n.MACPrefix != "" {
		return n.MACPrefix
	}
	if c.Cluster.MACPrefix != "" {
		return c.Cluster.MACPrefix
	}
	return DefaultMACPrefix
}

// GenerateMAC makes a new address for an interface in a network, from a source of random bytes.
func (c *Config) GenerateMAC(network string, random io.Reader) (string, error) {
	used := c.MACs()
	prefix := c.MACPrefix(network)
	for range macTries {
		var b [3]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("generating a MAC address: %w", err)
		}
		mac := fmt.Sprintf("%s:%02x:%02x:%02x", prefix, b[0], b[1], b[2])
		if !used[mac] {
			return mac, nil
		}
	}
	return "", fault.New(fault.Configuration, "Can't generate unique MAC")
}

// FreeIP returns the lowest free address of a network.
func (c *Config) FreeIP(n *Network) (string, error) {
	besides := map[string]bool{}
	for _, r := range c.Reservations {
		if r.Network == n.UUID && r.IP != "" {
			besides[r.IP] = true
		}
	}
	return n.Free(besides)
}

// usedPorts returns every port that an object or a reservation has.
func (c *Config) usedPorts() map[int]bool {
	used := map[int]bool{}
	for _, inst := range c.Instances {
		used[inst.NetworkPort] = true
	}
	for _, d := range c.Disks {
		if id, ok := d.DRBD(); ok {
			used[id.Port] = true
		}
	}
	for _, r := range c.Reservations {
		used[r.Port] = true
	}
	delete(used, 0)
	return used
}

// TakePort takes a port out of the pool of returned ones, or the next unused one. This one does record it.
func (c *Config) TakePort() (int, error) {
	port, err := c.FreePort()
	if err == nil {
		c.ClaimPort(port)
	}
	return port, err
}

// FreePort is the port that comes next: one that was returned, else the next one that nobody has.
func (c *Config) FreePort() (int, error) {
	used := c.usedPorts()
	for _, port := range slices.Sorted(slices.Values(c.Cluster.TCPUDPPortPool)) {
		if !used[port] {
			return port, nil
		}
	}
	for port := max(c.Cluster.HighestUsedPort+1, FirstPort); port <= LastPort; port++ {
		if !used[port] {
			return port, nil
		}
	}
	return 0, fault.New(fault.Configuration, "The highest used port is greater than %d. Aborting.", LastPort)
}

// ClaimPort records that a free port has become an object's.
func (c *Config) ClaimPort(port int) {
	if i := slices.Index(c.Cluster.TCPUDPPortPool, port); i >= 0 {
		c.Cluster.TCPUDPPortPool = slices.Delete(c.Cluster.TCPUDPPortPool, i, i+1)
		return
	}
	c.Cluster.HighestUsedPort = max(c.Cluster.HighestUsedPort, port)
}

// NewSecret makes a secret for a DRBD disk that no other has.
func (c *Config) NewSecret() string {
	used := map[string]bool{}
	for _, d := range c.Disks {
		if id, ok := d.DRBD(); ok {
			used[id.Secret] = true
		}
	}
	for {
		b := make([]byte, secretBytes)
		_, _ = rand.Read(b) // it never fails
		if secret := hex.EncodeToString(b); !used[secret] {
			return secret
		}
	}
}

// ReturnPort gives a port back to the pool.
func (c *Config) ReturnPort(port int) {
	if port == 0 || slices.Contains(c.Cluster.TCPUDPPortPool, port) {
		return
	}
	c.Cluster.TCPUDPPortPool = append(c.Cluster.TCPUDPPortPool, port)
	slices.Sort(c.Cluster.TCPUDPPortPool)
}

// Minors returns the DRBD minors of a node that the configuration knows, with the UUIDs of their disks ("" for a reservation).
func (c *Config) Minors(node string) map[int]string {
	minors := map[int]string{}
	for _, d := range c.Disks {
		id, ok := d.DRBD()
		if ok && (id.NodeA == node || id.NodeB == node) {
			minors[id.Minor(node)] = d.UUID
		}
	}
	for _, r := range c.Reservations {
		if r.Node == node && r.Minor != nil {
			minors[*r.Minor] = ""
		}
	}
	return minors
}

// FreeMinor returns the lowest minor that neither the configuration nor the node itself (seen) uses.
func (c *Config) FreeMinor(node string, seen map[int]bool) int {
	used := c.Minors(node)
	for minor := 0; ; minor++ {
		if _, known := used[minor]; !known && !seen[minor] {
			return minor
		}
	}
}

// DropReservations removes what a job has reserved.
func (c *Config) DropReservations(job int) {
	c.Reservations = slices.DeleteFunc(c.Reservations, func(r *Reservation) bool { return r.Job == job })
}
