// Command vmlab makes clusters of virtual machines on this machine; see package vmlab.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

const usage = `Usage: vmlab [--id ID] [--dir DIR] VERB ...

  up [options] N          start a lab of N virtual machines (up -h lists the options); it stays until "down"
  down                    end it, leave nothing behind
  image                   build what machines start from, unless it is there, and print where
  status                  which nodes have power, are frozen, are cut off
  ssh NODE [COMMAND]      run a shell text in a node, or an interactive shell
  push NODE FROM TO       copy a file, or what a directory has, into a node ("all" is every node)
  outside COMMAND...      run a command at the lab's own end of the networks
  cut NODE [OTHER]        pull both network cables of a node, or keep two nodes from hearing each other
  heal NODE [OTHER]       undo that
  link NODE lan|san|both up|down   one cable
  freeze NODE | thaw NODE          the machine hangs, or goes on
  kill NODE | start NODE           take its power away, or give it back; the disks are kept
  playground [options]    start a lab with what make install installs, open a shell on node1, end the lab after it

The id may also be given as LAB_ID. Labs with different ids run side by side. ssh reaches a node that is cut off, too.
`

func main() {
	set := flag.NewFlagSet("vmlab", flag.ExitOnError)
	set.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	c := command{}
	set.StringVar(&c.id, "id", os.Getenv("LAB_ID"), "")
	set.StringVar(&c.dir, "dir", "", "")
	set.Parse(os.Args[1:])
	if set.NArg() == 0 {
		set.Usage()
		os.Exit(2)
	}
	err := c.run(set.Arg(0), set.Args()[1:])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit): // of a command that was run for the user, who has seen what it said
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "vmlab:", err)
		os.Exit(1)
	}
}

// command is which lab is meant.
type command struct{ id, dir string }

func (c command) run(verb string, args []string) error {
	switch verb {
	case "up":
		return c.up(args)
	case "down":
		return vmlab.Down(c.id, c.dir)
	case "image":
		image, err := vmlab.FindImage(say)
		if err == nil {
			fmt.Println(image)
		}
		return err
	case "playground":
		return c.playground(args)
	}
	control, known := controls[verb]
	if !known {
		return fmt.Errorf("unknown verb %q", verb)
	}
	if len(args) < control.least || control.most >= 0 && len(args) > control.most {
		return fmt.Errorf("%s: wrong number of arguments", verb)
	}
	l, err := vmlab.Attach(c.id, c.dir)
	if err != nil {
		return err
	}
	return control.do(l, args)
}

func say(text string) { fmt.Fprintln(os.Stderr, "vmlab:", text) }

// controls are the verbs that need a running lab, with the numbers of arguments they take.
var controls = map[string]struct {
	least, most int // most -1: any number
	do          func(l *vmlab.Lab, args []string) error
}{
	"status":  {0, 0, status},
	"ssh":     {1, -1, ssh},
	"push":    {3, 3, push},
	"cut":     {1, 2, func(l *vmlab.Lab, a []string) error { return pairwise(a, l.Cut, l.CutBetween) }},
	"heal":    {1, 2, func(l *vmlab.Lab, a []string) error { return pairwise(a, l.Heal, l.HealBetween) }},
	"link":    {3, 3, func(l *vmlab.Lab, a []string) error { return l.Link(a[0], a[1], a[2]) }},
	"freeze":  {1, 1, func(l *vmlab.Lab, a []string) error { return l.Freeze(a[0]) }},
	"thaw":    {1, 1, func(l *vmlab.Lab, a []string) error { return l.Thaw(a[0]) }},
	"kill":    {1, 1, func(l *vmlab.Lab, a []string) error { return l.Kill(a[0]) }},
	"start":   {1, 1, func(l *vmlab.Lab, a []string) error { return l.Power(a[0]) }},
	"outside": {1, -1, func(l *vmlab.Lab, a []string) error { return attached(l.Outside(a...)) }},
}

func (c command) up(args []string) error {
	set := flag.NewFlagSet("vmlab up", flag.ExitOnError)
	o := options(set, c)
	set.Parse(args)
	if set.NArg() > 1 {
		return errors.New("up: one number of nodes, after the options")
	}
	if set.NArg() == 1 {
		if _, err := fmt.Sscan(set.Arg(0), &o.Nodes); err != nil {
			return fmt.Errorf("up: %q is not a number of nodes", set.Arg(0))
		}
	}
	begin := time.Now()
	l, err := vmlab.Up(*o, false, say)
	if err == nil {
		fmt.Printf("%d nodes in %.1f s, in %s\n", o.Nodes, time.Since(begin).Seconds(), l.Dir)
	}
	return err
}

