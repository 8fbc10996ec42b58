package ancillary

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/remote/remotetest"
)

// run runs one of the scripts with its paths moved below a directory of the test.
func run(t *testing.T, script, root, stdin string, args ...string) {
	t.Helper()
	moved := strings.NewReplacer("/root/.ssh", root, "/etc", root).Replace(script)
	cmd := exec.Command("sh", append([]string{"-c", moved, "sh"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestAuthorizeKeepsWhatIsThereAndAddsOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "authorized_keys")
	if err := os.WriteFile(file, []byte("ssh-rsa OLD me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		run(t, authorizeScript, dir, "ssh-rsa NEW a$(b)\nssh-rsa OLD me\n\n")
	}
	got, _ := os.ReadFile(file)
	if string(got) != "ssh-rsa OLD me\nssh-rsa NEW a$(b)\n" {
		t.Errorf("got %q", got)
	}
}

func TestHostsReplacesTheLineOfTheName(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.1 localhost\n192.0.2.9 node2.example.com node2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, hostsScript, dir, "", "192.0.2.12", "node2.example.com", "node2")
	if got, _ := os.ReadFile(file); string(got) != "127.0.0.1 localhost\n192.0.2.12\tnode2.example.com node2\n" {
		t.Errorf("got %q", got)
	}
	run(t, hostsScript, dir, "", "", "node2.example.com", "node2")
	if got, _ := os.ReadFile(file); string(got) != "127.0.0.1 localhost\n" {
		t.Errorf("got %q", got)
	}
}

func TestPublicKeysAreTheLinesOfTheFiles(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: "+
		`sh -c 'cat /root/.ssh/id_ed25519.pub /root/.ssh/id_ecdsa.pub /root/.ssh/id_rsa.pub 2>/dev/null || :' sh`, "ssh-ed25519 A x\n\nssh-rsa B\n")
	keys, err := PublicKeys(t.Context(), nodes, "node1")
	if err != nil || strings.Join(keys, "|") != "ssh-ed25519 A x|ssh-rsa B" {
		t.Errorf("got %q, %v", keys, err)
	}
}
