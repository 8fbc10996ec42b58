package backup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// at runs a command with the nodes' directories moved below one of the test.
func at(t *testing.T, root string, c remote.Cmd) {
	t.Helper()
	moved := strings.NewReplacer("/root/.ssh", root, "/run/ganeti", root)
	var argv []string
	for _, word := range c.Argv {
		argv = append(argv, moved.Replace(word))
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(string(c.Stdin))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func content(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A key is in force for one command and half an hour, whole lines stay whole, and nothing of it is left.
func TestAKeyComesAndGoes(t *testing.T) {
	root := t.TempDir()
	const others = "ssh-rsa OLD root@node1\nssh-ed25519 KEY gantry-copy-other" // without an end
	if err := os.WriteFile(filepath.Join(root, "authorized_keys"), []byte(others), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := NewKey("os-transfer-1-0-uuid")
	if err != nil {
		t.Fatal(err)
	}
	at(t, root, k.admit("cat 'a b'"))
	at(t, root, k.give())
	lines := strings.Split(content(t, root, "authorized_keys"), "\n")
	id, until := Admitted(lines[2])
	if strings.Join(lines[:2], "\n") != others || !strings.HasPrefix(lines[2], `restrict,expiry-time="`) || id != "os-transfer-1-0-uuid" || len(lines) != 4 {
		t.Errorf("%q", lines)
	}
	if in := time.Until(until); in < 25*time.Minute || in > 30*time.Minute {
		t.Errorf("it opens until %v", until)
	}
	file := filepath.Join(root, "gantry/keys/os-transfer-1-0-uuid")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(content(t, file), "-----BEGIN OPENSSH PRIVATE KEY-----\n") {
		t.Errorf("its file: %v, %v", info, err)
	}
	for range 2 {
		at(t, root, withdraw("os-transfer-1-0-uuid"))
	}
	if got := content(t, root, "authorized_keys"); got != others+"\n" {
		t.Errorf("left: %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "gantry/keys/*")); left != nil {
		t.Errorf("left: %q", left)
	}
}

func TestWhatAKeyChangesIsKnown(t *testing.T) {
	k := Key{id: "os-export-1-0-uuid", file: []byte("private"), public: []byte("ssh-ed25519 A\n")}
	for _, c := range []remote.Cmd{k.admit("x"), k.give()} {
		if id, is := LentKey(c.Changes); !is || id != k.id {
			t.Errorf("%q", c.Changes)
		}
	}
	if _, is := LentKey(withdraw(k.id).Changes); is || !k.give().Secret || strings.Contains(k.give().Line(), "private") {
		t.Error(k.give().Line())
	}
	if id, _ := Admitted("restrict ssh-ed25519 AAAA root@node1"); id != "" {
		t.Errorf("%q", id)
	}
}

func TestACopyGoesOverItsKey(t *testing.T) {
	k := Key{id: "os-transfer-1-0-uuid"}
	c := Transfer("/d", 1, None, k.Over([]string{"ssh", "root@192.0.2.12"}), "/d")
	nodes := remotetest.New(t).InOrder().Answer("node2: "+k.admit(c.Argv[len(c.Argv)-1]).Line(), "").Fail("node1: "+k.give().Line(), 1, "no room")
	if err := k.Lend(t.Context(), nodes, "node1", "node2", &c); err == nil || c.LendKey {
		t.Errorf("%v, %v", err, c.LendKey)
	}
	if !slices.Contains(c.Argv, "-oIdentityFile=/run/ganeti/gantry/keys/os-transfer-1-0-uuid") {
		t.Errorf("%q", c.Argv)
	}
}

func TestKnocking(t *testing.T) {
	hop := []string{"ssh", "root@192.0.2.12"}
	line := "node1: timeout -k 5 60 ssh -oPreferredAuthentications=none root@192.0.2.12 true"
	for said, reached := range map[string]bool{
		"root@192.0.2.12: Permission denied (publickey).\n": true,
		"ssh: connect to host 192.0.2.12 port 22: No route": false,
		"Host key verification failed.\n":                   false,
	} {
		nodes := remotetest.New(t).Fail(line, 255, said)
		if err := Knock(t.Context(), nodes, "node1", hop); (err == nil) != reached {
			t.Errorf("%q: %v", said, err)
		}
	}
}
