package cluster

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// opcode stands for the operations on networks, which belong to another package.
type opcode struct {
	id      string
	Network string `json:"network_name"`
	Group   string `json:"group_name,omitempty"`
	Link    string `json:"network_link,omitempty"`
	Range   string `json:"network,omitempty"`
}

func (o *opcode) OpID() string           { return o.id }
func (o *opcode) Work(*job.Env) job.Work { return nil }

func networks(id string) func() job.Operation { return func() job.Operation { return &opcode{id: id} } }

func TestTheCommunicationNetworkIsMadeAndConnected(t *testing.T) {
	here := &config.Network{UUID: "u", Name: "here", Network: "169.254.0.0/16"}
	for name, tt := range map[string]struct {
		before, to string
		said       string
		submitted  string
	}{
		"a new one":     {"", "comm", "Changing instance communication network to 'comm', only new instances will be affected.", "NETWORK_ADD(comm) NETWORK_CONNECT(comm)"},
		"one there":     {"", "here", "Changing instance communication network to 'here', only new instances will be affected.", "NETWORK_CONNECT(here)"},
		"the same":      {"here", "here", "Instance communication network already is 'here', nothing to do.", ""},
		"none any more": {"here", "", "Previous instance communication network 'here' should be removed manually.|Disabling instance communication network, only new instances will be affected.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := lab()
			cfg.Networks = []*config.Network{here}
			cfg.Cluster.InstanceCommunicateNet = tt.before
			var o ModifyOptions
			o.CommunicationNet = &tt.to
			e := jobtest.Run(t, remotetest.New(t), cfg, read(t, o), func() job.Operation { return &Modify{} },
				jobtest.Knowing(networks("OP_NETWORK_ADD"), networks("OP_NETWORK_CONNECT")))
			if got := strings.Join(e.Messages, "|"); e.Err != nil || got != tt.said || e.Config.Cluster.InstanceCommunicateNet != tt.to {
				t.Errorf("%v, said %s, is %q", e.Err, got, e.Config.Cluster.InstanceCommunicateNet)
			}
			var submitted []string
			for _, j := range e.Jobs {
				submitted = slices.Concat(submitted, j.Summary())
			}
			if got := strings.Join(submitted, " "); got != tt.submitted {
				t.Errorf("submitted %s, want %s", got, tt.submitted)
			}
		})
	}
}
