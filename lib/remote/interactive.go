package remote

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Terminal is the person's side of an interactive command.
type Terminal struct{ In, Out, Err *os.File }

// InteractiveArgv is the ssh(1) command that runs c on the node with a terminal, as gnt-instance console --show-cmd prints
// it. Its options are Ganeti's; the host key is looked for where the Pool would find it.
func (p *Pool) InteractiveArgv(node string, c Cmd) ([]string, error) {
	host, err := p.opts.Hosts(node)
	if err != nil {
		return nil, err
	}
	files, alias := p.knownFor(host)
	argv := []string{
		"ssh", "-oEscapeChar=none", "-oHashKnownHosts=no", "-oGlobalKnownHostsFile=" + files,
		"-oUserKnownHostsFile=/dev/null", "-oCheckHostIp=no", "-oConnectTimeout=10",
	}
	if alias != "" {
		argv = append(argv, "-oHostKeyAlias="+alias)
	}
	for _, file := range p.opts.Identity {
		if !slices.Contains(DefaultIdentity, file) {
			argv = append(argv, "-i"+file)
		}
	}
	family := "-4"
	if strings.Contains(host.Address, ":") {
		family = "-6"
	}
	argv = append(argv, "-oPort="+strconv.Itoa(host.port()), "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", family, "-t", "-t")
	return append(argv, p.opts.User+"@"+host.Name, Quote(c.Argv...)), nil
}

// knownFor says which files and which name ssh(1) is to look a host key up with. It can be told only one name: the cluster's,
// unless the node's own is what the files have.
func (p *Pool) knownFor(host Host) (files, alias string) {
	from, h := p.trust.from, p.trust.about(host)
	own := len(h.system) > 0
	for _, k := range h.cluster {
		own = own || slices.ContainsFunc(h.names, k.names)
	}
	if !own || from.Cluster == "" {
		return from.Cluster, from.Alias
	}
	return strings.Join(append(slices.Clone(from.System), from.Cluster), " "), ""
}

// Interactive runs c with the person's terminal until it ends and returns its exit status. On the master's own node there
// is no SSH between. Nothing limits it but the person.
func (p *Pool) Interactive(ctx context.Context, node string, c Cmd, t Terminal) (int, error) {
	host, err := p.opts.Hosts(node)
	if err != nil {
		return 0, err
	}
	argv := c.Argv
	if !host.Local {
		if argv, err = p.InteractiveArgv(node, c); err != nil {
			return 0, err
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.In, t.Out, t.Err
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Enter runs c on a node that takes no key yet, by way of ssh(1), which asks the person at the terminal for a password. c reads
// its Stdin; what it and ssh(1) say comes with the error. A host key is accepted unseen only where the Pool may do so.
func (p *Pool) Enter(ctx context.Context, node string, c Cmd) error {
	argv, err := p.enterArgv(node, c)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	said, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	failed := &Error{Node: node, Line: c.Line(), Outcome: Unknown, Stderr: said, Err: err}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		failed.Outcome, failed.Status, failed.Err = Failed, exit.ExitCode(), nil
	}
	return failed
}

func (p *Pool) enterArgv(node string, c Cmd) ([]string, error) {
	host, err := p.opts.Hosts(node)
	if err != nil {
		return nil, err
	}
	argv := []string{"ssh", "-oEscapeChar=none", "-oConnectTimeout=10", "-oNumberOfPasswordPrompts=3"}
	if p.opts.KnownHosts.AcceptNew {
		argv = append(argv, "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
	} else {
		argv = append(argv, "-oStrictHostKeyChecking=yes")
	}
	to := host.Name
	if host.Address != "" {
		to = host.Address
		argv = append(argv, "-oHostKeyAlias="+host.Name)
	}
	return append(argv, "-oPort="+strconv.Itoa(host.port()), "-T", p.opts.User+"@"+to, Quote(c.Argv...)), nil
}
