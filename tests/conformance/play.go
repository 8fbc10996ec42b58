package conformance

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/tests/lab"
)

// Verdict is what became of one step.
type Verdict string

const (
	Same      Verdict = "same"
	Different Verdict = "different"        // and not listed: a fault
	Expected  Verdict = "listed"           // different as differences.txt says
	Stale     Verdict = "listed, yet same" // an entry of differences.txt that has to go: a fault
	Skipped   Verdict = "out"              // left out by differences.txt
	Later     Verdict = "later"            // a command of a later issue
	Helped    Verdict = "helper"           // not compared
)

// Outcome is one step of a replay.
type Outcome struct {
	Step
	Number  int
	Verdict Verdict
	Got     Answer
	Diffs   []Difference
	Seconds float64
}

// Stage is where commands are run: the lab, as a rule.
type Stage interface {
	Do(ctx context.Context, node, text string) (lab.Result, error)
	Kill(node string) error
	Power(node string) error
	Link(node, net, way string) error
}

// Play replays a record.
type Play struct {
	Record string
	Only   []int // steps to compare, from 0; nil is all. All are run.
	Stop   int   // how many steps to run; 0 is all
	Limit  time.Duration
	Each   func(Outcome)         // told of every step, if not nil
	before func(step int) []Step // what prepares a step
	GoOn   func(error)           // told when a step of the preparation fails, and the record is played all the same; nil stops there
}

// Run prepares the stage and plays the record on it.
func (p Play) Run(ctx context.Context, stage Stage) ([]Outcome, error) {
	steps, err := Load(p.Record)
	if err != nil {
		return nil, err
	}
	listed, err := ReadDifferences()
	if err != nil {
		return nil, err
	}
	if err := p.prepare(ctx, stage, Preparation(p.Record)); err != nil {
		return nil, err
	}
	return p.play(ctx, stage, steps, listed)
}

// prepare runs what must succeed before the record begins.
func (p Play) prepare(ctx context.Context, stage Stage, steps []Step) error {
	for _, s := range steps {
		got, _, err := p.perform(ctx, stage, s)
		if err != nil {
			return err
		}
		if got.Exit == 0 {
			continue
		}
		err = fmt.Errorf("preparing: %s: status %d\n%s%s", s.Cmd, got.Exit, got.Stdout, got.Stderr)
		if p.GoOn == nil {
			return err
		}
		p.GoOn(err)
	}
	return nil
}

// play runs the steps in order and judges each.
func (p Play) play(ctx context.Context, stage Stage, steps []Step, listed []Listed) (list []Outcome, err error) {
	c := newComparison(steps)
	c.virtual = strings.HasPrefix(p.Record, "vm/")
	for i, s := range steps {
		if p.Stop > 0 && i >= p.Stop {
			break
		}
		if p.before != nil {
			if err := p.prepare(ctx, stage, p.before(i)); err != nil {
				return list, err
			}
		}
		o := Outcome{Step: s, Number: i}
		entry := entryFor(listed, p.Record, i)
		if entry != nil && slices.Contains(entry.What, Out) {
			o.Verdict = Skipped
		} else if o.Got, o.Seconds, err = p.perform(ctx, stage, s); err != nil {
			return list, err
		} else {
			o.judge(c, p.Record, entry)
		}
		if s.Directive != "" || p.Only != nil && !slices.Contains(p.Only, i) {
			o.Verdict = Helped
		}
		list = append(list, o)
		if p.Each != nil {
			p.Each(o)
		}
	}
	return list, nil
}

// CompareRecord judges a session that was recorded elsewhere, step by step, as if it had been played.
func CompareRecord(record string, session []Step) ([]Outcome, error) {
	steps, err := Load(record)
	if err != nil {
		return nil, err
	}
	if len(session) > len(steps) {
		return nil, fmt.Errorf("the session has %d steps, the record %d", len(session), len(steps))
	}
	c := newComparison(steps)
	var list []Outcome
	for i, s := range session {
		if s.Cmd != steps[i].Cmd {
			return nil, fmt.Errorf("step %d is %q, in the record %q", i, s.Cmd, steps[i].Cmd)
		}
		o := Outcome{Step: steps[i], Number: i, Got: Answer{s.Stdout, s.Stderr, s.Exit}}
		o.judge(c, record, nil)
		list = append(list, o)
	}
	return list, nil
}

func entryFor(listed []Listed, record string, step int) *Listed {
	for i := range listed {
		if listed[i].Record == record && listed[i].Step == step {
			return &listed[i]
		}
	}
	return nil
}

