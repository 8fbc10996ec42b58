package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// KnownHosts says who vouches for host keys, in this order: the system's files (configuration management writes them), with
// their @cert-authority lines; then the cluster's file, under the node's own names or under the cluster's.
type KnownHosts struct {
	System    []string // nil is DefaultSystemKnownHosts
	Cluster   string   // /var/lib/ganeti/known_hosts; "" is none
	Alias     string   // the cluster's name, which stands for all nodes in the cluster's file
	AcceptNew bool     // take a key that nobody vouches for and keep it: gnt-node add --no-ssh-key-check, nothing else
}

// DefaultSystemKnownHosts are where OpenSSH's client of root looks.
var DefaultSystemKnownHosts = []string{
	"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2", "/root/.ssh/known_hosts", "/root/.ssh/known_hosts2",
}

// HostKeyError refuses a host key. File and Line are those of the key that was expected instead, if there is one.
type HostKeyError struct {
	Host        string
	Fingerprint string // with the key's type
	File        string
	Line        int
	Revoked     bool
	Searched    []string
	keyType     string
}

func (e *HostKeyError) Error() string {
	switch {
	case e.Revoked:
		return fmt.Sprintf("the host key of %s (%s) is revoked by %s line %d", e.Host, e.Fingerprint, e.File, e.Line)
	case e.File != "":
		return fmt.Sprintf("the host key of %s (%s) is not the one in %s line %d", e.Host, e.Fingerprint, e.File, e.Line)
	}
	return fmt.Sprintf("nobody vouches for the host key of %s (%s): it is not in %s", e.Host, e.Fingerprint, strings.Join(e.Searched, ", "))
}

// trust reads the known_hosts files; a file that changed is read again when the next connection is made.
type trust struct {
	from KnownHosts
	mu   sync.Mutex
	read map[string]knownFile
}

type knownFile struct {
	info os.FileInfo
	keys []knownKey
}

func newTrust(from KnownHosts) *trust {
	if from.System == nil {
		from.System = DefaultSystemKnownHosts
	}
	return &trust{from: from, read: map[string]knownFile{}}
}

// keys are the lines of the file, none when it cannot be read.
func (t *trust) keys(path string) []knownKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if old, ok := t.read[path]; ok && os.SameFile(old.info, info) && old.info.ModTime().Equal(info.ModTime()) && old.info.Size() == info.Size() {
		return old.keys
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	keys := parseKnownHosts(path, data)
	t.read[path] = knownFile{info, keys}
	return keys
}

// hostTrust is what is known about one host's keys while a connection to it is made.
type hostTrust struct {
	host    Host
	from    *trust
	names   []string   // the host's own
	system  []knownKey // lines of the system's files with one of the names
	cluster []knownKey // lines of the cluster's file with one of the names or the cluster's
	tried   []string   // key types that the server has shown and nobody vouches for
	refused *HostKeyError
	shown   bool // the server has shown a key
	record  ssh.PublicKey
}

// about gathers what the files say about a host.
func (t *trust) about(host Host) *hostTrust {
	h := &hostTrust{host: host, from: t, names: host.names()}
	for _, file := range t.from.System {
		h.system = append(h.system, about(t.keys(file), h.names)...)
	}
	if t.from.Cluster != "" {
		names := h.names
		if t.from.Alias != "" {
			names = append(slices.Clone(names), t.from.Alias)
		}
		h.cluster = about(t.keys(t.from.Cluster), names)
	}
	return h
}

func about(keys []knownKey, names []string) []knownKey {
	var mine []knownKey
	for _, k := range keys {
		if slices.ContainsFunc(names, k.names) {
			mine = append(mine, k)
		}
	}
	return mine
}

// names are what a known_hosts line may call the host. Like OpenSSH, a line without a port counts for any port.
func (h Host) names() []string {
	var names []string
	for _, name := range []string{h.Name, h.Address} {
		if name == "" || slices.Contains(names, name) {
			continue
		}
		if h.port() != 22 {
			names = append(names, fmt.Sprintf("[%s]:%d", name, h.port()))
		}
		names = append(names, name)
	}
	return names
}

// check is the host key callback. The order of its steps is the order of trust.
func (h *hostTrust) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	h.shown = true
	all := slices.Concat(h.system, h.cluster)
	if k, ok := revoked(all, key); ok {
		return h.refuse(&HostKeyError{File: k.file, Line: k.line, Revoked: true}, key)
	}
	switch {
	case h.vouches(h.system, key):
		h.record = h.outdated(key)
		return nil
	case h.vouches(h.cluster, key):
		return nil
	case h.from.from.AcceptNew:
		h.record = plainKey(key)
		return nil
	}
	refusal := &HostKeyError{Searched: append(slices.Clone(h.from.from.System), h.from.from.Cluster)}
	for _, k := range all {
		if k.marker == "" && (refusal.File == "" || k.key.Type() == key.Type()) {
			refusal.File, refusal.Line = k.file, k.line
		}
	}
	return h.refuse(refusal, key)
}

