// Package conformance replays what was recorded of real Ganeti 3.0.2 in the lab and compares the answers.
//
// A record is a list of steps in the order they were run, each with the standard output, standard error and exit status that
// Ganeti gave. What cannot be the same twice (times, identifiers) is masked, by the rules of mask.go and nothing else; what is
// not to be the same is listed in tests/differences.txt, and what a later issue brings in later.txt.
package conformance

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed records/*.json.gz records/vm
var records embed.FS

// base is the preparation of all records but those in bare.
//
//go:embed base.txt
var base string

// bare are the records that begin with nodes that are no cluster.
var bare = []string{"01a-init", "09-env"}

// early are the records made before the preparation had its last line: they show what Ganeti says of external storage as
// Debian packages it, without that log directory.
var early = []string{"01-cluster", "03a-instance-add-list"}

// recordedNodes is how many nodes every record was made with.
const recordedNodes = 4

// Step is one recorded command, or a directive to the lab.
type Step struct {
	Cmd       string `json:"cmd"`
	Node      string `json:"node"`      // "" is node1
	Helper    bool   `json:"helper"`    // prepares or looks; its answer is not compared
	Directive string `json:"directive"` // instead of a command: sleep, poweroff, poweron, link
	Exit      int    `json:"exit"`
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
}

// Names lists the records.
func Names() []string {
	list, _ := fs.Glob(records, "records/*.json.gz")
	for i, path := range list {
		list[i] = strings.TrimSuffix(strings.TrimPrefix(path, "records/"), ".json.gz")
	}
	return list
}

// Load reads a record.
func Load(name string) (steps []Step, err error) {
	f, err := records.Open("records/" + name + ".json.gz")
	if err != nil {
		return nil, fmt.Errorf("no record %q; there are %s", name, strings.Join(Names(), ", "))
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return steps, json.NewDecoder(text).Decode(&steps)
}

// Preparation is what has to be run before a record's first step.
func Preparation(name string) []Step {
	if slices.Contains(bare, name) {
		return nil
	}
	steps := scenario(base)
	if slices.Contains(early, name) {
		steps = slices.DeleteFunc(steps, func(s Step) bool { return strings.Contains(s.Cmd, "/extstorage") })
	}
	return steps
}

// scenario reads steps without answers: a command a line, "@node2 " before it runs it elsewhere, "!" marks a helper.
func scenario(text string) (steps []Step) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var s Step
		if rest, ok := strings.CutPrefix(line, "@"); ok {
			s.Node, line, _ = strings.Cut(rest, " ")
		}
		s.Cmd, s.Helper = strings.CutPrefix(strings.TrimSpace(line), "!")
		steps = append(steps, s)
	}
	return steps
}
