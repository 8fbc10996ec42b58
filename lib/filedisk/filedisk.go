// Package filedisk is disks that are files: the templates file and sharedfile. Their files are sparse, and belong to a
// directory of the instance below a directory that the administrator has allowed for it.
package filedisk

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// PathsFile lists, on each node, the directories below which files of disks may be.
const PathsFile = "/etc/ganeti/file-storage-paths"

// ErrNoFile is that a disk has no file. Ganeti only knows it by its text: PATH: No such file.
var ErrNoFile = broken("No such file")

func broken(format string, args ...any) error { return fault.New(fault.BlockDevice, format, args...) }

func refuse(format string, args ...any) error { return fault.New(fault.FileStorage, format, args...) }

// Create makes the file of a disk of mib MiB, without blocks, and fails when there is one already.
func Create(ctx context.Context, r remote.Runner, node, file string, mib int64) error {
	out, err := r.Run(ctx, node, create(file, mib))
	switch {
	case err != nil:
		return fmt.Errorf("%s: can't create: %w", file, err)
	case out.Status == 10:
		return broken("%s: can't create: [Errno 17] File exists: '%s'", file, file)
	}
	return nil
}

// create makes the file exclusively (noclobber), and takes it away again if there is no room for its size.
func create(file string, mib int64) remote.Cmd {
	c := remote.Script(`umask 077
[ ! -e "$1" ] && [ ! -L "$1" ] || exit 10
set -C
: >"$1" || exit
chmod 0700 "$1"
truncate -s "$2" -- "$1" && exit
rm -f -- "$1"
exit 1`, file, bytes(mib))
	c.OK = []int{10}
	c.Changes = "creates file " + file
	return c
}

func bytes(mib int64) string { return strconv.FormatInt(mib<<20, 10) }

// MakeDir makes the directory of an instance's files.
func MakeDir(ctx context.Context, r remote.Runner, node, dir string) error {
	c := remote.Script(`[ -d "$1" ] && exit
[ ! -e "$1" ] || exit 10
umask 077 && mkdir -p -- "$1"`, dir)
	c.OK = []int{10}
	c.Changes = "creates directory " + dir
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return broken("Cannot create file storage directory '%s': %w", dir, err)
	case out.Status == 10:
		return broken("Specified storage dir '%s' is not a directory", dir)
	}
	return nil
}

// RemoveDir removes the directory of an instance's files, if it is empty. One that is not there is no error.
func RemoveDir(ctx context.Context, r remote.Runner, node, dir string) error {
	c := remote.Script(`[ -e "$1" ] || exit 0
[ -d "$1" ] || exit 10
rmdir -- "$1"`, dir)
	c.OK = []int{10}
	c.Changes = "removes directory " + dir
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return broken("Cannot remove file storage directory '%s': %w", dir, err)
	case out.Status == 10:
		return broken("Specified Storage directory '%s' is not a directory", dir)
	}
	return nil
}

// RenameDir moves the directory of an instance's files.
func RenameDir(ctx context.Context, r remote.Runner, node, from, to string) error {
	c := remote.Script(`if [ -e "$2" ]; then [ -e "$1" ] && exit 11; exit 0; fi
[ -d "$1" ] || exit 10
mv -T -- "$1" "$2"`, from, to)
	c.OK = []int{10, 11}
	c.Changes = "renames directory " + from + " to " + to
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return broken("Cannot rename '%s' to '%s': %w", from, to, err)
	case out.Status == 10:
		return broken("Specified storage dir '%s' is not a directory", from)
	case out.Status == 11:
		return broken("Cannot rename '%s' to '%s': both locations exist", from, to)
	}
	return nil
}

// RenameFile moves the file of a disk; the directory that it comes to is made. To do it again does no harm.
func RenameFile(ctx context.Context, r remote.Runner, node, from, to string) error {
	c := remote.Script(`if [ -e "$2" ]; then [ -e "$1" ] && exit 11; exit 0; fi
[ -f "$1" ] || exit 10
(umask 077 && mkdir -p -- "${2%/*}") && mv -T -- "$1" "$2"`, from, to)
	c.OK = []int{10, 11}
	c.Changes = "renames file " + from + " to " + to
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return broken("Cannot rename '%s' to '%s': %w", from, to, err)
	case out.Status == 10:
		return broken("%s: %w", from, ErrNoFile)
	case out.Status == 11:
		return broken("Cannot rename '%s' to '%s': both locations exist", from, to)
	}
	return nil
}

// Remove removes a disk's file. One that is not there is no error.
func Remove(ctx context.Context, r remote.Runner, node, file string) error {
	if _, err := r.Run(ctx, node, remove(file)); err != nil {
		return fmt.Errorf("can't remove file '%s': %w", file, err)
	}
	return nil
}

func remove(file string) remote.Cmd {
	c := remote.Command("rm", "-f", "--", file)
	c.Changes = "removes file " + file
	return c
}

