package verify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// Every master candidate must be able to log in to every node, or it could not become master. Trying that out costs two
// handshakes for each pair, so it is proven from what the nodes said: the connection comes about, one of the candidate's keys is
// authorised there, and the candidate knows the node's host key. Only where that is not so is it tried, which gives the reason.

// logIn tries the logins that are not proven.
func (g *group) logIn(ctx context.Context) {
	tries := map[string][]*config.Node{}
	var names []string
	for _, n := range g.nodes {
		a := g.answers[n.UUID]
		if a == nil || !a.readable() || !candidate(g.cfg, n) || n.UUID == g.cfg.Cluster.MasterNode {
			continue
		}
		for _, p := range g.partners(n) {
			if connected(a, p) && !g.proven(a, p) {
				tries[n.Name] = append(tries[n.Name], p)
			}
		}
		if tries[n.Name] != nil {
			names = append(names, n.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) ([]remote.Result, error) {
		return nodefacts.Gather(ctx, g.env.Nodes, node, g.login(tries[node]))
	}) {
		a := g.answerOf(reply.Node)
		a.logins = map[string]string{}
		for _, p := range tries[reply.Node] {
			if reply.Err != nil {
				a.logins[p.Name] = "ssh problem: " + reason(reply.Err)
				continue
			}
			a.logins[p.Name] = loginProblem(p.Name, remote.Sections(reply.Value[0].Stdout)[p.Name])
		}
	}
}

func (g *group) login(nodes []*config.Node) remote.Cmd {
	args := []string{g.inDataDir("known_hosts"), g.cfg.Cluster.ClusterName, g.cfg.Cluster.SSHIdentity}
	for _, n := range nodes {
		args = append(args, n.Name, strconv.Itoa(g.cfg.SSHPort(n)))
	}
	return remote.Script(loginScript, args...)
}

// loginProblem reads what login.sh says of one node.
func loginProblem(node, said string) string {
	i := strings.LastIndex(said, "status ")
	if i < 0 {
		return "ssh problem: no answer"
	}
	output, status := strings.ReplaceAll(said[:i], "\r", ""), strings.TrimSpace(said[i+len("status "):])
	switch {
	case status == "0":
		lines := strings.Split(strings.TrimSpace(output), "\n") // ssh may have warned of something before
		return misnamed(node, lines[len(lines)-1])
	case strings.TrimSpace(output) == "":
		return fmt.Sprintf("ssh problem: exited with exit code %s (no output)", status)
	}
	return "ssh problem: " + ending(output)
}

// ending is what a long warning comes down to: its last two lines.
func ending(text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) <= 3 {
		return text
	}
	return strings.Join(lines[len(lines)-2:], "") + "\n"
}

// misnamed says that a node calls itself by another name than the cluster, "" if it does not.
func misnamed(node, hostname string) string {
	switch {
	case hostname == node:
		return ""
	case strings.HasPrefix(node, hostname+"."):
		return fmt.Sprintf("hostname not FQDN: expected %s but got %s", node, hostname)
	}
	return fmt.Sprintf("hostname mismatch: expected %s but got %s", node, hostname)
}

// connected says that a connection to the node's sshd came about, or that none was tried.
func connected(a *answer, to *config.Node) bool {
	how := a.reached[to.Name+" primary"]
	return how == "" || how == "ok"
}

// proven says that a login from the node that gave this answer to another would work.
func (g *group) proven(a *answer, to *config.Node) bool {
	there := g.answers[to.UUID]
	if there == nil || there.partial || !there.readable() || a.reached[to.Name+" primary"] != "ok" {
		return false
	}
	names := []string{to.Name, to.PrimaryIP, g.cfg.Cluster.ClusterName}
	known := slices.ContainsFunc(a.ssh.known, func(k knownKey) bool {
		return slices.Contains(there.ssh.hostKeys, k.key) && slices.ContainsFunc(k.hosts, func(h string) bool { return slices.Contains(names, h) })
	})
	return known && slices.ContainsFunc(a.ssh.keys, func(key string) bool { return slices.Contains(there.ssh.authorized, key) })
}

