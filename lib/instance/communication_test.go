package instance

import (
	"strings"
	"testing"
)

func TestAnInstanceGetsAnInterfaceOfTheCommunicationNetwork(t *testing.T) {
	w := newWorld(t).withOS("").withNetwork().lax()
	w.cfg.Cluster.InstanceCommunicateNet = "net1"
	if e := w.run(newInstance("db", func(op *Create) { op.Communication = true })); e.Err != nil {
		t.Fatal(e.Err)
	}
	names := func() (list []string) {
		for _, nic := range w.cfg.InstanceByName("db").NICs {
			list = append(list, nic.Name+" "+nic.IP+" "+nic.Network)
		}
		return list
	}
	const want = "ganeti:communication:db 10.1.0.2 net"
	if got := names(); strings.Join(got, "|") != want {
		t.Fatalf("interfaces %q, want %q", got, want)
	}
	for _, step := range []struct {
		wish bool
		want string
		said string
	}{{true, want, "[]"}, {false, "", `[["NIC/0","remove"]]`}, {false, "", "[]"}, {true, want, `[["nic.0","add:`}} {
		e := w.run(Modify{Name: "db", Communication: &step.wish})
		if got := strings.Join(names(), "|"); e.Err != nil || got != step.want || !strings.HasPrefix(string(e.Result), step.said) {
			t.Errorf("communication %v: %v, interfaces %q, said %s", step.wish, e.Err, got, e.Result)
		}
	}
	w.cfg.Cluster.InstanceCommunicateNet = ""
	if e := w.run(Modify{Name: "web", Communication: new(true)}); e.Err == nil || e.Err.Error() != "ip=pool, but no network found" {
		t.Errorf("without a network: %v", e.Err)
	}
	e := w.run(newInstance("other", func(op *Create) { op.Communication = true }))
	if e.Err == nil || e.Err.Error() != "Network '' not found" {
		t.Errorf("without a network: %v", e.Err)
	}
}
