package fault

import (
	"errors"
	"strings"
)

// Plain is a message that is printed as it is, with an exit status of its own.
// Commands use it for the refusals to which Ganeti gives no frame ("Please give
// at least one of the parameters.").
type Plain struct {
	Message string // "" prints nothing
	Status  int
}

func (p Plain) Error() string { return p.Message }

// Status ends a command with an exit status and without a word.
func Status(n int) error { return Plain{Status: n} }

// Say ends a command with a message and exit status 1.
func Say(message string) error { return Plain{Message: message, Status: 1} }

// frames are the words around the message, by class.
var frames = map[Class]string{
	Execution:    "Failure: command execution error:\n%s",
	Type:         "Parameter Error: %s",
	Parameter:    "Failure: unknown/wrong parameter name '%s'",
	Tag:          "Failure: invalid tag(s) given:\n%s",
	HooksFailure: "Failure: hooks general failure: %s",
	JobLost:      "Error checking job status: %s",
	Protocol:     "Unhandled protocol error while talking to the master daemon:\n%s",
	Filter:       "Error while parsing query filter: %s",

	Configuration: "Corrupt configuration file: %s\nAborting.",
}

// Text returns what the user is shown for err, without a final newline, and the
// exit status of the command that failed with it.
func Text(err error) (text string, status int) {
	if err == nil {
		return "", 0
	}
	if p, ok := errors.AsType[Plain](err); ok {
		return p.Message, p.Status
	}
	e := Of(err)
	return strings.TrimRight(e.text(), "\n"), e.status()
}

func (e *Error) status() int {
	if e.Class == Configuration {
		return 2
	}
	return 1
}

func (e *Error) text() string {
	switch e.Class {
	case Prereq:
		return prereqText(e.Kind, e.Error())
	case HooksAbort:
		return "Failure: hooks execution failed:\n" + abortText(e.Hooks)
	}
	frame, ok := frames[e.Class]
	if !ok {
		frame = "Unhandled Ganeti error: %s"
	}
	return strings.Replace(frame, "%s", e.Error(), 1)
}

func prereqText(kind Kind, message string) string {
	const head = "Failure: prerequisites not met for this operation:\n"
	if kind == unspecifiedKind {
		return head + message
	}
	return head + "error type: " + string(kind) + ", error details:\n" + message
}

// abortText has a line for each hook that said no.
func abortText(hooks []Hook) string {
	var b strings.Builder
	for _, h := range hooks {
		b.WriteString("  node: " + h.Node + ", script: " + h.Script)
		if h.Output == "" {
			b.WriteString(" (no output)\n")
			continue
		}
		b.WriteString(", output: " + h.Output + "\n")
	}
	return b.String()
}
