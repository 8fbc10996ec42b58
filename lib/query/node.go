package query

import (
	"slices"

	"gantry/lib/config"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
)

// NodeRow is one node and, once it was asked, what it says.
type NodeRow struct {
	Config *config.Config
	Node   *config.Node
	Live   NodeLive
}

// NodeLive is what a node says of itself: memory and storage in MiB, processors counted. A negative number is not known.
type NodeLive struct {
	Answered                      bool
	BootID                        string
	MemTotal, MemNode, MemFree    int64
	DiskTotal, DiskFree           int64
	VGs                           []lvm.VG       // all that can be written to; nil if nobody asked
	Files                         *nodefacts.Dir // the directory for disks in files; nil if it is not there, or the disk figures are about shared files
	Shared                        *nodefacts.Dir // the directory that nodes share; nil if nobody asked, or the node could not say
	SpindlesTotal, SpindlesFree   int64
	CPUTotal, CPUNodes, CPUSocket int64
	CPUForNode                    int64 // processors the node's own system uses
}

// NodeRows gives a row for each node, in natural order of the names.
func NodeRows(cfg *config.Config) []*NodeRow {
	rows := make([]*NodeRow, len(cfg.Nodes))
	for i, n := range cfg.Nodes {
		rows[i] = &NodeRow{Config: cfg, Node: n}
	}
	sortRows(rows, func(r *NodeRow) string { return r.Node.Name })
	return rows
}

// Nodes is the resource of gnt-node list.
func Nodes() *Resource[*NodeRow] {
	r := &Resource[*NodeRow]{Noun: "Node", NameField: "name"}
	r.Fields = append(r.Fields, nodeFields...)
	r.Fields = append(r.Fields, nodeInstanceFields...)
	r.Fields = append(r.Fields, nodeLiveFields...)
	for _, p := range config.NDParams {
		r.Fields = append(r.Fields, Field[*NodeRow]{Name: "ndp/" + p.Name, Title: paramTitle("ndp", p), Kind: paramKind(p.Type), Doc: paramDoc(p.Name, "node"),
			Get: func(r *NodeRow) Cell { return value(whole(r.Config.FilledND(r.Node)[p.Name])) }})
	}
	return r
}

var nodeFields = []Field[*NodeRow]{
	{Name: "name", Title: "Node", Kind: Text, Doc: "Full name", Compare: AsHostname, Get: func(r *NodeRow) Cell { return value(r.Node.Name) }},
	{Name: "uuid", Title: "UUID", Kind: Text, Doc: "UUID of the node", Get: func(r *NodeRow) Cell { return value(r.Node.UUID) }},
	{Name: "serial_no", Title: "SerialNo", Kind: Number, Doc: serialDoc, Get: func(r *NodeRow) Cell { return value(r.Node.SerialNo) }},
	{Name: "ctime", Title: "CTime", Kind: Timestamp, Doc: ctimeDoc, Get: func(r *NodeRow) Cell { return value(r.Node.CTime) }},
	{Name: "mtime", Title: "MTime", Kind: Timestamp, Doc: mtimeDoc, Get: func(r *NodeRow) Cell { return value(r.Node.MTime) }},
	{Name: "tags", Title: "Tags", Kind: Other, Doc: tagsDoc, Get: func(r *NodeRow) Cell { return value(texts(sorted(r.Node.Tags))) }},
	{Name: "pip", Title: "PrimaryIP", Kind: Text, Doc: "Address on the primary network", Get: func(r *NodeRow) Cell { return value(r.Node.PrimaryIP) }},
	{Name: "sip", Title: "SecondaryIP", Kind: Text, Doc: "Address on the secondary network", Get: func(r *NodeRow) Cell { return value(r.Node.SecondaryIP) }},
	{Name: "group", Title: "Group", Kind: Text, Doc: "Node group", Get: func(r *NodeRow) Cell { return r.group() }},
	{Name: "group.uuid", Title: "GroupUUID", Kind: Text, Doc: "UUID of the node group", Get: func(r *NodeRow) Cell { return value(r.Node.Group) }},
	{Name: "role", Title: "Role", Kind: Text, Doc: `M: master, C: master candidate, R: regular, D: drained, O: offline`, Get: func(r *NodeRow) Cell { return value(r.role()) }},
	{Name: "master", Title: "IsMaster", Kind: Bool, Doc: "Is the master", Get: func(r *NodeRow) Cell { return value(r.isMaster()) }},
	{Name: "master_candidate", Title: "MasterC", Kind: Bool, Doc: "Holds a copy of the configuration", Get: func(r *NodeRow) Cell { return value(r.Node.MasterCandidate) }},
	{Name: "master_capable", Title: "MasterCapable", Kind: Bool, Doc: "May become a master candidate", Get: func(r *NodeRow) Cell { return value(r.Node.MasterCapable) }},
	{Name: "vm_capable", Title: "VMCapable", Kind: Bool, Doc: "May hold instances", Get: func(r *NodeRow) Cell { return value(r.Node.VMCapable) }},
	{Name: "drained", Title: "Drained", Kind: Bool, Doc: "Takes no new instances", Get: func(r *NodeRow) Cell { return value(r.Node.Drained) }},
	{Name: "offline", Title: "Offline", Kind: Bool, Doc: "Marked offline", Get: func(r *NodeRow) Cell { return value(r.Node.Offline) }},
	{Name: "powered", Title: "Powered", Kind: Bool, Doc: "Thought to be powered on", Get: func(r *NodeRow) Cell { return r.powered() }},
	{Name: "ndparams", Title: "NodeParameters", Kind: Other, Doc: "All node parameters, defaults included", Get: func(r *NodeRow) Cell { return value(inOrder(config.NDOrder, r.Config.FilledND(r.Node))) }},
	{Name: "custom_ndparams", Title: "CustomNodeParameters", Kind: Other, Doc: "Node parameters of its own", Get: func(r *NodeRow) Cell { return value(inOrder(config.NDOrder, r.Node.NDParams)) }},
	{Name: "hv_state", Title: "HypervisorState", Kind: Other, Doc: "State recorded for the hypervisors", Get: func(*NodeRow) Cell { return unavailable }},
	{Name: "disk_state", Title: "DiskState", Kind: Other, Doc: "State recorded for the storage", Get: func(*NodeRow) Cell { return unavailable }},
}

