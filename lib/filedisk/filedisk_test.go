package filedisk

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"gantry/lib/remote"
)

// here runs commands on this machine.
type here struct{}

func (here) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	out, err := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...).Output()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		if !slices.Contains(c.OK, exit.ExitCode()) {
			return remote.Result{}, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: exit.ExitCode(), Stderr: exit.Stderr}
		}
		return remote.Result{Stdout: out, Status: exit.ExitCode()}, nil
	}
	return remote.Result{Stdout: out}, err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLifeOfADisk(t *testing.T) {
	ctx, n := t.Context(), "node1"
	dir := t.TempDir() + "/inst1.example.com"
	file := dir + "/it's a.file.disk0"
	if err := MakeDir(ctx, here{}, n, dir); err != nil {
		t.Fatal(err)
	}
	if err := Create(ctx, here{}, n, file, 32); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() != 32<<20 || info.Mode() != 0o700 || info.Sys().(*syscall.Stat_t).Blocks != 0 {
		t.Errorf("file: %+v, %v", info, err)
	}
	if got, want := text(Create(ctx, here{}, n, file, 32)), file+": can't create: [Errno 17] File exists: '"+file+"'"; got != want {
		t.Errorf("created again: %s", got)
	}
	if got := text(Grow(ctx, here{}, n, file, 48, false)); got != "" {
		t.Errorf("grow: %s", got)
	}
	if got := text(Grow(ctx, here{}, n, file, 16, false)); got != "" {
		t.Errorf("grow to less: %s", got)
	}
	if size, err := Size(ctx, here{}, n, file); err != nil || size != 48<<20 {
		t.Errorf("size %d, %v", size, err)
	}
	if err := Grow(ctx, here{}, n, dir+"/nosuch", 48, false); text(err) != dir+"/nosuch: No such file" || !errors.Is(err, ErrNoFile) {
		t.Errorf("grow: %v", err)
	}
	if _, err := os.Stat(dir + "/nosuch"); err == nil {
		t.Error("growing made a file")
	}
	if got, want := text(RenameDir(ctx, here{}, n, dir+"x", dir+"y")), "Specified storage dir '"+dir+"x' is not a directory"; got != want {
		t.Errorf("rename: %s", got)
	}
	if got := text(RemoveDir(ctx, here{}, n, dir)); got == "" {
		t.Error("a directory with a file in it was removed")
	}
	if err := RenameDir(ctx, here{}, n, dir, dir+"2"); err != nil {
		t.Error(err)
	}
	if got := text(RenameDir(ctx, here{}, n, dir, dir+"2")); got != "" {
		t.Errorf("renamed already: %s", got)
	}
	other := t.TempDir()
	if got, want := text(RenameDir(ctx, here{}, n, other, dir+"2")), "Cannot rename '"+other+"' to '"+dir+"2': both locations exist"; got != want {
		t.Errorf("rename: %s", got)
	}
	moved := dir + "2/it's a.file.disk0"
	for _, err := range []error{Attach(ctx, here{}, n, moved), Remove(ctx, here{}, n, moved), Remove(ctx, here{}, n, moved), RemoveDir(ctx, here{}, n, dir+"2"), RemoveDir(ctx, here{}, n, dir+"2")} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := text(Create(ctx, here{}, n, dir+"/nosuch/file", 1)); got == "" {
		t.Error("a file was made in no directory")
	}
}

func TestPaths(t *testing.T) {
	allowed := ParsePaths([]byte("# comment\n\n /srv/ganeti/file-storage\n/mnt/\nrelative\n"))
	if !slices.Equal(allowed, []string{"/srv/ganeti/file-storage", "/mnt/", "relative"}) {
		t.Fatalf("%q", allowed)
	}
	for dir, want := range map[string]string{
		"/srv/ganeti/file-storage/inst1":     "",
		"/mnt/x":                             "",
		"/srv/ganeti/file-storage":           "Path '/srv/ganeti/file-storage' is not acceptable for file storage",
		"/srv/ganeti/file-storage/../secret": "Path '/srv/ganeti/file-storage/../secret' is not acceptable for file storage",
		"/srv/ganeti/file-storage2/inst1":    "Path '/srv/ganeti/file-storage2/inst1' is not acceptable for file storage",
		"/etc/ganeti":                        "Path '/etc/ganeti' uses a forbidden prefix",
		"relative/x":                         "Path 'relative/x' uses a forbidden prefix",
	} {
		if got := text(checkPath(dir, allowed, false)); got != want {
			t.Errorf("%s: %s", dir, got)
		}
	}
	if got := text(checkPath("/srv/ganeti/file-storage", allowed, true)); got != "" {
		t.Errorf("exact: %s", got)
	}
	if got := text(checkPath("/srv/x", nil, true)); got != "No paths are valid or path file '/etc/ganeti/file-storage-paths' was not accessible." {
		t.Errorf("none: %s", got)
	}
	if got := Forbidden([]string{"/srv", "/usr/local/lib/x", "/home/", "/usr/share/x", "/", "rel"}); !slices.Equal(got, []string{"/usr/local/lib/x", "/home", "rel"}) {
		t.Errorf("forbidden: %q", got)
	}
}

func TestCheckDir(t *testing.T) {
	dir := t.TempDir()
	if err := CheckDir(t.Context(), here{}, "node1", dir); err != nil {
		t.Error(err)
	}
	if got := text(CheckDir(t.Context(), here{}, "node1", dir+"/x")); got != "Path '"+dir+"/x' does not exist or is not a directory." {
		t.Error(got)
	}
}

func TestCommands(t *testing.T) {
	for got, want := range map[string]string{
		remove("/a b").Line(): "timeout -k 5 60 rm -f -- '/a b'",
		grow("/a", 16).Line(): "timeout -k 5 60 truncate --no-create --size '>16777216' -- /a",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestRenameFileCanBeRepeated(t *testing.T) {
	ctx, n, dir := t.Context(), "node1", t.TempDir()
	from, to := dir+"/a", dir+"/sub/b"
	if err := os.WriteFile(from, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := RenameFile(ctx, here{}, n, from, to); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "data" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(from, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := text(RenameFile(ctx, here{}, n, from, to)), "Cannot rename '"+from+"' to '"+to+"': both locations exist"; got != want {
		t.Errorf("both there: %s", got)
	}
	if err := RenameFile(ctx, here{}, n, dir+"/c", dir+"/d"); !errors.Is(err, ErrNoFile) {
		t.Errorf("none there: %v", err)
	}
}
