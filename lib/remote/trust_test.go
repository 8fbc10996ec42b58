package remote_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

func ecdsaKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// certificate has authority sign a host key for the name.
func certificate(t testing.TB, host, authority ssh.Signer, name string, until time.Time) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{name}, ValidBefore: uint64(until.Unix()),
	}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, host)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// hashed is the form in which HashKnownHosts has ssh-keygen write names.
func hashed(t testing.TB, line []byte) []byte {
	t.Helper()
	path := write(t, "known_hosts", line)
	if out, err := exec.Command("ssh-keygen", "-H", "-f", path).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen -H: %v: %s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOrderOfTrust(t *testing.T) {
	key, other, ec, ca := remotetest.HostKey(t), remotetest.HostKey(t), ecdsaKey(t), remotetest.HostKey(t)
	line := func(names string, k ssh.Signer) string { return string(knownLine(names, k.PublicKey())) }
	good := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		server          []ssh.Signer
		system, cluster string
		acceptNew       bool
		refused         string // what the error says, "" is accepted
		clusterAfter    string // "" is unchanged
	}{
		"the cluster's name":                  {server: []ssh.Signer{key}, cluster: line("cluster", key)},
		"the node's own name":                 {server: []ssh.Signer{key}, cluster: line("cluster", other) + line("node1", key)},
		"its name and port":                   {server: []ssh.Signer{key}, cluster: line("[node1]:PORT", key)},
		"its address":                         {server: []ssh.Signer{key}, cluster: line("127.0.0.1", key)},
		"a pattern":                           {server: []ssh.Signer{key}, cluster: line("node?,!node2", key)},
		"a pattern that leaves it out":        {server: []ssh.Signer{key}, cluster: line("node*,!node1", key), refused: "nobody vouches"},
		"a hashed name":                       {server: []ssh.Signer{key}, cluster: string(hashed(t, knownLine("node1", key.PublicKey())))},
		"junk between the lines":              {server: []ssh.Signer{key}, cluster: "junk\n\x00\xff |1| x y\n" + line("cluster", key) + "junk"},
		"the system's file alone":             {server: []ssh.Signer{key}, system: line("node1", key)},
		"the system's file has no alias":      {server: []ssh.Signer{key}, system: line("cluster", key), refused: "nobody vouches"},
		"the system's word replaces ours":     {server: []ssh.Signer{key}, system: line("node1", key), cluster: line("node1", other) + line("node2", other), clusterAfter: line("node2", other) + line("NAMES", key)},
		"other names of our line stay":        {server: []ssh.Signer{key}, system: line("node1", key), cluster: line("node1,node2", other), clusterAfter: line("node1,node2", other) + line("NAMES", key)},
		"an outdated system's file":           {server: []ssh.Signer{key}, system: line("node1", other), cluster: line("cluster", key)},
		"nobody":                              {server: []ssh.Signer{key}, cluster: line("node2", key), refused: "nobody vouches for the host key of node1 (ssh-ed25519 SHA256:"},
		"changed":                             {server: []ssh.Signer{key}, cluster: "#\n" + line("node1", other), refused: "is not the one in CLUSTER line 2"},
		"changed, says the system":            {server: []ssh.Signer{key}, system: line("node1", other), cluster: "", refused: "is not the one in SYSTEM line 1"},
		"revoked":                             {server: []ssh.Signer{key}, system: "@revoked * " + line("", key)[1:], cluster: line("cluster", key), refused: "revoked by SYSTEM line 1"},
		"two types, the known one is second":  {server: []ssh.Signer{key, ec}, cluster: line("cluster", ec)},
		"two types, the other way":            {server: []ssh.Signer{ec, key}, cluster: line("cluster", key)},
		"one type outdated, the other good":   {server: []ssh.Signer{key, ec}, system: line("node1", other), cluster: line("cluster", ec)},
		"one type changed, no other":          {server: []ssh.Signer{key}, cluster: line("node1", other) + line("node1", ec), refused: "is not the one in CLUSTER line 1"},
		"type unknown":                        {server: []ssh.Signer{ec}, cluster: line("cluster", key), refused: "(ecdsa-sha2-nistp256 SHA256:"},
		"an authority":                        {server: []ssh.Signer{certificate(t, key, ca, "node1", good)}, system: "@cert-authority node* " + line("", ca)[1:]},
		"an authority for other nodes":        {server: []ssh.Signer{certificate(t, key, ca, "node1", good)}, system: "@cert-authority web* " + line("", ca)[1:], refused: "host key"},
		"a certificate of another node":       {server: []ssh.Signer{certificate(t, key, ca, "node2", good)}, system: "@cert-authority * " + line("", ca)[1:], refused: "nobody vouches"},
		"a certificate out of date":           {server: []ssh.Signer{certificate(t, key, ca, "node1", time.Now().Add(-time.Hour))}, system: "@cert-authority * " + line("", ca)[1:], refused: "nobody vouches"},
		"a certificate of somebody":           {server: []ssh.Signer{certificate(t, key, other, "node1", good)}, system: "@cert-authority * " + line("", ca)[1:], refused: "nobody vouches"},
		"authority known, plain key shown":    {server: []ssh.Signer{key}, system: "@cert-authority * " + line("", ca)[1:], cluster: line("cluster", key)},
		"an authority's key is no host key":   {server: []ssh.Signer{ca}, system: "@cert-authority * " + line("", ca)[1:], refused: "nobody vouches"},
		"accepted because asked to":           {server: []ssh.Signer{key}, cluster: line("cluster", other), acceptNew: true, clusterAfter: line("cluster", other) + line("NAMES", key)},
		"accepted again after reinstallation": {server: []ssh.Signer{key}, cluster: line("node1", other), acceptNew: true, clusterAfter: line("NAMES", key)},
		"revoked even then":                   {server: []ssh.Signer{key}, cluster: "@revoked * " + line("", key)[1:], acceptNew: true, refused: "revoked by CLUSTER line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.NewServer(t, remotetest.ServerOptions{HostKeys: tt.server})
			port := strings.NewReplacer("PORT", fmt.Sprint(s.Port), "NAMES", fmt.Sprintf("[node1]:%d,node1,[127.0.0.1]:%[1]d,127.0.0.1", s.Port))
			o := options(t, s)
			before := port.Replace(tt.cluster)
			system, cluster := write(t, "system", []byte(tt.system)), write(t, "cluster", []byte(before))
			o.KnownHosts = remote.KnownHosts{System: []string{system, "/nonexistent"}, Cluster: cluster, Alias: "cluster", AcceptNew: tt.acceptNew}
			_, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true"))
			checkRefusal(t, err, strings.NewReplacer("SYSTEM", system, "CLUSTER", cluster).Replace(tt.refused))
			want := port.Replace(tt.clusterAfter)
			if tt.clusterAfter == "" {
				want = before
			}
			if got, _ := os.ReadFile(cluster); string(got) != want {
				t.Errorf("the cluster's file is\n%swant\n%s", got, want)
			}
			o.KnownHosts.AcceptNew = false
			if _, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true")); (err == nil) != (tt.refused == "") {
				t.Errorf("the next time: %v", err)
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, says string) {
	t.Helper()
	switch _, refused := errors.AsType[*remote.HostKeyError](err); {
	case says == "" && err != nil:
		t.Errorf("refused: %v", err)
	case says == "":
	case remote.OutcomeOf(err) != remote.Failed || !refused && says != "host key" || !strings.Contains(fmt.Sprint(err), says):
		t.Errorf("%q does not say %q", err, says)
	}
}

func TestRealServersKeyTypes(t *testing.T) {
	s := startSSHD(t)
	for _, kind := range []string{"ed25519", "ecdsa"} {
		s.options.KnownHosts.Cluster = s.file(t, "known_"+kind, knownLine("cluster", s.keys[kind]))
		if _, err := newPool(t, s.options).Run(t.Context(), "node1", remote.Command("true")); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestInteractiveArgv(t *testing.T) {
	key := remotetest.HostKey(t).PublicKey()
	c := remote.Command("socat", "STDIO,raw", "UNIX-CONNECT:/run/x y")
	for name, tt := range map[string]struct{ system, cluster, want string }{
		"as Ganeti": {"", string(knownLine("cluster.example.com", key)),
			"ssh -oEscapeChar=none -oHashKnownHosts=no -oGlobalKnownHostsFile=CLUSTER -oUserKnownHostsFile=/dev/null -oCheckHostIp=no " +
				"-oConnectTimeout=10 -oHostKeyAlias=cluster.example.com -oPort=22 -oBatchMode=yes -oStrictHostKeyChecking=yes -4 -t -t " +
				`root@node1.example.com 'socat STDIO,raw '\''UNIX-CONNECT:/run/x y'\'''`},
		"the system's file has the node": {string(knownLine("node1.example.com", key)), string(knownLine("cluster.example.com", key)),
			"ssh -oEscapeChar=none -oHashKnownHosts=no '-oGlobalKnownHostsFile=SYSTEM CLUSTER' -oUserKnownHostsFile=/dev/null -oCheckHostIp=no " +
				"-oConnectTimeout=10 -oPort=22 -oBatchMode=yes -oStrictHostKeyChecking=yes -4 -t -t " +
				`root@node1.example.com 'socat STDIO,raw '\''UNIX-CONNECT:/run/x y'\'''`},
	} {
		t.Run(name, func(t *testing.T) {
			system, cluster := write(t, "system", []byte(tt.system)), write(t, "cluster", []byte(tt.cluster))
			p := newPool(t, remote.Options{
				Hosts:      func(node string) (remote.Host, error) { return remote.Host{Name: node, Address: "192.0.2.1"}, nil },
				KnownHosts: remote.KnownHosts{System: []string{system}, Cluster: cluster, Alias: "cluster.example.com"},
			})
			argv, err := p.InteractiveArgv("node1.example.com", c)
			want := strings.NewReplacer("SYSTEM", system, "CLUSTER", cluster).Replace(tt.want)
			if got := remote.Quote(argv...); err != nil || got != want {
				t.Errorf("got  %s\nwant %s\n%v", got, want, err)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	s := startSSHD(t)
	_, stranger := newKey(t)
	id := s.options.Identity[0]
	t.Run("refused keys are named", func(t *testing.T) {
		o := s.options
		other, _ := newKey(t)
		o.Identity = []string{other, "/nonexistent/id_rsa"}
		_, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "/nonexistent/id_rsa") {
			t.Error(err)
		}
	})
	t.Run("the second key fits", func(t *testing.T) {
		o := s.options
		other, _ := newKey(t)
		o.Identity = []string{other, id}
		if _, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true")); err != nil {
			t.Error(err)
		}
	})
	t.Run("an encrypted key is in the agent", func(t *testing.T) {
		socket := startAgent(t, id)
		o := s.options
		o.Identity = []string{write(t, "junk", []byte("no key"))}
		o.Agent = socket
		p := newPool(t, o)
		if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
			t.Error(err)
		}
		c := remote.Command("ssh-add", "-L")
		c.LendKey = true
		r, err := p.Run(t.Context(), "node1", c)
		if err != nil || bytes.Contains(r.Stdout, bytes.Fields(ssh.MarshalAuthorizedKey(stranger))[1]) || bytes.Count(r.Stdout, []byte("\n")) != 1 {
			t.Errorf("%s %v", r.Stdout, err)
		}
	})
	t.Run("rsa", func(t *testing.T) {
		rsa := filepath.Join(s.dir, "id_rsa")
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		public, _ := os.ReadFile(rsa + ".pub")
		s.file(t, "authorized_keys", public)
		o := s.options
		o.Identity = []string{rsa}
		if _, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true")); err != nil {
			t.Error(err)
		}
	})
}

// startAgent runs ssh-agent with one key.
func startAgent(t *testing.T, key string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Skip("NOT TESTED with an agent: ", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for range 100 {
		if exists(socket) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v %s", err, out)
	}
	return socket
}
