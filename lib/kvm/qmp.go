package kvm

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gantry/lib/remote"
)

//go:embed guest.sh
var guestScript string

//go:embed qmp.sh
var qmpScript string

// request is one command of qemu's machine protocol.
type request struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
}

// QMPError is what qemu answers to a command it refuses.
type QMPError struct{ Command, Class, Desc string }

func (e *QMPError) Error() string {
	return fmt.Sprintf("kvm: error executing the %s command: %s (%s):", e.Command, e.Desc, e.Class)
}

type attributes = map[string]any

// hmp wraps a command of the monitor for people. Its answer is text, empty if all went well.
func hmp(line string) request {
	return request{"human-monitor-command", attributes{"command-line": line}}
}

// exchange sends requests to the guest's qemu in one round trip; the ones after a refused one are not sent.
func exchange(name string, requests ...request) remote.Cmd {
	c := remote.Script(guestScript+qmpScript, name)
	c.Limit = 30 * time.Second
	var in bytes.Buffer
	for _, r := range append([]request{{Execute: "qmp_capabilities"}}, requests...) {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err) // requests are built from texts and numbers
		}
		in.Write(line)
		in.WriteByte('\n')
	}
	c.Stdin = in.Bytes()
	return c
}

// ask runs an exchange and returns one answer for each request that was answered.
func ask(ctx context.Context, r remote.Runner, node string, c remote.Cmd) ([]json.RawMessage, error) {
	out, err := r.Run(ctx, node, c)
	if err != nil {
		return nil, err
	}
	return answers(c.Stdin, out.Stdout)
}

// answers reads what came back. Greeting, events and the answer to qmp_capabilities are left out.
func answers(sent, out []byte) ([]json.RawMessage, error) {
	var got []json.RawMessage
	commands := strings.Split(strings.TrimSuffix(string(sent), "\n"), "\n")
	for line := range bytes.Lines(out) {
		var message struct {
			Return json.RawMessage `json:"return"`
			Error  *QMPError       `json:"error"`
		}
		if err := json.Unmarshal(line, &message); err != nil {
			return nil, fmt.Errorf("reading qemu's answer %.80q: %w", line, err)
		}
		if message.Return == nil && message.Error == nil {
			continue
		}
		if len(got) >= len(commands) {
			return nil, fmt.Errorf("qemu gave more answers than it was asked questions")
		}
		if message.Error != nil {
			message.Error.Command = commandName(commands[len(got)])
			return trim(got), message.Error
		}
		got = append(got, message.Return)
	}
	if len(got) < len(commands) {
		return trim(got), fmt.Errorf("qemu closed the connection before it answered %s", commandName(commands[len(got)]))
	}
	return trim(got), nil
}

func trim(got []json.RawMessage) []json.RawMessage {
	if len(got) == 0 {
		return nil
	}
	return got[1:]
}

func commandName(line string) string {
	var r request
	if json.Unmarshal([]byte(line), &r) != nil {
		return line
	}
	return r.Execute
}
