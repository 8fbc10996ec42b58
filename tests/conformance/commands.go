package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Command is one that ran on a node.
type Command struct {
	Node, Line string
	Failed     bool
}

// Two implementations look at things in different ways and order; what they change is to be the same. Compared are the commands
// that change volumes and mirrors, as sets: Ganeti activates the same volume again and again.

// changing are those commands, by their beginnings.
var changing = regexp.MustCompile(`^(lvcreate|lvremove|lvrename|lvextend|lvchange|vgreduce|drbdmeta|dd|drbdsetup (?:attach|detach|connect|disconnect|primary|secondary|down|new-resource|` +
	`new-minor|disk-options|net-options|resize|pause-sync|resume-sync|invalidate|invalidate-remote|del-minor|del-resource|verify))\b`)

// drawn is what is drawn anew in every run, or written in more than one way.
var drawn = []struct {
	at *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(` --shared-secret \S+`), ""}, // ours is not in the command line
	{regexp.MustCompile(`_replaced-\d+`), "_replaced-<time>"},
	{regexp.MustCompile(`:11\d\d\d\b`), ":<port>"},
	{regexp.MustCompile(`'([^' ]*)'`), "$1"},
	{regexp.MustCompile(` \(.*`), ""}, // what the log says of a command's end
}

func normal(line string) string {
	for _, d := range drawn {
		line = d.at.ReplaceAllString(line, d.by)
	}
	return strings.Join(strings.Fields(line), " ")
}

// theirsOf reads a file of the recorder: a part for each step, in it one for each node.
func theirsOf(text string) (list [][]Command) {
	node := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "===== "):
			list = append(list, nil)
		case strings.HasPrefix(line, "--- "):
			node = line[4:]
		case len(list) > 0:
			if _, command, ok := strings.Cut(line, " $   "); ok {
				command, _, _ = strings.Cut(command, "    {")
				list[len(list)-1] = append(list[len(list)-1], Command{Node: node, Line: command})
			}
		}
	}
	return list
}

// logged is a line of our own log; wrapped is what stands before a command in it.
var (
	logged  = regexp.MustCompile(`(?m)^\S+ \S+ node=(\S+) took=\S+ status=(\S+) (.*)$`)
	wrapped = regexp.MustCompile(`^(?:cd \S+ && |env (?:[A-Z_0-9]+=\S* )+|timeout (?:-\S+ \S+ )*[0-9.]+ |LC_ALL=C )*`)
)

// connectScript is what a connection is made by, with the secret on standard input.
var connectScript = regexp.MustCompile(`^sh -c \$?'# connect\.sh [^']*' sh `)

func oursOf(text string) (list []Command) {
	for _, m := range logged.FindAllStringSubmatch(text, -1) {
		node, _, _ := strings.Cut(m[1], ".")
		line, _, _ := strings.Cut(m[3], " # cannot be pasted")
		line = connectScript.ReplaceAllString(wrapped.ReplaceAllString(line, ""), "drbdsetup connect ")
		list = append(list, Command{Node: node, Line: line, Failed: m[2] != "0"})
	}
	return list
}

// changes are the commands that are compared, as a set.
func changes(list []Command) map[Command]bool {
	set := map[Command]bool{}
	for _, c := range list {
		if line := normal(c.Line); changing.MatchString(line) {
			set[Command{Node: c.Node, Line: line}] = true
		}
	}
	return set
}

// CommandsDiffer compares what ran in one step: "-" is what only Ganeti ran, "+" what only we did.
func CommandsDiffer(theirs, ours []Command) (list []string) {
	a, b := changes(theirs), changes(ours)
	for _, side := range []struct {
		sign     string
		has, not map[Command]bool
	}{{"-", a, b}, {"+", b, a}} {
		var part []string
		for c := range maps.Keys(side.has) {
			if !side.not[c] {
				part = append(part, fmt.Sprintf("%s %s: %s", side.sign, c.Node, c.Line))
			}
		}
		slices.Sort(part)
		list = append(list, part...)
	}
	return list
}
