package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bootLimit is what the guest gets to its login prompt: it is emulated in software.
const bootLimit = 8 * time.Minute

// console is the guest's serial line, as gnt-instance console joins it.
type console struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	text chan []byte
	seen bytes.Buffer
}

// open joins the serial line of the instance on the node where it runs.
func (d *demo) open() (*console, error) {
	result, err := d.lab.Do(d.ctx, "node1", "gnt-instance list --no-headers -o pnode "+instance)
	if err != nil {
		return nil, err
	}
	node, _, _ := strings.Cut(strings.TrimSpace(result.Stdout), ".")
	cmd, err := d.lab.Command(node, "socat", "-", "UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/"+instance+".serial")
	if err != nil {
		return nil, err
	}
	c := &console{cmd: cmd, text: make(chan []byte)}
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.text)
		for {
			chunk := make([]byte, 4096)
			n, err := out.Read(chunk)
			c.text <- chunk[:n]
			if err != nil {
				return
			}
		}
	}()
	return c, nil
}

// close leaves the serial line: socat ends when it can read no more.
func (c *console) close() {
	_ = c.in.Close()
	for range c.text {
	}
	_ = c.cmd.Wait() // how it ended does not matter
}

// expect types words again and again until the guest's answer matches.
func (c *console) expect(ctx context.Context, typed string, every time.Duration, want *regexp.Regexp) ([]string, error) {
	again := time.NewTicker(every)
	defer again.Stop()
	_, _ = io.WriteString(c.in, typed) // if this is lost, the next one comes
	for {
		select {
		case chunk, open := <-c.text:
			c.seen.Write(chunk)
			if m := want.FindStringSubmatch(c.seen.String()); m != nil {
				return m, nil
			}
			if !open {
				return nil, fmt.Errorf("the console closed; last seen: %q", tail(c.seen.String()))
			}
		case <-again.C:
			_, _ = io.WriteString(c.in, typed)
		case <-ctx.Done():
			return nil, fmt.Errorf("the console did not show %s; last seen: %q", want, tail(c.seen.String()))
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-300):] }

// waitForLogin waits for the prompt of the installed system.
func (d *demo) waitForLogin() error {
	fmt.Println("root@node1:~# gnt-instance console", instance)
	c, err := d.open()
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(d.ctx, bootLimit)
	defer cancel()
	m, err := c.expect(ctx, "\n", 10*time.Second, regexp.MustCompile(`\S+ login: `))
	if err == nil {
		fmt.Println(m[0])
	}
	return err
}

var uptimeAnswer = regexp.MustCompile(`up=([0-9.]+) `)

// uptimeNow logs in on the console if nobody is, and asks the guest how long it has been running.
func (d *demo) uptimeNow() (float64, error) {
	c, err := d.open()
	if err != nil {
		return 0, err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(d.ctx, 2*time.Minute)
	defer cancel()
	// at the login prompt the first line logs in, at a shell it is a command that does not exist
	m, err := c.expect(ctx, "root\necho up=$(cat /proc/uptime)\n", 15*time.Second, uptimeAnswer)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(m[1], 64)
}

func (d *demo) readUptime() (err error) {
	if d.uptime, err = d.uptimeNow(); err == nil {
		fmt.Printf("the guest has been running for %.1f s\n", d.uptime)
	}
	return err
}

// keptRunning shows that the guest moved without a restart.
func (d *demo) keptRunning() error {
	now, err := d.uptimeNow()
	if err != nil {
		return err
	}
	fmt.Printf("the guest has been running for %.1f s\n", now)
	if now <= d.uptime {
		return fmt.Errorf("it was restarted: it had been running for %.1f s before it moved", d.uptime)
	}
	return nil
}
