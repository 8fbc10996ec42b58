package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/filedisk"
	"gantry/lib/kvm"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

// askLimit is what a node gets for its whole answer. A frozen one is given up sooner, by the connection; one that is busy, or whose
// disks are slow to list, is not to be called silent.
const askLimit = 2 * time.Minute

// answer is what a node says.
type answer struct {
	failed     error // it did not answer at all
	garbled    error // a part of the answer cannot be read
	partial    bool  // it was only asked for its files
	start, end time.Time
	facts      nodefacts.Facts
	sums       map[string]string // path to checksum, of the files that are there
	version    version
	ssh        sshIdentity
	allowed    []string          // directories below which disks may be
	lacking    map[wanted]string // what is not as it should be: absent, kind, mode
	reached    map[string]string // destination to "ok" or why not; nil when nothing was tried
	logins     map[string]string // node to why a login there failed
	oses       []osdef.OS
	running    []string // instances
	fakes      []fake.State
	parameters []wrongParameters
	groups     []lvm.VG
	volumes    map[string]bool // VG/LV; nil when they were not asked for or cannot be listed
	noVolumes  bool            // they cannot be listed
	physical   []lvm.PV
	noPhysical bool // they cannot be listed
	segments   []lvm.Segment
	mirrors    mirrorAnswer
}

// version is the Gantry of a node; empty if there is none.
type version struct{ release, build string }

// sshIdentity is who a node is to SSH. Keys are in base64, without type and comment.
type sshIdentity struct {
	hostname                   string
	keys, hostKeys, authorized []string
	lines                      []string   // of authorized_keys
	known                      []knownKey // what this node knows of others
	system                     []string   // hosts the system's known_hosts files have; "*" is all, by an authority
	cluster                    []string   // lines of the cluster's known_hosts
	sshd                       map[string]string
	noise                      string
}

// knownKey is a line of a known_hosts file.
type knownKey struct {
	hosts []string
	key   string
}

// wrongParameters is a set of hypervisor parameters that cannot work on a node.
type wrongParameters struct{ source, hypervisor, text string }

