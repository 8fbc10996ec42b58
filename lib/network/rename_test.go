package network

import (
	"errors"
	"strings"
	"testing"

	"gantry/lib/config/store"
	"gantry/lib/job/jobtest"
)

func TestANetworkKeepsEverythingButItsName(t *testing.T) {
	end := run(t, twoNodes(), Rename{Name: "net1", NewName: "lan"})
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	if n := end.Config.NetworkByName("lan"); n == nil || n.UUID != "u" || n.Network != "10.1.0.0/29" || end.Config.NetworkByName("net1") != nil {
		t.Errorf("%+v", n)
	}
}

func TestANameThatIsTakenIsRefused(t *testing.T) {
	for _, tt := range []struct {
		op   Rename
		want string
	}{
		{Rename{Name: "net1", NewName: "net1"}, "Desired new name 'net1' clashes with existing network (UUID: u)"},
		{Rename{Name: "nosuch", NewName: "x"}, "Network 'nosuch' not found"},
		{Rename{Name: "net1"}, "Received empty value"},
	} {
		if end := run(t, twoNodes(), tt.op); end.Err == nil || !strings.Contains(end.Err.Error(), tt.want) || end.Commits != 0 {
			t.Errorf("%v: %v", tt.op, end.Err)
		}
	}
}

func TestARenameThatIsNotWrittenChangesNothing(t *testing.T) {
	full := errors.New("no space left on device")
	end := run(t, twoNodes(), Rename{Name: "net1", NewName: "lan"}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || end.Config.NetworkByName("net1") == nil {
		t.Errorf("%v", end.Err)
	}
}
