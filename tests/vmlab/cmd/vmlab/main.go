// Command vmlab makes clusters of virtual machines on this machine; see package vmlab.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"gantry/tests/lab/labcmd"
	"gantry/tests/vmlab"
)

const usage = `  image                   build what machines start from, unless it is there, and print where
  ssh NODE [COMMAND]      run a shell text in a node, or an interactive shell; reaches a node that is cut off, too
  push NODE FROM TO       copy a file, or what a directory has, into a node ("all" is every node)
`

const welcome = `Volume groups: vg_ganeti, and vg_ganeti_hdd on node1 and node2. A kernel and an initial file system for guests: /boot/*-guest.
From another terminal: vmlab ssh node2, vmlab cut node2, vmlab kill node3 ... (go run ./tests/vmlab/cmd/vmlab)
`

func main() {
	o := vmlab.Options{Nodes: 3}
	labcmd.Program[*vmlab.Lab]{
		Name:    "vmlab",
		Usage:   usage,
		Shared:  labcmd.Shared{Nodes: &o.Nodes, ID: &o.ID, Dir: &o.Dir, Bin: &o.Bin, Files: &o.Files, Trust: &o.Trust, HostKeys: &o.HostKeys},
		Declare: func(set *flag.FlagSet) { declare(set, &o) },
		Up:      func(tied bool) (*vmlab.Lab, error) { return vmlab.Up(o, tied, say) },
		Attach:  vmlab.Attach,
		Down:    vmlab.Down,
		Shell:   func(l *vmlab.Lab, node string) error { return ssh(l, []string{node}) },
		Welcome: welcome,
		Alone:   map[string]func() error{"image": image},
		Verbs: map[string]labcmd.Verb[*vmlab.Lab]{
			"ssh":  {Least: 1, Most: -1, Do: ssh},
			"push": {Least: 3, Most: 3, Do: push},
		},
	}.Main()
}

func say(text string) { fmt.Fprintln(os.Stderr, "vmlab:", text) }

func image() error {
	image, err := vmlab.FindImage(say)
	if err == nil {
		fmt.Println(image)
	}
	return err
}

// declare has the options that only virtual machines have.
func declare(set *flag.FlagSet, o *vmlab.Options) {
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
	set.BoolVar(&o.UML, "uml", false, "the nodes are user mode Linux: faster, with less hardware")
	set.BoolVar(&o.Systemd, "systemd", false, "process 1 of the nodes is systemd")
}

func ssh(l *vmlab.Lab, args []string) error {
	if len(args) == 1 {
		cmd, err := l.Terminal(args[0], "env", "TERM="+os.Getenv("TERM"), "MANPATH=/usr/share/man", "bash", "-l")
		if err != nil {
			return err
		}
		return labcmd.Interactive(cmd)
	}
	cmd, err := l.Command(args[0], "bash", "-c", strings.Join(args[1:], " "))
	if err != nil {
		return err
	}
	return labcmd.Attached(cmd)
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
