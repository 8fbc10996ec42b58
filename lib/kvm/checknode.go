package kvm

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

//go:embed checknode.sh
var checkNodeScript string

// CheckNode checks on a node what config.CheckHV cannot know: files, users, interfaces and what its qemu can do. Of a hypervisor
// that nothing runs under here, as of xen-pvm, these are the files. The error is Ganeti's text without the words "Hypervisor
// parameter validation failed on node N: ", which the caller adds.
func CheckNode(ctx context.Context, r remote.Runner, node, hypervisor string, hv config.Params) error {
	if !AsksNode(hypervisor, hv) {
		return nil
	}
	out, err := r.Run(ctx, node, CheckProbe(hypervisor, hv))
	if err != nil {
		return fmt.Errorf("checking hypervisor parameters: %w", err)
	}
	return JudgeProbe(hypervisor, hv, out.Stdout)
}

// AsksNode says whether a node can know anything about these parameters.
func AsksNode(hypervisor string, hv config.Params) bool {
	return hypervisor == config.HVKVM || len(pathsOf(hypervisor, hv)) > 0
}

// pathsOf are the parameters that name something on the node.
func pathsOf(hypervisor string, hv config.Params) []config.Param {
	var out []config.Param
	for _, p := range config.HVTable(hypervisor) {
		value := hv.String(p.Name)
		if hypervisor == config.HVKVM && p.Name == "vnc_bind_address" && config.IsNormAbsPath(value) {
			p.OnNode = config.IsDir // where the socket of the display is to be
		}
		if p.OnNode != "" && value != "" && !isURL(value) {
			out = append(out, p)
		}
	}
	return out
}

// missing says in Ganeti's words what is wrong with a path.
func missing(hypervisor string, p config.Param) string {
	switch {
	case p.OnNode == config.IsDir:
		return "not found or not a directory"
	case hypervisor == config.HVKVM && strings.HasPrefix(p.Name, "cdrom"):
		return "not found or not a file or URL"
	}
	return "not found or not a file"
}

// CheckProbe is the command behind CheckNode, for who wants to gather several probes of a node; JudgeProbe reads its output. It asks for
// all in one go; qemu itself only if an answer depends on it.
func CheckProbe(hypervisor string, hv config.Params) remote.Cmd {
	emulator := ""
	if hv.String("machine_version") != "" || hv.String("spice_bind") != "" {
		emulator = hv.String("kvm_path")
	}
	args := []string{emulator, hv.String("security_domain")}
	for _, p := range pathsOf(hypervisor, hv) {
		kind := onOff(p.OnNode == config.IsDir, "d", "f")
		if p.Name == "kvm_path" {
			kind = "x"
		}
		args = append(args, kind, hv.String(p.Name))
	}
	return remote.Script(checkNodeScript, args...)
}

// JudgeProbe is the error that CheckNode would give.
func JudgeProbe(hypervisor string, hv config.Params, out []byte) error {
	parts := remote.Sections(out)
	paths := pathsOf(hypervisor, hv)
	for line := range strings.Lines(parts["missing"]) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n < 0 || n >= len(paths) {
			return fmt.Errorf("checking hypervisor parameters: unexpected answer %q", line)
		}
		p := paths[n]
		return fail("Parameter '%s' fails validation: %s (current value: '%s')", p.Name, missing(hypervisor, p), hv.String(p.Name))
	}
	if hypervisor != config.HVKVM {
		return nil
	}
	if user := hv.String("security_domain"); user != "" && strings.TrimSpace(parts["user"]) == "" {
		return fail("Unknown security domain user %s", user)
	}
	if program := strings.TrimSpace(parts["barred"]); program != "" {
		return fail("Error while executing backend function: [Errno 13] Permission denied: %s", unit.Repr(program))
	}
	interfaces := strings.Fields(parts["interfaces"])
	if where := hv.String("vnc_bind_address"); where != "" && !config.IsNormAbsPath(where) && !bindable(where, interfaces) {
		return fail("VNC: The vnc_bind_address parameter must be either a valid IP address, an interface name, or an absolute path")
	}
	if err := judgeSpice(hv, parts["help"], interfaces); err != nil {
		return err
	}
	return judgeMachine(hv.String("machine_version"), parts["machines"])
}

func judgeSpice(hv config.Params, help string, interfaces []string) error {
	bind := hv.String("spice_bind")
	switch {
	case bind == "":
		return nil
	case hv.String("vnc_bind_address") != "":
		return fail("Both SPICE and VNC are configured, but only one of them can be used at a given time")
	case !spiceLine().MatchString(help):
		return fail("SPICE is configured, but it is not supported according to 'kvm --help'")
	case !bindable(bind, interfaces):
		return fail("SPICE: The spice_bind parameter must be either a valid IP address or interface name")
	}
	return nil
}

func judgeMachine(version, list string) error {
	if version == "" {
		return nil
	}
	for line := range strings.Lines(list) {
		if rest, found := strings.CutPrefix(line, version+" "); found && strings.Contains(rest, "PC") {
			return nil
		}
	}
	return fail("Unsupported machine version: %s", version)
}

// bindable says whether a display can be bound to where: an address, or an interface of the node.
func bindable(where string, interfaces []string) bool {
	if _, err := netip.ParseAddr(where); err == nil {
		return true
	}
	return slices.Contains(interfaces, where)
}