// Grow makes a disk's file larger, to mib MiB. With dryRun it only looks whether the file is there.
func Grow(ctx context.Context, r remote.Runner, node, file string, mib int64, dryRun bool) error {
	if err := Attach(ctx, r, node, file); err != nil || dryRun {
		return err
	}
	if _, err := r.Run(ctx, node, grow(file, mib)); err != nil {
		return fmt.Errorf("%s: can't grow: %w", file, err)
	}
	return nil
}

// grow never makes a file smaller, whatever mib is.
func grow(file string, mib int64) remote.Cmd {
	c := remote.Command("truncate", "--no-create", "--size", ">"+bytes(mib), "--", file)
	c.Changes = "grows file " + file
	return c
}

// Attach checks that a disk's file is there: all that is to be done before a file can be used.
func Attach(ctx context.Context, r remote.Runner, node, file string) error {
	c := remote.Command("test", "-f", file)
	c.OK = []int{1}
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return fmt.Errorf("looking for %s: %w", file, err)
	case out.Status == 1:
		return broken("%s: %w", file, ErrNoFile)
	}
	return nil
}

// Size is the size of a disk's file in bytes, which is more than the space it takes.
func Size(ctx context.Context, r remote.Runner, node, file string) (int64, error) {
	out, err := r.Run(ctx, node, remote.Command("stat", "-L", "-c", "%s", "--", file))
	if err != nil {
		return 0, broken("can't stat %s: %w", file, err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
}

// UsedProbe adds up the sizes of all files below a directory, in bytes; ParseUsed reads it.
func UsedProbe(dir string) remote.Cmd {
	return remote.Script(`find -P "$1" ! -type d -printf '%s\n' | awk '{ used += $1 } END { printf "%.0f\n", used }'`, dir)
}

// ParseUsed gives MiB, rounded.
func ParseUsed(out []byte) (int64, error) {
	used, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return (used + 1<<19) >> 20, err
}

// wrong are directories that must not hold disks, whatever the administrator says, and all that is below them.
var wrong = []string{"/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/proc", "/root", "/sbin", "/sys",
	"/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/bin", "/usr/local/lib", "/usr/local/lib32",
	"/usr/local/lib64", "/usr/local/sbin", "/usr/sbin"}

// Forbidden picks the directories, out of the lines of PathsFile or others, that must not hold disks. Relative ones must not
// either.
func Forbidden(paths []string) []string {
	var out []string
	for _, p := range paths {
		p = path.Clean(p)
		bad := func(w string) bool { return p == w || below(w, p) }
		if !path.IsAbs(p) || slices.ContainsFunc(wrong, bad) {
			out = append(out, p)
		}
	}
	return out
}

func below(root, p string) bool {
	return strings.HasPrefix(p, strings.TrimSuffix(path.Clean(root), "/")+"/")
}

// ParsePaths reads PathsFile.
func ParsePaths(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// CheckPath checks that a directory may hold disks by a node's PathsFile. exact allows the listed directories themselves,
// as for the cluster's own; otherwise it must be below one.
func CheckPath(ctx context.Context, r remote.Runner, node, dir string, exact bool) error {
	c := remote.Command("cat", "--", PathsFile)
	c.OK = []int{1}
	out, err := r.Run(ctx, node, c)
	if err != nil {
		return fmt.Errorf("reading %s: %w", PathsFile, err)
	}
	return checkPath(dir, ParsePaths(out.Stdout), exact)
}

// Usable says, of what a probe found on a node, why a directory of the cluster's cannot hold disks there: the paths that are
// allowed, and whether it exists and can be written.
func Usable(dir string, allowed []string, exists, writable bool) error {
	switch err := checkPath(dir, allowed, true); {
	case err != nil:
		return err
	case !exists:
		return refuse("Path '%s' is not existing or not a directory.", dir)
	case !writable:
		return refuse("Path '%s' is not writable", dir)
	}
	return nil
}

func checkPath(dir string, allowed []string, exact bool) error {
	switch {
	case len(allowed) == 0:
		return refuse("No paths are valid or path file '%s' was not accessible.", PathsFile)
	case len(Forbidden([]string{dir})) > 0:
		return refuse("Path '%s' uses a forbidden prefix", dir)
	}
	for _, root := range allowed {
		if path.IsAbs(root) && (below(root, path.Clean(dir)) || exact && path.Clean(root) == path.Clean(dir)) {
			return nil
		}
	}
	return refuse("Path '%s' is not acceptable for file storage", dir)
}

// CheckDir checks that a directory is there and can be written.
func CheckDir(ctx context.Context, r remote.Runner, node, dir string) error {
	c := remote.Script(`[ -d "$1" ] || exit 10; [ -w "$1" ] || exit 11`, dir)
	c.OK = []int{10, 11}
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return fmt.Errorf("looking at %s: %w", dir, err)
	case out.Status == 10:
		return refuse("Path '%s' does not exist or is not a directory.", dir)
	case out.Status == 11:
		return refuse("Path '%s' is not writable", dir)
	}
	return nil
}
