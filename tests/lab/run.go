package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Result is what a command left.
type Result struct {
	Stdout, Stderr string
	Status         int // 124 if it was ended by its limit
}

// Command is argv inside a node, as root logs in there but without a terminal.
func (l *Lab) Command(node string, argv ...string) (*exec.Cmd, error) {
	pid, err := l.pid(node)
	if err != nil {
		return nil, err
	}
	enter := []string{"nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "--root=/proc/" + pid + "/root", "--wd=/proc/" + pid + "/root/root",
		"/usr/bin/env", "-i", "PATH=" + nodePath, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "TERM=dumb", "LANG=C.UTF-8"}
	cmd := exec.Command(enter[0], append(enter[1:], argv...)...)
	return cmd, nil
}

// pid is process 1 of a node.
func (l *Lab) pid(node string) (string, error) {
	n, err := number(node)
	if err != nil {
		return "", err
	}
	s, err := readState(l.dir)
	if err != nil {
		return "", ErrNotUp
	}
	pid, exists := s.Nodes[Name(n)]
	if !exists {
		return "", fmt.Errorf("no such node: %q", node)
	}
	if pid == 0 {
		return "", fmt.Errorf("%s has no power", Name(n))
	}
	return strconv.Itoa(pid), nil
}

// Outside is argv outside all nodes, at the lab's own end of both networks.
func (l *Lab) Outside(argv ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/proc/" + strconv.Itoa(l.world) + "/ns/net"}, argv...)...)
}

// Do runs a shell text in a node until it ends or ctx does; then everything it started in its process group ends with it.
func (l *Lab) Do(ctx context.Context, node, text string) (Result, error) {
	cmd, err := l.Command(node, "bash", "-c", text)
	if err != nil {
		return Result{}, err
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = 5 * time.Second // for the pipes, should a daemon hold them
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	stop := context.AfterFunc(ctx, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	ended := !stop()
	r := Result{Stdout: out.String(), Stderr: errOut.String(), Status: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ended:
		r.Status, err = 124, nil
	case errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay):
		err = nil
	}
	return r, err
}
