package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// closed is a machine that takes no key until somebody gave a password.
type closed struct {
	*remotetest.Fake
	denied  error
	entered []remote.Cmd
	enter   error
}

func (c *closed) Run(ctx context.Context, node string, cmd remote.Cmd) (remote.Result, error) {
	if node == "node5" && len(c.entered) == 0 {
		return remote.Result{}, &remote.Error{Node: node, Outcome: remote.Failed, Err: c.denied}
	}
	return c.Fake.Run(ctx, node, cmd)
}

func (c *closed) Enter(_ context.Context, node string, cmd remote.Cmd) error {
	c.entered = append(c.entered, cmd)
	return c.enter
}

const readKeys = "node1: sh -c 'cat /root/.ssh/id_ed25519.pub /root/.ssh/id_ecdsa.pub /root/.ssh/id_rsa.pub 2>/dev/null || :' sh"

func TestAPasswordLetsTheMastersKeysIn(t *testing.T) {
	nodes := &closed{Fake: remotetest.New(t).Answer(readKeys, "ssh-rsa A root@node1\n"), denied: &remote.LoginError{Err: remote.ErrUnreachable}}
	if err := open(t.Context(), nodes, "node1", "node5"); err != nil {
		t.Fatal(err)
	}
	if len(nodes.entered) != 1 || string(nodes.entered[0].Stdin) != "ssh-rsa A root@node1\n" {
		t.Errorf("entered with %v", nodes.entered)
	}
}

func TestWithoutAPasswordNothingChanges(t *testing.T) {
	refused := &remote.Error{Node: "node5", Outcome: remote.Failed, Status: 255, Stderr: []byte("root@node5: Permission denied (publickey,password).\n")}
	nodes := &closed{Fake: remotetest.New(t).Answer(readKeys, "ssh-rsa A root@node1\n"), denied: &remote.LoginError{Err: remote.ErrUnreachable}, enter: refused}
	err := open(t.Context(), nodes, "node1", "node5")
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "node5 takes none of root's SSH keys") || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("got %v", err)
	}
}

func TestAMachineThatIsNotThereIsNotAskedForAPassword(t *testing.T) {
	nodes := &closed{Fake: remotetest.New(t), denied: remote.ErrUnreachable}
	if err := open(t.Context(), nodes, "node1", "node5"); !errors.Is(err, remote.ErrUnreachable) || nodes.entered != nil {
		t.Errorf("got %v, entered %v", err, nodes.entered)
	}
}

func TestAMachineOfAnotherClusterIsRefused(t *testing.T) {
	cfg := &config.Config{Cluster: config.Cluster{ClusterName: "cluster.example.com"}}
	const asked = `node5: sh -c 'cat "$1" 2>/dev/null || :' sh /var/lib/ganeti/ssconf_cluster_name`
	for name, refused := range map[string]bool{"": false, "cluster.example.com\n": false, "other.example.com\n": true} {
		err := Belongs(t.Context(), remotetest.New(t).Answer(asked, name), cfg, "node5")
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "belongs to the cluster other.example.com") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := Belongs(t.Context(), remotetest.New(t).Unknown(asked), cfg, "node5"); err == nil {
		t.Error("one that does not answer is taken")
	}
}