// loginFailure is why a candidate cannot log in to a node, "" if it can. The master has just done so, or not.
func (g *group) loginFailure(from *config.Node, a *answer, to *config.Node) string {
	there := g.answers[to.UUID]
	text, tried := a.logins[to.Name]
	switch {
	case !connected(a, to):
		return fmt.Sprintf("ssh problem: ssh: connect to host %s port %d: %s\n", to.Name, g.cfg.SSHPort(to), a.reached[to.Name+" primary"])
	case tried:
		return text
	case there == nil, there.partial: // the verification of its own group tells
		return ""
	case there.failed != nil:
		return "ssh problem: " + reason(there.failed)
	case !there.readable():
		return ""
	}
	return misnamed(to.Name, there.ssh.hostname)
}

// connections is what a candidate reaches.
func (g *group) connections(n *config.Node, a *answer) {
	if !candidate(g.cfg, n) {
		return
	}
	partners := g.partners(n)
	for _, p := range partners {
		if text := g.loginFailure(n, a, p); text != "" {
			g.errorf("ENODESSH", n.Name, "ssh communication with node '%s': %s", p.Name, text)
		}
	}
	for _, p := range partners {
		if interfaces := unreached(a, p); interfaces != nil && p.Group == n.Group {
			g.errorf("ENODENET", n.Name, "tcp communication with node '%s': failure using the %s interface(s)", p.Name, strings.Join(interfaces, " and "))
		}
	}
	switch {
	case n.UUID == g.cfg.Cluster.MasterNode:
		g.errorIf(!a.facts.HasAddress(g.cfg.Cluster.MasterIP), "ENODENET", n.Name, "the master node cannot reach the master IP (not configured?)")
	default:
		g.errorIf(silent(a.reached["master IP"]), "ENODENET", n.Name, "cannot reach the master IP")
	}
}

// unreached are the interfaces of a node that do not answer.
func unreached(a *answer, p *config.Node) []string {
	var list []string
	if !connected(a, p) {
		list = append(list, "primary")
	}
	if silent(a.reached[p.Name+" secondary"]) {
		list = append(list, "secondary")
	}
	return list
}

// silent says that nobody answers: being refused is an answer, too.
func silent(how string) bool { return how != "" && how != "ok" && how != "Connection refused" }

// sshd looks at what would make the commands fail in odd ways.
func (g *group) sshd(n *config.Node, a *answer) {
	for _, trouble := range nodefacts.LoginTroubles(a.ssh.sshd, a.ssh.noise) {
		g.errorf("ENODESSH", n.Name, "%s", trouble)
	}
}

// access looks at the keys that the cluster has authorised, if it looks after them.
func (g *group) access() {
	if !g.cfg.Cluster.ModifySSHSetup {
		return
	}
	for _, n := range g.nodes {
		if n.Offline {
			continue
		}
		a := g.answers[n.UUID]
		if a.failed != nil {
			g.errorf("ENODESSH", n.Name, "Could not verify the SSH setup of this node.")
			return // as in Ganeti
		}
		g.forgottenKeys(n, a)
		if g.op.Clutter {
			g.clutter(n, a)
		}
	}
}

// forgottenKeys finds keys that were made for one copy and not taken away after it.
func (g *group) forgottenKeys(n *config.Node, a *answer) {
	for i, line := range a.ssh.lines {
		if id, until := backup.Admitted(line); id != "" && until.Before(g.env.Clock()) {
			g.errorf("ENODESSH", n.Name, "line %d of root's authorized_keys is the key of copy %s, which has ended; it opens nothing any more and can be removed", i+1, id)
		}
	}
}

// clutter finds more authorised keys of a node than it has.
func (g *group) clutter(n *config.Node, a *answer) {
	lines := map[string][]string{}
	for i, line := range a.ssh.lines {
		if _, host, ok := strings.Cut(line, " root@"); ok {
			lines[host] = append(lines[host], strconv.Itoa(i+1))
		}
	}
	var entries string
	for _, host := range sorted(lines) {
		there := g.answerOf(host)
		if there != nil && there.readable() && len(lines[host]) > max(len(there.ssh.keys), 1) {
			entries += fmt.Sprintf("Entry for '%s' in lines %s. ", host, comma(lines[host]))
		}
	}
	g.errorIf(entries != "", "ENODESSH", "", "There are hosts which have more than one SSH key stored for the same user in the 'authorized_keys' file of node %s. "+
		"This can be due to an unsuccessful operation which cluttered up the 'authorized_keys' file. We recommend to clean this up manually. %s", n.Name, entries)
}
