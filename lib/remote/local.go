package remote

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// runLocal runs the same preamble and header as sshd would, in a session of its own, so that no terminal reaches it.
// An abandoned command is asked to end, through timeout, which is what the process is by then; it is never killed
// outright, because its child would then run on without a limit.
func (p *Pool) runLocal(ctx context.Context, x *execution) error {
	if _, err := os.Stat(x.cmd.Needs); x.cmd.Needs != "" && errors.Is(err, fs.ErrNotExist) {
		return x.nothing()
	}
	cmd := exec.Command("/bin/sh", "-c", preamble)
	cmd.Env = localEnvironment()
	if x.cmd.LendKey {
		socket, stop, err := p.lendLocally()
		if err != nil {
			return &notStarted{err}
		}
		defer stop()
		cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+socket)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.in, &x.stdout, &x.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = x.drain
	if err := cmd.Start(); err != nil {
		return &notStarted{err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return x.localStatus(cmd, err)
	case <-ctx.Done():
		cmd.Process.Signal(syscall.SIGTERM)
		return context.Cause(ctx)
	}
}

// nothing is what a command leaves that had nothing to do.
func (x *execution) nothing() error {
	_, err := x.stdout.Write([]byte(mark))
	return err
}

// localStatus reads the exit status. Copying errors do not matter: a command need not read its input, and an output that
// was refused says so itself.
func (x *execution) localStatus(cmd *exec.Cmd, err error) error {
	state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return err
	case state.Signaled():
		x.signal = strings.TrimPrefix(unix.SignalName(state.Signal()), "SIG")
		x.status = 128 + int(state.Signal())
	default:
		x.status = state.ExitStatus()
	}
	if _, refused := x.stdout.finish(); refused != nil && !errors.Is(refused, io.EOF) {
		return refused
	}
	return nil
}

// localEnvironment is what sshd gives to a command of this user; the preamble adds the rest.
func localEnvironment() []string {
	home, name := "/root", "root"
	if u, err := user.Current(); err == nil {
		home, name = u.HomeDir, u.Username
	}
	return []string{"HOME=" + home, "USER=" + name, "LOGNAME=" + name, "SHELL=/bin/sh"}
}
