package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"

	"golang.org/x/crypto/ssh"
)

// NewKey makes a key that is nobody's yet: the file that ssh(1) reads it from, and its public half as authorized_keys has it.
func NewKey() (file, public []byte, err error) {
	half, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, err
	}
	other, err := ssh.NewPublicKey(half)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(other), nil
}
