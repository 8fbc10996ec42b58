package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostKeysStandUnderBothNamesWhileTheClusterIsRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string, err error) {
		t.Helper()
		if got, _ := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%v, %q, want %q", err, got, want)
		}
	}
	write("old ssh-rsa A\nnode2,192.0.2.12 ssh-rsa B\n")
	both := "old ssh-rsa A\nnew ssh-rsa A\nnode2,192.0.2.12 ssh-rsa B\n"
	check(both, addAlias(path, "old", "new"))
	check(both, addAlias(path, "old", "new")) // once more, after a failure
	check("new ssh-rsa A\nnode2,192.0.2.12 ssh-rsa B\n", dropAlias(path, "old", "new"))
	check("new ssh-rsa A\nnode2,192.0.2.12 ssh-rsa B\n", dropAlias(path, "new", "new"))
}
