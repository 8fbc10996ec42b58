package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// ErrNoForwarding is in the chain when a node's sshd forbids agent forwarding. The caller may then make a key for the one
// transfer.
var ErrNoForwarding = errors.New("sshd on the node forbids agent forwarding")

var errOneKey = errors.New("the agent only signs with its one key")

// oneKey is an agent that signs with the master's key. Asked to change what it holds it does nothing; refusing would make
// the library print to our stderr.
type oneKey struct{ key ssh.AlgorithmSigner }

func (a oneKey) List() ([]*agent.Key, error) {
	public := a.key.PublicKey()
	return []*agent.Key{{Format: public.Type(), Blob: public.Marshal(), Comment: "lent by the master"}}, nil
}

func (a oneKey) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return a.SignWithFlags(key, data, 0)
}

func (a oneKey) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if string(key.Marshal()) != string(a.key.PublicKey().Marshal()) {
		return nil, errOneKey
	}
	algorithm := ""
	switch {
	case flags&agent.SignatureFlagRsaSha512 != 0:
		algorithm = ssh.KeyAlgoRSASHA512
	case flags&agent.SignatureFlagRsaSha256 != 0:
		algorithm = ssh.KeyAlgoRSASHA256
	}
	return a.key.SignWithAlgorithm(nil, data, algorithm)
}

func (a oneKey) Signers() ([]ssh.Signer, error)           { return []ssh.Signer{a.key}, nil }
func (a oneKey) Add(agent.AddedKey) error                 { return nil }
func (a oneKey) Remove(ssh.PublicKey) error               { return nil }
func (a oneKey) RemoveAll() error                         { return nil }
func (a oneKey) Lock([]byte) error                        { return nil }
func (a oneKey) Unlock([]byte) error                      { return nil }
func (a oneKey) Extension(string, []byte) ([]byte, error) { return nil, agent.ErrExtensionUnsupported }

// lendingSession opens a session with the agent forwarded, on a connection of its own: sshd forwards once a connection
// and then for all its sessions, and the key is lent to one command only. The connection is the caller's to close.
func (l *link) lendingSession(ctx context.Context) (*session, error) {
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	go c.lend()
	s, err := c.session(ctx, l.pool.opts.Deadlines.Open)
	if err == nil {
		err = s.forwardAgent(ctx)
	}
	if err != nil {
		c.client.Close()
		return nil, err
	}
	return s, nil
}

// lend answers the server's wishes to speak to the agent until the connection ends.
func (c *connection) lend() {
	for wish := range c.client.HandleChannelOpen("auth-agent@openssh.com") {
		channel, requests, err := wish.Accept()
		if err != nil {
			continue
		}
		go ssh.DiscardRequests(requests)
		go func() {
			defer channel.Close()
			_ = agent.ServeAgent(oneKey{c.key}, channel) // until the command ends
		}()
	}
}

func (s *session) forwardAgent(ctx context.Context) error {
	ok, err := s.request(ctx, "auth-agent-req@openssh.com", nil)
	if err == nil && !ok {
		err = ErrNoForwarding
	}
	return err
}

// lendLocally serves the agent on a socket that only root can reach, for a command on the master's own node.
func (p *Pool) lendLocally() (socket string, stop func(), err error) {
	id, err := p.identity()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "gantry-agent-")
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "agent"))
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = agent.ServeAgent(oneKey{id.signers[0]}, conn) // until the command ends
			}()
		}
	}()
	return filepath.Join(dir, "agent"), func() { listener.Close(); os.RemoveAll(dir) }, nil
}
