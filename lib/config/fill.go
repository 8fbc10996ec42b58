package config

import "strings"

// HVDefaults returns what an instance of this hypervisor and OS has when it sets nothing itself.
func (c *Config) HVDefaults(hypervisor, os string) Params {
	p := c.Cluster.HVParams[hypervisor].Fill(HVTable(hypervisor).Defaults())
	return c.Cluster.OSHVP[os][hypervisor].Fill(p)
}

// FilledHV returns all hypervisor parameters of an instance.
func (c *Config) FilledHV(inst *Instance) Params {
	return inst.HVParams.Fill(c.HVDefaults(inst.Hypervisor, inst.OS))
}

// FilledBE returns all back-end parameters of an instance.
func (c *Config) FilledBE(inst *Instance) Params {
	return inst.BEParams.Fill(c.BEDefaults())
}

// BEDefaults returns the back-end parameters of an instance that sets none.
func (c *Config) BEDefaults() Params {
	return c.Cluster.BEParams[Default].Fill(BEParams.Defaults())
}

// FilledNIC returns mode, link and vlan of an interface.
func (c *Config) FilledNIC(nic *NIC) Params {
	return nic.NICParams.Fill(c.NICDefaults())
}

// NICDefaults returns the parameters of an interface that sets none.
func (c *Config) NICDefaults() Params {
	return c.Cluster.NICParams[Default].Fill(NICParams.Defaults())
}

// SSHPort is where a node's sshd listens. 0 is the usual port.
func (c *Config) SSHPort(n *Node) int {
	if port := int(c.FilledND(n).Int("ssh_port")); port != 0 {
		return port
	}
	return 22
}

// FilledND returns all node parameters of a node: its own over those of its group and of the cluster.
func (c *Config) FilledND(node *Node) Params {
	return node.NDParams.Fill(c.GroupND(c.Group(node.Group)))
}

// GroupND returns the node parameters of a node in this group that sets none; nil is no group.
func (c *Config) GroupND(group *NodeGroup) Params {
	p := c.Cluster.NDParams.Fill(NDParams.Defaults())
	if group == nil {
		return p
	}
	return group.NDParams.Fill(p)
}

// FilledDisk returns the parameters of a disk template in a group; nil is no group.
func (c *Config) FilledDisk(template string, group *NodeGroup) Params {
	p := c.Cluster.DiskParams[template].Fill(DiskTable(template).Defaults())
	if group == nil {
		return p
	}
	return group.DiskParams[template].Fill(p)
}

// FilledOS returns the OS parameters of an instance.
func (c *Config) FilledOS(inst *Instance) Params {
	return inst.OSParams.Fill(OSDefaults(c.Cluster.OSParams, inst.OS))
}

// FilledOSPrivate returns the private OS parameters of an instance. They are never logged.
func (c *Config) FilledOSPrivate(inst *Instance) Params {
	return inst.OSParamsPrivate.Fill(OSDefaults(c.Cluster.OSParamsPrivateCluster, inst.OS))
}

// OSDefaults merges what is set for the OS and for the OS with its variant ("debootstrap", "debootstrap+bookworm").
func OSDefaults(all map[string]Params, os string) Params {
	base, _, _ := strings.Cut(os, "+")
	return all[os].Fill(all[base])
}
