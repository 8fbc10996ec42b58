package remote

import "strconv"

// Hop begins the ssh(1) command that goes on from any node to this one, for a command with LendKey: the words of what is to be
// run there follow as one (Quote). Address is which of its addresses to use, "" its usual one. Host keys are looked for where
// the Pool would find them: the cluster's file is the same on all nodes.
func (p *Pool) Hop(node, address string) ([]string, error) {
	host, err := p.opts.Hosts(node)
	if err != nil {
		return nil, err
	}
	if address == "" {
		address = host.Address
	}
	files, alias := p.knownFor(host)
	if alias == "" {
		alias = host.Name
	}
	// The keepalives end a copy whose other side has gone.
	return []string{
		"ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oEscapeChar=none", "-oForwardAgent=no", "-oConnectTimeout=10",
		"-oServerAliveInterval=15", "-oServerAliveCountMax=4", "-oCheckHostIP=no", "-oHashKnownHosts=no", "-oGlobalKnownHostsFile=" + files,
		"-oUserKnownHostsFile=/dev/null", "-oHostKeyAlias=" + alias, "-oPort=" + strconv.Itoa(host.port()), "-T", p.opts.User + "@" + address,
	}, nil
}
