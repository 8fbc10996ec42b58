package remote

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultLimit is how long a command may run whose Limit is 0.
const DefaultLimit = 60 * time.Second

// NoLimit as a Cmd's Limit lets it run for as long as it wants. Only work that is followed (Pool.Follow) or watched by a
// person should have it: nothing else ends a command that hangs.
const NoLimit = time.Duration(-1)

// killAfter is what a command that ignores the end of its limit gets before it is killed.
const killAfter = 5 * time.Second

// Cmd is one command for one node. It says what runs, not how it travels.
type Cmd struct {
	Argv    []string
	Env     map[string]string // travels on stdin before the data, never in Argv
	Dir     string            // "" is /
	Stdin   []byte            // bulk data and secrets travel here, never in Argv
	Limit   time.Duration     // the node itself ends the command after this long; 0 is DefaultLimit
	Needs   string            // a path of the node: where nothing lies there nothing runs, and that is an empty answer
	OK      []int             // exit statuses besides 0 that are answers, not failures
	Changes string            // what it makes, removes or starts: written to the job as an intent before it runs; "" only looks
	Secret  bool              // keep Stdin and Env out of the log
	Kept    bool              // its perl may stay on the connection for its next calls; see the function
	LendKey bool              // lend the master's key (an agent holding only that) to this command, so that it can ssh to another node
}

// Command is a Cmd with the default limit.
func Command(argv ...string) Cmd {
	return Cmd{Argv: argv, Limit: DefaultLimit}
}

// Script runs text in sh with args as $1 and following. The text is a constant; whatever varies is an argument.
func Script(text string, args ...string) Cmd {
	return Command(append([]string{"sh", "-c", text, "sh"}, args...)...)
}

// Kept is text in perl that is called again and again: its perl stays on the connection, and a call costs no process but those that the
// text starts. It defines serve, which gets args and returns the exit status; to die is 1 and a message. It must end by itself, since no
// timeout stands before it; read what it was sent, to the byte, by read or <STDIN>; print to stdout through perl's buffer; leave no child
// behind that prints; and need no more than what is in every Debian, perl-base.
func Kept(text string, args ...string) Cmd {
	c := Command(append([]string{"perl", "-e", text + keepScript, "--"}, args...)...)
	c.Kept = true
	return c
}

// scriptArgs is where the arguments of a Script, kept or not, begin; its text stands two words before.
const scriptArgs = 4

// Line is the command as it can be pasted into a shell of the node, but for its environment, directory and input.
func (c Cmd) Line() string {
	return Quote(c.words()...)
}

// words is the argv that the node executes: the limit, then the command.
func (c Cmd) words() []string {
	if c.limit() == NoLimit {
		return c.Argv
	}
	return append([]string{"timeout", "-k", seconds(killAfter), seconds(c.limit())}, c.Argv...)
}

func (c Cmd) limit() time.Duration {
	switch {
	case c.Limit == 0:
		return DefaultLimit
	case c.Limit < 0:
		return NoLimit
	}
	return c.Limit
}

// seconds is d as timeout(1) and sleep(1) read it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// answers says whether status is one of those the caller of the command wants to see.
func (c Cmd) answers(status int) bool {
	return status == 0 || slices.Contains(c.OK, status)
}

// check refuses what no kernel can pass to a program.
func (c Cmd) check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return fmt.Errorf("there is no command to run")
	}
	for _, word := range append([]string{c.Dir, c.Needs}, c.Argv...) {
		if strings.ContainsRune(word, 0) {
			return fmt.Errorf("the command has a NUL byte in %q", word)
		}
	}
	for name, value := range c.Env {
		if !IsName(name) {
			return fmt.Errorf("%q is no name for an environment variable", name)
		}
		if strings.ContainsRune(value, 0) {
			return fmt.Errorf("the environment variable %s has a NUL byte", name)
		}
	}
	return nil
}

// IsName says whether sh takes name as the name of a variable. Others it does not even pass on to what it starts.
func IsName(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
