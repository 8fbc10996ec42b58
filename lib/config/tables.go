package config

import (
	"slices"
	"strings"
)

// BEParams are the back-end parameters of an instance.
var BEParams = Table{
	{Name: "always_failover", Type: Bool, Default: false},
	{Name: "auto_balance", Type: Bool, Default: true, Title: "Auto_balance"},
	{Name: "maxmem", Type: Size, Default: int64(128), Title: "ConfigMaxMem"},
	{Name: "minmem", Type: Size, Default: int64(128), Title: "ConfigMinMem"},
	{Name: "spindle_use", Type: Int, Default: int64(1)},
	{Name: "vcpus", Type: Int, Default: int64(1), Title: "ConfigVCPUs"},
}

// BEInput is BEParams with "memory", which stands for both maxmem and minmem.
var BEInput = Table{
	BEParams[0], BEParams[1], BEParams[2],
	{Name: "memory", Type: Size},
	BEParams[3], BEParams[4], BEParams[5],
}

// SplitMemory turns "memory" into maxmem and minmem; it wins over them.
func SplitMemory(be Params) Params {
	out := be.Fill(nil, "memory")
	if memory, given := be["memory"]; given {
		out["maxmem"], out["minmem"] = memory, memory
	}
	return out
}

// NICParams are the parameters of a network interface.
var NICParams = Table{
	{Name: "link", Type: String, Default: "xen-br0"},
	{Name: "mode", Type: String, Default: NICBridged},
	{Name: "vlan", Type: String, Default: ""},
}

// NDOrder is the order in which Ganeti keeps the parameters of a node, and shows them.
var NDOrder = []string{"oob_program", "spindle_count", "exclusive_storage", "ovs", "ovs_name", "ovs_link", "ssh_port", "cpu_speed"}

// NDParams are the parameters of a node.
var NDParams = Table{
	{Name: "cpu_speed", Type: Float, Default: 1.0},
	{Name: "exclusive_storage", Type: Bool, Default: false, ClusterOnly: true, Title: "ExclusiveStorage"},
	{Name: "oob_program", Type: String, Default: "", Title: "OutOfBandProgram"},
	{Name: "ovs", Type: Bool, Default: false, Title: "OpenvSwitch"},
	{Name: "ovs_link", Type: MaybeString, Default: "", Title: "OpenvSwitchLink"},
	{Name: "ovs_name", Type: MaybeString, Default: "switch1", Title: "OpenvSwitchName"},
	{Name: "spindle_count", Type: Int, Default: int64(1), Title: "SpindleCount"},
	{Name: "ssh_port", Type: Int, Default: int64(22)},
}

var access = Param{Name: "access", Type: String, Default: "kernelspace"}

// diskParams are the parameters of each disk template.
var diskParams = map[string]Table{
	DTBlock:    {},
	DTDiskless: {},
	DTDRBD: {
		{Name: "c-delay-target", Type: Int, Default: int64(1)},
		{Name: "c-fill-target", Type: Int, Default: int64(0)},
		{Name: "c-max-rate", Type: Int, Default: int64(61440)},
		{Name: "c-min-rate", Type: Int, Default: int64(4096)},
		{Name: "c-plan-ahead", Type: Int, Default: int64(20)},
		{Name: "data-stripes", Type: Int, Default: int64(1)},
		{Name: "disk-barriers", Type: String, Default: "n"},
		{Name: "disk-custom", Type: String, Default: ""},
		{Name: "dynamic-resync", Type: Bool, Default: false},
		{Name: "meta-barriers", Type: Bool, Default: false},
		{Name: "meta-stripes", Type: Int, Default: int64(1)},
		{Name: "metavg", Type: String, Default: "xenvg"},
		{Name: "net-custom", Type: String, Default: ""},
		{Name: "protocol", Type: String, Default: "C"},
		{Name: "resync-rate", Type: Int, Default: int64(61440)},
	},
	DTExt:  {access},
	DTFile: {},
	DTGluster: {
		access,
		{Name: "host", Type: String, Default: "127.0.0.1"},
		{Name: "port", Type: Int, Default: int64(24007)},
		{Name: "volume", Type: String, Default: "gv0"},
	},
	DTPlain:      {{Name: "stripes", Type: Int, Default: int64(1)}},
	DTRBD:        {access, {Name: "pool", Type: String, Default: "rbd"}},
	DTSharedFile: {},
}

// DiskTable returns the parameters of a disk template, nil when there is none of this name.
func DiskTable(template string) Table { return diskParams[template] }

// DiskInput is what all disk templates know together: Ganeti checks the types of -D without looking at the template.
var DiskInput = allDiskParams()

func allDiskParams() Table {
	var all Table
	for _, table := range diskParams {
		for _, p := range table {
			if all.Get(p.Name) == nil {
				all = append(all, p)
				slices.SortFunc(all, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
			}
		}
	}
	return all
}

// HVState and DiskState are what an administrator may say about a node's resources.
var (
	HVState = Table{
		{Name: "cpu_node", Type: Int, Default: int64(1)},
		{Name: "cpu_total", Type: Int, Default: int64(1)},
		{Name: "mem_hv", Type: Int, Default: int64(0)},
		{Name: "mem_node", Type: Int, Default: int64(0)},
		{Name: "mem_total", Type: Int, Default: int64(0)},
	}
	DiskState = Table{
		{Name: "disk_overhead", Type: Int, Default: int64(0)},
		{Name: "disk_reserved", Type: Int, Default: int64(0)},
		{Name: "disk_total", Type: Int, Default: int64(0)},
	}
)
