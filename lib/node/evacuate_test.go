package node

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/iallocator"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// withInstances gives node2 the primary instances db and web, and node3 mail.
func withInstances() *config.Config {
	cfg := fourNodes()
	for name, node := range map[string]string{"web": "n2", "db": "n2", "mail": "n3"} {
		cfg.Instances = append(cfg.Instances, &config.Instance{UUID: name, Name: name, PrimaryNode: node, Hypervisor: config.HVFake,
			AdminState: config.AdminDown, AdminStateSource: config.AdminSource})
	}
	return cfg
}

// what are the operations that were submitted, a line a job.
func what(t *testing.T, jobs []*job.Job) []string {
	t.Helper()
	var lines []string
	for _, j := range jobs {
		var line []string
		for _, op := range j.Ops {
			var in struct {
				Target string `json:"target_node"`
			}
			if err := json.Unmarshal(op.Input, &in); err != nil {
				t.Fatal(err)
			}
			line = append(line, strings.TrimSpace(op.Summary()+" "+in.Target))
		}
		lines = append(lines, strings.Join(line, "; "))
	}
	return lines
}

func TestMigrateMakesAJobForEachPrimaryInstance(t *testing.T) {
	end := jobtest.Run(t, remotetest.New(t), withInstances(), Migrate{Name: "node2", TargetNode: "node3"}, func() job.Operation { return &Migrate{} })
	if got := what(t, end.Jobs); !slices.Equal(got, []string{"INSTANCE_MIGRATE(db) node3", "INSTANCE_MIGRATE(web) node3"}) || end.Err != nil {
		t.Errorf("%q, %v", got, end.Err)
	}
	end = jobtest.Run(t, remotetest.New(t), withInstances(), Migrate{Name: "nosuch"}, func() job.Operation { return &Migrate{} })
	if end.Err == nil || end.Err.Error() != "Node 'nosuch' not known" {
		t.Error(end.Err)
	}
}

func evacuated(t *testing.T, op Evacuate, answer string) (jobtest.Ended, jobtest.Allocator) {
	t.Helper()
	wise := jobtest.NewAllocator(t, "wise", answer)
	return jobtest.Run(t, remotetest.New(t), withInstances(), op, func() job.Operation { return &Evacuate{} }, jobtest.Through(wise), jobtest.Knowing(
		func() job.Operation { return &instance.Migrate{} }, func() job.Operation { return &instance.Failover{} })), wise
}

func TestEvacuateDoesWhatTheAllocatorSays(t *testing.T) {
	op := Evacuate{Name: "node2", IAllocator: "wise", Mode: iallocator.EvacuatePrimary}
	end, wise := evacuated(t, op, `{"success":true,"info":"","result":[[["web","default",["node3.example.com"]],["db","default",["node4.example.com"]]],[],[
		[{"OP_ID":"OP_INSTANCE_MIGRATE","instance_name":"web","target_node":"node3.example.com","allow_failover":true}],
		[{"OP_ID":"OP_INSTANCE_FAILOVER","instance_name":"db","target_node":"node4.example.com"}]]]}`)
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	if got := what(t, end.Jobs); !slices.Equal(got, []string{"INSTANCE_MIGRATE(web) node3.example.com", "INSTANCE_FAILOVER(db) node4.example.com"}) {
		t.Errorf("%q", got)
	}
	want := []string{" - INFO: Evacuating instances from node 'node2.example.com': db, web",
		" - INFO: Instances to be moved: web (to node3.example.com), db (to node4.example.com)"}
	if !slices.Equal(end.Messages, want) {
		t.Errorf("%q", end.Messages)
	}
	if input := wise.Asked(); !strings.Contains(input, `"request":{"instances":["db","web"],"evac_mode":"primary-only","type":"node-evacuate"}`) {
		t.Errorf("asked %s", input)
	}
}

func TestEvacuateAsksTheAllocatorOfTheCluster(t *testing.T) {
	for _, named := range []string{"", "."} {
		cfg := withInstances()
		cfg.Cluster.DefaultIAllocator = "wise"
		wise := jobtest.NewAllocator(t, "wise", `{"success":true,"info":"","result":[[["web","default",["node3.example.com"]]],[],
			[[{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","instance_name":"web","mode":"replace_new_secondary","disks":[],"remote_node":"node3.example.com","early_release":false}]]]}`)
		end := jobtest.Run(t, remotetest.New(t), cfg, Evacuate{Name: "node2", IAllocator: named, Mode: iallocator.EvacuateAll, EarlyRelease: true},
			func() job.Operation { return &Evacuate{} }, jobtest.Through(wise), jobtest.Knowing(func() job.Operation { return &instance.ReplaceDisks{} }))
		if got := what(t, end.Jobs); end.Err != nil || !slices.Equal(got, []string{"INSTANCE_REPLACE_DISKS(web)"}) {
			t.Fatalf("-I %q: %q, %v", named, got, end.Err)
		}
		if input := string(end.Jobs[0].Ops[0].Input); !strings.Contains(input, `"early_release":true`) || !strings.Contains(input, `"remote_node":"node3.example.com"`) {
			t.Errorf("-I %q: %s", named, input)
		}
	}
}

