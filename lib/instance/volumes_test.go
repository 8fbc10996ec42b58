package instance

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// volumes imitates LVM and DRBD on the nodes of a world: what is where, what holds what, and whose data it is.
type volumes struct {
	groups map[string][]string       // by node
	lvs    map[string]map[string]*lv // by node, then VG/LV
	minors map[string]map[int]*minor // by node
	ips    map[string]string         // secondary addresses of nodes

	devices map[string]string // names of block devices that all nodes see, with the number of each
}

// deviceMiB is how large each of the devices is.
const deviceMiB = 64

type lv struct {
	mib  int64
	tag  string
	data string // what somebody has written; "" is nothing of worth; of metadata "used", or "old" once it is outdated
	meta bool   // it has been formatted
}

type minor struct {
	data, meta    string // VG/LV, "" when detached
	local, remote string // ADDRESS:PORT
	primary, two  bool
	valid         bool
	refused       bool // the other side is set up in another way: this one has given up
	sized         bool // it was attached with a size
}

func newVolumes() *volumes {
	s := &volumes{groups: map[string][]string{}, lvs: map[string]map[string]*lv{}, minors: map[string]map[int]*minor{}, ips: map[string]string{}}
	for i, node := range []string{"node1", "node2", "node3"} {
		s.groups[node] = []string{"vg", "hdd"}
		s.lvs[node], s.minors[node] = map[string]*lv{}, map[int]*minor{}
		s.ips[node] = fmt.Sprintf("192.0.2.1%d", i+1)
	}
	s.groups["node3"] = []string{"vg"}
	return s
}

// names lists the volumes of a node.
func (s *volumes) names(node string) []string { return slices.Sorted(maps.Keys(s.lvs[node])) }

const failedStatus = 5

// run is a command of a node; handled is false for those that have nothing to do with volumes.
func (s *volumes) run(node string, c remote.Cmd) (out string, status int, handled bool) {
	argv := c.Argv
	if argv[0] == "sh" && strings.Contains(argv[2], "/proc/drbd") {
		return s.proc(node), 0, true
	}
	if argv[0] == "sh" && argv[2] == devicesScript {
		for _, name := range argv[4:] {
			if number := s.devices[name]; number != "" {
				out += fmt.Sprintf("%s %d %s\n", number, deviceMiB<<20, name)
			}
		}
		return out, 0, true
	}
	if argv[0] == "test" && argv[1] == "-b" && s.devices != nil {
		return "", map[bool]int{true: 0, false: 1}[s.devices[argv[2]] != ""], true
	}
	if argv[0] == "sh" && strings.HasPrefix(argv[2], "# connect.sh") {
		return "", s.connect(node, argv[4:]), true
	}
	if argv[0] == "sh" && strings.HasPrefix(argv[2], "# recorded.sh") {
		data, meta := s.lvs[node][name(argv[4])], s.lvs[node][name(argv[5])]
		if data == nil || meta == nil {
			return "", 1, true
		}
		valid := 0
		if data.data != "" && meta.data != "" {
			valid = 1
		}
		return fmt.Sprintf("%[1]s:%[1]s:%[1]s:%[1]s:%[2]d:%[2]d:0:0:0:0:0\n", "0123456789ABCDEF", valid), 0, true
	}
	if argv[0] == "sh" && strings.HasPrefix(argv[2], "# transfer.sh") && argv[7] == "sh" { // on the node itself
		return "", s.convert(node, argv[4], argv[11]), true
	}
	if argv[0] == "sh" && strings.HasPrefix(argv[2], "# transfer.sh") { // to the same name on the node with this address
		s.lvs["node"+strings.TrimPrefix(argv[8], "192.0.2.1")][name(argv[4])].data = s.lvs[node][name(argv[4])].data
		return "", 0, true
	}
	if argv[0] == "sh" && strings.HasPrefix(argv[2], "# osimage.sh") && s.lvs[node][name(argv[4])] != nil {
		s.lvs[node][name(argv[4])].data = argv[6]
		return "", 0, true
	}
	switch argv[0] {
	case "vgs":
		for _, vg := range s.groups[node] {
			out += vg + "|20000.00|wz--n-|24000.00\n"
		}
		return out, 0, true
	case "pvs":
		for _, vg := range s.groups[node] {
			out += "/dev/" + vg + "0|" + vg + "|20000.00|a--|24000.00|/dev/" + vg + "0\n"
		}
		return out, 0, true
	case "lvs":
		out, status = s.list(node, argv)
		return out, status, true
	case "lvcreate", "lvremove", "lvrename", "lvchange", "lvextend":
		return "", s.change(node, argv), true
	case "blockdev":
		return "262144\n", 0, true
	case "dd":
		return "", 0, true
	case "drbdmeta":
		return "", s.metadata(node, argv), true
	case "drbdsetup":
		out, status = s.setup(node, argv[1:])
		return out, status, true
	}
	return "", 0, false
}

