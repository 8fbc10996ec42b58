package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"gantry/lib/unit"
)

// Env is what a running command has around it. Nothing below cli reads the
// process's own files, arguments or environment.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time

	ctx      context.Context
	binary   string
	typed    string // the subcommand as the user typed it
	cluster  cluster
	paths    paths
	hostname func() (string, error)
	cmd      *Command
	getenv   func(string) string
	terminal func() (io.ReadWriteCloser, error) // the controlling terminal
}

// newEnv is the environment of this process.
func newEnv(ctx context.Context) *Env {
	return &Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now,
		ctx: ctx, getenv: os.Getenv, terminal: openTerminal,
		paths: standardPaths, hostname: os.Hostname,
	}
}

// Println prints a line on standard output.
func (env *Env) Println(format string, args ...any) { fmt.Fprintf(env.Out, format+"\n", args...) }

// Warn prints a line on standard error.
func (env *Env) Warn(format string, args ...any) { fmt.Fprintf(env.Err, format+"\n", args...) }

// Warnings prints what a query could not find out as the job that Ganeti makes of such a query does.
func (env *Env) Warnings(warnings []string) {
	for _, w := range warnings {
		env.Println("%s  - WARNING: %s", unit.Ctime(env.Now()), unit.SafeText(w))
	}
}

// Binary is the name of the program: gnt-instance.
func (env *Env) Binary() string { return env.binary }
