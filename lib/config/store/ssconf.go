package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/unit"
)

// ReleaseVersion is what ssconf_release_version says: scripts compare it with Ganeti's.
const ReleaseVersion = "3.0.2"

// SSConf returns the ssconf files of a configuration, name to content. Each value ends with a newline; what is empty is an empty file.
func SSConf(c *config.Config) map[string]string {
	files := map[string]string{}
	for name, lines := range ssconfLines(c) {
		files["ssconf_"+name] = content(lines)
	}
	return files
}

// content is an empty file for a single value that is empty.
func content(lines []string) string {
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func ssconfLines(c *config.Config) map[string][]string {
	cl := &c.Cluster
	lines := map[string][]string{
		"cluster_name":            {cl.ClusterName},
		"cluster_tags":            cl.Tags,
		"enabled_user_shutdown":   {unit.Str(cl.EnabledUserShutdown)},
		"file_storage_dir":        {cl.FileStorageDir},
		"gluster_storage_dir":     {cl.GlusterStorageDir},
		"hypervisor_list":         cl.EnabledHypervisors,
		"instance_list":           nil,
		"maintain_node_health":    {unit.Str(cl.MaintainHealth)},
		"master_ip":               {cl.MasterIP},
		"master_netdev":           {cl.MasterNetdev},
		"master_netmask":          {fmt.Sprint(cl.MasterNetmask)},
		"master_node":             {c.NodeName(cl.MasterNode)},
		"primary_ip_family":       {fmt.Sprint(cl.PrimaryIPFamily)},
		"release_version":         {ReleaseVersion},
		"shared_file_storage_dir": {cl.SharedFileStorageDir},
		"uid_pool":                {config.FormatUIDs(cl.UIDPool, "\n")},
	}
	for _, hv := range config.Hypervisors() {
		lines["hvparams_"+hv] = paramLines(cl.HVParams[hv].Fill(config.HVTable(hv).Defaults()))
	}
	nodeLines(c, lines)
	for _, inst := range c.Instances {
		lines["instance_list"] = append(lines["instance_list"], inst.Name)
	}
	slices.Sort(lines["instance_list"])
	lines["networks"] = uuidLines(c.Networks, func(n *config.Network) (string, string) { return n.UUID, n.Name })
	lines["nodegroups"] = uuidLines(c.NodeGroups, func(g *config.NodeGroup) (string, string) { return g.UUID, g.Name })
	return lines
}

func paramLines(p config.Params) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		out = append(out, name+"="+unit.Str(p[name]))
	}
	return out
}

// uuidLines lists objects as "uuid name".
func uuidLines[T any](list []*T, key func(*T) (uuid, name string)) []string {
	var out []string
	for _, o := range list {
		uuid, name := key(o)
		out = append(out, uuid+" "+name)
	}
	slices.Sort(out)
	return out
}

// nodeLines adds the files that list nodes: by name, but the candidates by UUID, as Ganeti has them.
func nodeLines(c *config.Config, lines map[string][]string) {
	for _, name := range []string{"node_list", "node_primary_ips", "node_secondary_ips", "node_vm_capable", "offline_nodes", "online_nodes",
		"ssh_ports", "master_candidates", "master_candidates_ips", "master_candidates_certs"} {
		lines[name] = nil
	}
	add := func(name, line string) { lines[name] = append(lines[name], line) }
	byName := slices.SortedFunc(slices.Values(c.Nodes), func(a, b *config.Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range byName {
		add("node_list", n.Name)
		add("node_primary_ips", n.Name+" "+n.PrimaryIP)
		add("node_secondary_ips", n.Name+" "+n.SecondaryIP)
		add("node_vm_capable", n.Name+"="+unit.Str(n.VMCapable))
		add("ssh_ports", fmt.Sprintf("%s=%d", n.Name, c.FilledND(n).Int("ssh_port")))
		if n.Offline {
			add("offline_nodes", n.Name)
		} else {
			add("online_nodes", n.Name)
		}
	}
	byUUID := slices.SortedFunc(slices.Values(c.Nodes), func(a, b *config.Node) int { return cmp.Compare(a.UUID, b.UUID) })
	for _, n := range byUUID {
		if n.MasterCandidate {
			add("master_candidates", n.Name)
			add("master_candidates_ips", n.PrimaryIP)
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(c.Cluster.CandidateCerts)) {
		add("master_candidates_certs", uuid+"="+c.Cluster.CandidateCerts[uuid])
	}
}
