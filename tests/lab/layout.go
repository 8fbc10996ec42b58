package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// The addresses and names of every lab. Two labs use the same ones: they never meet, each has a network of its own.
const (
	Domain  = "example.com"
	Cluster = "cluster." + Domain // 192.0.2.10
	Outside = "192.0.2.254"       // the lab's own end of both networks: the default gateway, and nobody's node

	primaryNet   = "192.0.2."
	secondaryNet = "198.51.100."

	maxNodes     = 80
	maxInstances = 153
)

// Name is the short name of node n, counted from 1.
func Name(n int) string { return "node" + strconv.Itoa(n) }

// FullName is the host name of node n.
func FullName(n int) string { return Name(n) + "." + Domain }

// Primary is the address of node n on the primary network.
func Primary(n int) string { return primaryNet + strconv.Itoa(10+n) }

// Secondary is the address of node n on the secondary network.
func Secondary(n int) string { return secondaryNet + strconv.Itoa(10+n) }

// Number implements Kind.
func (l *Lab) Number(node string) (int, error) { return number(node) }

// Cable takes the port down: the node sees it.
func (l *Lab) Cable(_, way string) string { return way }

// number reads a node's name, short or full.
func number(node string) (int, error) {
	short := strings.TrimSuffix(node, "."+Domain)
	n, err := strconv.Atoi(strings.TrimPrefix(short, "node"))
	if err != nil || !strings.HasPrefix(short, "node") || n < 1 || n > maxNodes {
		return 0, fmt.Errorf("no such node: %q", node)
	}
	return n, nil
}

// hosts is /etc/hosts of every node: nothing else resolves names in a lab. Nodes and instances that do not exist (yet) have
// names too.
func hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	line := func(host int, name string) {
		fmt.Fprintf(&b, "%s%d %s.%s %s\n", primaryNet, host, name, Domain, name)
	}
	line(10, "cluster")
	line(9, "newcluster")
	for n := 1; n <= maxNodes; n++ {
		line(10+n, Name(n))
	}
	for n := 1; n <= maxInstances; n++ {
		line(100+n, "inst"+strconv.Itoa(n))
	}
	return b.String()
}
