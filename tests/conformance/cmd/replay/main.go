// Command replay plays recorded sessions of real Ganeti in a lab and shows where the answers differ.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"gantry/tests/conformance"
	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	play    conformance.Play
	bin     string
	session string
	verbose bool
	suggest bool
	red     bool
	summary bool
	shell   bool
	vm      bool
}

func run() error {
	var s settings
	record := flag.String("transcript", "", "the `record` to play, or several separated by commas; empty is all")
	only := flag.String("only", "", "compare only these `steps`: numbers or ranges separated by commas")
	flag.IntVar(&s.play.Stop, "stop", 0, "stop before this `step`")
	flag.DurationVar(&s.play.Limit, "limit", 0, "how long one command may take; 0 is what tests give it")
	flag.StringVar(&s.bin, "bin", "", "play against `DIR`, a tree made by make install or a directory of binaries; empty runs make install")
	flag.StringVar(&s.session, "session", "", "play nothing: compare the record with this `file`, a session recorded in the same form")
	flag.BoolVar(&s.verbose, "v", false, "print every step as it is played")
	flag.BoolVar(&s.suggest, "suggest", false, "print each difference as an entry for tests/differences.txt, reason left open")
	flag.BoolVar(&s.red, "suggest-red", false, "print each difference as a line for red.txt")
	flag.BoolVar(&s.summary, "summary", false, "print the counts only")
	flag.BoolVar(&s.shell, "shell", false, "then open a shell on node1 before the lab ends")
	flag.BoolVar(&s.vm, "vm", false, "play the session that was made with virtual machines, up to the record -transcript, and show what ran on the nodes")
	goOn := flag.Bool("go-on", false, "play the record even if a command that prepares it fails")
	flag.Parse()
	if *goOn {
		s.play.GoOn = func(err error) { fmt.Println(err) }
	}
	var err error
	if s.play.Only, err = numbers(*only); err != nil {
		return err
	}
	names := conformance.Names()
	if *record != "" {
		names = strings.Split(*record, ",")
	}
	if s.session == "" && s.bin == "" {
		tree, err := os.MkdirTemp("", "gantry-tree")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tree)
		if err := lab.Install(tree); err != nil {
			return err
		}
		s.bin = tree
	}
	if s.vm {
		return s.virtual(*record)
	}
	failed := false
	for _, name := range names {
		s.play.Record = name
		list, err := s.one()
		failed = failed || len(conformance.Faults(list)) > 0
		s.show(name, list)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if failed {
		return errors.New("there are differences that tests/differences.txt does not list")
	}
	return nil
}

// one plays one record, in a lab of its own.
func (s settings) one() ([]conformance.Outcome, error) {
	if s.session != "" {
		text, err := os.ReadFile(s.session)
		if err != nil {
			return nil, err
		}
		var session []conformance.Step
		if err := json.Unmarshal(text, &session); err != nil {
			return nil, err
		}
		return conformance.CompareRecord(s.play.Record, session)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "gantry-lab-replay-")
	if err != nil {
		return nil, err
	}
	l, err := lab.Up(conformance.Stand(s.bin, dir), true)
	if err != nil {
		return nil, err
	}
	defer lab.Down("", dir)
	p := s.play
	if s.verbose {
		p.Each = func(o conformance.Outcome) { fmt.Print(o) }
	}
	list, err := p.Run(ctx, l)
	if s.shell {
		openShell(l)
	}
	return list, err
}

// virtual plays the session of the virtual machines.
func (s settings) virtual(last string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "gantry-vmlab-replay-")
	if err != nil {
		return err
	}
	l, err := vmlab.Up(conformance.VMStand(s.bin, dir), true, func(text string) { fmt.Println(text) })
	if err != nil {
		return err
	}
	defer vmlab.Down("", dir)
	order := conformance.NewOrder()
	for _, name := range conformance.VMSession() {
		p := s.play
		p.Record = name
		if s.verbose {
			p.Each = func(o conformance.Outcome) { fmt.Print(o) }
		}
		list, ran, err := p.RunVM(ctx, l)
		s.show(name, list)
		recorded, readErr := conformance.RecordedCommands(name)
		if err = errors.Join(err, readErr); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i, o := range list {
			lines := order.Step(o, ran[i])
			if o.Verdict != conformance.Helped && o.Verdict != conformance.Skipped {
				lines = append(lines, conformance.CommandsDiffer(recorded[o.Number], ran[i])...)
			}
			if len(lines) > 0 {
				fmt.Printf("%s %d: %s\n  %s\n", name, o.Number, o.Cmd, strings.Join(lines, "\n  "))
			}
		}
		if name == last {
			break
		}
	}
	return nil
}

func openShell(l *lab.Lab) {
	cmd, err := l.Command("node1", "env", "TERM="+os.Getenv("TERM"), "bash", "-l")
	if err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		return
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Run() // a person's last status says nothing about the replay
}

func (s settings) show(name string, list []conformance.Outcome) {
	if !s.verbose && !s.summary {
		for _, o := range conformance.Faults(list) {
			switch {
			case s.suggest:
				fmt.Println(o.Entry(name))
			case s.red:
				fmt.Println(o.RedEntry(name))
			default:
				fmt.Print(o)
			}
		}
	}
	seconds := 0.0
	for _, o := range list {
		seconds += o.Seconds
	}
	fmt.Printf("%s: %s; %s\n", name, conformance.Counts(list), time.Duration(seconds*float64(time.Second)).Round(time.Second))
}

// numbers reads "3,7-9".
func numbers(text string) (list []int, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			return nil, err
		}
		b := a
		if isRange {
			if b, err = strconv.Atoi(last); err != nil {
				return nil, err
			}
		}
		for ; a <= b; a++ {
			list = append(list, a)
		}
	}
	return list, nil
}
