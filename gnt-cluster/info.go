package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("[--roman]", "Shows the cluster's parameters")
	cli.Roman(c)
	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		return table.Info(env.Out, describe(cfg))
	})
}

func describe(cfg *config.Config) table.Pairs {
	c := &cfg.Cluster
	out := table.Pairs{
		{Key: "Cluster name", Value: c.ClusterName}, {Key: "Cluster UUID", Value: c.UUID},
		{Key: "Creation time", Value: unit.FormatTime(query.Time(c.CTime))}, {Key: "Modification time", Value: unit.FormatTime(query.Time(c.MTime))},
		{Key: "Master node", Value: cfg.MasterNode().Name}, {Key: "Architecture (this node)", Value: architecture()},
		{Key: "Tags", Value: joined(sorted(c.Tags), "(none)")},
		{Key: "Default hypervisor", Value: c.EnabledHypervisors[0]}, {Key: "Enabled hypervisors", Value: strings.Join(c.EnabledHypervisors, ", ")},
		{Key: "Hypervisor parameters", Value: hypervisors(c)}, {Key: "OS-specific hypervisor parameters", Value: nested2(c.OSHVP)},
		{Key: "OS parameters", Value: nested(c.OSParams)}, {Key: "Hidden OSes", Value: strings.Join(c.HiddenOS, ", ")},
		{Key: "Blacklisted OSes", Value: strings.Join(c.BlacklistedOS, ", ")}, {Key: "Cluster parameters", Value: parameters(c)},
		{Key: "Default node parameters", Value: plain(c.NDParams)}, {Key: "Default instance parameters", Value: nested(c.BEParams)},
		{Key: "Default nic parameters", Value: nested(c.NICParams)}, {Key: "Default disk parameters", Value: nested(c.DiskParams)},
	}
	out = append(out, table.Pair{Key: "Instance policy - limits for instances", Value: policy(cfg.ClusterPolicy())})
	return append(out, table.Pair{Key: "Data collectors", Value: collectors(c)})
}

// architecture is written as Python's platform.architecture and machine are.
func architecture() string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	return fmt.Sprintf("64bits (%s)", machine)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// joined is a list in one line, or a word for an empty one.
func joined(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func plain(p config.Params) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(p)) {
		v := p[name]
		if f, ok := v.(float64); ok {
			v = shortFloat(f)
		}
		out = append(out, table.Pair{Key: name, Value: v})
	}
	return out
}

// shortFloat leaves the fraction out where there is none.
func shortFloat(f float64) string { return strings.TrimSuffix(unit.FormatFloat(f), ".0") }

func nested(m map[string]config.Params) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, table.Pair{Key: name, Value: plain(m[name])})
	}
	return out
}

func nested2(m map[string]map[string]config.Params) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, table.Pair{Key: name, Value: nested(m[name])})
	}
	return out
}

// hypervisors shows those in use only.
func hypervisors(c *config.Cluster) table.Pairs {
	used := map[string]config.Params{}
	for _, hv := range c.EnabledHypervisors {
		used[hv] = c.HVParams[hv]
	}
	return nested(used)
}

func parameters(c *config.Cluster) table.Pairs {
	version := map[int]int{2: 4, 10: 6}[c.PrimaryIPFamily]
	return table.Pairs{
		{Key: "candidate pool size", Value: c.CandidatePool},
		{Key: "maximal number of jobs running simultaneously", Value: c.MaxRunningJobs},
		{Key: "maximal number of jobs simultaneously tracked by the scheduler", Value: c.MaxTrackedJobs},
		{Key: "mac prefix", Value: c.MACPrefix}, {Key: "master netdev", Value: c.MasterNetdev}, {Key: "master netmask", Value: c.MasterNetmask},
		{Key: "use external master IP address setup script", Value: c.UseExternalMIPScript},
		{Key: "lvm volume group", Value: orNone(c.VolumeGroupName)}, {Key: "lvm reserved volumes", Value: joined(c.ReservedLVs, "(none)")},
		{Key: "drbd usermode helper", Value: orNone(c.DRBDUsermodeHelper)},
		{Key: "file storage path", Value: c.FileStorageDir}, {Key: "shared file storage path", Value: c.SharedFileStorageDir},
		{Key: "gluster storage path", Value: c.GlusterStorageDir}, {Key: "maintenance of node health", Value: c.MaintainHealth},
		{Key: "uid pool", Value: config.FormatUIDs(c.UIDPool, ", ")},
		{Key: "default instance allocator", Value: c.DefaultIAllocator}, {Key: "default instance allocator parameters", Value: plain(c.DefaultIAllocatorParams)},
		{Key: "primary ip version", Value: version}, {Key: "preallocation wipe disks", Value: c.PreallocWipeDisks},
		{Key: "OS search path", Value: strings.Join(searchPath("os"), ", ")}, {Key: "ExtStorage Providers search path", Value: strings.Join(searchPath("extstorage"), ", ")},
		{Key: "enabled disk templates", Value: strings.Join(c.EnabledDiskTemplates, ", ")}, {Key: "install image", Value: c.InstallImage},
		{Key: "instance communication network", Value: c.InstanceCommunicateNet}, {Key: "zeroing image", Value: c.ZeroingImage},
		{Key: "compression tools", Value: c.CompressionTools}, {Key: "enabled user shutdown", Value: c.EnabledUserShutdown},
		{Key: "modify ssh setup", Value: c.ModifySSHSetup}, {Key: "ssh_key_type", Value: c.SSHKeyType}, {Key: "ssh_key_bits", Value: c.SSHKeyBits},
	}
}

// searchPath lists the directories where definitions of a kind are looked for.
func searchPath(kind string) []string {
	var out []string
	for _, dir := range []string{"/srv/ganeti", "/usr/local/lib/ganeti", "/usr/lib/ganeti", "/usr/share/ganeti"} {
		out = append(out, dir+"/"+kind)
	}
	return out
}

func policy(p config.IPolicy) table.Pairs {
	var bounds []any
	for i, m := range p.MinMax {
		bounds = append(bounds, table.Pairs{{Key: fmt.Sprintf("max/%d", i), Value: specs(m.Max)}, {Key: fmt.Sprintf("min/%d", i), Value: specs(m.Min)}})
	}
	return table.Pairs{
		{Key: "bounds specs", Value: bounds}, {Key: "std", Value: specs(p.Std)},
		{Key: "allowed disk templates", Value: strings.Join(p.DiskTemplates, ", ")},
		{Key: "vcpu-ratio", Value: shortFloat(*p.VCPURatio)}, {Key: "spindle-ratio", Value: shortFloat(*p.SpindleRatio)},
	}
}

func specs(s config.ISpec) table.Pairs {
	var out table.Pairs
	for _, name := range config.Specs {
		out = append(out, table.Pair{Key: name, Value: s[name]})
	}
	return out
}

func collectors(c *config.Cluster) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(c.DataCollectors)) {
		d := c.DataCollectors[name]
		out = append(out, table.Pair{Key: name, Value: table.Pairs{{Key: "active", Value: d.Active}, {Key: "interval", Value: fmt.Sprintf("%.3fs", float64(d.Interval)/1e6)}}})
	}
	return out
}
