// Package tests holds the checks that concern the whole tree.
package tests

import (
	"errors"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// layers lists the packages of lib from the ground up. A package may import those of earlier rows only; within a row
// only what is named in within.
var layers = []string{
	"fault unit table",
	"config remote remote/remotetest",
	"lvm drbd kvm fake bridge filedisk extstorage rbd gluster osdef backup hooks nodefacts resolve config/store balance",
	"ancillary disk iallocator job query",
	"instance node cluster network group",
	"ops cli watcher",
}

// within are the imports inside one row that the design allows.
var within = map[string]string{
	"unit":              "fault", // a value that cannot be read is refused with Ganeti's text
	"table":             "unit",  // values in info listings are shown as Python shows them
	"remote/remotetest": "remote",
	"iallocator":        "job",      // what it answers are jobs
	"node":              "instance", // emptying a node means operations on instances
	"ops":               "",
}

// owners are the only packages that may import a library, so that replacing one is one package's work.
var owners = map[string]string{
	"github.com/alecthomas/kingpin":     "cli",
	"github.com/coreos/go-systemd":      "job",
	"github.com/godbus/dbus":            "job",
	"github.com/olekukonko/tablewriter": "table",
	"github.com/pelletier/go-toml":      "config",
	"golang.org/x/crypto/ssh":           "remote",
	"github.com/pkg/sftp":               "remote",
}

func TestLayers(t *testing.T) {
	row := map[string]int{}
	for i, line := range layers {
		for pkg := range strings.FieldsSeq(line) {
			row[pkg] = i
		}
	}
	for _, pkg := range packages(t) {
		own, known := row[pkg]
		if !known {
			if _, known = row[parent(pkg)]; !known {
				t.Errorf("lib/%s stands in no row", pkg)
				continue
			}
			own = row[parent(pkg)]
		}
		imported, err := build.ImportDir(filepath.Join("../lib", pkg), 0)
		if err != nil {
			if _, none := errors.AsType[*build.NoGoError](err); none {
				continue
			}
			t.Fatal(err)
		}
		for _, path := range imported.Imports {
			checkOwner(t, pkg, path)
			other, ours := strings.CutPrefix(path, "gantry/lib/")
			if !ours || parent(other) == parent(pkg) || strings.Contains(within[pkg], other) && other != "" && within[pkg] != "" {
				continue
			}
			r, ok := row[other]
			if !ok {
				r = row[parent(other)]
			}
			if r >= own {
				t.Errorf("lib/%s (row %d) imports lib/%s (row %d)", pkg, own+1, other, r+1)
			}
		}
	}
}

func checkOwner(t *testing.T, pkg, path string) {
	t.Helper()
	for library, owner := range owners {
		if strings.HasPrefix(path, library) && parent(pkg) != owner {
			t.Errorf("lib/%s imports %s, which only lib/%s may", pkg, path, owner)
		}
	}
}

// packages returns every directory of lib that holds Go files, relative to lib.
func packages(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	var list []string
	err := filepath.WalkDir("../lib", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		dir, _ := filepath.Rel("../lib", filepath.Dir(path))
		if strings.HasSuffix(path, ".go") && !seen[dir] {
			seen[dir] = true
			list = append(list, filepath.ToSlash(dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func parent(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// The configuration's file has one reader and writer: whoever else opens it knows neither its locks nor its fence. Verify compares what
// nodes have.
func TestOnlyTheStoreKnowsTheConfigurationsFile(t *testing.T) {
	for _, dir := range packages(t) {
		if dir == "config/store" || dir == "cluster/verify" {
			continue
		}
		files, err := filepath.Glob(filepath.Join("../lib", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || !strings.HasSuffix(file, "_test.go") && regexp.MustCompile(`"[^"\n]*\bconfig\.toml\b`).Match(text) {
				t.Errorf("%s names config.toml (%v)", file, err)
			}
		}
	}
}
