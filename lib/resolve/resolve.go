// Package resolve asks a node's own resolver for names: getent follows nsswitch.conf, as all other programs there do.
package resolve

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Host is what a name resolves to: its full name and its first address.
type Host struct{ Name, IP string }

// databases by address family, as the configuration numbers them: 2 is IPv4, 10 is IPv6.
var databases = map[int]string{2: "ahostsv4", 10: "ahostsv6"}

// Name resolves a name on a node. A name that cannot be one, or does not resolve, is refused in Ganeti's words.
func Name(ctx context.Context, r remote.Runner, node, name string, family int) (Host, error) {
	if lower := strings.ToLower(name); !config.IsHost(lower) {
		return Host{}, fault.Refuse(fault.WrongInput, "Invalid hostname '%s'", lower)
	}
	result, err := r.Run(ctx, node, lookup(name, family))
	if err != nil {
		return Host{}, err
	}
	if host, ok := parse(name, result.Stdout); ok {
		return host, nil
	}
	return Host{}, fault.Refuse(fault.Resolver, "The given name (%s) does not resolve: Name or service not known", name)
}

func lookup(name string, family int) remote.Cmd {
	c := remote.Command("getent", databases[family], "--", name)
	c.Limit = 20 * time.Second
	c.OK = []int{2} // not found
	return c
}

// parse reads "192.0.2.11      STREAM node1.example.com": only the first line of an answer has the full name. What is no address or
// no name of a host is no answer.
func parse(name string, out []byte) (Host, bool) {
	line, _, _ := strings.Cut(string(out), "\n")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return Host{}, false
	}
	host := Host{Name: name, IP: fields[0]}
	if len(fields) > 2 {
		host.Name = fields[2]
	}
	_, err := netip.ParseAddr(host.IP)
	return host, err == nil && config.IsHost(strings.ToLower(host.Name))
}
