package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// DefaultIdentity are the keys of root that are tried, in this order, those that exist.
var DefaultIdentity = []string{"/root/.ssh/id_ed25519", "/root/.ssh/id_rsa", "/root/.ssh/id_ecdsa"}

// maxAgentKeys keeps an agent full of keys from using up sshd's MaxAuthTries.
const maxAgentKeys = 3

// agentLimit is how long an agent may take to list its keys.
const agentLimit = 5 * time.Second

// identity is the keys the master can log in with. It is gathered once a pool.
type identity struct {
	signers []ssh.AlgorithmSigner
	notes   []string // what was looked at, for the message when no login works
	agent   net.Conn
}

// identity reads the key files and asks the agent, when the first connection is made.
func (p *Pool) identity() (*identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		keys := readIdentity(p.opts.Identity, p.opts.Agent)
		if len(keys.signers) == 0 {
			return nil, fmt.Errorf("no key to log in with: %s", keys.describe())
		}
		p.keys = keys
	}
	return p.keys, nil
}

func readIdentity(files []string, socket string) *identity {
	id := &identity{}
	for _, file := range files {
		if err := id.addFile(file); err != nil {
			id.notes = append(id.notes, err.Error())
		} else {
			id.notes = append(id.notes, file)
		}
	}
	if socket != "" {
		if err := id.addAgent(socket); err != nil {
			id.notes = append(id.notes, fmt.Sprintf("agent %s: %v", socket, err))
		}
	}
	return id
}

func (id *identity) describe() string { return strings.Join(id.notes, ", ") }

func (id *identity) close() {
	if id.agent != nil {
		id.agent.Close()
	}
}

func (id *identity) addFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	key, err := ssh.ParsePrivateKey(text)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		return fmt.Errorf("%s is encrypted", file)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := id.addCertificate(file+"-cert.pub", key); err != nil {
		return err
	}
	return id.add(key)
}

// addCertificate adds the certificate that lies beside a key, as ssh(1) does; it is offered before the bare key.
func (id *identity) addCertificate(file string, key ssh.Signer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	cert, ok := public.(*ssh.Certificate)
	if err != nil || !ok {
		return fmt.Errorf("%s: not a certificate", file)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return id.add(signer)
}

func (id *identity) addAgent(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Now().Add(agentLimit))
	keys, err := agent.NewClient(conn).Signers()
	conn.SetDeadline(time.Time{})
	if err != nil {
		conn.Close()
		return err
	}
	id.agent = conn
	id.notes = append(id.notes, fmt.Sprintf("%d of agent %s", len(keys), socket))
	for _, key := range keys[:min(len(keys), maxAgentKeys)] {
		if err := id.add(key); err != nil {
			return err
		}
	}
	return nil
}

// add takes keys that can be told which algorithm to sign with; all of x/crypto's can, and RSA needs it.
func (id *identity) add(key ssh.Signer) error {
	signer, ok := key.(ssh.AlgorithmSigner)
	if !ok {
		return fmt.Errorf("the %s key cannot choose its algorithm", key.PublicKey().Type())
	}
	id.signers = append(id.signers, signer)
	return nil
}

// loginKeys offers the keys for one login and remembers which was the last to sign: the one that got in.
type loginKeys struct {
	mu   sync.Mutex
	used ssh.AlgorithmSigner
}

func (l *loginKeys) offer(id *identity) ssh.AuthMethod {
	var offered []ssh.Signer
	for _, key := range id.signers {
		offered = append(offered, &offeredKey{key, l})
	}
	return ssh.PublicKeys(offered...)
}

type offeredKey struct {
	ssh.AlgorithmSigner
	login *loginKeys
}

func (k *offeredKey) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	k.login.mu.Lock()
	k.login.used = k.AlgorithmSigner
	k.login.mu.Unlock()
	return k.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
}
