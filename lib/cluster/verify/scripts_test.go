package verify

import (
	"context"
	"crypto/sha1"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// output runs a probe on this machine.
func output(t *testing.T, c remote.Cmd) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), c.Argv[0], c.Argv[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(path, []byte("text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := readSums(&a, output(t, sums([]string{path, "/nosuch/file"}))); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha1.Sum([]byte("text\n"))); len(a.sums) != 1 || a.sums[path] != want {
		t.Errorf("%v, want %s", a.sums, want)
	}
	if err := readSums(&a, []byte("garbage\n")); err == nil {
		t.Error("garbage is read")
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	plain, program := filepath.Join(dir, "plain"), filepath.Join(dir, "program")
	for path, mode := range map[string]os.FileMode{plain: 0o600, program: 0o700} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	list := []wanted{{"f", plain}, {"x", plain}, {"x", program}, {"x", dir}, {"d", dir}, {"d", plain}, {"b", plain}, {"f", dir + "/no'such $file"}}
	var a answer
	if err := a.readLooks(list, output(t, look(list))); err != nil {
		t.Fatal(err)
	}
	want := map[wanted]string{{"x", plain}: "mode", {"x", dir}: "kind", {"d", plain}: "kind", {"b", plain}: "kind", {"f", dir + "/no'such $file"}: "absent"}
	if len(a.lacking) != len(want) {
		t.Errorf("%v", a.lacking)
	}
	for w, how := range want {
		if a.lacking[w] != how {
			t.Errorf("%v: %q, want %q", w, a.lacking[w], how)
		}
	}
	for _, garbage := range []string{"99 absent\n", "x\n", "-1 absent\n"} {
		if err := a.readLooks(list, []byte(garbage)); err == nil {
			t.Errorf("%q is read", garbage)
		}
	}
}

func TestReach(t *testing.T) {
	open, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	_, text, _ := net.SplitHostPort(open.Addr().String())
	port, _ := strconv.Atoi(text)
	where := []destination{{"here primary", "127.0.0.1", port}, {"nobody", "127.0.0.1", 1}, {"lost", "127.0.0.1", port}}
	var a answer
	if err := a.readReached(where, output(t, reach(where[:2]))); err != nil {
		t.Fatal(err)
	}
	if a.reached["here primary"] != "ok" || a.reached["nobody"] != "Connection refused" || silent(a.reached["nobody"]) || !silent(a.reached["lost"]) {
		t.Errorf("%v", a.reached)
	}
	var none answer
	if err := none.readReached(where, nil); err != nil || none.reached != nil {
		t.Errorf("%v, %v", none.reached, err)
	}
	if err := none.readReached(where, []byte("tried\nsomebody\tok\n")); err == nil {
		t.Error("an answer about somebody else is read")
	}
}

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	for name, password := range map[string]string{"open": "", "locked": "secret"} {
		c := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", password, "-f", filepath.Join(dir, name))
		if err := c.Run(); err != nil {
			t.Skipf("NO SSH-KEYGEN HERE: %v", err)
		}
	}
	known := filepath.Join(dir, "known_hosts")
	text := "# comment\n@cert-authority *.x ssh-rsa AAAAauthority\nnode1,192.0.2.11 ssh-ed25519 AAAAnode1\njunk\n"
	if err := os.WriteFile(known, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var a answer
	c := remote.Script(identityScript, known, filepath.Join(dir, "open"), filepath.Join(dir, "locked"), filepath.Join(dir, "nosuch"))
	if err := readIdentity(&a, output(t, c)); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "open.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.ssh.keys) != 1 || a.ssh.keys[0] != strings.Fields(string(public))[1] {
		t.Errorf("keys %q, want that of\n%s", a.ssh.keys, public)
	}
	found := false
	for _, k := range a.ssh.known {
		found = found || k.key == "AAAAnode1" && len(k.hosts) == 2 && k.hosts[1] == "192.0.2.11"
	}
	if !found {
		t.Errorf("known %v", a.ssh.known)
	}
	if err := readIdentity(&a, []byte("=== hostname\nnode1\n")); err == nil {
		t.Error("half an answer is read")
	}
}

func TestKeysIn(t *testing.T) {
	got := keysIn("# AAAAno\nssh-rsa AAAAone comment\nfrom=\"192.0.2.1\",no-pty ssh-ed25519 AAAAtwo\nAAAAthree\n\nnothing here\n")
	if strings.Join(got, " ") != "AAAAone AAAAtwo AAAAthree" {
		t.Errorf("%q", got)
	}
}

func TestVersion(t *testing.T) {
	var a answer
	if err := readVersion(&a, []byte("gnt-cluster (ganeti 3.0.2-3) 3.0.2\n0123456789abcdef  -\n")); err != nil || a.version != (version{"3.0.2", "01234567"}) {
		t.Errorf("%v, %v", a.version, err)
	}
	a.version = version{}
	if err := readVersion(&a, nil); err != nil || a.version != (version{}) {
		t.Errorf("no program: %v, %v", a.version, err)
	}
}

func TestEqualParametersAreCheckedOnce(t *testing.T) {
	cfg := cluster3()
	cfg.InstanceByName("web").HVParams = config.Params{"kernel_args": "a"}
	cfg.InstanceByName("db").HVParams = config.Params{"kernel_path": "/nosuch"}
	g, _ := healthy(t, cfg, Options{})
	probes := g.parameterProbes()
	if len(probes) != 2 {
		t.Fatalf("%d probes", len(probes))
	}
	var a answer
	for _, p := range probes {
		if err := p.read(&a, output(t, p.cmd)); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.parameters) != 1 || a.parameters[0].source != "instance db" || !strings.Contains(a.parameters[0].text, "/nosuch") {
		t.Errorf("%v", a.parameters)
	}
}

// A node that was added with the SSH keys it had has others than the cluster's; ssh would ask it for one of any type that it is
// told of, and refuse the node's own.
func TestALoginAsksForKeysOfTheTypesANodeHas(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skipf("NO SSH-KEYGEN HERE: %v", err)
	}
	dir := t.TempDir()
	const ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBB3BHcvlMSHbhM5Op8mpKgkPFcWKmI3WS4tLkmzdIOUBOLlsQ5n5qFnJZlRpU9/L8nMd6dNVAHsoMPsYoiCYjnI="
	const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqpuBaGDgQ+Z3bq0K1CpPPOfuZ1dSkqDNwqHHnCPN0v"
	known := filepath.Join(dir, "known_hosts")
	for path, text := range map[string]string{
		known:                     "c.x " + ed25519 + "\nc.x " + ecdsa + "\nnode1.x " + ecdsa + "\n",
		filepath.Join(dir, "ssh"): "#!/bin/sh\nfor word; do case $word in -oKnownHostsCommand=*) eval \"$(echo \"${word#*=}\" | sed s/%H/node/)\" | cut -d' ' -f1,2; esac; done\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("HOME", dir)
	sections := remote.Sections(output(t, remote.Script(loginScript, known, "c.x", "", "node1.x", "22", "node2.x", "22")))
	if got, want := sections["node1.x"], "node ecdsa-sha2-nistp256\nstatus 0"; strings.TrimSpace(got) != want {
		t.Errorf("a node with keys of its own: %q", got)
	}
	if got, want := sections["node2.x"], "node ssh-ed25519\nnode ecdsa-sha2-nistp256\nstatus 0"; strings.TrimSpace(got) != want {
		t.Errorf("a node with the cluster's keys: %q", got)
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"sums": sumsScript, "look": lookScript, "reach": reachScript, "identity": identityScript, "version": versionScript, "login": loginScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin, c.Env = strings.NewReader(text), append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}

// FuzzAnswers: whatever a node says, its answer is read or refused.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("=== hostname\nnode1\n=== keys\nssh-rsa AAAA\n=== noise\n"))
	f.Add([]byte("0 absent\nnode1 primary\tok\n0123456789012345678901234567890123456789  /etc/hosts\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		var a answer
		list := []wanted{{"f", "/x"}}
		for _, read := range []func(*answer, []byte) error{readSums, readVersion, readIdentity, readAllowed,
			func(a *answer, out []byte) error { return a.readReached([]destination{{name: "node1 primary"}}, out) },
			func(a *answer, out []byte) error { return a.readLooks(list, out) }, (*answer).readKVM, (*answer).readFake} {
			_ = read(&a, out) // refused or read; it must not panic
		}
		for w := range a.lacking {
			if w != list[0] {
				t.Errorf("%v was not asked for", w)
			}
		}
		_ = loginProblem("node1", string(out))
	})
}
