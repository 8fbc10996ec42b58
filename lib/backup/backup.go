// Package backup keeps exported instances on nodes, in the layout that Ganeti writes: below Dir a directory for each instance,
// with its description (config.ini) and a dump of each disk. An export is written into NAME.new, and takes the place of the one
// before when it is complete.
package backup

import (
	"context"
	_ "embed"
	"path"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Dir is where exports are on each node.
const Dir = config.DataDir + "/export"

const description = "config.ini"

// ErrNoDir is that a node never had an export.
var ErrNoDir = fault.Exec("No exports directory")

// List names the exports of a node.
func List(ctx context.Context, r remote.Runner, node string) ([]string, error) {
	out, err := r.Run(ctx, node, list())
	switch {
	case err != nil:
		return nil, err
	case out.Status == 10:
		return nil, ErrNoDir
	}
	return strings.FieldsFunc(string(out.Stdout), func(c rune) bool { return c == '\n' }), nil
}

func list() remote.Cmd {
	c := remote.Script(`cd "$1" 2>/dev/null || exit 10
for export in *; do [ ! -e "$export" ] || printf '%s\n' "$export"; done`, Dir)
	c.OK = []int{10}
	return c
}

// Remove removes an export that List has named.
func Remove(ctx context.Context, r remote.Runner, node, name string) error {
	_, err := r.Run(ctx, node, remove(name))
	return err
}

func remove(name string) remote.Cmd {
	c := remote.Command("rm", "-rf", "--", path.Join(Dir, path.Base(name)))
	c.Limit, c.Changes = long, "removes export "+name
	return c
}

// New is the directory of an instance's export that is not complete.
func New(instance string) string { return path.Join(Dir, instance+".new") }

// Prepare makes that directory, without what an export that was cut off has left in it. One that Finish had put aside returns.
func Prepare(ctx context.Context, r remote.Runner, node, instance string) error {
	_, err := r.Run(ctx, node, prepare(instance))
	return err
}

func prepare(instance string) remote.Cmd {
	c := remote.Script(`umask 077
[ -e "$2" ] || [ ! -e "$2.old" ] || mv -T -- "$2.old" "$2" || exit
rm -rf -- "$1" && mkdir -p -- "$1"`, New(instance), path.Join(Dir, instance))
	c.Limit, c.Changes = long, "creates export "+instance+".new"
	return c
}

// Drop removes it.
func Drop(ctx context.Context, r remote.Runner, node, instance string) error {
	return Remove(ctx, r, node, instance+".new")
}

//go:embed finish.sh
var finishScript string

// Finish describes a complete export and puts it in the place of the one before.
func Finish(ctx context.Context, r remote.Runner, node, instance string, d Description) error {
	_, err := r.Run(ctx, node, finish(instance, d))
	return err
}

func finish(instance string, d Description) remote.Cmd {
	c := remote.Script(finishScript, New(instance), path.Join(Dir, instance))
	c.Stdin, c.Secret = d.Text(), true // private parameters are in it
	c.Limit, c.Changes = long, "writes export "+instance
	return c
}

// Read reads the description of the export in a directory.
func Read(ctx context.Context, r remote.Runner, node, dir string) (Description, error) {
	out, err := r.Run(ctx, node, read(dir))
	if err != nil {
		return nil, err
	}
	d, err := Parse(out.Stdout)
	if err != nil {
		return nil, err
	}
	if d["export"] == nil || d["instance"] == nil {
		return nil, fault.Exec("Export info file doesn't have the required fields")
	}
	return d, nil
}

func read(dir string) remote.Cmd {
	return remote.Script(`[ ! -f "$1" ] || cat -- "$1"`, path.Join(dir, description))
}
