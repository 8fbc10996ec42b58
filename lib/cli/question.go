package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"gantry/lib/fault"
)

// Declined ends a command because the user said no: silently, with status 1.
// A few commands have another status for it: DeclinedWith.
var Declined = DeclinedWith(1)

// DeclinedWith is Declined with the status that Ganeti has for the command: 13
// for gnt-node evacuate and migrate and gnt-job cancel and change-priority, 2
// for gnt-node failover and powercycle.
func DeclinedWith(status int) error { return fault.Status(status) }

// Choice is one answer to a question: the letter to type, what it stands for, and the help that ? shows.
type Choice struct{ Key, Value, Help string }

// Confirm asks a question that has yes and no for answers.
func (env *Env) Confirm(format string, args ...any) bool {
	return env.Ask(fmt.Sprintf(format, args...), Choice{"y", "yes", "Yes, go on"}, Choice{"n", "no", "No, stop here"}) == "yes"
}

// manyNames is how many names a question shows without being asked to.
const manyNames = 20

// ConfirmAll asks before an operation is done to several things: to "instances"
// or "nodes". More than twenty names are only listed on request.
func (env *Env) ConfirmAll(operation, things string, names []string, notes ...string) bool {
	question := fmt.Sprintf("The %s will operate on %d %s.\n%sDo you want to continue?", operation, len(names), things, strings.Join(notes, ""))
	all := question + "\nAffected " + things + ":\n  " + strings.Join(names, "\n  ")
	yes := Choice{"y", "yes", "Yes, do the " + operation}
	no := Choice{"n", "no", "No, do nothing"}
	if len(names) <= manyNames {
		return env.Ask(all, yes, no) == "yes"
	}
	switch env.Ask(question, yes, Choice{"v", "view", "Show the names of the " + things}, no) {
	case "yes":
		return true
	case "view":
		return env.Ask(all, yes, no) == "yes"
	}
	return false
}

// Ask puts a question on the controlling terminal, never on standard input, and
// returns the value of the answer. Without a terminal, or when the user closes
// it, the answer is the last choice: that has to be the harmless one.
func (env *Env) Ask(question string, choices ...Choice) string {
	otherwise := choices[len(choices)-1].Value
	tty, err := env.terminal()
	if err != nil {
		return otherwise
	}
	defer tty.Close()
	shown := wrapLines(question, 70)
	for {
		fmt.Fprint(tty, shown+"\n"+prompt(choices))
		line, err := readLine(tty)
		for _, c := range choices {
			if strings.EqualFold(line, c.Key) {
				return c.Value
			}
		}
		if err != nil {
			return otherwise
		}
		if line == "?" {
			for _, c := range choices {
				fmt.Fprintf(tty, " %s - %s\n", c.Key, c.Help)
			}
			fmt.Fprintln(tty)
		}
	}
}

// prompt shows the letters, the one that counts without an answer in brackets: y/[n]/?:
func prompt(choices []Choice) string {
	var keys []string
	for i, c := range choices {
		if i == len(choices)-1 {
			keys = append(keys, "["+c.Key+"]")
			continue
		}
		keys = append(keys, c.Key)
	}
	return strings.Join(append(keys, "?"), "/") + ": "
}

// readLine reads a byte at a time, so that nothing typed ahead for the next question is lost.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			return strings.TrimSpace(string(line)), err
		}
		if b[0] == '\n' {
			return strings.TrimSpace(string(line)), nil
		}
		line = append(line, b[0])
	}
}

func openTerminal() (io.ReadWriteCloser, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}
