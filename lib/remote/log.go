package remote

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Where the runbook looks for what ran.
const (
	DefaultNodeLog   = "/var/log/ganeti/node-daemon.log"   // on every node: what was run there
	DefaultMasterLog = "/var/log/ganeti/node-commands.log" // on the master: what was run, where, how it ended
)

// longestLogged is where a line in a log is cut.
const longestLogged = 16 << 10

// stamp is a time as Ganeti's logs write it.
func stamp(t time.Time) string {
	return strings.Replace(t.Format("2006-01-02 15:04:05.000"), ".", ",", 1)
}

// logLine is the command as one line that can be pasted into a shell of the node, or that says why it cannot. A word with
// control characters is written in the way that bash and ksh read: $'a\nb'.
func (c Cmd) logLine() string {
	var missing []string
	line := ""
	if c.Dir != "" {
		line = "cd " + logged(c.Dir) + " && "
	}
	switch {
	case c.Secret && len(c.Env) > 0:
		missing = append(missing, "secret environment "+strings.Join(slices.Sorted(maps.Keys(c.Env)), " "))
	case len(c.Env) > 0:
		words := []string{"env"}
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			words = append(words, name+"="+c.Env[name])
		}
		line += logged(words...) + " "
	}
	line += logged(c.words()...)
	if len(c.Stdin) > 0 {
		missing = append(missing, fmt.Sprintf("%d bytes on stdin", len(c.Stdin)))
	}
	if len(line) > longestLogged {
		line = strings.ToValidUTF8(line[:longestLogged], "")
		missing = append(missing, "the end of the line")
	}
	if len(missing) > 0 {
		line += " # cannot be pasted, left out: " + strings.Join(missing, ", ")
	}
	return line
}

// logged is Quote without line breaks, so that no word can pretend to be another entry of the log.
func logged(words ...string) string {
	line := make([]string, len(words))
	for i, word := range words {
		if strings.ContainsFunc(word, isControl) {
			line[i] = escaped(word)
		} else {
			line[i] = Quote(word)
		}
	}
	return strings.Join(line, " ")
}

// escaped writes a word the way bash and ksh read it: $'a\nb'.
func escaped(word string) string { return "$'" + escapes().Replace(word) + "'" }

// escapes is made when first needed: the texts of scripts are long, and each call of one is logged.
var escapes = sync.OnceValue(func() *strings.Replacer {
	pairs := []string{`'`, `\'`, `\`, `\\`, "\n", `\n`, "\t", `\t`, "\x7f", `\177`}
	for c := byte(0); c < ' '; c++ {
		if c != '\n' && c != '\t' {
			pairs = append(pairs, string(rune(c)), fmt.Sprintf(`\%03o`, c))
		}
	}
	return strings.NewReplacer(pairs...)
})

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// commandLog is the master's log. It is opened when the first command has run.
type commandLog struct {
	path string
	once sync.Once
	file *os.File
}

// write adds a line; a log that cannot be written stops nobody's work.
func (l *commandLog) write(node, line string, r Result, err error) {
	if l.path == "" {
		return
	}
	l.once.Do(func() {
		l.file, _ = os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	})
	if l.file == nil {
		return
	}
	ended := fmt.Sprint(r.Status)
	if OutcomeOf(err) != Done && r.Status == 0 {
		ended = OutcomeOf(err).String()
	}
	fmt.Fprintf(l.file, "%s: node=%s took=%.3fs status=%s %s\n", stamp(time.Now()), node, r.Took.Seconds(), ended, line)
}

func (l *commandLog) close() {
	l.once.Do(func() {})
	if l.file != nil {
		l.file.Close()
	}
}
