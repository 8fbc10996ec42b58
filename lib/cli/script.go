package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"gantry/lib/fault"
)

// Script runs a program of Ganeti's own that has options but neither subcommands nor arguments: ganeti-watcher.
func Script(declare func(*Command)) {
	exit(func(env *Env, words []string) int { return env.script(declare, words) })
}

// newScript is the Command of such a program. Debugging is its own affair, and reasons are for subcommands.
func newScript(binary string, declare func(*Command), version *bool) *Command {
	c := newCommand(binary, "", func(c *Command) {
		c.plain = true
		c.Flag("version", "show program's version number and exit").BoolVar(version)
	})
	c.help.help = "show this help message and exit"
	c.Flag("debug", "Log more, and show the log on standard error").Short('d').CountVar(&c.common.debug)
	declare(c)
	return c
}

func (env *Env) script(declare func(*Command), words []string) int {
	env.binary = filepath.Base(words[0])
	version := false
	c := newScript(env.binary, declare, &version)
	options, args, wrong := c.scan(words[1:])
	if err := c.give(options); err != nil {
		wrong = err
	}
	var misused misuseError
	switch {
	case errors.Is(wrong, helpWanted{}):
		fmt.Fprint(env.Out, c.plainPage())
		return 0
	case wrong == nil && version:
		fmt.Fprintf(env.Out, "%s (ganeti %s) %s\n", env.binary, Packaged, Release)
		return 0
	case wrong == nil && len(args) > 0:
		wrong = misuse("No arguments expected")
	}
	if errors.As(wrong, &misused) {
		return env.fail(fault.Plain{Message: c.plainUsage() + "\n" + env.binary + ": error: " + misused.message, Status: 2})
	}
	if wrong != nil {
		return env.fail(wrong)
	}
	c.shown = shownOptions(options)
	return env.do(c)
}

// Debugging tells how often --debug was given.
func (env *Env) Debugging() int { return env.cmd.common.debug }

func (c *Command) plainUsage() string { return fmt.Sprintf("Usage: %s %s\n", c.binary, c.synopsis) }

// plainPage is laid out as Python's optparse does by itself: options indented, short forms first.
func (c *Command) plainPage() string {
	const column = 24
	var b strings.Builder
	b.WriteString(c.plainUsage() + "\n" + c.summary + "\n\nOptions:\n")
	for _, f := range c.flags {
		forms := "  " + f.plainForms()
		lines := strings.Join(Wrap(f.help, screenWidth()-2-column), "\n"+strings.Repeat(" ", column))
		if len(forms) > column-2 {
			fmt.Fprintf(&b, "%s\n%*s%s\n", forms, column, "", lines)
		} else {
			fmt.Fprintf(&b, "%-*s%s\n", column, forms, lines)
		}
	}
	return b.String()
}

func (f *Flag) plainForms() string {
	long := f.forms()
	if f.short == 0 {
		return long
	}
	i := strings.LastIndex(long, ", ")
	return long[i+2:] + ", " + long[:i]
}
