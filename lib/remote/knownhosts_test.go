package remote

import (
	"bytes"
	"crypto/ed25519"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func testKey(seed byte) ssh.PublicKey {
	key, _ := ssh.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)).Public())
	return key
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"node1", "node1", true}, {"node1", "node12", false}, {"node?", "node1", true}, {"node?", "node", false},
		{"*", "", true}, {"*.example.com", "a.b.example.com", true}, {"*.example.com", "example.com", false},
		{"n*d*1", "node11", true}, {"[node1]:22", "[node1]:22", true}, {"", "", true}, {"", "a", false},
	} {
		if got := matches(tt.pattern, tt.name); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
	begun := time.Now()
	if matches(strings.Repeat("*a", 5000), strings.Repeat("a", 5000)+"b") {
		t.Error("it matches")
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("a pattern of stars took %v", took)
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("n*?e", "node")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, `[]\/`) || strings.Contains(name, "/") || strings.ToValidUTF8(pattern+name, "") != pattern+name || len(pattern) != len([]rune(pattern)) || len(name) != len([]rune(name)) {
			t.Skip("path.Match has another idea of these")
		}
		if want, err := path.Match(pattern, name); err == nil && matches(pattern, name) != want {
			t.Errorf("matches(%q, %q) = %v", pattern, name, !want)
		}
	})
}

// FuzzKnownHosts: whatever a file holds, a good line after it is found, the key replaced stays replaced, and nothing panics.
func FuzzKnownHosts(f *testing.F) {
	key, other := testKey(1), testKey(2)
	good := "node1 " + string(ssh.MarshalAuthorizedKey(key))
	f.Add([]byte("junk"))
	f.Add([]byte("|1|x|y ssh-ed25519 AAAA\n@revoked"))
	f.Add([]byte("node1 " + string(ssh.MarshalAuthorizedKey(other))))
	f.Add([]byte("@cert-authority !node1,* " + string(ssh.MarshalAuthorizedKey(other))))
	f.Fuzz(func(t *testing.T, junk []byte) {
		keys := about(parseKnownHosts("file", append(append(bytes.Clone(junk), '\n'), good...)), []string{"node1"})
		if len(keys) == 0 || !sameKey(keys[len(keys)-1].key, key) {
			t.Fatalf("the good line after %q is not found", junk)
		}
		for _, k := range keys {
			k.names("[node1]:2222")
		}
		once := replaceKey(junk, []string{"node1"}, key)
		if twice := replaceKey(once, []string{"node1"}, key); !bytes.Equal(once, twice) {
			t.Errorf("%q became %q", once, twice)
		}
		for _, k := range parseKnownHosts("file", once) {
			if k.marker == "" && len(k.hosts) == 1 && k.hosts[0] == "node1" && k.key.Type() == key.Type() && !sameKey(k.key, key) {
				t.Errorf("another key stayed: %q", once)
			}
		}
	})
}
