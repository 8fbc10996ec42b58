// Package cli makes Ganeti's command lines: it dispatches to subcommands, reads
// options by Ganeti's rules, asks questions on the terminal, submits operations
// and follows their jobs, and is the one place that prints failures and chooses
// exit statuses.
//
// A command folder has a table of its subcommands and calls Main; each
// subcommand declares its options and arguments on a Command and says what to
// run. Programs of htools call Tool instead.
package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"gantry/lib/fault"
)

// Commands are the subcommands of a program by name: each declares itself on the Command it is given.
type Commands map[string]func(*Command)

// Aliases are other names of subcommands. Help and messages show the name of the target.
type Aliases map[string]string

// Main runs the program's subcommand and ends the process.
func Main(commands Commands, aliases ...Aliases) {
	exit(func(env *Env, words []string) int { return env.main(commands, merge(aliases), words) })
}

func merge(all []Aliases) Aliases {
	merged := Aliases{}
	for _, a := range all {
		maps.Copy(merged, a)
	}
	return merged
}

// exit runs a program in the environment of this process, and ends the process with its status.
func exit(program func(*Env, []string) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends a command that does not heed the first
	end(ctx, func(env *Env, words []string) int {
		defer stop()
		return program(env, words)
	})
}

// end runs a program and ends the process with its status.
func end(ctx context.Context, program func(*Env, []string) int) {
	env := newEnv(ctx)
	status := program(env, os.Args)
	env.close()
	os.Exit(status)
}

// main dispatches on the first word and returns the exit status.
func (env *Env) main(commands Commands, aliases Aliases, words []string) int {
	env.binary = filepath.Base(words[0])
	if len(words) < 2 {
		listCommands(env.Out, env.binary, commands)
		return 1 // Ganeti prints this page on standard output and still fails
	}
	name := words[1]
	env.typed = name
	switch name {
	case "--version":
		fmt.Fprintf(env.Out, "%s (ganeti %s) %s\n", env.binary, Packaged, Release)
		return 0
	case "--help":
		listCommands(env.Out, env.binary, commands)
		return 0
	}
	if target, ok := aliases[name]; ok {
		name = target
	}
	declare, ok := commands[name]
	if !ok {
		listCommands(env.Out, env.binary, commands)
		return 1
	}
	return env.command(newCommand(env.binary, name, declare), words[2:])
}

// command reads the words of one subcommand and runs it.
func (env *Env) command(c *Command, words []string) int {
	more, err := env.moreWords(c)
	if err != nil {
		return env.fail(err)
	}
	err = c.parse(append(more, words...))
	var wrong misuseError
	switch {
	case errors.Is(err, helpWanted{}):
		fmt.Fprint(env.Out, c.page())
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(env.Err, "%s\n%s: error: %s\n", c.usage(), env.binary, wrong.message)
		return 2
	case err != nil:
		return env.fail(err)
	}
	return env.do(c)
}

// do runs a command whose words are in order, and returns the exit status.
func (env *Env) do(c *Command) int {
	env.cmd = c
	for _, f := range c.flags {
		if f.given && f.notice != "" {
			fmt.Fprintf(env.Err, "Note: --%s: %s\n", f.name, f.notice)
		}
	}
	env.logStart(c)
	err := c.run(env.ctx, env)
	if env.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fault.Say("Aborted. Note that if the operation created any jobs, they might have been submitted and will continue to run in the background.")
	}
	if errors.Is(err, syscall.EPIPE) {
		return 1 // nobody reads us any more: there is no one to tell
	}
	return env.fail(err)
}

// fail prints err, if there is anything to print, and returns the exit status that goes with it.
func (env *Env) fail(err error) int {
	text, status := fault.Text(err)
	if text != "" {
		if env.cmd != nil && status != 0 {
			env.log("ERROR", "%s", text)
		}
		fmt.Fprintln(env.Err, text)
	}
	return status
}

// moreWords are the words an environment variable adds before those of the command line.
func (env *Env) moreWords(c *Command) ([]string, error) {
	if !c.environment {
		return nil, nil
	}
	name := strings.ToUpper(strings.ReplaceAll(c.binary, "-", "_") + "_" + c.name)
	words, err := splitShell(env.getenv(name))
	if err != nil {
		return nil, fault.Say(fmt.Sprintf("%s: %v", name, err))
	}
	return words, nil
}

// splitShell splits words as a POSIX shell would, but for expansions.
func splitShell(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			if quote == '"' && runes[i] != '"' && runes[i] != '\\' {
				word.WriteRune('\\')
			}
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("No closing quotation")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
