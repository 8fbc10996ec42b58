package config

import (
	"strings"
	"testing"
)

func testNetwork(t *testing.T, subnet, gateway string) *Network {
	t.Helper()
	n := &Network{UUID: "net", Name: "net1", Network: subnet, Gateway: gateway}
	if err := n.InitPool(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestANewPoolReservesItsEndsAndTheGateway(t *testing.T) {
	n := testNetwork(t, "49.12.57.128/27", "49.12.57.129")
	if got, want := n.Map(), "XX.............................X"; got != want {
		t.Errorf("map %s, want %s", got, want)
	}
	if err := n.ReserveExternal("49.12.57.140"); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(n.External(), ", "), "49.12.57.128, 49.12.57.129, 49.12.57.140, 49.12.57.159"; got != want {
		t.Errorf("external %s, want %s", got, want)
	}
	if n.FreeCount() != 28 || n.ReservedCount() != 4 || n.Size() != 32 {
		t.Errorf("%d free, %d reserved of %d", n.FreeCount(), n.ReservedCount(), n.Size())
	}
	if ip, err := n.Free(nil); err != nil || ip != "49.12.57.130" {
		t.Errorf("first free %s, %v", ip, err)
	}
}

func TestPoolErrorsAreGanetis(t *testing.T) {
	n := testNetwork(t, "10.1.0.0/29", "10.1.0.1")
	n.Reserve("10.1.0.2")
	for want, got := range map[string]error{
		"IP 10.1.0.1 is already externally reserved": n.ReserveExternal("10.1.0.1"),
		"IP 10.1.0.2 is already used by an instance": n.Reserve("10.1.0.2"),
		"IP 10.1.0.4 is not externally reserved":     n.ReleaseExternal("10.1.0.4"),
		"IP 10.1.0.4 is not used by an instance":     n.Release("10.1.0.4"),
		"10.1.0.0/29 does not contain 10.77.0.1":     n.Reserve("10.77.0.1"),
		"10.1.0.0/29 does not contain 10.1.0.8":      n.ReserveExternal("10.1.0.8"),
		"10.1.0.0/29 does not contain fe80::1":       n.Reserve("fe80::1"),
	} {
		if got == nil || got.Error() != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}
	for subnet, want := range map[string]string{
		"10.0.0.0/8":  "A big network with 16777216 host(s) is currently not supported. please specify at most a /16 network",
		"10.0.0.0/31": "A network with only 2 host(s) is too small, please specify at least a /30 network",
		"10.1.0.0":    "A network with only 1 host(s) is too small, please specify at least a /30 network",
		"10.0.0.1/29": "10.0.0.1/29 has host bits set",
		"bad":         "'bad' does not appear to be an IPv4 or IPv6 network",
	} {
		if err := (&Network{Network: subnet}).InitPool(); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", subnet, err, want)
		}
	}
}

func TestAnAddressHeldTwiceIsFreeOnlyWhenBothAreReleased(t *testing.T) {
	n := testNetwork(t, "10.1.0.0/29", "")
	for _, step := range []struct {
		do  func(string) error
		ip  string
		pic string
	}{
		{n.Reserve, "10.1.0.3", "X..X...X"}, {n.ReserveExternal, "10.1.0.3", "X..X...X"},
		{n.Release, "10.1.0.3", "X..X...X"}, {n.ReleaseExternal, "10.1.0.3", "X......X"},
	} {
		if err := step.do(step.ip); err != nil || n.Map() != step.pic {
			t.Errorf("%v, map %s, want %s", err, n.Map(), step.pic)
		}
	}
}

func TestAPoolOfARealConfigurationIsRead(t *testing.T) {
	n := recordedConfig(t).NetworkByName("net1")
	if n.Map() != "XXX....X" || !n.IsUsed("10.1.0.2") || n.IsExternal("10.1.0.2") || !n.IsExternal("10.1.0.1") {
		t.Errorf("map %s", n.Map())
	}
}

func TestAFullPoolSaysSo(t *testing.T) {
	c := recordedConfig(t)
	n := c.NetworkByName("net1")
	c.Reservations = []*Reservation{{Job: 1, Network: n.UUID, IP: "10.1.0.3"}, {Job: 1, Network: "other", IP: "10.1.0.4"}}
	for _, want := range []string{"10.1.0.4", "10.1.0.5", "10.1.0.6"} {
		ip, err := c.FreeIP(n)
		if err != nil || ip != want || n.Reserve(ip) != nil {
			t.Errorf("FreeIP = %s, %v, want %s", ip, err, want)
		}
	}
	if ip, err := c.FreeIP(n); err == nil || err.Error() != "10.1.0.0/29 is full" {
		t.Errorf("FreeIP of a full network = %s, %v", ip, err)
	}
}