// judge compares what came with what was recorded.
func (o *Outcome) judge(c *comparison, record string, entry *Listed) {
	switch {
	case o.Helper || o.Directive != "":
		o.Verdict = Helped
		return
	case isLater(record, o.Number, o.Cmd):
		o.Verdict = Later
		return
	}
	o.Diffs = c.differs(o.Step, o.Got)
	var unlisted, missing bool
	for _, what := range []string{"stdout", "stderr", "status"} {
		at := slices.IndexFunc(o.Diffs, func(d Difference) bool { return d.What == what })
		unlisted = unlisted || at >= 0 && !entry.explains(o.Diffs[at])
		missing = missing || at < 0 && entry.demands(what)
	}
	switch {
	case unlisted:
		o.Verdict = Different
	case missing:
		o.Verdict = Stale
	case len(o.Diffs) > 0:
		o.Verdict = Expected
	default:
		o.Verdict = Same
	}
}

// perform runs a command or follows a directive.
func (p Play) perform(ctx context.Context, stage Stage, s Step) (a Answer, seconds float64, err error) {
	if s.Directive != "" {
		return a, 0, direct(stage, strings.Fields(s.Directive))
	}
	limit := p.Limit
	if limit == 0 {
		limit = lab.RunLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	node := s.Node
	if node == "" {
		node = "node1"
	}
	begin := time.Now()
	r, err := stage.Do(ctx, node, s.Cmd)
	if err != nil { // the node has no power: as from a shell that finds no machine
		return Answer{Stderr: err.Error() + "\n", Exit: 255}, 0, nil
	}
	return Answer{r.Stdout, r.Stderr, r.Status}, time.Since(begin).Seconds(), nil
}

func direct(stage Stage, words []string) error {
	switch {
	case len(words) == 2 && words[0] == "sleep":
		seconds, err := strconv.ParseFloat(words[1], 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return err
	case len(words) == 2 && words[0] == "poweroff":
		return stage.Kill(words[1])
	case len(words) == 2 && words[0] == "poweron":
		return stage.Power(words[1])
	case len(words) == 4 && words[0] == "link":
		return stage.Link(words[1], words[2], words[3])
	}
	return fmt.Errorf("unknown directive %q", strings.Join(words, " "))
}

// Faults are the outcomes that fail a replay.
func Faults(list []Outcome) (faults []Outcome) {
	for _, o := range list {
		if o.Verdict == Different || o.Verdict == Stale {
			faults = append(faults, o)
		}
	}
	return faults
}

// Counts says in one line how a replay went.
func Counts(list []Outcome) string {
	n := map[Verdict]int{}
	for _, o := range list {
		n[o.Verdict]++
	}
	compared := n[Same] + n[Different] + n[Expected] + n[Stale]
	return fmt.Sprintf("%d compared: %d same, %d different, %d listed, %d listed yet same; %d of later issues, %d left out, %d helpers",
		compared, n[Same], n[Different], n[Expected], n[Stale], n[Later], n[Skipped], n[Helped])
}

// String shows a step and, where it differs, how.
func (o Outcome) String() string {
	var b strings.Builder
	node := ""
	if o.Node != "" {
		node = "@" + o.Node + " "
	}
	cmd := o.Cmd
	if o.Directive != "" {
		cmd = "%" + o.Directive
	}
	fmt.Fprintf(&b, "%4d %-9s %5.1fs %s%s\n", o.Number, o.Verdict, o.Seconds, node, cmd)
	for _, d := range o.Diffs {
		if d.What == "status" {
			fmt.Fprintf(&b, "     status: recorded %s, ours %s\n", d.Want, d.Got)
			continue
		}
		fmt.Fprintf(&b, "     %s, - recorded, + ours\n", d.What)
		for line := range strings.Lines(unified(d.Want, d.Got)) {
			b.WriteString("       " + line)
		}
	}
	return b.String()
}

// Entry is a faulty outcome as tests/differences.txt would list it, but for the reason.
func (o Outcome) Entry(record string) string {
	what := ""
	for _, d := range o.Diffs {
		what += " " + d.What
	}
	return fmt.Sprintf("%s %d%s: %s\n\t", record, o.Number, what, firstLine(o.Cmd))
}

// Stand describes the lab that records are played in: four nodes that can log in to each other, with the host keys and the OS
// definitions that the recorded nodes had.
func Stand(bin, dir string) lab.Options {
	return lab.Options{
		Nodes: recordedNodes, Bin: bin, Dir: dir, Files: []string{inSource("site")},
		Trust: lab.TrustKey, HostKeys: []string{"rsa", "ecdsa", "ed25519"},
	}
}
