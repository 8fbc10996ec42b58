package backup

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// version is that of the layout.
const version = "0"

// Description is a config.ini: values by section and key.
type Description map[string]map[string]string

// sections in the order in which they are written.
var sections = []string{"export", "instance", "hypervisor", "backend", "os", "os_private"}

// Describe describes an instance as Ganeti does. Parameters are filled: an export knows nothing of the cluster it came from.
func Describe(cfg *config.Config, inst *config.Instance, now time.Time) Description {
	be := cfg.FilledBE(inst)
	d := Description{
		"export": {"version": version, "timestamp": strconv.FormatInt(now.Unix(), 10), "source": inst.PrimaryNode, "os": inst.OS, "compression": "none"},
		"instance": {"name": inst.Name, "maxmem": unit.Str(be["maxmem"]), "minmem": unit.Str(be["minmem"]), "memory": unit.Str(be["maxmem"]),
			"vcpus": unit.Str(be["vcpus"]), "disk_template": cfg.DiskTemplate(inst), "hypervisor": inst.Hypervisor, "tags": strings.Join(inst.Tags, " ")},
		"hypervisor": {}, "backend": texts(be), "os": texts(cfg.FilledOS(inst)), "os_private": texts(cfg.FilledOSPrivate(inst)),
	}
	for name, value := range texts(cfg.FilledHV(inst)) {
		if p := config.HVTable(inst.Hypervisor).Get(name); p == nil || !p.ClusterOnly {
			d["hypervisor"][name] = value
		}
	}
	d.addNICs(cfg, inst)
	d.addDisks(cfg.InstanceDisks(inst))
	return d
}

func texts(p config.Params) map[string]string {
	out := map[string]string{}
	for name, value := range p {
		out[name] = unit.Str(value)
	}
	return out
}

// none is how what is not set is written.
func none(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

func (d Description) addNICs(cfg *config.Config, inst *config.Instance) {
	in := d["instance"]
	for i, nic := range inst.NICs {
		n := fmt.Sprintf("nic%d_", i)
		in[n+"mac"], in[n+"ip"], in[n+"network"], in[n+"name"] = nic.MAC, none(nic.IP), none(nic.Network), none(nic.Name)
		for name, value := range texts(cfg.FilledNIC(&nic)) {
			in[n+name] = value
		}
	}
	in["nic_count"] = strconv.Itoa(len(inst.NICs))
}

func (d Description) addDisks(disks []*config.Disk) {
	in := d["instance"]
	for i, disk := range disks {
		n := fmt.Sprintf("disk%d_", i)
		in[n+"ivname"], in[n+"dump"], in[n+"size"], in[n+"name"] = disk.IVName, disk.UUID, strconv.FormatInt(disk.Size, 10), none(disk.Name)
	}
	in["disk_count"] = strconv.Itoa(len(disks))
}

// keys of the sections export and instance come in the order that people know; of devices they come together.
var keys = map[string][]string{
	"export":   {"version", "timestamp", "source", "os", "compression"},
	"instance": {"name", "maxmem", "minmem", "memory", "vcpus", "disk_template", "hypervisor", "tags"},
}

// order gives the keys of a section in the order in which they are written.
func (d Description) order(section string) []string {
	first := keys[section]
	if section == "instance" {
		first = slices.Clone(first)
		for i := 0; d.Has(section, fmt.Sprintf("nic%d_mac", i)); i++ {
			for _, key := range []string{"mac", "ip", "network", "name", "link", "mode", "vlan"} {
				first = append(first, fmt.Sprintf("nic%d_%s", i, key))
			}
		}
		first = append(first, "nic_count")
		for i := 0; d.Has(section, fmt.Sprintf("disk%d_dump", i)); i++ {
			for _, key := range []string{"ivname", "dump", "size", "name"} {
				first = append(first, fmt.Sprintf("disk%d_%s", i, key))
			}
		}
		first = append(first, "disk_count")
	}
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(d[section])), func(key string) bool { return slices.Contains(first, key) })
	return slices.DeleteFunc(append(slices.Clone(first), rest...), func(key string) bool { return !d.Has(section, key) })
}

// Has says whether a key is there.
func (d Description) Has(section, key string) bool {
	_, there := d[section][key]
	return there
}

// Text writes it as Python's configparser would.
func (d Description) Text() []byte {
	var b bytes.Buffer
	for _, section := range sections {
		fmt.Fprintf(&b, "[%s]\n", section)
		for _, key := range d.order(section) {
			fmt.Fprintf(&b, "%s = %s\n", key, strings.ReplaceAll(d[section][key], "\n", "\n\t"))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Parse reads what Text or Ganeti wrote. Keys are in lower case; a line that begins with a space goes on with the value before.
func Parse(text []byte) (Description, error) {
	d := Description{}
	section, key := "", ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), " \t\r")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case line[0] == ' ' || line[0] == '\t':
			if key == "" {
				return nil, fault.Exec("Export info file has a line without a key: %q", line)
			}
			d[section][key] += "\n" + trimmed
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section, key = line[1:len(line)-1], ""
			if d[section] == nil {
				d[section] = map[string]string{}
			}
		default:
			at := strings.IndexAny(line, "=:")
			if at < 1 || section == "" {
				return nil, fault.Exec("Export info file has a line that cannot be read: %q", line)
			}
			key = strings.ToLower(strings.TrimSpace(line[:at]))
			d[section][key] = strings.TrimSpace(line[at+1:])
		}
	}
	return d, lines.Err()
}

// CheckVersion refuses an export of another layout.
func (d Description) CheckVersion() error {
	if v := d["export"]["version"]; v != version {
		return fault.Refuse(fault.Environment, "Wrong export version %s (wanted %s)", v, version)
	}
	return nil
}