func (s *volumes) metadata(node string, argv []string) int {
	v, what := s.lvs[node][name(argv[len(argv)-3])], argv[len(argv)-1]
	n, _ := strconv.Atoi(strings.TrimPrefix(argv[len(argv)-5], "/dev/drbd"))
	if m := s.minors[node][n]; v == nil || what != "create-md" && (!v.meta || m != nil && m.data != "") {
		return 20
	}
	v.meta = true
	switch {
	case what == "create-md":
		v.data = ""
	case what == "outdate" && v.data != "":
		v.data = "old"
	}
	return 0
}

// convert copies what is on a volume or in a file to a volume, a device or a file.
func (s *volumes) convert(node, from, to string) int {
	data := ""
	if v := s.lvs[node][name(from)]; v != nil {
		data = v.data
	} else if text, err := os.ReadFile(from); err == nil {
		data = strings.TrimRight(string(text), "\x00")
	} else {
		return failedStatus
	}
	if v := s.lvs[node][name(to)]; v != nil {
		v.data = data
		return 0
	}
	if number, is := strings.CutPrefix(to, "/dev/drbd"); is {
		n, _ := strconv.Atoi(number)
		m := s.minors[node][n]
		if m == nil || !m.primary || s.lvs[node][m.data] == nil {
			return failedStatus
		}
		s.lvs[node][m.data].data = data
		for other, minors := range s.minors {
			for _, peer := range minors {
				if peer.local == m.remote && m.remote != "" {
					s.lvs[other][peer.data].data = data
				}
			}
		}
		return 0
	}
	file, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return failedStatus
	}
	defer file.Close()
	if _, err := file.WriteString(data); err != nil {
		return failedStatus
	}
	return 0
}

// name is VG/LV of a device file.
func name(device string) string { return strings.TrimPrefix(device, "/dev/") }

func (s *volumes) list(node string, argv []string) (string, int) {
	last := argv[len(argv)-1]
	switch {
	case slices.Contains(argv, "-olv_name"), slices.Contains(argv, "tags"):
		v := s.lvs[node][name(last)]
		if v == nil {
			return "", failedStatus
		}
		return v.tag, 0
	}
	out := ""
	for _, n := range s.names(node) {
		vg, lv, _ := strings.Cut(n, "/")
		open := "-"
		if s.holder(node, n) != nil {
			open = "o"
		}
		if strings.Contains(strings.Join(argv, " "), "lv_size") {
			out += fmt.Sprintf("%s|%s|%d.00|-wi-a%s----\n", vg, lv, s.lvs[node][n].mib, open)
			continue
		}
		out += fmt.Sprintf("%s|%s|-wi-a%s----|253|1|4096|1|/dev/%s0(0)\n", vg, lv, open, vg)
	}
	return out, 0
}

// holder is the device that stands on a volume.
func (s *volumes) holder(node, volume string) *minor {
	for _, m := range s.minors[node] {
		if m.data == volume || m.meta == volume {
			return m
		}
	}
	return nil
}

func (s *volumes) change(node string, argv []string) int {
	all := s.lvs[node]
	last := argv[len(argv)-1]
	switch argv[0] {
	case "lvcreate": // -Wn -L64m -nNAME -i1 VG PV
		mib, _ := strconv.ParseInt(strings.TrimSuffix(argv[2][2:], "m"), 10, 64)
		n := argv[5] + "/" + argv[3][2:]
		if all[n] != nil || !slices.Contains(s.groups[node], argv[5]) {
			return failedStatus
		}
		all[n] = &lv{mib: mib}
	case "lvremove":
		if all[last] == nil || s.holder(node, last) != nil {
			return failedStatus
		}
		delete(all, last)
	case "lvrename": // VG OLD NEW
		from, to := argv[1]+"/"+argv[2], argv[1]+"/"+argv[3]
		if all[from] == nil || all[to] != nil {
			return failedStatus
		}
		all[to] = all[from]
		delete(all, from)
	case "lvchange":
		v := all[name(last)]
		if v == nil {
			return failedStatus
		}
		if argv[1] == "--addtag" {
			v.tag = argv[2]
		}
	case "lvextend":
		kib, _ := strconv.ParseInt(strings.TrimSuffix(argv[2][1:], "k"), 10, 64)
		if !slices.Contains(argv, "--test") {
			all[name(last)].mib += kib >> 10
		}
	}
	return 0
}

func (s *volumes) connect(node string, argv []string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(argv[0], "resource"))
	m := s.minors[node][n]
	if m == nil || m.local != "" {
		return 10
	}
	m.local, m.remote = strings.TrimPrefix(argv[1], "ipv4:"), strings.TrimPrefix(argv[2], "ipv4:")
	m.two = slices.Contains(argv, "--allow-two-primaries")
	if _, p := s.peer(m); p != nil && p.two != m.two {
		m.refused, p.refused = true, true
	}
	s.sync(node, m)
	return 0
}

