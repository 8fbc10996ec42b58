package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	number, err := l.Pid(node)
	if err != nil {
		return nil, err
	}
	pid := strconv.Itoa(number)
	enter := []string{"nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "--root=/proc/" + pid + "/root", "--wd=/proc/" + pid + "/root/root",
		"/usr/bin/env", "-i", "PATH=" + nodePath, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "TERM=dumb", "LANG=C.UTF-8"}
	cmd := exec.Command(enter[0], append(enter[1:], argv...)...)
	return cmd, nil
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
	stop := context.AfterFunc(ctx, func() { killInside(cmd.Process.Pid) })
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

// killInside ends the processes of a group but for its leader, the nsenter outside the node, which then ends by itself. Were it
// to go first, its child would become that of the machine's process 1, and keep the node's namespace until that one reaps it.
func killInside(group int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		end := strings.LastIndex(string(text), ") ")
		if end < 0 {
			continue
		}
		fields := strings.Fields(string(text[end+2:])) // state, parent, group
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && pid != group {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
