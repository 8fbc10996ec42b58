package query

import (
	"fmt"

	"gantry/lib/config"
)

// InstanceRow is one instance and, once the nodes were asked, what is known of it.
type InstanceRow struct {
	Config   *config.Config
	Instance *config.Instance
	Live     InstanceLive
}

// InstanceLive is what the nodes say of an instance.
type InstanceLive struct {
	Answered bool   // its primary node answered
	Running  bool   // somewhere
	On       string // UUID of the node it runs on
	Memory   int64  // MiB
	VCPUs    int64
	UserDown bool // stopped from within, where the hypervisor can tell
	Console  any  // how to reach its console, as Ganeti describes it
}

func (r *InstanceRow) primary() *config.Node { return r.Config.Node(r.Instance.PrimaryNode) }

// InstanceRows gives a row for each instance, in natural order of the names.
func InstanceRows(cfg *config.Config) []*InstanceRow {
	rows := make([]*InstanceRow, len(cfg.Instances))
	for i, inst := range cfg.Instances {
		rows[i] = &InstanceRow{Config: cfg, Instance: inst}
	}
	sortRows(rows, func(r *InstanceRow) string { return r.Instance.Name })
	return rows
}

// Instances is the resource of gnt-instance list.
func Instances() *Resource[*InstanceRow] {
	r := &Resource[*InstanceRow]{Noun: "Instance", NameField: "name"}
	for _, part := range [][]Field[*InstanceRow]{
		instanceFields, instanceLiveFields, instanceParamFields, instanceHVFields(), instanceDiskFields(), instanceNICFields(),
	} {
		r.Fields = append(r.Fields, part...)
	}
	return r
}

var instanceFields = []Field[*InstanceRow]{
	{Name: "name", Title: "Instance", Kind: Text, Doc: "Full name", Compare: AsHostname,
		Get: func(r *InstanceRow) Cell { return value(r.Instance.Name) }},
	{Name: "uuid", Title: "UUID", Kind: Text, Doc: "UUID of the instance", Get: func(r *InstanceRow) Cell { return value(r.Instance.UUID) }},
	{Name: "serial_no", Title: "SerialNo", Kind: Number, Doc: serialDoc, Get: func(r *InstanceRow) Cell { return value(r.Instance.SerialNo) }},
	{Name: "ctime", Title: "CTime", Kind: Timestamp, Doc: ctimeDoc, Get: func(r *InstanceRow) Cell { return value(r.Instance.CTime) }},
	{Name: "mtime", Title: "MTime", Kind: Timestamp, Doc: mtimeDoc, Get: func(r *InstanceRow) Cell { return value(r.Instance.MTime) }},
	{Name: "tags", Title: "Tags", Kind: Other, Doc: tagsDoc, Get: func(r *InstanceRow) Cell { return value(texts(sorted(r.Instance.Tags))) }},
	{Name: "os", Title: "OS", Kind: Text, Doc: "OS definition and variant", Get: func(r *InstanceRow) Cell { return value(r.Instance.OS) }},
	{Name: "hypervisor", Title: "Hypervisor", Kind: Text, Doc: "Name of the hypervisor", Get: func(r *InstanceRow) Cell { return value(r.Instance.Hypervisor) }},
	{Name: "admin_state", Title: "InstanceState", Kind: Text, Doc: "State it is meant to be in: up, down or offline",
		Get: func(r *InstanceRow) Cell { return value(r.Instance.AdminState) }},
	{Name: "admin_state_source", Title: "InstanceStateSource", Kind: Text, Doc: "Who set that state last: admin or user",
		Get: func(r *InstanceRow) Cell { return value(r.Instance.AdminStateSource) }},
	{Name: "admin_up", Title: "Autostart", Kind: Bool, Doc: "Meant to be running", Get: func(r *InstanceRow) Cell { return value(r.Instance.AdminState == config.AdminUp) }},
	{Name: "disks_active", Title: "DisksActive", Kind: Bool, Doc: "Disks are meant to be active", Get: func(r *InstanceRow) Cell { return value(r.Instance.DisksActive) }},
	{Name: "forthcoming", Title: "Forthcoming", Kind: Bool, Doc: "Only planned so far", Get: func(r *InstanceRow) Cell { return value(r.Instance.Forthcoming) }},
	{Name: "network_port", Title: "Network_port", Kind: Other, Doc: "Port set aside for its graphical console", Get: networkPort},
	{Name: "pnode", Title: "Primary_node", Kind: Text, Doc: "Node it runs on", Compare: AsHostname,
		Get: func(r *InstanceRow) Cell { return optional(r.Config.NodeName(r.Instance.PrimaryNode)) }},
	{Name: "pnode.group", Title: "PrimaryNodeGroup", Kind: Text, Doc: "Node group of the primary node", Get: func(r *InstanceRow) Cell { return r.group(groupName) }},
	{Name: "pnode.group.uuid", Title: "PrimaryNodeGroupUUID", Kind: Text, Doc: "UUID of that group", Get: func(r *InstanceRow) Cell { return r.group(groupUUID) }},
	{Name: "snodes", Title: "Secondary_Nodes", Kind: Other, Doc: "Nodes that hold a copy of its disks", Get: func(r *InstanceRow) Cell { return r.secondaries(nodeName) }},
	{Name: "snodes.group", Title: "SecondaryNodesGroups", Kind: Other, Doc: "Node groups of those nodes", Get: func(r *InstanceRow) Cell { return r.secondaries(nodeGroup(groupName)) }},
	{Name: "snodes.group.uuid", Title: "SecondaryNodesGroupsUUID", Kind: Other, Doc: "UUIDs of those groups",
		Get: func(r *InstanceRow) Cell { return r.secondaries(nodeGroup(groupUUID)) }},
}

