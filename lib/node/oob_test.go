package node

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// helped is a cluster whose nodes 2 to 4 have a helper; node 4 is marked offline.
func helped() *config.Config {
	cfg := fourNodes()
	for _, n := range cfg.Nodes[1:] {
		n.NDParams = config.Params{"oob_program": "/sbin/oob"}
	}
	cfg.Nodes[3].MasterCandidate, cfg.Nodes[3].Offline = false, true
	return cfg
}

func oobOf(t *testing.T, end jobtest.Ended) (results []OOBResult) {
	t.Helper()
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	if err := json.Unmarshal(end.Result, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

func TestPowerStatusIsAskedOfEveryHelper(t *testing.T) {
	fake := remotetest.New(t).Answer("node1.example.com: /sbin/oob power-status node2.example.com", `{"powered": true}`).
		Answer("node1.example.com: /sbin/oob power-status node3.example.com", `[]`).
		Fail("node1.example.com: /sbin/oob power-status node4.example.com", 1, "no answer")
	end := run(t, fake, helped(), OOB{Command: OOBPowerStatus, Timeout: 60})
	var got []OOBStatus
	for _, r := range oobOf(t, end) {
		got = append(got, r.Status)
	}
	if !slices.Equal(got, []OOBStatus{OOBUnavailable, OOBNormal, OOBNoData, OOBNoData}) || end.Commits != 0 {
		t.Errorf("%v, %s", got, end.Result)
	}
	if !strings.HasPrefix(string(end.Result), `[[[0,"node1.example.com"],[3,null]],[[0,"node2.example.com"],[0,{"powered":true}]]`) {
		t.Errorf("%s", end.Result)
	}
	if len(end.Messages) != 2 || !strings.Contains(end.Messages[0], "power-status is expected to return a dict but got <class 'list'>") ||
		!strings.Contains(end.Messages[1], "Out-of-band RPC failed on node 'node4.example.com'") {
		t.Errorf("%q", end.Messages)
	}
}

func TestASwitchIsNoted(t *testing.T) {
	fake := remotetest.New(t).Answer("node1.example.com: /sbin/oob power-off node4.example.com", "")
	end := run(t, fake, helped(), OOB{Names: []string{"node4"}, Command: OOBPowerOff})
	if oobOf(t, end)[0].Status != OOBNormal || end.Config.Nodes[3].Powered {
		t.Errorf("%s, powered %v", end.Result, end.Config.Nodes[3].Powered)
	}
	fake = remotetest.New(t).Answer("node1.example.com: /sbin/oob power-on node4.example.com", "")
	end = run(t, fake, end.Config, OOB{Names: []string{"node4"}, Command: OOBPowerOn})
	if oobOf(t, end)[0].Status != OOBNormal || !end.Config.Nodes[3].Powered {
		t.Errorf("%s, powered %v", end.Result, end.Config.Nodes[3].Powered)
	}
}

func TestASwitchThatIsNotNotedFails(t *testing.T) {
	fake := remotetest.New(t).Answer("node1.example.com: /sbin/oob power-off node4.example.com", "")
	full := errors.New("no space left on device")
	end := run(t, fake, helped(), OOB{Names: []string{"node4"}, Command: OOBPowerOff}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || !strings.Contains(end.Err.Error(), "no space left") {
		t.Error(end.Err)
	}
}

func TestSwitchesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		op   OOB
		want string
	}{
		{OOB{Names: []string{"node1"}, Command: OOBPowerOff}, "Operating on the master node node1.example.com is not allowed for power-off; it does not support out-of-band operations"},
		{OOB{Names: []string{"node2"}, Command: OOBPowerOff}, "Cannot power off node node2.example.com because it is not marked offline"},
		{OOB{Names: []string{"nosuch"}, Command: OOBPowerOn}, "Node 'nosuch' not known"},
	} {
		if end := run(t, remotetest.New(t), helped(), tt.op); end.Err == nil || !strings.Contains(end.Err.Error(), tt.want) {
			t.Errorf("%v: %v", tt.op, end.Err)
		}
	}
}

func TestHealthIsComplainedOf(t *testing.T) {
	fake := remotetest.New(t).Answer("node1.example.com: /sbin/oob health node2.example.com", `[["fan", "WARNING"], ["psu", "OK"], ["bmc", "CRITICAL"]]`)
	end := run(t, fake, helped(), OOB{Names: []string{"node2"}, Command: OOBHealth})
	items, err := oobOf(t, end)[0].Health()
	if err != nil || len(items) != 3 || items[0] != [2]string{"fan", "WARNING"} {
		t.Errorf("%v, %v", items, err)
	}
	want := []string{" - WARNING: Item 'fan' on node 'node2.example.com' has status 'WARNING'", " - WARNING: Item 'bmc' on node 'node2.example.com' has status 'CRITICAL'"}
	if !slices.Equal(end.Messages, want) {
		t.Errorf("%q", end.Messages)
	}
}

func TestWhatIsNoHealthIsSaidInGanetisWords(t *testing.T) {
	for answer, want := range map[string]string{
		`{}`:               "command 'health' is expected to return a list but got <class 'dict'>",
		`[["fan", "BAD"]]`: "health item 'fan' has invalid status 'BAD'",
	} {
		if _, got := checkOOB(OOBHealth, []byte(answer)); got != want {
			t.Errorf("%s: %s", answer, got)
		}
	}
}

func FuzzHelpersAnswers(f *testing.F) {
	for _, text := range []string{"", "null", "[]", `{"powered": true}`, `[["a", "OK"]]`, `[["a"]]`, "{", `"x"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, command := range []string{OOBHealth, OOBPowerStatus, OOBPowerOn} {
			payload, trouble := checkOOB(command, []byte(text))
			if trouble == "" && !json.Valid(payload) {
				t.Errorf("%s takes %q", command, text)
			}
		}
	})
}

func TestPowercycle(t *testing.T) {
	if got := restart("node2").Line(); !strings.HasPrefix(got, "timeout -k 5 60 sh -c '# powercycle.sh:") || !strings.HasSuffix(got, " sh") {
		t.Error(got)
	}
	for op, want := range map[Powercycle]string{
		{Name: "node1"}:  "The node is the master and the force parameter was not set",
		{Name: "nosuch"}: "Node 'nosuch' not known",
	} {
		if end := run(t, remotetest.New(t), fourNodes(), op); end.Err == nil || !strings.Contains(end.Err.Error(), want) {
			t.Errorf("%v: %v", op, end.Err)
		}
	}
	end := run(t, remotetest.New(t).Answer("node1.example.com: powercycle.sh", ""), fourNodes(), Powercycle{Name: "node1", Force: true})
	if end.Err != nil || string(end.Result) != `"Reboot scheduled in 5 seconds"` {
		t.Errorf("%v, %s", end.Err, end.Result)
	}
	end = run(t, remotetest.New(t).Fail("node2.example.com: powercycle.sh", 1, "read-only file system"), fourNodes(), Powercycle{Name: "node2"})
	if end.Err == nil || !strings.Contains(end.Err.Error(), "Failed to schedule the reboot") {
		t.Error(end.Err)
	}
}
