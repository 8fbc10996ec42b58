package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gantry/tests/lab"
)

// bootLimit is what the guest gets to its login prompt: it is emulated in software.
const bootLimit = 8 * time.Minute

// open joins the serial line of the instance on the node where it runs.
func (d *demo) open() (*lab.Serial, error) {
	result, err := d.lab.Do(d.ctx, "node1", "gnt-instance list --no-headers -o pnode "+instance)
	if err != nil {
		return nil, err
	}
	node, _, _ := strings.Cut(strings.TrimSpace(result.Stdout), ".")
	return d.lab.Serial(node, instance)
}

// waitForLogin waits for the prompt of the installed system.
func (d *demo) waitForLogin() error {
	fmt.Println("root@node1:~# gnt-instance console", instance)
	c, err := d.open()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(d.ctx, bootLimit)
	defer cancel()
	m, err := c.Expect(ctx, "\n", 10*time.Second, regexp.MustCompile(`\S+ login: `))
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
	defer c.Close()
	ctx, cancel := context.WithTimeout(d.ctx, 2*time.Minute)
	defer cancel()
	// at the login prompt the first line logs in, at a shell it is a command that does not exist
	m, err := c.Expect(ctx, "root\necho up=$(cat /proc/uptime)\n", 15*time.Second, uptimeAnswer)
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