func (r *NodeRow) isMaster() bool { return r.Node.UUID == r.Config.Cluster.MasterNode }

// role is the one letter of the node's role; the first that holds counts.
func (r *NodeRow) role() string {
	switch n := r.Node; {
	case r.isMaster():
		return "M"
	case n.MasterCandidate:
		return "C"
	case n.Drained:
		return "D"
	case n.Offline:
		return "O"
	}
	return "R"
}

func (r *NodeRow) group() Cell {
	if g := r.Config.Group(r.Node.Group); g != nil {
		return value(g.Name)
	}
	return unavailable
}

// powered is only known where an out-of-band program can tell.
func (r *NodeRow) powered() Cell {
	if r.Config.FilledND(r.Node).String("oob_program") == "" {
		return unavailable
	}
	return value(r.Node.Powered)
}

var nodeInstanceFields = []Field[*NodeRow]{
	{Name: "pinst_cnt", Title: "Pinst", Kind: Number, Doc: "Number of instances that have it as primary", Get: func(r *NodeRow) Cell { return value(int64(len(r.primaries()))) }},
	{Name: "sinst_cnt", Title: "Sinst", Kind: Number, Doc: "Number of instances that have it as secondary", Get: func(r *NodeRow) Cell { return value(int64(len(r.secondaries()))) }},
	{Name: "pinst_list", Title: "PriInstances", Kind: Other, Doc: "Instances that have it as primary", Get: func(r *NodeRow) Cell { return value(instanceNames(r.primaries())) }},
	{Name: "sinst_list", Title: "SecInstances", Kind: Other, Doc: "Instances that have it as secondary", Get: func(r *NodeRow) Cell { return value(instanceNames(r.secondaries())) }},
}

func (r *NodeRow) primaries() []*config.Instance {
	list, _ := r.Config.NodeInstances(r.Node.UUID)
	return list
}

func (r *NodeRow) secondaries() []*config.Instance {
	_, list := r.Config.NodeInstances(r.Node.UUID)
	return list
}

func instanceNames(list []*config.Instance) []any {
	names := make([]*config.Instance, len(list))
	copy(names, list)
	sortRows(names, func(i *config.Instance) string { return i.Name })
	out := make([]any, len(names))
	for i, inst := range names {
		out[i] = inst.Name
	}
	return out
}

var nodeLiveFields = []Field[*NodeRow]{
	nodeLive("bootid", "BootID", Text, "Changes with every start of the machine", func(l NodeLive) any { return orNone(l.BootID) }),
	nodeLive("mtotal", "MTotal", Unit, "Memory of the machine", func(l NodeLive) any { return known(l.MemTotal) }),
	nodeLive("mnode", "MNode", Unit, "Memory the node itself uses", func(l NodeLive) any { return known(l.MemNode) }),
	nodeLive("mfree", "MFree", Unit, "Memory free for instances", func(l NodeLive) any { return known(l.MemFree) }),
	nodeLive("dtotal", "DTotal", Unit, "Storage for disks of instances", func(l NodeLive) any { return known(l.DiskTotal) }),
	nodeLive("dfree", "DFree", Unit, "Storage that is free", func(l NodeLive) any { return known(l.DiskFree) }),
	nodeLive("sptotal", "SpTotal", Number, "Spindles", func(l NodeLive) any { return known(l.SpindlesTotal) }),
	nodeLive("spfree", "SpFree", Number, "Spindles that are free", func(l NodeLive) any { return known(l.SpindlesFree) }),
	nodeLive("ctotal", "CTotal", Number, "Logical processors", func(l NodeLive) any { return known(l.CPUTotal) }),
	nodeLive("cnodes", "CNodes", Number, "NUMA domains", func(l NodeLive) any { return known(l.CPUNodes) }),
	nodeLive("csockets", "CSockets", Number, "Processor sockets", func(l NodeLive) any { return known(l.CPUSocket) }),
	nodeLive("cnos", "CNOs", Number, "Logical processors the node's own system uses", func(l NodeLive) any { return known(l.CPUForNode) }),
}

// storageFields tell of what disks of instances are made from.
var storageFields = []string{"dtotal", "dfree", "sptotal", "spfree"}

func known(n int64) any {
	if n < 0 {
		return nil
	}
	return n
}

// nodeLive is a field that the node itself has to answer; one that may not hold instances is not asked for storage.
func nodeLive(name, title string, kind Kind, doc string, part func(NodeLive) any) Field[*NodeRow] {
	return Field[*NodeRow]{Name: name, Title: title, Kind: kind, Doc: doc, Live: true, Get: func(r *NodeRow) Cell {
		switch {
		case r.Node.Offline:
			return Cell{Status: Offline}
		case !r.Live.Answered, !r.Node.VMCapable && slices.Contains(storageFields, name):
			return Cell{Status: NoData}
		}
		if v := part(r.Live); v != nil {
			return value(v)
		}
		return Cell{Status: NoData}
	}}
}
