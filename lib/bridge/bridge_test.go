package bridge

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// The environments that a script got from Ganeti's kvm-ifup, without what its daemon had from the login.
func TestEnvironmentIsGanetis(t *testing.T) {
	data, err := os.ReadFile("testdata/ifup-env.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []map[string]string
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded) != 7 {
		t.Fatalf("%d records", len(recorded))
	}
	for _, want := range recorded {
		delete(want, "INTERFACE")
		if got := environment(fromRecord(want)); !maps.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
}

func fromRecord(env map[string]string) NIC {
	n := NIC{Instance: env["INSTANCE"], Tags: strings.Fields(env["TAGS"]), Index: int(env["INTERFACE_INDEX"][0] - '0')}
	n.NIC = config.NIC{UUID: env["INTERFACE_UUID"], Name: env["INTERFACE_NAME"], MAC: env["MAC"], IP: env["IP"],
		NICParams: config.Params{"mode": env["MODE"], "link": env["LINK"], "vlan": env["VLAN"]}}
	if env["NETWORK_NAME"] != "" {
		n.Network = &config.Network{Name: env["NETWORK_NAME"], UUID: env["NETWORK_UUID"], Tags: strings.Fields(env["NETWORK_TAGS"]),
			Network: env["NETWORK_SUBNET"], Network6: env["NETWORK_SUBNET6"], Gateway: env["NETWORK_GATEWAY"],
			Gateway6: env["NETWORK_GATEWAY6"], MACPrefix: env["NETWORK_MAC_PREFIX"]}
	}
	return n
}

func TestCommands(t *testing.T) {
	n := nic(2, "bridged", "br0", "")
	args := func(c remote.Cmd) string { return remote.Quote(c.Argv[4:]...) }
	for got, want := range map[string]string{
		args(ifupCmd(n, Options{}, "both", "")):                                             "both '' '' '' user root",
		args(ifupCmd(n, Options{VnetHdr: true, MultiQueue: true, VHost: true}, "make", "")): "make '' vhost '' vnet_hdr multi_queue user root",
		args(ifupCmd(n, Options{VnetHdr: true, User: "nobody"}, "both", "")):                "both '' '' '' vnet_hdr user nobody",
		args(ifupCmd(n, Options{}, "up", "tap7")):                                           "up tap7 '' ''",
		args(ifupCmd(n, Options{Afresh: true}, "both", "")):                                 "both '' '' afresh user root",
		args(ifdown("web", []string{"tap7"})):                                               "web tap7",
		addSwitch("sw", "eth1")[0].Line():                                                   "timeout -k 5 60 ovs-vsctl --may-exist add-br sw",
		addSwitch("sw", "eth1")[1].Line():                                                   "timeout -k 5 60 ovs-vsctl --may-exist add-port sw eth1",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func nic(index int, mode, link, vlan string) NIC {
	return NIC{Instance: "web", Index: index, NIC: config.NIC{MAC: "aa:00:00:00:00:01", UUID: "u",
		NICParams: config.Params{"mode": mode, "link": link, "vlan": vlan}}}
}

func TestNICsOf(t *testing.T) {
	net := &config.Network{UUID: "n1", Name: "net1"}
	inst := &config.Instance{Name: "web", Tags: []string{"a"}, NICs: []config.NIC{{MAC: "aa:00:00:00:00:01"}, {Network: "n1", NICParams: config.Params{"link": "br7"}}}}
	list := NICsOf(&config.Config{Networks: []*config.Network{net}}, inst)
	if len(list) != 2 || list[0].Instance != "web" || list[0].NICParams.String("mode") != "bridged" || list[0].Network != nil ||
		list[1].Index != 1 || list[1].Network != net || list[1].NICParams.String("link") != "br7" || list[1].Tags[0] != "a" {
		t.Errorf("%+v", list)
	}
}

func TestMissingBridges(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: "+remote.Quote(checkExist([]string{"br0", "br7", "br8"}).Argv...), "br7\nbr8\n")
	if err := CheckExist(t.Context(), nodes, "node1", []string{"br0", "br7", "br8"}); err == nil || err.Error() != "Missing bridges br7, br8" {
		t.Errorf("CheckExist = %v", err)
	}
}

func TestUnreachableNode(t *testing.T) {
	n := nic(0, "bridged", "br0", "")
	nodes := remotetest.New(t).Unknown("node1: " + remote.Quote(ifupCmd(n, Options{}, "both", "").Argv...))
	if _, err := Up(context.Background(), nodes, "node1", n, Options{}); remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("Up = %v", err)
	}
}

func TestScripts(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"ifup": tapScript + ifupScript, "ifdown": tapScript + ifdownScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}