// peer is the other side of a connection, if it is there.
func (s *volumes) peer(m *minor) (string, *minor) {
	for node, all := range s.minors {
		for _, p := range all {
			if m.local != "" && p.local == m.remote && p.remote == m.local && !m.refused && !p.refused {
				return node, p
			}
		}
	}
	return "", nil
}

// sync gives the side that has no valid data that of the other, at once.
func (s *volumes) sync(node string, m *minor) {
	other, p := s.peer(m)
	if p == nil || m.valid == p.valid {
		return
	}
	from, to, fromNode, toNode := m, p, node, other
	if p.valid {
		from, to, fromNode, toNode = p, m, other, node
	}
	if from.data != "" && to.data != "" {
		s.lvs[toNode][to.data].data = s.lvs[fromNode][from.data].data
		to.valid, s.lvs[toNode][to.meta].data = true, "used"
	}
}

func (s *volumes) setup(node string, argv []string) (string, int) {
	all := s.minors[node]
	number := strings.TrimPrefix(argv[1], "resource")
	n, _ := strconv.Atoi(number)
	m := all[n]
	switch argv[0] {
	case "new-resource":
		return "", 0
	case "new-minor":
		if m == nil {
			all[n] = &minor{}
		}
		return "", 0
	case "down":
		if m != nil && m.primary && m.data == "open" {
			return "", 11
		}
		delete(all, n)
		return "", 0
	case "disconnect":
		for _, m := range all {
			if m.local == strings.TrimPrefix(argv[1], "ipv4:") && m.remote == strings.TrimPrefix(argv[2], "ipv4:") {
				m.local, m.remote, m.two, m.refused = "", "", false, false
				return "", 0
			}
		}
		return "", 10
	}
	if m == nil {
		return "", 10
	}
	switch argv[0] {
	case "attach":
		data, meta := name(argv[2]), name(argv[3])
		if m.data != "" || s.lvs[node][data] == nil || s.lvs[node][meta] == nil || !s.lvs[node][meta].meta {
			return "", 20
		}
		m.data, m.meta, m.sized = data, meta, slices.Contains(argv, "--size")
		m.valid = s.lvs[node][meta].data == "used" && s.lvs[node][data].data != ""
		if s.lvs[node][meta].data == "" {
			s.lvs[node][meta].data = "used"
		}
		s.sync(node, m)
	case "detach":
		m.data, m.meta, m.valid = "", "", false
	case "primary":
		_, p := s.peer(m)
		if p != nil && p.primary && !(m.two && p.two) || !m.valid && !slices.Contains(argv, "--force") && (p == nil || !p.valid) {
			return "", 11
		}
		m.primary = true
		if slices.Contains(argv, "--force") {
			m.valid = true
		}
		s.sync(node, m)
	case "secondary":
		m.primary = false
	case "show":
		return show(n, m), 0
	}
	return "", 0
}

func show(n int, m *minor) string {
	remote, local, disks := "", "", ""
	if m.local != "" {
		remote, local = "_remote_host { address ipv4 "+m.remote+"; }", "address ipv4 "+m.local+";"
	}
	if m.data != "" {
		disks = fmt.Sprintf("disk \"/dev/%s\"; meta-disk \"/dev/%s\";", m.data, m.meta)
	}
	two := ""
	if m.two {
		two = "allow-two-primaries yes;"
	}
	return fmt.Sprintf("resource r { net { %s } %s _this_host { %s volume 0 { device minor %d; %s } } }", two, remote, local, n, disks)
}

func (s *volumes) proc(node string) string {
	out := "version: 8.4.11 (api:1/proto:86-101)\n"
	for _, n := range slices.Sorted(maps.Keys(s.minors[node])) {
		m := s.minors[node][n]
		_, p := s.peer(m)
		if m.data == "" && m.local == "" {
			out += fmt.Sprintf("%2d: cs:Unconfigured\n", n)
			continue
		}
		state := "StandAlone"
		switch {
		case p != nil:
			state = "Connected"
		case m.local != "" && !m.refused:
			state = "WFConnection"
		}
		role := map[bool]string{true: "Primary", false: "Secondary"}
		peerRole, peerDisk := "Unknown", "DUnknown"
		if p != nil {
			peerRole, peerDisk = role[p.primary], p.disk()
		}
		out += fmt.Sprintf("%2d: cs:%s ro:%s/%s ds:%s/%s C r-----\n    ns:0 nr:0\n", n, state, role[m.primary], peerRole, m.disk(), peerDisk)
	}
	return out
}

func (m *minor) disk() string {
	switch {
	case m.data == "":
		return "Diskless"
	case m.valid:
		return "UpToDate"
	}
	return "Inconsistent"
}
