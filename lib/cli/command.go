package cli

import (
	"context"
	"fmt"
	"unicode/utf8"

	"gantry/lib/fault"
)

// Command is one subcommand being declared: its options, its arguments and what it does.
type Command struct {
	binary, name      string // what the user calls; name is "" for a program without subcommands
	synopsis, summary string
	flags             []*Flag
	help              *Flag
	permute           bool // options and arguments may be mixed: htools
	hidden            bool // not in the list of commands
	plain             bool // a program without subcommands: ganeti-watcher
	environment       bool
	kind              string // what the arguments are: instance, node …
	min, max          int    // how many arguments; max < 0 is any number
	take              func(args []string)
	run               func(context.Context, *Env) error
	common            common
	shown             []string // the words after the name, without secrets, for the log
}

// common are the options whose meaning is cli's own affair.
type common struct {
	debug            int
	reason           *string
	submit, printJob bool
	dry              bool
	dryFlag          *Flag // nil for commands without --dry-run
	priority         priorityValue
}

func newCommand(binary, name string, declare func(*Command)) *Command {
	c := &Command{binary: binary, name: name, take: func([]string) {}}
	declare(c)
	if !c.permute && !c.plain {
		c.Flag("debug", "Log more, and show the log on standard error").Short('d').CountVar(&c.common.debug)
		c.Flag("reason", "Why this is done; kept with the job").StringPtr(&c.common.reason)
	}
	c.help = c.Flag("help", "show help").Short('h')
	c.help.constant(func() {})
	return c
}

// Usage sets the words after the command's name in its usage line, and the
// sentence that says what the command does.
func (c *Command) Usage(synopsis, summary string) { c.synopsis, c.summary = synopsis, summary }

// Flag declares the long option --name. With an empty name only the short form exists.
func (c *Command) Flag(name, help string) *Flag {
	f := &Flag{name: name, help: help}
	c.flags = append(c.flags, f)
	return f
}

// Run sets what the command does. It is called once all words have been read and found good.
func (c *Command) Run(run func(context.Context, *Env) error) { c.run = run }

// Hidden leaves the command out of the list of commands: it is not for people.
func (c *Command) Hidden() { c.hidden = true }

// One declares that there is exactly one argument. The kind (instance, node, file …) is for shell completion.
func (c *Command) One(kind string, p *string) {
	c.kind = kind
	c.Words(1, 1, func(args []string) { *p = args[0] })
}

// Any declares that there may be any number of arguments.
func (c *Command) Any(kind string, p *[]string) {
	c.kind = kind
	c.Words(0, -1, into(p))
}

// Some declares that there is at least one argument.
func (c *Command) Some(kind string, p *[]string) {
	c.kind = kind
	c.Words(1, -1, into(p))
}

// Exactly declares that there are as many arguments as places for them.
func (c *Command) Exactly(places ...*string) {
	c.Words(len(places), len(places), func(args []string) {
		for i, p := range places {
			*p = args[i]
		}
	})
}

// Words declares how many arguments there may be, max < 0 being any number, and what takes them.
func (c *Command) Words(min, max int, take func(args []string)) {
	c.min, c.max, c.take = min, max, take
}

func into(p *[]string) func([]string) { return func(args []string) { *p = args } }

// Environment makes the command read more options, put before those of the
// command line, from a variable named after it (GNT_INSTANCE_LIST).
func (c *Command) Environment() { c.environment = true }

// parse reads the words after the command's name.
func (c *Command) parse(words []string) error {
	if err := c.checkText(words); err != nil {
		return err
	}
	options, args, wrong := c.scan(words)
	c.shown = append(shownOptions(options), args...)
	if err := c.give(options); err != nil {
		return err
	}
	if wrong != nil {
		return wrong
	}
	if err := c.checkArgs(len(args)); err != nil {
		return err
	}
	c.take(args)
	return nil
}

// checkText refuses words that are not UTF-8: neither the configuration nor a job could hold them. Only a command line or a
// file for nodes may be anything.
func (c *Command) checkText(words []string) error {
	if c.kind == "command" || c.kind == "file" {
		return nil
	}
	for _, w := range words {
		if !utf8.ValidString(w) {
			return fault.Refuse(fault.WrongInput, "%q is not valid UTF-8", w)
		}
	}
	return nil
}

// checkArgs refuses a wrong number of arguments in Ganeti's words. The name in
// them is that of the command even when an alias was typed.
func (c *Command) checkArgs(n int) error {
	refuse := func(format string, args ...any) error {
		return fault.Say("Error: Command " + c.name + " expects " + fmt.Sprintf(format, args...))
	}
	switch {
	case c.max == 0 && n > 0:
		return refuse("no arguments")
	case c.min == c.max && n != c.min:
		return refuse("%d argument(s)", c.min)
	case c.max >= 0 && n > c.max:
		return refuse("only %d argument(s)", c.max)
	case n < c.min:
		return refuse("at least %d argument(s)", c.min)
	}
	return nil
}
