package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// fourNodes is a cluster of four candidates with a replication network.
func fourNodes() *config.Config {
	cfg := &config.Config{
		Cluster: config.Cluster{UUID: "c", ClusterName: "cluster.example.com", MasterNode: "n1", MasterIP: "192.0.2.10", CandidatePool: 10,
			MACPrefix: "aa:00:00", EnabledHypervisors: []string{"fake"}},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred"}},
	}
	for _, n := range []string{"1", "2", "3", "4"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: "n" + n, Name: "node" + n + ".example.com", PrimaryIP: "192.0.2.1" + n, SecondaryIP: "198.51.100.1" + n,
			Group: "g", MasterCandidate: true, MasterCapable: true, VMCapable: true, Powered: true})
	}
	return cfg
}

func run(t *testing.T, fake *remotetest.Fake, cfg *config.Config, op job.Operation, options ...jobtest.Option) jobtest.Ended {
	t.Helper()
	create := map[string]func() job.Operation{
		"OP_NODE_SET_PARAMS": func() job.Operation { return &Modify{} }, "OP_NODE_REMOVE": func() job.Operation { return &Remove{} },
		"OP_OOB_COMMAND": func() job.Operation { return &OOB{} }, "OP_NODE_POWERCYCLE": func() job.Operation { return &Powercycle{} },
		"OP_RESTRICTED_COMMAND": func() job.Operation { return &Restricted{} },
	}[op.OpID()]
	return jobtest.Run(t, fake, cfg, op, create, options...)
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func TestModifyChangesRoles(t *testing.T) {
	for name, tt := range map[string]struct {
		before   func(*config.Node)
		op       Modify
		messages []string
		changes  string
		role     role
	}{
		"drain": {op: Modify{Drained: yes()}, changes: `[["master_candidate","False"],["drained","True"]]`, role: role{drained: true}},
		"undrain": {before: func(n *config.Node) { n.MasterCandidate, n.Drained = false, true }, op: Modify{Drained: no()},
			messages: []string{" - INFO: Auto-promoting node to master candidate"}, changes: `[["master_candidate","True"],["drained","False"]]`, role: role{candidate: true}},
		"undrain and candidate": {before: func(n *config.Node) { n.MasterCandidate, n.Drained = false, true }, op: Modify{Drained: no(), MasterCandidate: yes()},
			messages: []string{" - INFO: Auto-promoting node to master candidate"}, changes: `[["master_candidate","True"],["drained","False"]]`, role: role{candidate: true}},
		"not set anyway": {op: Modify{Drained: no()}, messages: []string{" - INFO: Ignoring request to unset flag drained, already unset"}, changes: `[]`, role: role{candidate: true}},
		"offline":        {op: Modify{Offline: yes(), MasterCandidate: no()}, changes: `[["master_candidate","False"],["offline","True"]]`, role: role{offline: true}},
		"no master": {op: Modify{MasterCapable: no()}, messages: []string{" - INFO: Demoting from master candidate"},
			changes: `[["master_capable","False"],["master_candidate","False"]]`, role: role{}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := fourNodes()
			if tt.before != nil {
				tt.before(cfg.Nodes[1])
			}
			tt.op.Name = "node2"
			end := run(t, remotetest.New(t), cfg, tt.op)
			if end.Err != nil {
				t.Fatal(end.Err)
			}
			messages := slices.DeleteFunc(end.Messages, func(m string) bool { return strings.HasPrefix(m, "Configuration data is not consistent") })
			if !slices.Equal(messages, tt.messages) {
				t.Errorf("messages %q, want %q", messages, tt.messages)
			}
			if got := roleOf(end.Config.Node("n2")); got != tt.role {
				t.Errorf("role %+v, want %+v", got, tt.role)
			}
			if string(end.Result) != tt.changes {
				t.Errorf("changes %s, want %s", end.Result, tt.changes)
			}
		})
	}
}

func TestModifyRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		op   Modify
		want string
	}{
		"unknown":           {Modify{Name: "nosuch", Drained: yes()}, "Node 'nosuch' not known"},
		"two states":        {Modify{Name: "node2", Drained: yes(), Offline: yes()}, "Can't set the node into more than one state at the same time"},
		"the master":        {Modify{Name: "node1", Offline: yes()}, "The master role can be changed only via master-failover"},
		"a master":          {Modify{Name: "node1", MasterCapable: no()}, "Master must remain master capable"},
		"secondary address": {Modify{Name: "node2", SecondaryIP: "$(x)"}, "Secondary IP ($(x)) needs to be a valid IPv4 address"},
		"single network": {Modify{Name: "node2", SecondaryIP: "192.0.2.12"},
			"Cannot set the secondary IP to be the same as the primary IP on a multi-homed cluster, unless the --force option is passed, and the target node is the master"},
		"global":    {Modify{Name: "node2", NDParams: map[string]any{"exclusive_storage": "default"}}, "The following node parameters are global and cannot be customized at node level, please modify them at cluster or group level: exclusive_storage"},
		"infinite":  {Modify{Name: "node2", NDParams: map[string]any{"cpu_speed": "1e400"}}, "Failed to parse request: parsing top-level JSON message: Malformed JSON: invalid token in this context Infinity"},
		"parameter": {Modify{Name: "node2", NDParams: map[string]any{"nosuch": "4"}}, "Unknown parameter 'nosuch'"},
	} {
		t.Run(name, func(t *testing.T) {
			end := run(t, remotetest.New(t), fourNodes(), tt.op)
			if end.Err == nil || end.Err.Error() != tt.want || end.Commits != 0 {
				t.Errorf("got %v after %d commits, want %s", end.Err, end.Commits, tt.want)
			}
		})
	}
}

