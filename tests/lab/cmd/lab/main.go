// Command lab makes clusters of nodes on this machine; see package lab.
package main

import (
	"flag"
	"os"

	"gantry/tests/lab"
	"gantry/tests/lab/labcmd"
)

const usage = `  sh NODE 'TEXT'          run a shell text in a node
  exec NODE COMMAND...    run a command in a node
  shell NODE              an interactive shell
`

const welcome = `From another terminal: lab shell node2, lab cut node2, lab kill node3 ... (go run ./tests/lab/cmd/lab)
The Debian mirror, for nodes and guests: ` + lab.MirrorURL + "\n"

func main() {
	o := lab.Options{Nodes: 3}
	labcmd.Program[*lab.Lab]{
		Name:   "lab",
		Usage:  usage,
		Shared: labcmd.Shared{Nodes: &o.Nodes, ID: &o.ID, Dir: &o.Dir, Bin: &o.Bin, Files: &o.Files, Trust: &o.Trust, HostKeys: &o.HostKeys},
		Declare: func(set *flag.FlagSet) {
			set.BoolVar(&o.Mirror, "mirror", false, "let nodes reach this machine's Debian mirror at "+lab.MirrorURL)
		},
		Up:      func(tied bool) (*lab.Lab, error) { o.Mirror = o.Mirror || tied; return lab.Up(o, tied) },
		Attach:  lab.Attach,
		Down:    lab.Down,
		Shell:   shell,
		Welcome: welcome,
		Verbs: map[string]labcmd.Verb[*lab.Lab]{
			"sh":    {Least: 2, Most: 2, Do: func(l *lab.Lab, a []string) error { return inNode(l, a[0], "bash", "-c", a[1]) }},
			"exec":  {Least: 2, Most: -1, Do: func(l *lab.Lab, a []string) error { return inNode(l, a[0], a[1:]...) }},
			"shell": {Least: 1, Most: 1, Do: func(l *lab.Lab, a []string) error { return shell(l, a[0]) }},
		},
	}.Main()
}

// shell is a person's: with their terminal, and the manual pages of what is installed.
func shell(l *lab.Lab, node string) error {
	cmd, err := l.Command(node, "env", "TERM="+os.Getenv("TERM"), "MANPATH=/usr/share/man", "bash", "-l")
	if err != nil {
		return err
	}
	return labcmd.Interactive(cmd)
}

func inNode(l *lab.Lab, node string, argv ...string) error {
	cmd, err := l.Command(node, argv...)
	if err != nil {
		return err
	}
	return labcmd.Attached(cmd)
}
