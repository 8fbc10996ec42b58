package badinput

// onMachine is an instance that is well described but for the words given.
func onMachine(words ...string) []string {
	return append(args("gnt-instance", "add", "-o", "noop", "-H", "fake", "-n", "node1", "--no-ip-check", "--no-name-check"), words...)
}

// diskless is onMachine without disks.
func diskless(words ...string) []string { return append(onMachine("-t", "diskless"), words...) }

const (
	parse    = "Unhandled protocol error while talking to the master daemon:\nFailed to parse request: "
	state    = prereq + "error type: wrong_state, error details:\n"
	option   = "gnt-instance: error: option "
	resolver = prereq + "error type: resolver_error, error details:\n"
	newOne   = "web.example.com"
)

// instanceRefusals need what prepare makes: inst1 on node1, which runs, and net1, which has no free address.
var instanceRefusals = []refusal{
	// arity, and what makes no sense together
	{args("gnt-instance", "add"), 1, "Error: Command add expects 1 argument(s)"},
	{diskless("a", "b"), 1, "Error: Command add expects 1 argument(s)"},
	{diskless("--tags=", newOne), 1, parse + "SubmitJob: Can't parse value for 'tags': Received empty value for non-empty list"},
	{diskless("-I", "hail", newOne), 1, wrong + "Do not specify both, iallocator and node"},
	{diskless("-s", "10", newOne), 1, wrong + "Diskless instance but disk information passed"},
	{onMachine("-t", "sharedfile", newOne), 1, wrong + "No disk information specified"},
	{onMachine("-t", "sharedfile", "-s", "10", "--disk", "0:size=10", newOne), 1, wrong + "Please use either the '--disk' or '-s' option"},
	{args("gnt-instance", "list", "--units=x"), 2, "gnt-instance: error: option --units: invalid choice: 'x' (choose from 'h', 'm', 'g', 't')"},
	{args("gnt-instance", "modify", "inst1"), 1, "Please give at least one of the parameters."},
	{args("gnt-instance", "startup"), 1, wrong + "No instance names passed"},
	{args("gnt-backup", "export", "inst1"), 1, wrong + "Target node must be specified"},
	{args("gnt-group", "rename", "default", "x", "y"), 1, "Error: Command rename expects 2 argument(s)"},
	// sizes
	{onMachine("-t", "sharedfile", "-s", "-1", newOne), 2, option + "-s: Invalid format"},
	{onMachine("-t", "sharedfile", "-s", "10X", newOne), 2, option + "-s: Unknown unit: X"},
	{onMachine("-t", "sharedfile", "-s", "1e99", newOne), 2, option + "-s: Invalid format"},
	{onMachine("-t", "sharedfile", "-s", "0", newOne), 1, wrong + "No disk information specified"},
	{onMachine("-t", "sharedfile", "--disk", "0:size=10X", newOne), 1, "Unhandled Ganeti error: Unknown unit: X"},
	{onMachine("-t", "sharedfile", "--disk", "0:nosuch=10", newOne), 1, wrong + "Missing size or adoption source for disk 0"},
	{onMachine("-t", "sharedfile", "--disk", "x:size=10", newOne), 1, wrong + "Invalid disk index passed: invalid literal for int() with base 10: 'x'"},
	{onMachine("-t", "sharedfile", "--disk", "0:size=10,mode=x", newOne), 1, parse + `SubmitJob: Can't parse value for 'disks': Can't parse value for 'mode': Invalid string value for type DiskAccess: "x"`},
	{diskless("-B", "memory=-5", newOne), 1, "Parameter Error: 'memory' (value -5) is not a valid size. error: Invalid format"},
	{diskless("-B", "vcpus=x", newOne), 1, "Parameter Error: 'vcpus' (value x) is not a valid integer"},
	{diskless("-B", "nosuch=1", newOne), 1, "Parameter Error: Unknown parameter 'nosuch'"},
	{args("gnt-instance", "grow-disk", "inst1", "0", "10X"), 1, wrong + "Can't parse the given amount '10X'"},
	{args("gnt-instance", "shutdown", "--timeout=-5", "inst1"), 1, "Can't parse value for 'timeout': Invalid value for non-negative type '-5'"},
	{args("gnt-instance", "shutdown", "--timeout=x", "inst1"), 2, option + "--timeout: invalid integer value: 'x'"},
	{args("gnt-cluster", "modify", "--node-parameters=ssh_port=222222"), 1, "the cluster has the ssh_port 222222, which is no port"},
	// names
	{diskless("a b"), 1, wrong + "Invalid hostname 'a b'"},
	{diskless("$(id)"), 1, wrong + "Invalid hostname '$(id)'"},
	{diskless(""), 1, wrong + "Invalid hostname ''"},
	{diskless("a\xffb"), 1, wrong + `"a\xffb" is not valid UTF-8`},
	{diskless(long), 1, wrong + "Invalid hostname '" + long + "'"},
	{args("gnt-instance", "add", "-t", "diskless", "-o", "noop", "-H", "fake", "-n", "node1", "a-b-c-nosuch"), 1, resolver + "The given name (a-b-c-nosuch) does not resolve: Name or service not known"},
	{args("gnt-instance", "add", "-t", "diskless", "-o", "noop", "-H", "fake", "-n", "nosuch", "--no-ip-check", "--no-name-check", newOne), 1, unknown + "Node 'nosuch' not known"},
	{args("gnt-instance", "remove", "-f", "$(touch /pwned)"), 1, unknown + "Instance '$(touch /pwned)' not known"},
	{args("gnt-instance", "list", "nosuch"), 1, unknown + "Instance name nosuch not found"},
	{args("gnt-group", "list", "-F", `name == "x"`), 1, unknown + "NodeGroup name x not found"},
	{args("gnt-instance", "list", "-F", `be/vcpus > "x"`), 1, `Failure: unknown/wrong parameter name 'Invalid types in comparison, trying to compare 1 with 'QuotedString "x"''`},
	{args("gnt-filter", "delete", "nosuch"), 1, "Unhandled Ganeti error: Filter rule with UUID nosuch does not exist"},
	// states
	{diskless("inst1.example.com"), 1, prereq + "error type: already_exists, error details:\nInstance 'inst1.example.com' is already in the cluster"},
	{args("gnt-instance", "grow-disk", "inst1", "-1", "4"), 1, parse + "SubmitJob: Can't parse value for 'disk': Invalid value for disk index '-1', required between 0 and 16"},
	{args("gnt-instance", "recreate-disks", "--disk", "0:size=x", "inst1"), 1, "Unhandled Ganeti error: Invalid format"},
	{args("gnt-instance", "recreate-disks", "-n", "node1", "-I", "hail", "inst1"), 1, wrong + "At most one of either --nodes or --iallocator can be passed"},
	{args("gnt-instance", "modify", "--disk", "add:size", "inst1"), 1, "Unhandled Ganeti error: Invalid format"},
	{args("gnt-instance", "grow-disk", "inst1", "0", "4"), 1, wrong + "Invalid disk index: 0 (instace has disks 0 to -1"},
	{args("gnt-instance", "modify", "--offline", "inst1"), 1, state + "Instance 'inst1.example.com' is marked to be up, can't change to offline without being down first"},
	{args("gnt-node", "remove", "node1"), 1, wrong + "Node is the master node, failover to another node is required"},
	{args("gnt-node", "modify", "-O", "yes", "node1"), 1, wrong + "The master role can be changed only via master-failover"},
	{args("gnt-node", "modify", "-O", "yes", "-D", "yes", "node2"), 1, wrong + "Can't set the node into more than one state at the same time"},
	{args("gnt-node", "modify", "--master-capable=yes", "-C", "yes", "node2"), 1, wrong + "Can't set the node into more than one state at the same time"},
	// networks that overlap or are exhausted
	{args("gnt-network", "add", "--network=10.5.0.1/30", "net1"), 1, exec + "10.5.0.1/30 has host bits set"},
	{args("gnt-network", "add", "--network=10.2.0.0/31", "net2"), 1, exec + "Cannot create IP address pool for network 'net2': A network with only 2 host(s) is too small, please specify at least a /30 network"},
	{args("gnt-network", "add", "--network=10.6.0.0/29", "--add-reserved-ips=10.9.0.2", "net2"), 1, exec + "Cannot reserve IP address '10.9.0.2': 10.6.0.0/29 does not contain 10.9.0.2"},
	{diskless("--net", "0:ip=10.9.0.1,network=net1", newOne), 1, prereq + "error type: resource_not_unique, error details:\nIP address 10.9.0.1 already in use or does not belong to network net1"},
	{diskless("--net", "0:network=net1,link=br0", newOne), 1, wrong + "If network is given, no mode or link is allowed to be passed"},
	{diskless("--net", "0:network=nosuch", newOne), 1, unknown + "Network 'nosuch' not found"},
	{diskless("--net", "0:nosuch=x", newOne), 1, "Parameter Error: Unknown parameter 'nosuch'"},
}

const prepare = `set -e
gnt-network connect -N mode=bridged,link=br0 net1 default
for n in 1 2; do gnt-instance add -t diskless -o noop -H fake -n node1 --no-ip-check --no-name-check --net 0:ip=pool,network=net1 inst$n.example.com; done`
