package filedisk

import (
	"path"
	"strings"
	"testing"
)

// FuzzPaths: a directory that is accepted is below one that the administrator has listed, and below none that is forbidden.
func FuzzPaths(f *testing.F) {
	f.Add([]byte("# comment\n /srv/disks \n/srv/../etc\nrelative\n/\n"), "/srv/disks/web")
	f.Add([]byte("/srv\n"), "/srv/../etc/x")
	f.Add([]byte("/srv//x/.\n"), "/srv/x//..//x/y/")
	f.Fuzz(func(t *testing.T, text []byte, dir string) {
		paths := ParsePaths(text)
		if checkPath(dir, paths, false) != nil {
			return
		}
		clean, listed := path.Clean(dir), false
		for _, p := range paths {
			listed = listed || strings.HasPrefix(clean, strings.TrimSuffix(path.Clean(p), "/")+"/")
		}
		if !listed || len(Forbidden([]string{dir})) > 0 {
			t.Errorf("%q is accepted below %q", dir, paths)
		}
	})
}
