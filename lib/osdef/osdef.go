// Package osdef finds OS definitions on nodes, says whether they are usable, and runs their scripts: create, rename and
// verify. An OS definition is a directory of scripts that installs an operating system on an instance's disks.
//
// Users name an OS as NAME or NAME+VARIANT. Scripts see the bare name in OS_NAME and the variant in OS_VARIANT.
package osdef

import (
	"context"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// searchPath are the directories that hold OS definitions. An OS in an earlier one hides those of its name in later ones.
var searchPath = []string{"/srv/ganeti/os", "/usr/local/lib/ganeti/os", "/usr/lib/ganeti/os", "/usr/share/ganeti/os"}

// apiVersions are the versions of the interface to OS definitions that there are here; later ones come later.
var apiVersions = []int{10, 15, 20}

const (
	withVariants   = 15 // from here on there may be variants.list
	withParameters = 20 // from here on there are verify and parameters.list
)

// OS is an OS definition as a node has it. One that is not Valid has only a name, a path and Reason.
type OS struct {
	Name, Path  string
	Valid       bool
	Reason      string // why it is not valid, in Ganeti's words
	APIVersions []int  // in the order of the file
	Variants    []string
	Parameters  []Parameter
	Trusted     bool // its create script may run on the node itself
}

// Parameter is one that an OS knows, with its help.
type Parameter struct{ Name, Help string }

// API is the version to be used with an OS: the highest that both sides know, 0 if there is none.
func (o OS) API() int {
	best := 0
	for _, v := range o.APIVersions {
		if slices.Contains(apiVersions, v) {
			best = max(best, v)
		}
	}
	return best
}

// Split takes apart what users write: NAME or NAME+VARIANT.
func Split(full string) (name, variant string) {
	name, variant, _ = strings.Cut(full, "+")
	return name, variant
}

//go:embed probe.sh
var probeScript string

// Diagnose lists all OS definitions of a node, in the order of the search path; of several with the same name the first
// is the one in use. One that is broken does not hide the others.
func Diagnose(ctx context.Context, r remote.Runner, node string) ([]OS, error) {
	return probe(ctx, r, node, Probe())
}

// Probe is the command behind Diagnose, for who wants to gather several probes of a node.
func Probe() remote.Cmd {
	return remote.Script(probeScript, append([]string{""}, searchPath...)...)
}

// Parse reads Probe's output.
func Parse(out []byte) ([]OS, error) { return parse(out) }

// Find reads the definition of one OS on a node; variants are not part of the name. An OS that is not there is not valid.
func Find(ctx context.Context, r remote.Runner, node, name string) (OS, error) {
	none := OS{Name: name, Reason: notFound(name), Trusted: true}
	if !validName().MatchString(name) {
		return none, nil
	}
	found, err := probe(ctx, r, node, find(name))
	if err != nil || len(found) == 0 {
		return none, err
	}
	return found[0], nil
}

// validName is what Ganeti takes as the name of anything that it looks for in a search path.
var validName = unit.Form(`^[a-zA-Z0-9_-]+$`)

// FindProbe is the command behind Find for NAME or NAME+VARIANT, for who wants to gather several probes of a node; none for a name
// that no OS can have.
func FindProbe(full string) []remote.Cmd {
	name, _ := Split(full)
	if !validName().MatchString(name) {
		return nil
	}
	return []remote.Cmd{find(name)}
}

func find(name string) remote.Cmd {
	return remote.Script(probeScript, append([]string{name}, searchPath...)...)
}

func probe(ctx context.Context, r remote.Runner, node string, c remote.Cmd) ([]OS, error) {
	out, err := r.Run(ctx, node, c)
	if err != nil {
		return nil, fmt.Errorf("looking for OS definitions: %w", err)
	}
	return parse(out.Stdout)
}

func notFound(name string) string {
	return fmt.Sprintf("Directory for OS %s not found in search path", name)
}

// facts is what the probe found of one OS.
type facts struct {
	path  string
	isDir bool
	modes map[string]uint64   // of each file that is there
	lines map[string][]string // of each list
}

func parse(out []byte) ([]OS, error) {
	var all []*facts
	for line := range strings.Lines(string(out)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if kind == "dir" || kind == "other" {
			all = append(all, &facts{path: rest, isDir: kind == "dir", modes: map[string]uint64{}, lines: map[string][]string{}})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("looking for OS definitions: unexpected answer %q", line)
		}
		if err := all[len(all)-1].read(kind, rest); err != nil {
			return nil, fmt.Errorf("looking for OS definitions: unexpected answer %q", line)
		}
	}
	list := make([]OS, len(all))
	for i, f := range all {
		list[i] = f.judge()
	}
	return list, nil
}

func (f *facts) read(kind, rest string) error {
	switch kind {
	case "mode":
		mode, file, _ := strings.Cut(rest, " ")
		bits, err := strconv.ParseUint(mode, 16, 32)
		f.modes[path.Base(file)] = bits
		return err
	case "line":
		list, text, _ := strings.Cut(rest, " ")
		f.lines[list] = append(f.lines[list], text)
		return nil
	}
	return strconv.ErrSyntax
}

// Bits of a mode as stat(2) gives it.
const (
	typeMask   = 0o170000
	regular    = 0o100000
	ownerExec  = 0o100
	apiFile    = "ganeti_api_version"
	missing    = "ENOENT" // Ganeti gives the number its name
	variants   = "variants.list"
	parameters = "parameters.list"
)

// judge checks an OS in Ganeti's order and fills in what it has to offer.
func (f *facts) judge() OS {
	o := OS{Name: path.Base(f.path), Path: f.path, Trusted: true}
	if !f.isDir || !validName().MatchString(o.Name) {
		o.Reason = notFound(o.Name)
		return o
	}
	versions, reason := f.versions()
	if reason == "" {
		reason = f.checkFiles(slices.Max(versions))
	}
	if o.Reason = reason; reason != "" {
		return o
	}
	o.Valid, o.APIVersions = true, versions
	_, untrusted := f.modes["create_untrusted"]
	o.Trusted = !untrusted
	if slices.Max(versions) >= withVariants {
		for _, line := range f.lines[variants] {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				o.Variants = append(o.Variants, line)
			}
		}
	}
	if slices.Max(versions) >= withParameters {
		for _, line := range f.lines[parameters] {
			if fields := strings.Fields(line); len(fields) > 0 {
				name := fields[0]
				help := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(line, " \t"), name), " \t")
				o.Parameters = append(o.Parameters, Parameter{name, help})
			}
		}
	}
	return o
}