// ask puts the question to all nodes at once.
func (g *group) ask(ctx context.Context, nodes []*config.Node) map[string]*answer {
	byName := map[string]*config.Node{}
	var names []string
	for _, n := range nodes {
		if !n.Offline {
			byName[n.Name] = n
			names = append(names, n.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answers := map[string]*answer{}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (*answer, error) {
		return g.askNode(ctx, byName[node])
	}) {
		if reply.Err != nil {
			reply.Value = &answer{failed: reply.Err}
		}
		answers[byName[reply.Node].UUID] = reply.Value
	}
	return answers
}

func (g *group) askNode(ctx context.Context, n *config.Node) (*answer, error) {
	probes := g.question(n)
	var cmds []remote.Cmd
	for _, p := range probes {
		cmds = append(cmds, p.cmd)
	}
	a := &answer{start: g.env.Clock()}
	results, err := nodefacts.Gather(ctx, g.env.Nodes, n.Name, cmds...)
	if err != nil {
		if _, spoken := errors.AsType[*remote.Error](err); spoken || ctx.Err() != nil {
			return nil, err
		}
		a.garbled = err // it answered, but not with what was asked for
		return a, nil
	}
	a.end = g.env.Clock()
	for i, p := range probes {
		if results[i].Status != 0 && p.failed != nil {
			p.failed(a)
			continue
		}
		if err := p.read(a, results[i].Stdout); err != nil && a.garbled == nil {
			a.garbled = err
		}
	}
	return a, nil
}

// readable says that the node gave all it was asked for.
func (a *answer) readable() bool { return a.failed == nil && a.garbled == nil }

func readSums(a *answer, out []byte) error {
	a.sums = map[string]string{}
	for line := range strings.Lines(string(out)) {
		sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 40 {
			return fmt.Errorf("unexpected checksum %q", line)
		}
		a.sums[path] = sum
	}
	return nil
}

// readVersion reads "gnt-cluster (ganeti 3.0.2-3) 3.0.2" and the checksum of the program's beginning.
func readVersion(a *answer, out []byte) error {
	first, second, _ := strings.Cut(string(out), "\n")
	if words := strings.Fields(first); len(words) > 0 {
		a.version.release = words[len(words)-1]
	}
	if words := strings.Fields(second); len(words) > 0 {
		a.version.build = words[0][:min(8, len(words[0]))]
	}
	return nil
}

func readIdentity(a *answer, out []byte) error {
	parts := remote.Sections(out)
	s := &a.ssh
	s.hostname, s.noise = strings.TrimSpace(parts["hostname"]), strings.TrimSpace(parts["noise"])
	s.keys, s.hostKeys, s.authorized = keysIn(parts["keys"]), keysIn(parts["host keys"]), keysIn(parts["authorized"])
	for line := range strings.Lines(parts["authorized"]) {
		s.lines = append(s.lines, strings.TrimSpace(line))
	}
	s.readKnown(parts["system known"], parts["cluster known"])
	s.sshd = map[string]string{}
	for line := range strings.Lines(parts["sshd"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.sshd[name] = value
	}
	if _, complete := parts["noise"]; !complete {
		return fmt.Errorf("the answer about SSH is cut off")
	}
	return nil
}

// readKnown reads known_hosts files.
func (s *sshIdentity) readKnown(system, cluster string) {
	for line := range strings.Lines(system) {
		if strings.HasPrefix(line, "@cert-authority ") {
			s.system = append(s.system, "*")
		}
		if k, ok := parseKnown(line); ok {
			s.known, s.system = append(s.known, k), append(s.system, k.hosts...)
		}
	}
	for line := range strings.Lines(cluster) {
		if line = strings.TrimSpace(line); line != "" {
			s.cluster = append(s.cluster, line)
		}
		if k, ok := parseKnown(line); ok {
			s.known = append(s.known, k)
		}
	}
}

// parseKnown reads "HOST,HOST TYPE KEY". Lines with a marker in front are not about one key.
func parseKnown(line string) (knownKey, bool) {
	f := strings.Fields(line)
	if len(f) < 3 || !strings.HasPrefix(f[2], "AAAA") {
		return knownKey{}, false
	}
	return knownKey{strings.Split(f[0], ","), f[2]}, true
}

// keysIn picks the keys out of lines of the forms that OpenSSH writes, with options, markers or hosts in front.
func keysIn(text string) []string {
	var keys []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "AAAA") {
				keys = append(keys, word)
				break
			}
		}
	}
	return keys
}

func readAllowed(a *answer, out []byte) error {
	a.allowed = filedisk.ParsePaths(out)
	return nil
}

func (a *answer) readLooks(list []wanted, out []byte) error {
	a.lacking = map[wanted]string{}
	for line := range strings.Lines(string(out)) {
		number, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(list) {
			return fmt.Errorf("unexpected answer %q", line)
		}
		a.lacking[list[n]] = what
	}
	return nil
}

// readReached reads what reach.sh says. A destination that it does not come back to has not answered in time.
func (a *answer) readReached(where []destination, out []byte) error {
	first, rest, _ := strings.Cut(string(out), "\n")
	if first == "" {
		return nil
	}
	a.reached = map[string]string{}
	for _, d := range where {
		a.reached[d.name] = "Connection timed out"
	}
	for line := range strings.Lines(rest) {
		name, how, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if _, asked := a.reached[name]; !ok || !asked {
			return fmt.Errorf("unexpected answer %q", line)
		}
		a.reached[name] = how
	}
	return nil
}

func (a *answer) readKVM(out []byte) error {
	states, err := kvm.ParseStates(out)
	for _, s := range states {
		if s.Running() && kvm.Present(s.Status) {
			a.running = append(a.running, s.Name)
		}
	}
	return err
}

func (a *answer) readFake(out []byte) error {
	states, err := fake.ParseStates(out)
	for _, s := range states {
		a.running = append(a.running, s.Name)
	}
	a.fakes = states
	return err
}

// reason is why a node did not answer, without the command it was asked with.
func reason(err error) string {
	e, ok := errors.AsType[*remote.Error](err)
	switch {
	case ok && errors.Is(e.Err, remote.ErrUnreachable): // a connection that does not come about in time is a DeadlineExceeded as well
		return e.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %d seconds", askLimit/time.Second)
	case !ok:
		return err.Error()
	case e.Err != nil:
		return e.Err.Error()
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(e.Stderr)), "\n")
	return strings.TrimSuffix(fmt.Sprintf("exit status %d: %s", e.Status, said), ": ")
}
