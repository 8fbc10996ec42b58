// Package extstorage runs the scripts of providers of external storage: directories of scripts that make disks somewhere else and
// attach them to a node. What a script sees is its environment.
package extstorage

import (
	"bytes"
	"context"
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

//go:embed action.sh
var actionScript string

// Volume is a disk that a provider keeps. Params are its own and those of the template.
type Volume struct {
	Provider, Name string
	UUID, CName    string // of the disk; CName is "" for one without a name
	Params         config.Params
}

// action is the command that runs one script. Nothing but attach leaves the volume as it is for all.
func (v Volume) action(name string, more map[string]string) remote.Cmd {
	vars := map[string]string{"VOL_NAME": v.Name, "VOL_UUID": v.UUID}
	if v.CName != "" {
		vars["VOL_CNAME"] = v.CName
	}
	var odd []string // what the shell of the script would lose
	for _, param := range slices.Sorted(maps.Keys(v.Params)) {
		key, value := "EXTP_"+strings.ToUpper(param), unit.Str(v.Params[param])
		if remote.IsName(key) || strings.Contains(key, "=") { // which no program can be given
			vars[key] = value
		} else {
			odd = append(odd, key+"="+value)
		}
	}
	maps.Copy(vars, more)
	c := remote.Script(actionScript, append([]string{name, v.Provider, v.Name}, odd...)...)
	c.Env = vars
	c.OK = []int{10, 11, 12}
	c.Changes = verbs[name] + " external volume " + v.Name
	return c
}

var verbs = map[string]string{"create": "creates", "attach": "attaches", "detach": "detaches", "remove": "removes", "grow": "grows",
	"setinfo": "tags", "snapshot": "copies", "open": "opens", "close": "closes"}

// run runs a script and gives its output, which only attach has.
func (v Volume) run(ctx context.Context, r remote.Runner, node, name string, more map[string]string) ([]byte, error) {
	out, err := r.Run(ctx, node, v.action(name, more))
	if err != nil {
		return nil, err
	}
	switch out.Status {
	case 10:
		return nil, fault.New(fault.BlockDevice, "Directory for External Storage Provider %s not found in search path", v.Provider)
	case 11:
		if name == "snapshot" {
			return nil, fault.New(fault.BlockDevice, "External Storage Provider %s has no snapshot script", v.Provider)
		}
	case 12:
		status, said, _ := bytes.Cut(out.Stdout, []byte("\n"))
		return nil, fault.New(fault.BlockDevice, "External storage's %s script failed (exited with exit code %s), last lines of output:\n%s", name, status,
			bytes.TrimRight(said, "\n"))
	}
	return out.Stdout, nil
}

// Create makes a volume of so many MiB.
func (v Volume) Create(ctx context.Context, r remote.Runner, node string, mib int64) error {
	_, err := v.run(ctx, r, node, "create", map[string]string{"VOL_SIZE": mebibytes(mib)})
	return err
}

// Attachment is where an attached volume is on a node: a device, which may be missing where a hypervisor opens the volume by itself,
// and the names for hypervisors.
type Attachment struct {
	Device string
	URIs   map[string]string // by hypervisor, in lower case
}

// URI is how a hypervisor opens the volume by itself.
func (v Volume) URI(a Attachment, hypervisor string) (string, error) {
	if uri, ok := a.URIs[hypervisor]; ok {
		return uri, nil
	}
	return "", fault.New(fault.BlockDevice, "Userspace access is not supported by the '%s' ExtStorage provider for the '%s' hypervisor", v.Provider, hypervisor)
}

// Link is where an attached volume can be found on a node, whatever its device is. Of one without a device it leads to NoDevice, a directory:
// so it is there, and nothing can be read from it or written to it by mistake.
func (v Volume) Link() string {
	return "/var/run/ganeti/extstorage/" + strings.ReplaceAll(v.Name, "/", "_")
}

// NoDevice is the target of the link of an attached volume without a device.
const NoDevice = "."

// Attach makes a volume appear, or says where it is.
func (v Volume) Attach(ctx context.Context, r remote.Runner, node string) (Attachment, error) {
	out, err := v.run(ctx, r, node, "attach", nil)
	if err != nil {
		return Attachment{}, err
	}
	return parseAttachment(out), nil
}

func parseAttachment(out []byte) Attachment {
	first, rest, _ := strings.Cut(string(out), "\n")
	a := Attachment{Device: strings.TrimSpace(first), URIs: map[string]string{}}
	for line := range strings.Lines(rest) {
		hypervisor, uri, ok := strings.Cut(strings.TrimSpace(line), ":")
		hypervisor = strings.ToLower(hypervisor)
		if _, known := a.URIs[hypervisor]; ok && !known {
			a.URIs[hypervisor] = uri
		}
	}
	return a
}

// Detach makes it disappear.
func (v Volume) Detach(ctx context.Context, r remote.Runner, node string) error {
	_, err := v.run(ctx, r, node, "detach", nil)
	return err
}

// Remove removes a volume with its data.
func (v Volume) Remove(ctx context.Context, r remote.Runner, node string) error {
	_, err := v.run(ctx, r, node, "remove", nil)
	return err
}

// Grow makes a volume of one size larger.
func (v Volume) Grow(ctx context.Context, r remote.Runner, node string, from, to int64) error {
	_, err := v.run(ctx, r, node, "grow", map[string]string{"VOL_SIZE": mebibytes(from), "VOL_NEW_SIZE": mebibytes(to)})
	return err
}

// SetInfo tells the provider whose volume it is.
func (v Volume) SetInfo(ctx context.Context, r remote.Runner, node, text string) error {
	_, err := v.run(ctx, r, node, "setinfo", map[string]string{"VOL_METADATA": text})
	return err
}

// Snapshot copies a volume. Providers need not be able to.
func (v Volume) Snapshot(ctx context.Context, r remote.Runner, node, name string, mib int64) error {
	_, err := v.run(ctx, r, node, "snapshot", map[string]string{"VOL_SNAPSHOT_NAME": name, "VOL_SNAPSHOT_SIZE": mebibytes(mib)})
	return err
}

// Open tells the provider that the node is about to use a volume: alone, or together with others. Providers need not want to know.
func (v Volume) Open(ctx context.Context, r remote.Runner, node string, alone bool) error {
	_, err := v.run(ctx, r, node, "open", map[string]string{"VOL_OPEN_EXCLUSIVE": unit.Str(alone)})
	return err
}

// Close is the opposite.
func (v Volume) Close(ctx context.Context, r remote.Runner, node string) error {
	_, err := v.run(ctx, r, node, "close", nil)
	return err
}

func mebibytes(mib int64) string { return strconv.FormatInt(mib, 10) }
