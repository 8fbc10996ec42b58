package nodefacts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// CheckPorts refuses a change of the configuration that has nodes looked for where no sshd answers: without a majority of the
// candidates nothing could be changed any more, not even this. way is how it can be done all the same, since sshd may be about to
// move; forced, it is, with warnings.
func CheckPorts(ctx context.Context, r remote.Runner, before, after *config.Config, forced bool, way string, warn func(format string, args ...any)) error {
	silent, err := silentPorts(ctx, r, before, after)
	if err != nil || silent == nil {
		return err
	}
	if !forced {
		return fault.Refuse(fault.WrongState, "%s; %s", strings.Join(silent, "\n"), way)
	}
	for _, text := range silent {
		warn("%s", text)
	}
	return nil
}

// ByForce is the way where the command has --force.
const ByForce = "--force sets it all the same"

// silentPorts says on which nodes that is so. They are asked from the master's own, all at once. What could not be found out is an
// error.
func silentPorts(ctx context.Context, r remote.Runner, before, after *config.Config) (problems []string, err error) {
	asked := map[int][]*config.Node{}
	for _, n := range after.Nodes {
		old, port := before.Node(n.UUID), after.SSHPort(n)
		// What is no port at all is refused for that.
		if old != nil && !n.Offline && port != before.SSHPort(old) && port > 0 && port <= 65535 {
			asked[port] = append(asked[port], n)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(asked)) {
		res, err := r.Run(ctx, before.MasterNode().Name, scan(port, asked[port]))
		if err != nil {
			return nil, fmt.Errorf("looking for sshd on port %d: %w", port, err)
		}
		answered := scanned(string(res.Stdout))
		for _, n := range asked[port] {
			if !answered[n.PrimaryIP] {
				problems = append(problems, fmt.Sprintf("Node %s (%s) does not answer SSH on port %d, and will not be reached before it does", n.Name, n.PrimaryIP, port))
			}
		}
	}
	return problems, nil
}

func scan(port int, nodes []*config.Node) remote.Cmd {
	argv := []string{"ssh-keyscan", "-T", "5", "-p", strconv.Itoa(port)}
	for _, n := range nodes {
		argv = append(argv, n.PrimaryIP)
	}
	c := remote.Command(argv...)
	c.OK = []int{1} // none answered
	return c
}

// scanned reads the addresses that have shown a key: "ADDRESS TYPE KEY", or "[ADDRESS]:PORT TYPE KEY".
func scanned(out string) map[string]bool {
	answered := map[string]bool{}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 3 && !strings.HasPrefix(line, "#") {
			address, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "["), "]")
			answered[address] = true
		}
	}
	return answered
}
