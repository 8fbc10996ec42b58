package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gantry/lib/unit"
)

// logStart notes the command line; as in Ganeti that is worth a line with --debug only.
func (env *Env) logStart(c *Command) {
	if c.common.debug > 0 {
		env.log("DEBUG", "Command line: %s", strings.Join(env.words(), " "))
	}
}

// words are those of the command line without the secrets.
func (env *Env) words() []string {
	words := []string{env.binary}
	if env.cmd.name != "" {
		words = append(words, env.cmd.name)
	}
	return append(words, env.cmd.shown...)
}

// log appends a line to commands.log, and shows it with --debug. A log that cannot be
// written does not stop a command.
func (env *Env) log(level, format string, args ...any) {
	line := fmt.Sprintf("%s: %s pid=%d %s %s\n", env.Now().Local().Format("2006-01-02 15:04:05,000"), env.title(), os.Getpid(), level,
		unit.SafeText(fmt.Sprintf(format, args...)))
	if env.cmd != nil && env.cmd.common.debug > 0 && level == "DEBUG" {
		fmt.Fprint(env.Err, line)
	}
	f, err := os.OpenFile(filepath.Join(env.paths.log, "commands.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(line) // see above
}

func (env *Env) title() string {
	if env.cmd == nil || env.cmd.name == "" {
		return env.binary
	}
	return env.binary + " " + env.cmd.name
}
