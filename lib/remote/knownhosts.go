package remote

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// knownKey is one line of a known_hosts file.
type knownKey struct {
	file   string
	line   int
	marker string // "", "cert-authority" or "revoked"
	hosts  []string
	key    ssh.PublicKey
}

// parseKnownHosts reads a known_hosts file. A line it cannot read is skipped, as OpenSSH does: one bad line must not make
// all nodes unknown.
func parseKnownHosts(file string, data []byte) []knownKey {
	var keys []knownKey
	for i, line := range bytes.Split(data, []byte("\n")) {
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil {
			keys = append(keys, knownKey{file, i + 1, marker, hosts, key})
		}
	}
	return keys
}

// names says whether the line is about the host that is called name: a host name, an address, or "[name]:port".
func (k knownKey) names(name string) bool {
	found := false
	for _, pattern := range k.hosts {
		negated := strings.HasPrefix(pattern, "!")
		switch {
		case strings.HasPrefix(pattern, "|1|"):
			found = found || hashes(pattern, name)
		case !matches(strings.ToLower(strings.TrimPrefix(pattern, "!")), strings.ToLower(name)):
		case negated:
			return false
		default:
			found = true
		}
	}
	return found
}

// hashes says whether pattern is the hashed form of name: |1|SALT|HMAC-SHA1.
func hashes(pattern, name string) bool {
	parts := strings.Split(pattern, "|")
	if len(parts) != 4 {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	want, err2 := base64.StdEncoding.DecodeString(parts[3])
	if err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(strings.ToLower(name)))
	return hmac.Equal(mac.Sum(nil), want)
}

// matches compares with * and ? in the pattern, in time linear in each of both however many stars there are.
func matches(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// sameKey compares two public keys.
func sameKey(a, b ssh.PublicKey) bool {
	return a.Type() == b.Type() && bytes.Equal(a.Marshal(), b.Marshal())
}