func networkPort(r *InstanceRow) Cell {
	if r.Instance.NetworkPort == 0 {
		return unavailable
	}
	return value(int64(r.Instance.NetworkPort))
}

func groupName(g *config.NodeGroup) string { return g.Name }

func groupUUID(g *config.NodeGroup) string { return g.UUID }

func (r *InstanceRow) group(part func(*config.NodeGroup) string) Cell {
	node := r.primary()
	if node == nil {
		return unavailable
	}
	group := r.Config.Group(node.Group)
	if group == nil {
		return unavailable
	}
	return value(part(group))
}

func nodeName(_ *config.Config, n *config.Node) string { return n.Name }

func nodeGroup(part func(*config.NodeGroup) string) func(*config.Config, *config.Node) string {
	return func(cfg *config.Config, n *config.Node) string {
		if g := cfg.Group(n.Group); g != nil {
			return part(g)
		}
		return ""
	}
}

func (r *InstanceRow) secondaries(part func(*config.Config, *config.Node) string) Cell {
	list := []any{}
	for _, uuid := range r.Config.SecondaryNodes(r.Instance) {
		if n := r.Config.Node(uuid); n != nil {
			list = append(list, part(r.Config, n))
		}
	}
	return value(list)
}

var instanceLiveFields = []Field[*InstanceRow]{
	{Name: "status", Title: "Status", Kind: Text, Live: true, Get: func(r *InstanceRow) Cell { return value(r.Status()) },
		Doc: `What it is against what it is meant to be: running, ADMIN_down (stopped, as wanted), ADMIN_offline (takes no part), ` +
			`ERROR_down (should run), ERROR_up (should not run), ERROR_wrongnode (runs elsewhere), ERROR_nodedown (its node does ` +
			`not answer), ERROR_nodeoffline (its node is marked offline), USER_down (stopped from within)`},
	{Name: "oper_state", Title: "Running", Kind: Bool, Doc: "Whether it runs", Live: true,
		Get: func(r *InstanceRow) Cell {
			if !r.Live.Answered { // an offline node is no exception here
				return Cell{Status: NoData}
			}
			return value(r.Live.Running)
		}},
	{Name: "oper_ram", Title: "Memory", Kind: Unit, Doc: "Memory it has while running", Live: true,
		Get: func(r *InstanceRow) Cell { return r.whileRunning(func() any { return r.Live.Memory }) }},
	{Name: "oper_vcpus", Title: "VCPUs", Kind: Number, Doc: "Virtual processors it has while running", Live: true,
		Get: func(r *InstanceRow) Cell { return r.whileRunning(func() any { return r.Live.VCPUs }) }},
	{Name: "console", Title: "Console", Kind: Other, Doc: "How to reach its console", Live: true,
		Get: func(r *InstanceRow) Cell {
			if r.Live.Console == nil {
				return Cell{Status: NoData}
			}
			return value(r.Live.Console)
		}},
}

// live gives a cell only where the primary node answered.
func (r *InstanceRow) live(get func() Cell) Cell {
	switch node := r.primary(); {
	case node == nil || node.Offline:
		return Cell{Status: Offline}
	case !r.Live.Answered:
		return Cell{Status: NoData}
	}
	return get()
}

func (r *InstanceRow) whileRunning(get func() any) Cell {
	return r.live(func() Cell {
		if !r.Live.Running {
			return unavailable
		}
		return value(get())
	})
}

// Status is the word that operators and their scripts look at first.
func (r *InstanceRow) Status() string {
	inst, up := r.Instance, r.Instance.AdminState == config.AdminUp
	switch node := r.primary(); {
	case node == nil || node.Offline:
		return "ERROR_nodeoffline"
	case !r.Live.Answered:
		return "ERROR_nodedown"
	case r.Live.Running && r.Live.On != inst.PrimaryNode:
		return "ERROR_wrongnode"
	case r.Live.Running && r.Live.UserDown && up:
		return "USER_down"
	case r.Live.Running && up:
		return "running"
	case r.Live.Running:
		return "ERROR_up"
	case up && r.Live.UserDown:
		return "USER_down"
	case up:
		return "ERROR_down"
	case inst.AdminState == config.AdminOffline:
		return "ADMIN_offline"
	case inst.AdminStateSource == config.UserSource:
		return "USER_down"
	}
	return "ADMIN_down"
}

