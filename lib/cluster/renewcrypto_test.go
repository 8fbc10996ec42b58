package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// keyed is a cluster of a master, another candidate, a plain node and one that is off.
func keyed() *config.Config {
	cfg := &config.Config{
		Cluster:    config.Cluster{UUID: "c", ClusterName: "cluster.example.com", MasterNode: "n1", CandidatePool: 10, SSHKeyType: "rsa", SSHKeyBits: 2048, ModifySSHSetup: true},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred"}},
	}
	for _, n := range []string{"1", "2", "3", "4"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: "n" + n, Name: "node" + n, PrimaryIP: "192.0.2.1" + n, SecondaryIP: "192.0.2.1" + n, Group: "g",
			MasterCandidate: n < "3", Offline: n == "4", VMCapable: true})
	}
	return cfg
}

func renew(t *testing.T, fake *remotetest.Fake, cfg *config.Config, op RenewCrypto) jobtest.Ended {
	t.Helper()
	op.SSHKeys = true
	return jobtest.Run(t, fake, cfg, op, func() job.Operation { return &RenewCrypto{} })
}

func TestNewKeysAreLetInBeforeOldOnesAreTakenAway(t *testing.T) {
	fake := remotetest.New(t)
	for _, n := range []string{"node1", "node2"} {
		fake.Answer(n+": keys.sh make rsa rsa 2048", "old "+n+"\nnew "+n+"\n").Answer(n+": keys.sh use rsa rsa", "").Answer(n+": keys.sh forget rsa rsa", "")
	}
	for _, n := range []string{"node1", "node2", "node3"} {
		fake.Answer(n+": authorize.sh", "").
			Answer(n+": revoke.sh", "")
	}
	end := renew(t, fake, keyed(), RenewCrypto{})
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	var order []string
	for _, s := range fake.Sent() {
		if s.Node == "node2" {
			order = append(order, string(s.Cmd.Stdin)+strings.Join(s.Cmd.Argv[len(s.Cmd.Argv)-3:], " "))
		}
	}
	if got := strings.Join(order, "|"); !strings.Contains(got, "new node1\nnew node2\n") || strings.Index(got, "use") < strings.Index(got, "new node1") ||
		strings.Index(got, "old node1\nold node2") < strings.Index(got, "use") {
		t.Errorf("%s", got)
	}
	if last := end.Messages[len(end.Messages)-1]; !strings.Contains(last, "Node node4 is offline: it still takes the old keys only") {
		t.Errorf("%q", end.Messages)
	}
}

func TestAKeyThatCannotBeMadeChangesNothing(t *testing.T) {
	fake := remotetest.New(t).Answer("node1: keys.sh make rsa ecdsa 384", "old\nnew\n").Fail("node2: keys.sh make rsa ecdsa 384", 1, "/root/.ssh/id_ecdsa exists already").
		Answer("node1: keys.sh drop rsa ecdsa", "").Answer("node2: keys.sh drop rsa ecdsa", "")
	if end := renew(t, fake, keyed(), RenewCrypto{SSHKeyType: "ecdsa"}); end.Err == nil || !strings.Contains(end.Err.Error(), "exists already") || end.Commits != 0 {
		t.Errorf("%v", end.Err)
	}
}

func TestKeysOfOthersAreNotRenewed(t *testing.T) {
	for want, change := range map[string]func(c *config.Cluster){
		"not its own affair":   func(c *config.Cluster) { c.ModifySSHSetup = false },
		"not its own to renew": func(c *config.Cluster) { c.SSHIdentity = "/root/gantry" },
	} {
		cfg := keyed()
		change(&cfg.Cluster)
		if end := renew(t, remotetest.New(t), cfg, RenewCrypto{}); end.Err == nil || !strings.Contains(end.Err.Error(), want) {
			t.Errorf("%v", end.Err)
		}
	}
}

// The script runs for real here, in a directory in place of root's.
func TestKeysChangePlaces(t *testing.T) {
	dir := t.TempDir()
	script := strings.ReplaceAll(keysScript, "/root/.ssh", dir)
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", filepath.Join(dir, "id_ecdsa")).CombinedOutput(); err != nil {
		t.Skipf("no ssh-keygen: %v %s", err, out)
	}
	key := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		return string(data)
	}
	before := key("id_ecdsa.pub")
	lines := strings.SplitAfter(run("make", "ecdsa", "ecdsa", "256"), "\n")
	if lines[0] != before || key("id_ecdsa.pub") != before {
		t.Errorf("%q", lines)
	}
	run("use", "ecdsa", "ecdsa")
	if key("id_ecdsa.pub") != lines[1] || key("id_ecdsa.gone.pub") != before {
		t.Errorf("used: %s", key("id_ecdsa.pub"))
	}
	run("back", "ecdsa", "ecdsa")
	run("back", "ecdsa", "ecdsa")
	if key("id_ecdsa.pub") != before {
		t.Errorf("back: %s", key("id_ecdsa.pub"))
	}
	lines = strings.SplitAfter(run("make", "ecdsa", "ed25519"), "\n")
	run("use", "ecdsa", "ed25519")
	run("use", "ecdsa", "ed25519")
	run("forget", "ecdsa", "ed25519")
	left, _ := filepath.Glob(dir + "/*")
	if len(left) != 2 || key("id_ed25519.pub") != lines[1] {
		t.Errorf("left: %v", left)
	}
}
