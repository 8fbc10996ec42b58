// Package labcmd is the command line that labs of all kinds have.
package labcmd

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"gantry/tests/lab"
)

// Lab is what a lab of any kind can have done to it.
type Lab interface {
	Dir() string
	Status() ([]lab.NodeStatus, error)
	Outside(argv ...string) *exec.Cmd
	Cut(node string) error
	Heal(node string) error
	CutBetween(a, b string) error
	HealBetween(a, b string) error
	Link(node, net, way string) error
	Freeze(node string) error
	Thaw(node string) error
	Kill(node string) error
	Power(node string) error
	Fill(node, dir string) error
	Drain(node, dir string) error
}

// usage is what all kinds have, below what only one has.
const usage = `  down                    end it, leave nothing behind
  status                  which nodes have power, are frozen, are cut off
  outside COMMAND...      run a command at the lab's own end of the networks
  cut NODE [OTHER]        pull both network cables of a node, or keep two nodes from hearing each other
  heal NODE [OTHER]       undo that
  link NODE lan|san|both up|down   one cable
  freeze NODE | thaw NODE          it hangs, or goes on
  kill NODE | start NODE           take its power away, or give it back; /run and /tmp are lost, the disk is kept
  fill NODE DIRECTORY | drain NODE DIRECTORY   make a directory's file system full, or undo that
  playground [options]    start a lab with what make install installs, open a shell on node1, end the lab after it

The id may also be given as LAB_ID. Labs with different ids run side by side.
`

// Shared are the options that labs of all kinds have, where they are kept.
type Shared struct {
	Nodes        *int
	ID, Dir, Bin *string
	Files        *[]string
	Trust        *lab.Trust
	HostKeys     *[]string
}

// Program is the command of one kind of lab.
type Program[L Lab] struct {
	Name    string
	Usage   string // of the verbs that only it has
	Shared  Shared
	Declare func(set *flag.FlagSet) // the options of up and playground that only it has
	Up      func(tied bool) (L, error)
	Attach  func(id, dir string) (L, error)
	Down    func(id, dir string) error
	Shell   func(l L, node string) error // a person's
	Welcome string                       // what the person at the playground is told
	Alone   map[string]func() error      // verbs that need no lab
	Verbs   map[string]Verb[L]
}

// Verb is one that needs a running lab.
type Verb[L Lab] struct {
	Least, Most int // arguments; Most -1: any number
	Do          func(l L, args []string) error
}

// Main runs the command line of this process and ends it.
func (p Program[L]) Main() {
	set := flag.NewFlagSet(p.Name, flag.ExitOnError)
	set.Usage = func() {
		fmt.Fprintf(os.Stderr, "Usage: %s [--id ID] [--dir DIR] VERB ...\n\n  up [options] N          start a lab of N nodes (up -h lists the options); it stays until \"down\"\n%s%s",
			p.Name, p.Usage, usage)
	}
	set.StringVar(p.Shared.ID, "id", os.Getenv("LAB_ID"), "")
	set.StringVar(p.Shared.Dir, "dir", "", "")
	set.Parse(os.Args[1:])
	if set.NArg() == 0 {
		set.Usage()
		os.Exit(2)
	}
	err := p.run(set.Arg(0), set.Args()[1:])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit): // of a command that was run for the user, who has seen what it said
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
		os.Exit(1)
	}
}

func (p Program[L]) run(verb string, args []string) error {
	switch verb {
	case "up":
		return p.up(args)
	case "down":
		return p.Down(*p.Shared.ID, *p.Shared.Dir)
	case "playground":
		return p.playground(args)
	}
	if do, known := p.Alone[verb]; known {
		return do()
	}
	verbs := controls[L]()
	maps.Copy(verbs, p.Verbs)
	v, known := verbs[verb]
	if !known {
		return fmt.Errorf("unknown verb %q", verb)
	}
	if len(args) < v.Least || v.Most >= 0 && len(args) > v.Most {
		return fmt.Errorf("%s: wrong number of arguments", verb)
	}
	l, err := p.Attach(*p.Shared.ID, *p.Shared.Dir)
	if err != nil {
		return err
	}
	return v.Do(l, args)
}