var instanceParamFields = []Field[*InstanceRow]{
	{Name: "be/maxmem", Title: "ConfigMaxMem", Kind: Unit, Doc: paramDoc("maxmem", "backend"), Get: beParam("maxmem")},
	{Name: "be/memory", Title: "ConfigMaxMem", Kind: Unit, Doc: paramDoc("maxmem", "backend"), Get: beParam("maxmem")},
	{Name: "be/minmem", Title: "ConfigMinMem", Kind: Unit, Doc: paramDoc("minmem", "backend"), Get: beParam("minmem")},
	{Name: "be/vcpus", Title: "ConfigVCPUs", Kind: Number, Doc: paramDoc("vcpus", "backend"), Get: beParam("vcpus")},
	{Name: "vcpus", Title: "ConfigVCPUs", Kind: Number, Doc: paramDoc("vcpus", "backend"), Get: beParam("vcpus")},
	{Name: "be/auto_balance", Title: "Auto_balance", Kind: Bool, Doc: paramDoc("auto_balance", "backend"), Get: beParam("auto_balance")},
	{Name: "be/always_failover", Title: "be/always_failover", Kind: Bool, Doc: paramDoc("always_failover", "backend"), Get: beParam("always_failover")},
	{Name: "be/spindle_use", Title: "be/spindle_use", Kind: Number, Doc: paramDoc("spindle_use", "backend"), Get: beParam("spindle_use")},
	{Name: "beparams", Title: "BackendParameters", Kind: Other, Doc: "All backend parameters, defaults included",
		Get: func(r *InstanceRow) Cell { return value(inOrder(beOrder, r.Config.FilledBE(r.Instance))) }},
	{Name: "hvparams", Title: "HypervisorParameters", Kind: Other, Doc: "All hypervisor parameters, defaults included",
		Get: func(r *InstanceRow) Cell { return value(plain(r.hvParams())) }},
	{Name: "osparams", Title: "OpSysParameters", Kind: Other, Doc: "All OS parameters, defaults included",
		Get: func(r *InstanceRow) Cell { return value(plain(r.Config.FilledOS(r.Instance))) }},
	{Name: "custom_beparams", Title: "CustomBackendParameters", Kind: Other, Doc: "Backend parameters of its own", Get: func(r *InstanceRow) Cell { return value(inOrder(beOrder, r.Instance.BEParams)) }},
	{Name: "custom_hvparams", Title: "CustomHypervisorParameters", Kind: Other, Doc: "Hypervisor parameters of its own", Get: func(r *InstanceRow) Cell { return value(plain(r.Instance.HVParams)) }},
	{Name: "custom_osparams", Title: "CustomOpSysParameters", Kind: Other, Doc: "OS parameters of its own", Get: func(r *InstanceRow) Cell { return value(plain(r.Instance.OSParams)) }},
	{Name: "custom_nicparams", Title: "CustomNicParameters", Kind: Other, Doc: "NIC parameters of its own, a list",
		Get: func(r *InstanceRow) Cell {
			return r.nics(func(n config.NIC) any { return inOrder(nicOrder, n.NICParams) })
		}},
}

func beParam(name string) func(*InstanceRow) Cell {
	return func(r *InstanceRow) Cell { return value(r.Config.FilledBE(r.Instance)[name]) }
}

// instanceHVFields has a field for each parameter that an instance can have, of whatever hypervisor.
func instanceHVFields() []Field[*InstanceRow] {
	var fields []Field[*InstanceRow]
	seen := map[string]bool{}
	for _, hypervisor := range config.Hypervisors() {
		for _, p := range config.HVTable(hypervisor) {
			if p.ClusterOnly || seen[p.Name] {
				continue
			}
			seen[p.Name] = true
			fields = append(fields, Field[*InstanceRow]{Name: "hv/" + p.Name, Title: paramTitle("hv", p), Kind: paramKind(p.Type),
				Doc: paramDoc(p.Name, "hypervisor"), Get: func(r *InstanceRow) Cell { return r.hvParam(p.Name) }})
		}
	}
	return fields
}

func (r *InstanceRow) hvParam(name string) Cell {
	v, ok := r.hvParams()[name]
	if !ok {
		return unavailable
	}
	return value(v)
}

// hvParams are the instance's parameters without those that only the cluster has.
func (r *InstanceRow) hvParams() config.Params {
	p := r.Config.FilledHV(r.Instance)
	for _, param := range config.HVTable(r.Instance.Hypervisor) {
		if param.ClusterOnly {
			delete(p, param.Name)
		}
	}
	return p
}

const (
	maxDiskFields = 16
	maxNICFields  = 8
)

func ordinal(n int) string {
	switch {
	case n%10 == 0 && n != 10:
		return fmt.Sprintf("%dst", n+1)
	case n == 1:
		return "2nd"
	case n == 2:
		return "3rd"
	}
	return fmt.Sprintf("%dth", n+1)
}
