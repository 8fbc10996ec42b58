package nodefacts

import (
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

func portsCluster(cluster int64) *config.Config {
	c := &config.Config{Cluster: config.Cluster{MasterNode: "u1", NDParams: config.Params{"ssh_port": cluster}}, NodeGroups: []*config.NodeGroup{{UUID: "g"}}}
	for _, n := range []string{"1", "2", "3", "4"} {
		c.Nodes = append(c.Nodes, &config.Node{UUID: "u" + n, Name: "n" + n, PrimaryIP: "192.0.2." + n, Group: "g"})
	}
	c.Nodes[2].Offline = true
	c.Nodes[3].NDParams = config.Params{"ssh_port": int64(44)}
	return c
}

func TestPortsWhereNobodyAnswersAreNamed(t *testing.T) {
	const asked = "n1: ssh-keyscan -T 5 -p 2222 192.0.2.1 192.0.2.2"
	silent := []string{"Node n1 (192.0.2.1) does not answer SSH on port 2222, and will not be reached before it does", "Node n2 (192.0.2.2) does not answer SSH on port 2222, and will not be reached before it does"}
	for name, tt := range map[string]struct {
		fake *remotetest.Fake
		to   int64
		want []string
	}{
		"the port there was":   {remotetest.New(t), 22, nil},
		"the usual one, by 0":  {remotetest.New(t), 0, nil},
		"no port":              {remotetest.New(t), 70000, nil},
		"all answer":           {remotetest.New(t).Answer(asked, "[192.0.2.1]:2222 ssh-rsa AA\n[192.0.2.2]:2222 ssh-rsa AA\n[192.0.2.2]:2222 ssh-ed25519 AA\n"), 2222, nil},
		"one answers":          {remotetest.New(t).Answer(asked, "# 192.0.2.2:2222 SSH-2.0-OpenSSH\n[192.0.2.1]:2222 ssh-rsa AA\n"), 2222, silent[1:]},
		"none answers":         {remotetest.New(t).Fail(asked, 1, ""), 2222, silent},
		"the usual one is new": {remotetest.New(t).Answer("n1: ssh-keyscan -T 5 -p 22 192.0.2.1 192.0.2.2", "192.0.2.2 ssh-rsa AA\n192.0.2.1 ssh-rsa AA\n"), 22, nil},
	} {
		before := portsCluster(22)
		if name == "the usual one is new" {
			before = portsCluster(2222)
		}
		got, err := silentPorts(t.Context(), tt.fake, before, portsCluster(tt.to))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tt.want)
		}
	}
	lost := remotetest.New(t).Unknown(asked)
	if _, err := silentPorts(t.Context(), lost, portsCluster(22), portsCluster(2222)); err == nil {
		t.Error("what could not be found out is no error")
	}
}
