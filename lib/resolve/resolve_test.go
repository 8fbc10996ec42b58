package resolve

import (
	"net"
	"strings"
	"testing"

	"gantry/lib/fault"
	"gantry/lib/remote/remotetest"
)

func TestAShortNameGetsItsFullName(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: getent ahostsv4 -- node2", "192.0.2.12      STREAM node2.example.com\n192.0.2.12      DGRAM  \n")
	host, err := Name(t.Context(), nodes, "node1", "node2", 2)
	if err != nil || host != (Host{"node2.example.com", "192.0.2.12"}) {
		t.Errorf("got %v, %v", host, err)
	}
}

func TestAnUnknownNameIsRefused(t *testing.T) {
	nodes := remotetest.New(t).Answer("node1: getent ahostsv4 -- nosuch", "")
	_, err := Name(t.Context(), nodes, "node1", "nosuch", 2)
	if fault.KindOf(err) != fault.Resolver || err.Error() != "The given name (nosuch) does not resolve: Name or service not known" {
		t.Errorf("got %v", err)
	}
}

func TestANameThatNoHostCanHaveIsNotEvenLookedUp(t *testing.T) {
	for _, name := range []string{"", "a b", "a\nb", "$(reboot)", "a..b", ".a", "a\xff", strings.Repeat("a", 256), "A/B"} {
		_, err := Name(t.Context(), remotetest.New(t), "node1", name, 2)
		if fault.KindOf(err) != fault.WrongInput || err.Error() != "Invalid hostname '"+strings.ToLower(name)+"'" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAnAddressInUseAnswersAlsoOnAClosedPort(t *testing.T) {
	if !Answers(t.Context(), "127.0.0.1", 1) {
		t.Error("127.0.0.1 does not answer")
	}
}

// FuzzParse: what comes back is an address and a name that a host can have.
func FuzzParse(f *testing.F) {
	f.Add([]byte("192.0.2.11      STREAM node1.example.com\n192.0.2.11      DGRAM  \n"))
	f.Add([]byte("fe80::1%eth0 STREAM $(touch /pwned)\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		host, ok := parse("node1", out)
		if ok && (net.ParseIP(strings.Split(host.IP, "%")[0]) == nil || strings.ContainsAny(host.Name, " \t\n$;'\"`/")) {
			t.Errorf("%q is taken for %+v", out, host)
		}
	})
}