func TestEvacuateMovesNothingIfOneInstanceCannotBeMoved(t *testing.T) {
	op := Evacuate{Name: "node2", IAllocator: "wise", Mode: iallocator.EvacuateAll}
	end, _ := evacuated(t, op, `{"success":true,"info":"","result":[[["web","default",["node3.example.com"]]],[["db","no room"]],[[{"OP_ID":"OP_INSTANCE_MIGRATE","instance_name":"web"}]]]}`)
	if end.Err == nil || end.Err.Error() != "Unable to evacuate instances db (no room)" || len(end.Jobs) > 0 {
		t.Errorf("%v, %d jobs", end.Err, len(end.Jobs))
	}
}

func TestEvacuateTrustsNoAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ answer, want string }{
		"no":             {`{"success":false,"info":"not today","result":[]}`, "Can't compute node evacuation using iallocator 'wise': not today"},
		"too short":      {`{"success":true,"info":"","result":[[],[]]}`, "Can't parse iallocator results: expected a list of 3, got [[],[]]"},
		"another opcode": {`{"success":true,"info":"","result":[[],[],[[{"OP_ID":"OP_CLUSTER_DESTROY"}]]]}`, "OpCode 'OP_CLUSTER_DESTROY' is not known"},
	} {
		end, _ := evacuated(t, Evacuate{Name: "node2", IAllocator: "wise", Mode: iallocator.EvacuateAll}, tt.answer)
		if end.Err == nil || end.Err.Error() != tt.want || len(end.Jobs) > 0 {
			t.Errorf("%s: %v", name, end.Err)
		}
	}
}

func TestEvacuateRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		op   Evacuate
		want string
	}{
		"both":    {Evacuate{Name: "node2", IAllocator: "hail", RemoteNode: "node3"}, "Do not specify both, iallocator and node"},
		"neither": {Evacuate{Name: "node2"}, iallocator.NoneOrNode().Error()},
		"unknown": {Evacuate{Name: "nosuch", IAllocator: "hail"}, "Node 'nosuch' not known"},
		"itself":  {Evacuate{Name: "node2", RemoteNode: "node2", Mode: iallocator.EvacuateSecondary}, "Can not use evacuated node as a new secondary node"},
		"primary": {Evacuate{Name: "node2", RemoteNode: "node3", Mode: iallocator.EvacuateAll}, "Without the use of an iallocator only secondary instances can be evacuated"},
		"nowhere": {Evacuate{Name: "node2", RemoteNode: "nosuch", Mode: iallocator.EvacuateSecondary}, "Node 'nosuch' not known"},
	} {
		end := jobtest.Run(t, remotetest.New(t), withInstances(), tt.op, func() job.Operation { return &Evacuate{} })
		if end.Err == nil || end.Err.Error() != tt.want {
			t.Errorf("%s: %v", name, end.Err)
		}
	}
}

func TestEvacuateGivesMirrorsToTheNamedNode(t *testing.T) {
	cfg := lvmNodes()
	op := Evacuate{Name: "node3", RemoteNode: "node4", Mode: iallocator.EvacuateSecondary, EarlyRelease: true}
	end := jobtest.Run(t, remotetest.New(t), cfg, op, func() job.Operation { return &Evacuate{} })
	if end.Err != nil || len(end.Jobs) != 1 {
		t.Fatal(end.Err, len(end.Jobs))
	}
	want := `"instance_name":"web","mode":"replace_new_secondary","disks":[],"remote_node":"node4.example.com","early_release":true`
	if got := string(end.Jobs[0].Ops[0].Input); !strings.Contains(got, want) {
		t.Errorf("submitted %s", got)
	}
	op.RemoteNode = "node2"
	end = jobtest.Run(t, remotetest.New(t), cfg, op, func() job.Operation { return &Evacuate{} })
	if end.Err == nil || end.Err.Error() != "Node node2.example.com is the primary node of instance web, cannot use it as secondary" {
		t.Error(end.Err)
	}
}
