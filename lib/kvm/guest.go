package kvm

import (
	"slices"

	"gantry/lib/config"
)

// GuestOf is an instance as its configuration describes it. Disks with a URI and tap devices are for the caller to fill
// in, once they are there.
func GuestOf(cfg *config.Config, inst *config.Instance) Guest {
	be := cfg.FilledBE(inst)
	g := Guest{
		Name: inst.Name, UUID: inst.UUID, Port: int64(inst.NetworkPort), HV: cfg.FilledHV(inst),
		VCPUs: be.Int("vcpus"), MaxMem: be.Int("maxmem"), MinMem: be.Int("minmem"), IPFamily: 4,
	}
	if cfg.Cluster.PrimaryIPFamily == ipv6Family {
		g.IPFamily = 6
	}
	for i, d := range cfg.InstanceDisks(inst) {
		g.Disks = append(g.Disks, Disk{Disk: *d, Link: LinkPath(inst.Name, i)})
	}
	for _, nic := range inst.NICs {
		nic.NICParams = cfg.FilledNIC(&nic)
		n := NIC{NIC: nic}
		if nic.Network != "" {
			n.NetInfo = cfg.Network(nic.Network)
		}
		g.NICs = append(g.NICs, n)
	}
	return g
}

// ipv6Family is AF_INET6, which the configuration has for the cluster's primary addresses.
const ipv6Family = 10

// PoolOf lists the user ids of a cluster's pool, lowest first.
func PoolOf(ranges []config.UIDRange) []int64 {
	var uids []int64
	for _, r := range ranges {
		for uid := r[0]; uid <= r[1]; uid++ {
			uids = append(uids, uid)
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}
