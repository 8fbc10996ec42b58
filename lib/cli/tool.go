package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"gantry/lib/fault"
)

// Tool runs a program of htools: no subcommands, options and arguments in any
// order, and GetOpt's words for mistakes. A tool that takes arguments declares
// them with Any and refuses a wrong number in its own words, as each of them does.
//
// Signals end a tool at once, for it may compute for long and changes nothing.
// One that submits jobs sees to them itself meanwhile.
func Tool(declare func(*Command)) {
	end(context.Background(), func(env *Env, words []string) int { return env.tool(declare, words) })
}

// toolFlags are the options of every tool.
type toolFlags struct{ help, version, completion bool }

func newTool(binary string, declare func(*Command), flags *toolFlags) *Command {
	c := newCommand(binary, "", func(c *Command) {
		c.permute = true
		declare(c)
		c.Flag("version", "show the version of the program").Short('V').BoolVar(&flags.version)
	})
	c.help.BoolVar(&flags.help)
	c.Flag("help-completion", "show completion info").BoolVar(&flags.completion)
	return c
}

func (env *Env) tool(declare func(*Command), words []string) int {
	env.binary = filepath.Base(words[0])
	var flags toolFlags
	c := newTool(env.binary, declare, &flags)
	options, args, wrong := c.scanPermuted(words[1:])
	if wrong == nil {
		wrong = c.give(options)
	}
	switch {
	case wrong != nil:
	case flags.help:
		fmt.Fprint(env.Out, c.page())
		return 0
	case flags.version:
		fmt.Fprintf(env.Out, "%s (ganeti) version %s\ncompiled with %s\nrunning on %s %s\n", env.binary, Packaged, runtime.Version(), runtime.GOOS, machine(runtime.GOARCH))
		return 0
	case flags.completion:
		fmt.Fprint(env.Out, c.completion())
		return 0
	case c.max == 0 && len(args) > 0:
		return env.fail(fault.Say("Error: This program doesn't take any arguments."))
	}
	if wrong == nil {
		c.take(args)
	}
	return env.toolEnd(c, wrong)
}

// toolEnd runs the tool, unless its words were wrong, and prints what went wrong.
func (env *Env) toolEnd(c *Command, err error) int {
	var wrong misuseError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(env.Err, "Command line error: %s\n%s", wrong.message, c.page())
		return 2
	case err != nil:
		fmt.Fprintf(env.Err, "Error while parsing command line arguments:\n%v\n", err)
		return 1
	}
	return env.do(c)
}

// permutedPage is the help page of a tool.
func (c *Command) permutedPage() string {
	return fmt.Sprintf("%s (ganeti) version %s\nUsage: %s [OPTION...]\n", c.binary, Packaged, c.binary) + optionTable(c.flags)
}

// completion lists the options for the script that makes shell completions.
func (c *Command) completion() string {
	var b strings.Builder
	for _, f := range c.flags {
		if f.unlisted {
			continue
		}
		forms := f.longNames()
		if f.short != 0 {
			forms = append([]string{"-" + string(f.short)}, forms...)
		}
		fmt.Fprintf(&b, "%s %s\n", strings.Join(forms, ","), cmp.Or(f.complete, "none"))
	}
	return b.String()
}

// machine is the name the kernel has for the architecture, where that of Go differs.
func machine(arch string) string {
	switch arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return arch
}
