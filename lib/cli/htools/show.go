package htools

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"gantry/lib/balance"
	"gantry/lib/balance/report"
	"gantry/lib/balance/text"
)

// TableNodes prints a table of nodes on standard error, if one was asked for.
func (o *Options) TableNodes(title string, nodes balance.NodeList) {
	if !o.ShowNodes {
		return
	}
	fmt.Fprintf(o.Env.Err, "\n%s status:\n%s\n", title, report.Nodes(nodes, o.NodeFields))
}

// TableInstances prints a table of instances on standard error, if one was asked for.
func (o *Options) TableInstances(title string, nodes balance.NodeList, instances balance.InstanceList) error {
	if !o.ShowInstances {
		return nil
	}
	table, err := report.Instances(nodes, instances)
	if err != nil {
		return fail("%v", err)
	}
	fmt.Fprintf(o.Env.Err, "\n%s instance map:\n%s", title, table)
	return nil
}

// SaveState writes a cluster to the file the user wants, with an extension, and says so on standard error. when names the
// moment.
func (o *Options) SaveState(extension, when string, c *balance.Cluster, part balance.Part) error {
	if o.Save == "" {
		return nil
	}
	name := o.Save + "." + extension
	data, broken := text.Write(c, part.Nodes, part.Instances)
	if err := os.WriteFile(name, []byte(data), 0o666); err != nil {
		return o.Uncaught(err)
	}
	if broken != nil {
		return fail("%v", broken) // the file stays, empty, as the reference leaves it
	}
	o.Env.Warn("The cluster state %s has been written to file '%s'", when, name)
	return nil
}

// ShellValue puts a value in quotes unless it is made of letters, digits and dots.
func ShellValue(value string) string {
	special := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' }
	if strings.ContainsFunc(value, special) {
		return "'" + value + "'"
	}
	return value
}

// scriptHead starts a script of commands.
const scriptHead = `#!/bin/sh

# Auto-generated script for executing cluster rebalancing

# To stop, touch the file /tmp/stop-htools

set -e

check() {
  if [ -f /tmp/stop-htools ]; then
    echo 'Stop requested, exiting'
    exit 0
  fi
}

`

// ShowCommands prints the commands that lead to a solution, or writes them to a file.
func (o *Options) ShowCommands(sets [][]balance.Commands) error {
	title := "Commands to run to reach the above solution:"
	if o.FirstJobGroup {
		title = "First set of jobs:"
		sets = sets[:min(1, len(sets))]
	}
	var script strings.Builder
	for _, line := range balance.Script(sets) {
		script.WriteString(line + "\n")
	}
	return o.ShowScript(title, script.String())
}

// ShowScript prints a shell script, or writes it to a file, if one was asked for. On the screen the calls of the script's own
// check are left out.
func (o *Options) ShowScript(title, script string) error {
	if !o.Commands {
		return nil
	}
	if o.CommandFile == "" {
		o.Env.Println("\n%s", title)
		for line := range strings.Lines(script) {
			if line = strings.TrimSuffix(line, "\n"); line != "  check" {
				o.Env.Println("  %s", line)
			}
		}
		return nil
	}
	if err := os.WriteFile(o.CommandFile, []byte(scriptHead+script), 0o666); err != nil {
		return o.Uncaught(err)
	}
	o.Env.Println("The commands have been written to file '%s'", o.CommandFile)
	return nil
}

// ShowTags prints the tags of the cluster.
func (o *Options) ShowTags() {
	o.Env.Println("Loaded cluster tags: %s", strings.Join(o.Cluster.Tags, ","))
}

// ShowPolicy prints the policy of the cluster.
func (o *Options) ShowPolicy() {
	o.Env.Println("Loaded cluster ipolicy: %s", o.Cluster.Policy.Show())
}