// options declares what up and playground share.
func options(set *flag.FlagSet, c command) *vmlab.Options {
	o := &vmlab.Options{Nodes: 3, ID: c.id, Dir: c.dir}
	set.StringVar(&o.Bin, "bin", "", "install `DIR` in the nodes: a tree made by make install, or a directory of binaries")
	set.Func("files", "lay the tree `DIR` over every node's root (may be repeated)", func(dir string) error {
		o.Files = append(o.Files, dir)
		return nil
	})
	set.Func("trust", "what the nodes know of each other: `all`, key (no host keys) or none", func(word string) error {
		o.Trust = lab.Trust(word)
		return nil
	})
	set.Func("host-keys", "`TYPES` of host keys, separated by commas (ed25519)", func(list string) error {
		o.HostKeys = strings.Split(list, ",")
		return nil
	})
	set.Func("hdd", "the `NODES` that have vg_ganeti_hdd, by numbers separated by commas (1,2)", func(list string) error {
		o.HDD = []int{}
		for word := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			o.HDD = append(o.HDD, n)
		}
		return nil
	})
	set.IntVar(&o.Memory, "memory", 0, "`MIB` of memory of a node (1280)")
	set.IntVar(&o.Disks, "disks", 1, "`NUMBER` of disks that vg_ganeti has")
	set.BoolVar(&o.OVS, "ovs", false, "br0 is a bridge of Open vSwitch")
	set.BoolVar(&o.Systemd, "systemd", false, "process 1 of the nodes is systemd")
	return o
}

// playground is "make vmlab": the product installed in three nodes, and a shell.
func (c command) playground(args []string) error {
	set := flag.NewFlagSet("vmlab playground", flag.ExitOnError)
	o := options(set, c)
	set.IntVar(&o.Nodes, "nodes", o.Nodes, "number of nodes")
	set.Parse(args)
	if o.Bin == "" {
		tree, err := os.MkdirTemp("", "gantry-tree")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tree)
		install := exec.Command("make", "-s", "install", "DESTDIR="+tree)
		install.Stdout, install.Stderr = os.Stderr, os.Stderr
		if err := install.Run(); err != nil {
			return fmt.Errorf("make install: %w", err)
		}
		o.Bin = tree
	}
	l, err := vmlab.Up(*o, true, say)
	if err != nil {
		return err
	}
	defer vmlab.Down(c.id, c.dir)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // meant for what runs in the shell
	fmt.Printf(`%d nodes, node1 to node%[1]d. This is node1; the cluster's name may be %s, instances inst1 to inst99.
Volume groups: vg_ganeti, and vg_ganeti_hdd on node1 and node2. A kernel and an initial file system for guests: /boot/*-guest.
From another terminal: vmlab ssh node2, vmlab cut node2, vmlab kill node3 ... (go run ./tests/vmlab/cmd/vmlab)
`, o.Nodes, lab.Cluster)
	ssh(l, []string{"node1"}) // the status of a person's last command is no failure of the lab
	return nil
}

func ssh(l *vmlab.Lab, args []string) error {
	run := l.Command
	argv := []string{"bash", "-c", strings.Join(args[1:], " ")}
	if len(args) == 1 {
		run = l.Terminal
		argv = []string{"env", "TERM=" + os.Getenv("TERM"), "MANPATH=/usr/share/man", "bash", "-l"}
	}
	cmd, err := run(args[0], argv...)
	if err != nil {
		return err
	}
	return attached(cmd)
}

func push(l *vmlab.Lab, args []string) error {
	if args[0] != "all" {
		return l.Push(args[0], args[1], args[2])
	}
	nodes, err := l.Status()
	for _, n := range nodes {
		if n.Pid != 0 {
			err = errors.Join(err, l.Push(n.Name, args[1], args[2]))
		}
	}
	return err
}

// pairwise does a thing to one node, or between two.
func pairwise(nodes []string, one func(string) error, two func(string, string) error) error {
	if len(nodes) == 1 {
		return one(nodes[0])
	}
	return two(nodes[0], nodes[1])
}

func attached(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func status(l *vmlab.Lab, _ []string) error {
	nodes, err := l.Status()
	for _, n := range nodes {
		fmt.Println(n)
	}
	return err
}