// controls are the verbs that all kinds have.
func controls[L Lab]() map[string]Verb[L] {
	return map[string]Verb[L]{
		"status":  {0, 0, func(l L, _ []string) error { return status(l) }},
		"outside": {1, -1, func(l L, a []string) error { return Attached(l.Outside(a...)) }},
		"cut":     {1, 2, func(l L, a []string) error { return pairwise(a, l.Cut, l.CutBetween) }},
		"heal":    {1, 2, func(l L, a []string) error { return pairwise(a, l.Heal, l.HealBetween) }},
		"link":    {3, 3, func(l L, a []string) error { return l.Link(a[0], a[1], a[2]) }},
		"freeze":  {1, 1, func(l L, a []string) error { return l.Freeze(a[0]) }},
		"thaw":    {1, 1, func(l L, a []string) error { return l.Thaw(a[0]) }},
		"kill":    {1, 1, func(l L, a []string) error { return l.Kill(a[0]) }},
		"start":   {1, 1, func(l L, a []string) error { return l.Power(a[0]) }},
		"fill":    {2, 2, func(l L, a []string) error { return l.Fill(a[0], a[1]) }},
		"drain":   {2, 2, func(l L, a []string) error { return l.Drain(a[0], a[1]) }},
	}
}

// pairwise does a thing to one node, or between two.
func pairwise(nodes []string, one func(string) error, two func(string, string) error) error {
	if len(nodes) == 1 {
		return one(nodes[0])
	}
	return two(nodes[0], nodes[1])
}

func status(l Lab) error {
	nodes, err := l.Status()
	for _, n := range nodes {
		fmt.Println(n)
	}
	return err
}

// Attached runs a command with the terminal of the caller.
func Attached(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// Interactive is Attached for a person's shell: the status of their last command is no failure of the lab.
func Interactive(cmd *exec.Cmd) error {
	err := Attached(cmd)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// options declares what up and playground share.
func (p Program[L]) options(verb string) *flag.FlagSet {
	set := flag.NewFlagSet(p.Name+" "+verb, flag.ExitOnError)
	set.StringVar(p.Shared.Bin, "bin", "", "install `DIR` in the nodes: a tree made by make install, or a directory of binaries")
	set.Func("files", "lay the tree `DIR` over every node's root (may be repeated)", func(dir string) error {
		*p.Shared.Files = append(*p.Shared.Files, dir)
		return nil
	})
	set.Func("trust", "what the nodes know of each other: `all`, key (no host keys) or none", func(word string) error {
		*p.Shared.Trust = lab.Trust(word)
		return nil
	})
	set.Func("host-keys", "`TYPES` of host keys, separated by commas (ed25519)", func(list string) error {
		*p.Shared.HostKeys = strings.Split(list, ",")
		return nil
	})
	p.Declare(set)
	return set
}

func (p Program[L]) up(args []string) error {
	set := p.options("up")
	set.Parse(args)
	if set.NArg() > 1 {
		return errors.New("up: one number of nodes, after the options")
	}
	if set.NArg() == 1 {
		if _, err := fmt.Sscan(set.Arg(0), p.Shared.Nodes); err != nil {
			return fmt.Errorf("up: %q is not a number of nodes", set.Arg(0))
		}
	}
	begin := time.Now()
	l, err := p.Up(false)
	if err == nil {
		fmt.Printf("%d nodes in %.1f s, in %s\n", *p.Shared.Nodes, time.Since(begin).Seconds(), l.Dir())
	}
	return err
}

// playground is for a person: the product installed in three nodes, and a shell.
func (p Program[L]) playground(args []string) error {
	set := p.options("playground")
	set.IntVar(p.Shared.Nodes, "nodes", *p.Shared.Nodes, "number of nodes")
	set.Parse(args)
	if *p.Shared.Bin == "" {
		tree, err := os.MkdirTemp("", "gantry-tree")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tree)
		if err := lab.Install(tree); err != nil {
			return err
		}
		*p.Shared.Bin = tree
	}
	l, err := p.Up(true)
	if err != nil {
		return err
	}
	defer p.Down(*p.Shared.ID, *p.Shared.Dir)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // meant for what runs in the shell
	fmt.Printf("%d nodes, node1 to node%[1]d. This is node1; the cluster's name may be %s, instances inst1 to inst99.\n%[3]s", *p.Shared.Nodes, lab.Cluster, p.Welcome)
	return p.Shell(l, "node1")
}
