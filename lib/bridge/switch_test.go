package bridge

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

func TestANodeGetsTheSwitchThatItsParametersAskFor(t *testing.T) {
	const bare, linked = "node4.example.com: timeout -k 5 60 ovs-vsctl --may-exist add-br sw", "node4.example.com: timeout -k 5 60 ovs-vsctl --may-exist add-port sw eth1"
	for name, tt := range map[string]struct {
		params config.Params
		nodes  func(*remotetest.Fake) *remotetest.Fake
		said   string
		err    string
	}{
		"none":        {params: config.Params{"ovs": false, "ovs_name": "sw"}},
		"with a link": {params: config.Params{"ovs": true, "ovs_name": "sw", "ovs_link": "eth1"}, nodes: func(f *remotetest.Fake) *remotetest.Fake { return f.Answer(bare, "").Answer(linked, "") }},
		"without one": {params: config.Params{"ovs": true, "ovs_name": "sw"}, nodes: func(f *remotetest.Fake) *remotetest.Fake { return f.Answer(bare, "") },
			said: "No physical interface for OpenvSwitch was given"},
		"that fails": {params: config.Params{"ovs": true, "ovs_name": "sw", "ovs_link": "eth1"},
			nodes: func(f *remotetest.Fake) *remotetest.Fake { return f.Fail(bare, 127, "no such program") }, err: "setting up the Open vSwitch sw: "},
	} {
		t.Run(name, func(t *testing.T) {
			fake := remotetest.New(t)
			if tt.nodes != nil {
				fake = tt.nodes(fake)
			}
			said := ""
			err := SetUpSwitch(t.Context(), fake, "node4.example.com", tt.params, func(format string, _ ...any) { said += format })
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) || !strings.Contains(said, tt.said) || tt.said == "" && said != "" {
				t.Errorf("SetUpSwitch = %v; said %q", err, said)
			}
		})
	}
}
