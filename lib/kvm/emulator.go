package kvm

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

//go:embed emulator.sh
var emulatorScript string

// Emulator is what the qemu of a node says about itself, and the node's addresses that a display can be bound to.
type Emulator struct {
	Version        [3]int
	DefaultMachine string            // the versioned name, so that later migrations are safe
	Machines       map[string]string // name to description
	Devices        map[string]bool   // device models it has
	AutoReadOnly   bool              // -drive knows auto-read-only
	Spice          bool
	Addresses      map[string][]string // of each interface of the node
	ReachableISO   map[string]bool     // CD-ROM URLs that were asked for and answer
}

// ProbeEmulator asks the qemu at kvmPath of a node. urls are CD-ROM images to be tried, see ImageURLs.
func ProbeEmulator(ctx context.Context, r remote.Runner, node, kvmPath string, urls ...string) (Emulator, error) {
	out, err := r.Run(ctx, node, probeEmulator(kvmPath, urls))
	if err != nil {
		return Emulator{}, fmt.Errorf("asking %s for its version: %w", kvmPath, err)
	}
	return parseEmulator(out.Stdout)
}

// ImageURLs are the CD-ROM images that a guest loads over the network; they must be tried before it starts.
func ImageURLs(hv config.Params) []string {
	var urls []string
	for _, name := range []string{"cdrom_image_path", "cdrom2_image_path"} {
		if isURL(hv.String(name)) {
			urls = append(urls, hv.String(name))
		}
	}
	return urls
}

func probeEmulator(kvmPath string, urls []string) remote.Cmd {
	return remote.Script(emulatorScript, append([]string{kvmPath}, urls...)...)
}

var (
	versionLine = unit.Form(`QEMU (?:.*)version (\d+)\.(\d+)(?:\.(\d+))?`)
	deviceLine  = unit.Form(`^name "([^"]+)"`)
	spiceLine   = unit.Form(`(?m)^-spice\s`)
)

func parseEmulator(out []byte) (Emulator, error) {
	e := Emulator{DefaultMachine: "pc", Machines: map[string]string{}, Devices: map[string]bool{},
		Addresses: map[string][]string{}, ReachableISO: map[string]bool{}}
	parts := remote.Sections(out)
	help := parts["help"]
	v := versionLine().FindStringSubmatch(help)
	if v == nil {
		return e, fail("Unable to get KVM version")
	}
	for i := range e.Version {
		_, _ = fmt.Sscan(v[i+1], &e.Version[i]) // an absent last number stays 0
	}
	e.AutoReadOnly = strings.Contains(help, "auto-read-only")
	e.Spice = spiceLine().MatchString(help)
	e.machines(parts["machines"])
	for line := range strings.Lines(parts["devices"]) {
		if m := deviceLine().FindStringSubmatch(line); m != nil {
			e.Devices[m[1]] = true
		}
	}
	for line := range strings.Lines(parts["addresses"]) {
		if f := strings.Fields(line); len(f) >= 4 { // 2: br0 inet 192.0.2.1/24 …
			address, _, _ := strings.Cut(f[3], "/")
			e.Addresses[f[1]] = append(e.Addresses[f[1]], address)
		}
	}
	for line := range strings.Lines(parts["interfaces"]) {
		if name := strings.TrimSpace(line); name != "" && e.Addresses[name] == nil {
			e.Addresses[name] = []string{}
		}
	}
	for line := range strings.Lines(parts["reachable"]) {
		e.ReachableISO[strings.TrimSuffix(line, "\n")] = true
	}
	return e, nil
}

func (e *Emulator) machines(text string) {
	for line := range strings.Lines(text) {
		name, description, found := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if !found || name == "Supported" {
			continue
		}
		e.Machines[name] = strings.TrimSpace(description)
		if strings.Contains(description, "(default)") {
			e.DefaultMachine = name
		}
	}
}
