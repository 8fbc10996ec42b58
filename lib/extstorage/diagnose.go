package extstorage

import (
	"context"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

//go:embed probe.sh
var probeScript string

// Provider is one as a node has it. One that is not Valid has only a name, a path and Reason.
type Provider struct {
	Name, Path string
	Valid      bool
	Reason     string
	Parameters []Parameter // sorted
}

// Parameter is one that a provider knows, with its help.
type Parameter struct{ Name, Help string }

// required are the scripts that a provider must have; it may have snapshot, open and close as well.
var required = []string{"create", "remove", "grow", "attach", "detach", "setinfo", "verify"}

const parameterList = "parameters.list"

// Diagnose lists the providers of a node, those that hide others of their name first.
func Diagnose(ctx context.Context, r remote.Runner, node string) ([]Provider, error) {
	out, err := r.Run(ctx, node, remote.Script(probeScript))
	if err != nil {
		return nil, fmt.Errorf("looking for providers of external storage: %w", err)
	}
	return parseProviders(out.Stdout)
}

// found is a provider while its lines are read.
type found struct {
	path  string
	modes map[string]uint64
	lines []string
}

func parseProviders(out []byte) ([]Provider, error) {
	var list []Provider
	var current *found
	end := func() {
		if current != nil {
			list = append(list, current.judge())
		}
	}
	for line := range strings.Lines(string(out)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case kind == "dir":
			end()
			current = &found{path: rest, modes: map[string]uint64{}}
		case kind == "mode" && current != nil:
			hex, file, _ := strings.Cut(rest, " ")
			mode, err := strconv.ParseUint(hex, 16, 32)
			if err != nil {
				return nil, fmt.Errorf("unexpected answer %q", line)
			}
			current.modes[file] = mode
		case kind == "line" && current != nil:
			current.lines = append(current.lines, rest)
		default:
			return nil, fmt.Errorf("unexpected answer %q", line)
		}
	}
	end()
	return list, nil
}

// Bits of a file's mode.
const (
	typeMask    = 0xf000
	regularFile = 0x8000
	ownerMayRun = 0o100
)

func (f *found) judge() Provider {
	p := Provider{Name: path.Base(f.path), Path: f.path}
	for _, file := range slices.Concat(required, []string{"snapshot", "open", "close", parameterList}) {
		mode, there := f.modes[file]
		optional := !slices.Contains(required, file) && file != parameterList
		switch {
		case !there && optional:
		case !there:
			p.Reason = fmt.Sprintf("File '%s' under path '%s' is missing ([Errno 2] No such file or directory: '%s')", file, f.path, path.Join(f.path, file))
			return p
		case mode&typeMask != regularFile:
			p.Reason = fmt.Sprintf("File '%s' under path '%s' is not a regular file", file, f.path)
			return p
		case file != parameterList && mode&ownerMayRun == 0:
			p.Reason = fmt.Sprintf("File '%s' under path '%s' is not executable", file, f.path)
			return p
		}
	}
	p.Valid = true
	for _, line := range f.lines {
		if fields := strings.Fields(line); len(fields) > 0 {
			help := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), fields[0]))
			p.Parameters = append(p.Parameters, Parameter{fields[0], help})
		}
	}
	slices.SortFunc(p.Parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return p
}
