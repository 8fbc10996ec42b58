package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// addresses: a MAC belongs to one interface, an address of a network to one interface, a node's addresses to one node.
// Addresses outside our networks may be given twice, as under Ganeti; verify reports those.
func (v *validation) addresses() {
	macs := map[string]bool{}
	ips := map[string]string{} // network and address to instance
	for _, inst := range v.Instances {
		for i, nic := range inst.NICs {
			if macs[nic.MAC] {
				v.wrong("instance '%s' has NIC %d mac %s duplicate", inst.Name, i, nic.MAC)
			}
			macs[nic.MAC] = true
			if nic.Network == "" || nic.IP == "" {
				continue
			}
			key := nic.Network + " " + nic.IP
			if owner, twice := ips[key]; twice {
				v.wrong("IP address %s is used by multiple owners: instance:%s, instance:%s/nic:%d", nic.IP, owner, inst.Name, i)
			}
			ips[key] = inst.Name
		}
	}
	v.nodeAddresses()
	v.reservedTwice(macs, ips)
}

func (v *validation) nodeAddresses() {
	owners := map[string]string{}
	claim := func(ip, node, owner string) {
		if other, twice := owners[ip]; twice && ip != "" && !strings.HasPrefix(other, "node:"+node+"/") {
			v.wrong("IP address %s is used by multiple owners: %s, %s", ip, other, owner)
		}
		owners[ip] = owner
	}
	claim(v.Cluster.MasterIP, "", "cluster_ip")
	for _, n := range v.Nodes {
		claim(n.PrimaryIP, n.Name, "node:"+n.Name+"/primary")
		if n.SecondaryIP != n.PrimaryIP {
			claim(n.SecondaryIP, n.Name, "node:"+n.Name+"/secondary")
		}
	}
}

// reservedTwice: what a job has reserved is neither an object's nor another job's.
func (v *validation) reservedTwice(macs map[string]bool, ips map[string]string) {
	names := map[string]bool{}
	for _, inst := range v.Instances {
		names[inst.Name] = true
	}
	for _, r := range v.Reservations {
		if r.MAC != "" && macs[r.MAC] {
			v.wrong("MAC address %s already in use in cluster", r.MAC)
		}
		macs[r.MAC] = true
		if r.Name != "" && names[r.Name] {
			v.wrong("Instance '%s' is already in the cluster", r.Name)
		}
		names[r.Name] = true
		if r.IP == "" {
			continue
		}
		key := r.Network + " " + r.IP
		if _, twice := ips[key]; twice {
			v.wrong("IP address %s of network '%s' is already reserved", r.IP, r.Network)
		}
		ips[key] = fmt.Sprintf("job %d", r.Job)
	}
}

// ports: one owner each, the pool of returned ones included.
func (v *validation) ports() {
	owners := map[int][]string{}
	note := func(port int, owner string) {
		if port != 0 {
			owners[port] = append(owners[port], owner)
		}
	}
	disks := map[string]string{}
	for _, inst := range v.Instances {
		note(inst.NetworkPort, inst.Name+"/network port")
		for i, uuid := range inst.Disks {
			disks[uuid] = fmt.Sprintf("%s/drbd disk %d", inst.Name, i)
		}
	}
	for _, d := range v.Disks {
		if id, ok := d.DRBD(); ok {
			note(id.Port, disks[d.UUID])
		}
	}
	for _, port := range v.Cluster.TCPUDPPortPool {
		note(port, "cluster/port marked as free")
	}
	for _, r := range v.Reservations {
		if !slices.Contains(v.Cluster.TCPUDPPortPool, r.Port) { // it leaves the pool when it becomes an object's
			note(r.Port, fmt.Sprintf("job %d/reserved", r.Job))
		}
	}
	for port, list := range owners {
		if len(list) > 1 {
			slices.Sort(list)
			v.wrong("tcp/udp port %d has duplicates: %s", port, strings.Join(list, ", "))
		}
	}
}

// minors: a DRBD minor of a node belongs to one disk or one reservation.
func (v *validation) minors() {
	owners := map[string]string{}
	claim := func(node string, minor int, owner string) {
		key := fmt.Sprintf("%s/%d", node, minor)
		if other, twice := owners[key]; twice {
			v.wrong("DRBD minor %d of node %s is used by %s and %s", minor, v.NodeName(node), other, owner)
		}
		owners[key] = owner
	}
	for _, d := range v.Disks {
		if id, ok := d.DRBD(); ok {
			claim(id.NodeA, id.MinorA, "disk "+d.UUID)
			claim(id.NodeB, id.MinorB, "disk "+d.UUID)
		}
	}
	for _, r := range v.Reservations {
		if r.Minor != nil {
			claim(r.Node, *r.Minor, fmt.Sprintf("job %d", r.Job))
		}
	}
}

// texts: a text that is not UTF-8 makes a file that cannot be read again.
func (v *validation) texts() {
	v.textsIn(reflect.ValueOf(v.Config).Elem(), "configuration")
}

func (v *validation) textsIn(x reflect.Value, where string) {
	switch x.Kind() {
	case reflect.String:
		if !IsText(x.String()) {
			v.wrong("%s has the value %q, which is not UTF-8 text", where, x.String())
		}
	case reflect.Pointer, reflect.Interface:
		if !x.IsNil() {
			v.textsIn(x.Elem(), where)
		}
	case reflect.Slice, reflect.Array:
		for i := range x.Len() {
			v.textsIn(x.Index(i), where)
		}
	case reflect.Map:
		for it := x.MapRange(); it.Next(); {
			v.textsIn(it.Key(), where)
			v.textsIn(it.Value(), where)
		}
	case reflect.Struct:
		for i := range x.NumField() {
			if f := x.Type().Field(i); f.IsExported() || f.Anonymous {
				v.textsIn(x.Field(i), where+"."+f.Name)
			}
		}
	}
}
