// Package badinput gives the commands of a cluster what nobody should: each answers as real Ganeti 3.0.2 did, and changes nothing.
package badinput

import (
	"fmt"
	"strings"
	"testing"

	"gantry/lib/remote"
	"gantry/tests/lab"
)

// refusal is a command line that is refused: with this exit status, and this at the end of standard error.
type refusal struct {
	words  []string
	status int
	says   string
}

const (
	prereq   = "Failure: prerequisites not met for this operation:\n"
	wrong    = prereq + "error type: wrong_input, error details:\n"
	unknown  = prereq + "error type: unknown_entity, error details:\n"
	exec     = "Failure: command execution error:\n"
	protocol = "Unhandled protocol error while talking to the master daemon:\nFailed to parse request: SubmitJob: Can't parse value for "
	badTag   = "Failure: invalid tag(s) given:\n"
	noJob    = "Unhandled protocol error while talking to the master daemon:\nInvalid parameter passed to "
	noInts   = wrong + "Invalid job ID passed: invalid literal for int() with base 10: 'x'"
)

func args(words ...string) []string { return words }

var long = strings.Repeat("a", 300)

var refusals = []refusal{
	// options
	{args("gnt-node", "list", "--nosuch"), 2, "gnt-node: error: no such option: --nosuch"},
	{args("gnt-node", "list", "-Z"), 2, "gnt-node: error: no such option: -Z"},
	{args("gnt-node", "list", "-o"), 2, "gnt-node: error: -o option requires 1 argument"},
	{args("gnt-os", "list", "--no-headers=1"), 2, "gnt-os: error: --no-headers option does not take a value"},
	{args("gnt-node", "modify", "-C", "maybe", "node2"), 1, "Failure: unknown/wrong parameter name 'Invalid boolean value 'maybe''"},
	{args("gnt-cluster", "add-tags"), 1, "No tags to be added"},
	{args("gnt-cluster", "getmaster", "x"), 1, "Error: Command getmaster expects no arguments"},
	{args("gnt-node", "remove"), 1, "Error: Command remove expects 1 argument(s)"},
	{args("gnt-cluster", "command"), 1, "Error: Command command expects at least 1 argument(s)"},
	// names
	{args("gnt-node", "add", "a b"), 1, wrong + "Invalid hostname 'a b'"},
	{args("gnt-node", "add", "a\nb"), 1, wrong + "Invalid hostname 'a\nb'"},
	{args("gnt-node", "add", "$(touch /pwned)"), 1, wrong + "Invalid hostname '$(touch /pwned)'"},
	{args("gnt-node", "add", "--", "-oProxyCommand=x"), 1, wrong + "Invalid hostname '-oproxycommand=x'"},
	{args("gnt-node", "add", "a\xffb"), 1, wrong + `"a\xffb" is not valid UTF-8`},
	{args("gnt-node", "add", long), 1, wrong + "Invalid hostname '" + long + "'"},
	{args("gnt-node", "add", "nosuch.invalid"), 1, prereq + "error type: resolver_error, error details:\nThe given name (nosuch.invalid) does not resolve: Name or service not known"},
	{args("gnt-node", "remove", "$(touch /pwned)"), 1, unknown + "Node '$(touch /pwned)' not known"},
	{args("gnt-node", "modify", "-C", "no", "nosuch"), 1, unknown + "Node 'nosuch' not known"},
	{args("gnt-network", "remove", "no'such"), 1, unknown + "Network 'no'such' not found"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", ""), 1, protocol + "'network_name': Received empty value for non-empty list"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", "a\xffb"), 1, wrong + `"a\xffb" is not valid UTF-8`},
	// tags
	{args("gnt-cluster", "add-tags", "a b"), 1, badTag + "Tag contains invalid characters"},
	{args("gnt-cluster", "add-tags", "a\nb"), 1, badTag + "Tag contains invalid characters"},
	{args("gnt-cluster", "add-tags", "$(touch /pwned)"), 1, badTag + "Tag contains invalid characters"},
	{args("gnt-cluster", "add-tags", ""), 1, badTag + "Tags cannot be empty"},
	{args("gnt-cluster", "add-tags", "good", long), 1, badTag + "Tag too long (>128 characters)"},
	// networks
	{args("gnt-network", "add", "--network=foo", "net2"), 1, wrong + "Parameter 'OP_NETWORK_ADD.network' fails validation"},
	{args("gnt-network", "add", "--network=10.0.0.0/33", "net2"), 1, exec + "'33' is not a valid netmask"},
	{args("gnt-network", "add", "--network=10.0.0.5/24", "net2"), 1, exec + "10.0.0.5/24 has host bits set"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", "--gateway=10.1.0.1", "net2"), 1, exec + "Cannot create IP address pool for network 'net2': 10.0.0.0/24 does not contain 10.1.0.1"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", "--mac-prefix=zz", "net2"), 1, wrong + "Invalid MAC address prefix 'zz'"},
	{args("gnt-network", "modify", "--gateway=10.9.0.1", "net1"), 1, "Unhandled Ganeti error: 10.5.0.0/30 does not contain 10.9.0.1"},
	{args("gnt-network", "modify", "net1"), 1, "Please give at least one of the parameters."},
	{args("gnt-network", "connect", "-N", "mode=foo,link=br0", "net1", "default"), 1, protocol + `'network_mode': Invalid string value for type NICMode: "foo"`},
	{args("gnt-network", "connect", "-N", "mode=routed,link=", "net1", "default"), 1, protocol + "'network_link': Received empty value for non-empty list"},
	{args("gnt-network", "connect", "net1", "nosuch"), 1, unknown + "Node group 'nosuch' not found"},
	// parameters and sizes
	{args("gnt-node", "modify", "--node-parameters", "spindle_count=x", "node2"), 1, "Parameter Error: 'spindle_count' (value x) is not a valid integer"},
	{args("gnt-node", "modify", "--node-parameters", "nosuch=1", "node2"), 1, "Parameter Error: Unknown parameter 'nosuch'"},
	{args("gnt-cluster", "modify", "-B", "maxmem=10X"), 1, "Parameter Error: 'maxmem' (value 10X) is not a valid size. error: Unknown unit: X"},
	{args("gnt-cluster", "modify", "-B", "maxmem=1e99"), 1, "Parameter Error: 'maxmem' (value 1e99) is not a valid size. error: Invalid format"},
	{args("gnt-cluster", "modify", "-B", "maxmem=-1"), 1, "Parameter Error: 'maxmem' (value -1) is not a valid size. error: Invalid format"},
	{args("gnt-debug", "delay", "10X"), 1, ""},
	// jobs
	{args("gnt-job", "info", "x"), 1, noInts},
	{args("gnt-job", "cancel", "x", "1"), 1, noJob + "CancelJob as job id:  expected integer, got value x"},
	{args("gnt-job", "change-priority", "--priority=low", "x"), 1, noJob + "ChangeJobPriority as job id:  expected integer, got value x"},
	{args("gnt-job", "archive", "2-4"), 1, noJob + "ArchiveJob as job id:  expected integer, got value 2-4"},
	{args("gnt-job", "wait", "x"), 1, "Parsing WaitForJobChange message: parsing job id: cannot parse string 'x'"},
	{args("gnt-job", "archive", "99999"), 1, "Failed to archive job with ID '99999'"},
	{args("gnt-job", "watch", "99999"), 1, "Job 99999 failed: Error checking job status: Can't load job file"},
	// queries
	{args("gnt-node", "list", "nosuch"), 1, unknown + "Node name nosuch not found"},
	{args("gnt-node", "list", "-F", "("), 1, "(line:1, col:2)"},
	{args("gnt-node", "list", "NODE2"), 1, unknown + "Node name NODE2 not found"},
	{args("gnt-filter", "add", "--action=RATE_LIMIT 0"), 1, "RATE_LIMIT argument must be a positive integer"},
	{args("gnt-network", "modify", "--gateway=", "net1"), 1, wrong + "Parameter 'OP_NETWORK_SET_PARAMS.gateway' fails validation"},
	{args("gnt-network", "modify", "--mac-prefix=", "net1"), 1, protocol + "'mac_prefix': Received empty value for non-empty list"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", "--network6=2001:db8::1/64", "net9"), 1, exec + "2001:db8::1/64 has host bits set"},
	{args("gnt-network", "add", "--network=10.0.0.0/24", "--tags=", "net9"), 1, protocol + "'tags': Received empty value for non-empty list"},
	{args("gnt-node", "list", "-o", "nosuch"), 14, "Warning: Queried for unknown fields nosuch"},
	{args("gnt-cluster", "command", "-n", "nosuch", "true"), 1, unknown + "Node name nosuch not found"},
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-backup", "gnt-group",
		"gnt-network", "gnt-job", "gnt-debug", "gnt-os", "gnt-filter")})
	l.Init(t, 2)
	l.Must(t, "node1", "gnt-network add --network=10.5.0.0/30 net1")
	const state = "sha256sum </var/lib/ganeti/config.toml; ls / /root"
	refused(t, l, state, refusals)
	l.Must(t, "node1", prepare)
	refused(t, l, state, instanceRefusals)
}

// refused runs commands that are to be refused, and looks with another command whether they have changed anything.
func refused(t *testing.T, l *lab.Lab, state string, list []refusal) {
	t.Helper()
	before := l.Must(t, "node1", state)
	for _, r := range list {
		t.Run(fmt.Sprintf("%.60q", r.words), func(t *testing.T) {
			got := l.Run("node1", remote.Quote(r.words...))
			if got.Status != r.status || !strings.HasSuffix(strings.TrimRight(got.Stderr, "\n"), r.says) {
				t.Errorf("status %d, want %d\ngot  %q\nwant %q", got.Status, r.status, got.Stderr, r.says)
			}
			if after := l.Must(t, "node1", state); after != before {
				t.Errorf("something has changed:\n%s\nwas\n%s", after, before)
				before = after
			}
		})
	}
}