func (f *facts) versions() (found []int, reason string) {
	mode, there := f.modes[apiFile]
	switch {
	case !there:
		return nil, fmt.Sprintf("Required file '%s' not found under path %s: %s", apiFile, f.path, missing)
	case mode&typeMask != regular:
		return nil, fmt.Sprintf("File '%s' in %s is not a regular file", apiFile, f.path)
	}
	for _, line := range f.lines[apiFile] {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Sprintf("API version(s) can't be converted to integer: invalid literal for int() with base 10: %s", unit.Repr(strings.TrimSpace(line)))
		}
		found = append(found, n)
	}
	if (OS{APIVersions: found}).API() == 0 {
		return nil, fmt.Sprintf("API version mismatch for path '%s': found %s, want frozenset({10, 20, 15}).", f.path, pythonList(found))
	}
	return found, ""
}

func pythonList(numbers []int) string {
	return strings.ReplaceAll(fmt.Sprint(numbers), " ", ", ")
}

// checkFiles says which file an OS of that version should have and does not.
func (f *facts) checkFiles(version int) string {
	scripts := []string{"create", "create_untrusted", "export", "import", "rename"}
	lists := []string{}
	if version >= withVariants {
		lists = append(lists, variants)
	}
	if version >= withParameters {
		scripts, lists = append(scripts, "verify"), append(lists, parameters)
	}
	optional := []string{"create", "create_untrusted", variants}
	for _, name := range append(slices.Clone(scripts), lists...) {
		mode, there := f.modes[name]
		switch {
		case !there && slices.Contains(optional, name):
		case !there:
			return fmt.Sprintf("File '%s' under path '%s' is missing (%s)", name, f.path, missing)
		case mode&typeMask != regular:
			return fmt.Sprintf("File '%s' under path '%s' is not a regular file", name, f.path)
		case slices.Contains(scripts, name) && mode&ownerExec == 0:
			return fmt.Sprintf("File '%s' under path '%s' is not executable", name, f.path)
		}
	}
	_, trusted := f.modes["create"]
	_, untrusted := f.modes["create_untrusted"]
	if !trusted && !untrusted {
		return fmt.Sprintf("A create script (trusted or untrusted) under path '%s' must exist", f.path)
	}
	return ""
}

// CheckVariant checks the variant that was asked for against those that there are.
func (o OS) CheckVariant(variant string) error {
	switch {
	case len(o.Variants) == 0 && variant != "":
		return refuse("OS '%s' does not support variants ('%s' passed)", o.Name, variant)
	case len(o.Variants) > 0 && variant == "":
		return refuse("OS name '%s' must include a variant", o.Name)
	case len(o.Variants) > 0 && !slices.Contains(o.Variants, variant):
		return refuse("OS '%s' does not support variant '%s'", o.Name, variant)
	}
	return nil
}

// CheckParameters checks the names of parameters; an OS of an older interface takes any.
func (o OS) CheckParameters(values map[string]string) error {
	if o.API() < withParameters {
		return nil
	}
	var unknown []string
	for name := range values {
		if !slices.ContainsFunc(o.Parameters, func(p Parameter) bool { return p.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return refuse("The following parameters are not supported by the OS %s: %s", o.Name, strings.Join(unknown, ", "))
}

// refuse makes a failure of whoever asks for something that the OS does not have. The caller says on which node.
func refuse(format string, args ...any) error { return fault.Exec(format, args...) }