// refuse keeps the first refusal: it is about the key type that was preferred.
func (h *hostTrust) refuse(e *HostKeyError, key ssh.PublicKey) error {
	e.Host, e.keyType = h.host.Name, key.Type()
	e.Fingerprint = key.Type() + " " + ssh.FingerprintSHA256(plainKey(key))
	if h.refused == nil {
		h.refused = e
	}
	return e
}

// vouches says whether one of the lines has the key, or the authority that signed it for this host.
func (h *hostTrust) vouches(lines []knownKey, key ssh.PublicKey) bool {
	cert, isCert := key.(*ssh.Certificate)
	for _, k := range lines {
		switch {
		case k.marker == "" && sameKey(k.key, plainKey(key)):
			return true
		case k.marker == "cert-authority" && isCert && sameKey(k.key, cert.SignatureKey) && h.certified(cert):
			return true
		}
	}
	return false
}

// certified says whether the certificate is a valid one for this host.
func (h *hostTrust) certified(cert *ssh.Certificate) bool {
	if cert.CertType != ssh.HostCert {
		return false
	}
	checker := &ssh.CertChecker{}
	return slices.ContainsFunc([]string{h.host.Name, h.host.Address}, func(name string) bool {
		return name != "" && checker.CheckCert(name, cert) == nil
	})
}

func revoked(lines []knownKey, key ssh.PublicKey) (knownKey, bool) {
	cert, isCert := key.(*ssh.Certificate)
	for _, k := range lines {
		if k.marker == "revoked" && (sameKey(k.key, plainKey(key)) || isCert && sameKey(k.key, cert.SignatureKey)) {
			return k, true
		}
	}
	return knownKey{}, false
}

// plainKey is the key inside a certificate, or the key.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// algorithms is what the server is asked to show, best first: certificates when an authority is known, key types that are
// known, then the rest, so that the refusal of an unknown key can name it.
func (h *hostTrust) algorithms() []string {
	supported := ssh.SupportedAlgorithms().HostKeys
	var order []string
	add := func(wanted func(algorithm string) bool) {
		for _, a := range supported {
			if wanted(a) && !slices.Contains(order, a) && !slices.Contains(h.tried, keyTypeOf(a)) {
				order = append(order, a)
			}
		}
	}
	all := slices.Concat(h.system, h.cluster)
	if slices.ContainsFunc(all, func(k knownKey) bool { return k.marker == "cert-authority" }) {
		add(isCertificate)
	}
	for _, k := range all {
		if k.marker == "" {
			add(func(a string) bool { return keyTypeOf(a) == k.key.Type() })
		}
	}
	add(func(a string) bool { return !isCertificate(a) })
	return order
}

func isCertificate(algorithm string) bool { return strings.Contains(algorithm, "-cert-") }

// keyTypeOf is the type of the keys that an algorithm signs with.
func keyTypeOf(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	}
	return algorithm
}

// without leaves a key type out of the next try. It says whether another try makes sense: some type that is known has
// not been shown yet.
func (h *hostTrust) without(keyType string) bool {
	if slices.Contains(h.tried, keyType) || h.refused.Revoked {
		return false
	}
	h.tried = append(h.tried, keyType)
	return slices.ContainsFunc(slices.Concat(h.system, h.cluster), func(k knownKey) bool {
		return k.marker == "" && !slices.Contains(h.tried, k.key.Type())
	})
}

// outdated gives the key back if the cluster's file has another one of its type under the host's own name: what the
// system's file says replaces that.
func (h *hostTrust) outdated(key ssh.PublicKey) ssh.PublicKey {
	key = plainKey(key)
	for _, k := range h.cluster {
		if k.marker == "" && k.key.Type() == key.Type() && !sameKey(k.key, key) && slices.ContainsFunc(h.names, k.names) {
			return key
		}
	}
	return nil
}

// accepted is called when the login is done: a key that is to be kept is written to the cluster's file.
func (h *hostTrust) accepted() error {
	if h.record == nil || h.from.from.Cluster == "" {
		return nil
	}
	err := recordKey(h.from.from.Cluster, h.names, h.record)
	if err != nil && !h.from.from.AcceptNew {
		return nil // the system's file vouches for the key; ours being behind hurts nobody
	}
	if err != nil {
		return errors.Join(errors.New("keeping the new host key"), err)
	}
	return nil
}
