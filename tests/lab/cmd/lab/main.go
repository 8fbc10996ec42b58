// Command lab makes clusters of nodes on this machine; see package lab.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"gantry/tests/lab"
)

const usage = `Usage: lab [--id ID] [--dir DIR] VERB ...

  up [options] N          start a lab of N nodes (up -h lists the options); it stays until "down"
  down                    end it, leave nothing behind
  status                  which nodes have power, are frozen, are cut off
  sh NODE 'TEXT'          run a shell text in a node
  exec NODE COMMAND...    run a command in a node
  shell NODE              an interactive shell
  outside COMMAND...      run a command at the lab's own end of the networks
  cut NODE [OTHER]        pull both network cables of a node, or keep two nodes from hearing each other
  heal NODE [OTHER]       undo that
  link NODE lan|san|both up|down   one cable
  freeze NODE | thaw NODE          stop all its processes, or let them go on
  kill NODE | start NODE           take its power away, or give it back; /run and /tmp are lost, the disk is kept
  fill NODE DIRECTORY | drain NODE DIRECTORY   make a directory's file system full, or undo that
  playground [options]    start a lab with what make install installs, open a shell on node1, end the lab after it

The id may also be given as LAB_ID. Labs with different ids run side by side.
`

func main() {
	set := flag.NewFlagSet("lab", flag.ExitOnError)
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
	var status exitStatus
	switch {
	case errors.As(err, &status):
		os.Exit(int(status))
	case err != nil:
		fmt.Fprintln(os.Stderr, "lab:", err)
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
		return lab.Down(c.id, c.dir)
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
	l, err := lab.Attach(c.id, c.dir)
	if err != nil {
		return err
	}
	return control.do(l, args)
}

// controls are the verbs that need a running lab, with the numbers of arguments they take.
var controls = map[string]struct {
	least, most int // most -1: any number
	do          func(l *lab.Lab, args []string) error
}{
	"status":  {0, 0, status},
	"sh":      {2, 2, func(l *lab.Lab, a []string) error { return inNode(l, a[0], "bash", "-c", a[1]) }},
	"exec":    {2, -1, func(l *lab.Lab, a []string) error { return inNode(l, a[0], a[1:]...) }},
	"shell":   {1, 1, func(l *lab.Lab, a []string) error { return shell(l, a[0]) }},
	"cut":     {1, 2, func(l *lab.Lab, a []string) error { return pairwise(a, l.Cut, l.CutBetween) }},
	"heal":    {1, 2, func(l *lab.Lab, a []string) error { return pairwise(a, l.Heal, l.HealBetween) }},
	"link":    {3, 3, func(l *lab.Lab, a []string) error { return l.Link(a[0], a[1], a[2]) }},
	"freeze":  {1, 1, func(l *lab.Lab, a []string) error { return l.Freeze(a[0]) }},
	"thaw":    {1, 1, func(l *lab.Lab, a []string) error { return l.Thaw(a[0]) }},
	"kill":    {1, 1, func(l *lab.Lab, a []string) error { return l.Kill(a[0]) }},
	"start":   {1, 1, func(l *lab.Lab, a []string) error { return l.Power(a[0]) }},
	"fill":    {2, 2, func(l *lab.Lab, a []string) error { return l.Fill(a[0], a[1]) }},
	"drain":   {2, 2, func(l *lab.Lab, a []string) error { return l.Drain(a[0], a[1]) }},
	"outside": {1, -1, func(l *lab.Lab, a []string) error { return attached(l.Outside(a...)) }},
}

func (c command) up(args []string) error {
	set := flag.NewFlagSet("lab up", flag.ExitOnError)
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
	l, err := lab.Up(*o, false)
	if err == nil {
		fmt.Printf("%d nodes in %.1f s, in %s\n", o.Nodes, time.Since(begin).Seconds(), l.Dir())
	}
	return err
}

// options declares what up and playground share.
func options(set *flag.FlagSet, c command) *lab.Options {
	o := &lab.Options{Nodes: 3, ID: c.id, Dir: c.dir}
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
	set.BoolVar(&o.Mirror, "mirror", false, "let nodes reach this machine's Debian mirror at "+lab.MirrorURL)
	return o
}

// playground is "make lab": the product installed in three nodes, and a shell.
func (c command) playground(args []string) error {
	set := flag.NewFlagSet("lab playground", flag.ExitOnError)
	o := options(set, c)
	set.IntVar(&o.Nodes, "nodes", o.Nodes, "number of nodes")
	o.Mirror = true
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
	l, err := lab.Up(*o, true)
	if err != nil {
		return err
	}
	defer lab.Down(c.id, c.dir)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // meant for what runs in the shell
	fmt.Printf(`%d nodes, node1 to node%[1]d. This is node1; the cluster's name may be %s, instances inst1 to inst99.
From another terminal: lab shell node2, lab cut node2, lab kill node3 ... (go run ./tests/lab/cmd/lab)
The Debian mirror, for nodes and guests: %s
`, o.Nodes, lab.Cluster, lab.MirrorURL)
	return shell(l, "node1")
}

// shell is a person's: with their terminal, and the manual pages of what is installed.
func shell(l *lab.Lab, node string) error {
	cmd, err := l.Command(node, "env", "TERM="+os.Getenv("TERM"), "MANPATH=/usr/share/man", "bash", "-l")
	if err != nil {
		return err
	}
	attached(cmd) // the status of a person's last command is no failure of the lab
	return nil
}

func inNode(l *lab.Lab, node string, argv ...string) error {
	cmd, err := l.Command(node, argv...)
	if err != nil {
		return err
	}
	return attached(cmd)
}

// pairwise does a thing to one node, or between two.
func pairwise(nodes []string, one func(string) error, two func(string, string) error) error {
	if len(nodes) == 1 {
		return one(nodes[0])
	}
	return two(nodes[0], nodes[1])
}

// exitStatus is that of a command that was run for the user, who has seen what it said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func attached(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatus(exit.ExitCode())
	}
	return err
}

func status(l *lab.Lab, _ []string) error {
	nodes, err := l.Status()
	for _, n := range nodes {
		fmt.Println(n)
	}
	return err
}
