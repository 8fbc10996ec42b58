package ancillary

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"time"
)

// The certificate of the SPICE consoles together with its key, and the one that vouches for it, in the data directory: qemu is
// told to read them there.
const (
	SpiceFile   = "spice.pem"
	SpiceCAFile = "spice-ca.pem"
)

// As Ganeti makes them.
const (
	spiceSubject  = "ganeti.example.com"
	spiceKeyBits  = 2048
	spiceValidity = 5 * 365 * 24 * time.Hour
)

// Spice is the content of the two files.
type Spice struct{ Pair, CA []byte }

// NewSpice makes a certificate that vouches for itself.
func NewSpice(now time.Time) (Spice, error) {
	key, err := rsa.GenerateKey(rand.Reader, spiceKeyBits)
	if err != nil {
		return Spice{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: spiceSubject}, NotBefore: now, NotAfter: now.Add(spiceValidity),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Spice{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Spice{}, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return Spice{Pair: append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), certificate...), CA: certificate}, nil
}

// Put keeps it on a node.
func (s Spice) Put(ctx context.Context, nodes Nodes, node, dataDir string) error {
	for name, data := range map[string][]byte{SpiceFile: s.Pair, SpiceCAFile: s.CA} {
		if err := nodes.Put(ctx, node, filepath.Join(dataDir, name), data, 0o440); err != nil {
			return fmt.Errorf("keeping the certificate of the SPICE consoles: %w", err)
		}
	}
	return nil
}

// Certificate reads the first certificate of a file in PEM form, which may hold other things before it.
func Certificate(data []byte) (*x509.Certificate, error) {
	for rest := bytes.TrimSpace(data); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("no certificate in PEM form")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}
