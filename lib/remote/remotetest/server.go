package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Server is a small SSH server in the test's own process. It takes any login and runs what it is told in sh, unless its
// options have it misbehave.
type Server struct {
	Address  string // 127.0.0.1
	Port     int
	HostKey  ssh.PublicKey // the first one
	Logins   atomic.Int32  // connections that got as far as being logged in
	options  ServerOptions
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

// ServerOptions are the ways to misbehave.
type ServerOptions struct {
	HostKeys    []ssh.Signer // nil is one new ed25519 key
	Drop        int          // so many connections are closed before a word is said
	Mute        bool         // accept connections and say nothing
	MaxSessions int          // channels at once on one connection, 0 is any number
	// Exec runs a command instead of sh. What it returns is the exit status; a negative one closes the channel without.
	Exec func(command string, channel ssh.Channel) int
}

// HostKey makes a new ed25519 key.
func HostKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB, options ServerOptions) *Server {
	t.Helper()
	if options.HostKeys == nil {
		options.HostKeys = []ssh.Signer{HostKey(t)}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &Server{Address: host, HostKey: options.HostKeys[0].PublicKey(), options: options, listener: listener}
	s.Port, _ = strconv.Atoi(port)
	t.Cleanup(func() {
		listener.Close()
		s.Cut()
	})
	go s.listen()
	return s
}

// Cut ends all connections, as a network would that forgets them; new ones are taken.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// Close takes no new connections; those that are open stay.
func (s *Server) Close() { s.listener.Close() }

func (s *Server) listen() {
	for n := 1; ; n++ {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if n <= s.options.Drop {
			conn.Close()
			continue
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		if !s.options.Mute {
			go s.serve(conn)
		}
	}
}

func (s *Server) serve(conn net.Conn) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	for _, key := range s.options.HostKeys {
		config.AddHostKey(key)
	}
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	s.Logins.Add(1)
	go ssh.DiscardRequests(requests)
	var open atomic.Int32
	for wish := range channels {
		if s.options.MaxSessions > 0 && int(open.Load()) >= s.options.MaxSessions {
			wish.Reject(ssh.ConnectionFailed, "open failed")
			continue
		}
		channel, requests, err := wish.Accept()
		if err != nil {
			return
		}
		open.Add(1)
		go func() {
			defer open.Add(-1)
			s.session(channel, requests)
		}()
	}
}

func (s *Server) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		var want struct{ Command string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &want) != nil {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		run := s.options.Exec
		if run == nil {
			run = RunInShell
		}
		if status := run(want.Command, channel); status >= 0 {
			channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(status)))
		}
		return
	}
}

// RunInShell is what a server does with a command unless its Exec is set. Like sshd it sends the status when the command
// ends, and closes the channel when nobody holds the output any more.
func RunInShell(command string, channel ssh.Channel) int {
	cmd := exec.Command("/bin/sh", "-c", command)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 255
	}
	var outputs sync.WaitGroup
	var writers []*os.File
	for _, to := range []io.Writer{channel, channel.Stderr()} {
		r, w, err := os.Pipe()
		if err != nil {
			return 255
		}
		writers = append(writers, w)
		outputs.Go(func() {
			io.Copy(to, r)
			r.Close()
		})
	}
	cmd.Stdout, cmd.Stderr = writers[0], writers[1]
	if err := cmd.Start(); err != nil {
		return 255
	}
	writers[0].Close()
	writers[1].Close()
	go func() {
		io.Copy(stdin, channel)
		stdin.Close()
	}()
	cmd.Wait()
	state := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if state.Signaled() {
		name := strings.TrimPrefix(unix.SignalName(state.Signal()), "SIG")
		channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal     string
			Core       bool
			Error, Tag string
		}{Signal: name}))
	} else {
		channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(state.ExitStatus())))
	}
	outputs.Wait()
	return -1
}
