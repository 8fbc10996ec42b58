package ancillary

import (
	"crypto/tls"
	"testing"
	"time"

	"gantry/lib/remote/remotetest"
)

func TestTheSpiceCertificateBelongsToItsKeyAndVouchesForItself(t *testing.T) {
	s, err := NewSpice(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(s.Pair, s.Pair); err != nil {
		t.Error(err)
	}
	own, err := Certificate(s.Pair)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := Certificate(s.CA)
	if err != nil || own.CheckSignatureFrom(ca) != nil {
		t.Errorf("%v, %v", err, own.CheckSignatureFrom(ca))
	}
}

func TestTheSpiceKeyIsKeptFromOthers(t *testing.T) {
	nodes := remotetest.New(t)
	s := Spice{Pair: []byte("key and certificate"), CA: []byte("certificate")}
	if err := s.Put(t.Context(), nodes, "node1", "/data"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/data/spice.pem": "key and certificate", "/data/spice-ca.pem": "certificate"} {
		if f, ok := nodes.File("node1", path); !ok || string(f.Data) != want || f.Mode != 0o440 {
			t.Errorf("%s: %q, %o", path, f.Data, f.Mode)
		}
	}
}