func TestPowerIsForNodesThatCanBeSwitched(t *testing.T) {
	const unable = "Unable to change powered state for node node2.example.com as it does not support out-of-band handling"
	const off = "Node node2.example.com needs to be turned on before its offline status can be reset"
	for name, tt := range map[string]struct {
		helper string
		op     Modify
		want   string // the error, or the changes
	}{
		"no helper":       {"", Modify{Powered: no(), Drained: yes()}, unable},
		"not known":       {"", Modify{Offline: no()}, `[["master_candidate","True"],["offline","False"]]`},
		"off":             {"/sbin/oob", Modify{Offline: no()}, off},
		"still off":       {"/sbin/oob", Modify{Offline: no(), Powered: no()}, off},
		"on again":        {"/sbin/oob", Modify{Offline: no(), Powered: yes()}, `[["master_candidate","True"],["offline","False"]]`},
		"on, and offline": {"/sbin/oob", Modify{MasterCapable: no(), Powered: yes()}, `[["master_capable","False"]]`},
	} {
		cfg := fourNodes()
		node := cfg.Nodes[1]
		node.MasterCandidate, node.Offline, node.Powered, node.NDParams = false, true, false, config.Params{"oob_program": tt.helper}
		tt.op.Name = "node2"
		end := run(t, remotetest.New(t).Always("node2.example.com: "+prepare().Line(), ""), cfg, tt.op)
		got := string(end.Result)
		if end.Err != nil {
			got = end.Err.Error()
		}
		if powered := end.Config.Node("n2").Powered; got != tt.want || powered != (end.Err == nil && is(tt.op.Powered, true)) {
			t.Errorf("%s: %s, powered %v", name, got, powered)
		}
	}
}

func TestMarkingANodeOfflineTakesNoLock(t *testing.T) {
	w := &modify{Modify: Modify{Name: "node2", Offline: yes()}}
	locks, err := w.Locks(fourNodes())
	if err != nil || len(locks) != 0 || !w.PersonsWord() {
		t.Errorf("locks %v, %v", locks, err)
	}
}

func TestAFailedCommitChangesNoRole(t *testing.T) {
	full := errors.New("no space left on device")
	end := run(t, remotetest.New(t), fourNodes(), Modify{Name: "node2", Drained: yes()}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || end.Config.Node("n2").Drained {
		t.Errorf("got %v", end.Err)
	}
}

func TestANodeWithInstancesIsNotRemoved(t *testing.T) {
	cfg := fourNodes()
	cfg.Instances = []*config.Instance{{UUID: "i", Name: "inst1.example.com", PrimaryNode: "n2", Hypervisor: "fake", AdminState: config.AdminDown, AdminStateSource: config.AdminSource}}
	end := run(t, remotetest.New(t), cfg, Remove{Name: "node2"})
	if end.Err == nil || end.Err.Error() != "Instance inst1.example.com is still running on the node, please remove first" {
		t.Errorf("got %v", end.Err)
	}
	if end = run(t, remotetest.New(t), cfg, Remove{Name: "node1"}); end.Err == nil || end.Err.Error() != "Node is the master node, failover to another node is required" {
		t.Errorf("got %v", end.Err)
	}
}

// The next command would not reach the node; sshd may be about to move, though.
func TestAPortWhereNobodyAnswersIsRefusedWithoutForce(t *testing.T) {
	const asked = "node1.example.com: ssh-keyscan -T 5 -p 2222 192.0.2.12"
	const silent = "Node node2.example.com (192.0.2.12) does not answer SSH on port 2222, and will not be reached before it does"
	op := Modify{Name: "node2", NDParams: map[string]any{"ssh_port": int64(2222)}}
	end := run(t, remotetest.New(t).Fail(asked, 1, ""), fourNodes(), op)
	if end.Err == nil || end.Err.Error() != silent+"; --force sets it all the same" || end.Config.SSHPort(end.Config.Node("n2")) != 22 {
		t.Errorf("%v", end.Err)
	}
	op.Force = true
	end = run(t, remotetest.New(t).Fail(asked, 1, ""), fourNodes(), op)
	if end.Err != nil || !slices.Contains(end.Messages, " - WARNING: "+silent) || end.Config.SSHPort(end.Config.Node("n2")) != 2222 {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
	op.Force = false
	end = run(t, remotetest.New(t).Answer(asked, "[192.0.2.12]:2222 ssh-ed25519 AA\n"), fourNodes(), op)
	if end.Err != nil || end.Config.SSHPort(end.Config.Node("n2")) != 2222 {
		t.Errorf("%v", end.Err)
	}
	op = Modify{Name: "node2", Offline: yes(), NDParams: map[string]any{"ssh_port": int64(2222)}} // off: nobody is asked
	if end = run(t, remotetest.New(t), fourNodes(), op); end.Err != nil {
		t.Errorf("%v", end.Err)
	}
}
