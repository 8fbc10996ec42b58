package vmlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gantry/lib/remote"
	"gantry/tests/lab"
)

// environment is what root has who logs in to a node without a terminal.
var environment = []string{
	"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash",
	"TERM=dumb", "LANG=C.UTF-8",
}

// Command is argv inside a node, as root logs in there but without a terminal.
func (l *Lab) Command(node string, argv ...string) (*exec.Cmd, error) {
	return l.command(node, nil, argv)
}

// Terminal is Command with the terminal of the caller.
func (l *Lab) Terminal(node string, argv ...string) (*exec.Cmd, error) {
	return l.command(node, []string{"-tt"}, argv)
}

func (l *Lab) command(node string, options, argv []string) (*exec.Cmd, error) {
	n, err := l.number(node)
	if err == nil {
		_, err = l.Pid(node)
	}
	if err != nil {
		return nil, err
	}
	words := append([]string{"-S", l.socket(n), "-o", "ControlMaster=no", "-o", "ProxyCommand=false"}, sshOptions...)
	words = append(append(words, options...), "root@"+l.name(n))
	var line []string
	for _, word := range append(environment, argv...) {
		line = append(line, remote.Quote(word))
	}
	return exec.Command("ssh", append(words, strings.Join(line, " "))...), nil
}

// Do runs a shell text in a node until it ends or ctx does; then everything it started in its process group ends with it.
func (l *Lab) Do(ctx context.Context, node, text string) (lab.Result, error) {
	argv := []string{"bash", "-c", text}
	if deadline, limited := ctx.Deadline(); limited {
		seconds := math.Max(1, math.Ceil(time.Until(deadline).Seconds()))
		argv = append([]string{"timeout", "-k", "3", strconv.Itoa(int(seconds))}, argv...)
	}
	cmd, err := l.Command(node, argv...)
	if err != nil {
		return lab.Result{}, err
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return lab.Result{}, err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() { // the node itself ends the command; a node that hangs does not
		select {
		case <-ended:
		case <-ctx.Done():
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				cmd.Process.Kill()
			}
		}
	}()
	err = cmd.Wait()
	r := lab.Result{Stdout: out.String(), Stderr: errOut.String(), Status: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if ctx.Err() != nil {
		r.Status = 124
	} else if r.Status == 255 && err == nil {
		if _, err = l.Pid(node); err != nil {
			err = fmt.Errorf("%w (since the command began)", err)
		}
	}
	return r, err
}

// Push copies a file, or what a directory has, into a node.
func (l *Lab) Push(node, from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	dir, name := filepath.Split(filepath.Clean(from))
	script := `d=$(mktemp -d) && tar -xf - -C "$d" --no-same-owner && mkdir -p "$(dirname "$1")" && mv -fT "$d/$2" "$1" && rmdir "$d"`
	if info.IsDir() {
		dir, name = from, "."
		script = `mkdir -p "$1" && tar -xf - -C "$1" --no-same-owner`
	}
	cmd, err := l.Command(node, "sh", "-c", script, "push", to, name)
	if err != nil {
		return err
	}
	pack := exec.Command("tar", "-C", filepath.Join(dir, "."), "-cf", "-", name)
	if cmd.Stdin, err = pack.StdoutPipe(); err != nil {
		return err
	}
	var text bytes.Buffer
	cmd.Stderr, pack.Stderr = &text, os.Stderr
	if err := pack.Start(); err != nil {
		return err
	}
	if err := errors.Join(cmd.Run(), pack.Wait()); err != nil {
		return fmt.Errorf("copying %s to %s: %w: %s", from, node, err, text.String())
	}
	return nil
}
