package node

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"time"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// Restricted runs, on nodes, a program of the directory of restricted commands that the administrator has put there.
type Restricted struct {
	Locking bool     `json:"use_locking"`
	Nodes   []string `json:"nodes"`
	Command string   `json:"command"`
}

// OpID is the operation's name in job files.
func (Restricted) OpID() string { return "OP_RESTRICTED_COMMAND" }

// Work starts it.
func (op Restricted) Work(env *job.Env) job.Work { return &restricted{Restricted: op, env: env} }

// RestrictedResult is what came of it on one node: the output, or the reason why there is none. Ganeti writes it as a pair.
type RestrictedResult [2]any

// Text is the output or the reason; ok tells which.
func (r RestrictedResult) Text() (text string, ok bool) {
	text, _ = r[1].(string)
	ok, _ = r[0].(bool)
	return text, ok
}

type restricted struct {
	Restricted
	env   *job.Env
	names []string
}

func (w *restricted) Locks(cfg *config.Config) (locks []job.Lock, err error) {
	w.names = nil
	for _, name := range w.Nodes {
		n, err := find(cfg, name)
		if err != nil {
			return nil, err
		}
		w.names = append(w.names, n.Name)
		if w.Locking {
			locks = append(locks, lock(n))
		}
	}
	return locks, nil
}

func (w *restricted) Check(context.Context) error { return nil }

func (w *restricted) Hooks() *hooks.Plan { return nil }

//go:embed restricted.sh
var restrictedScript string

// restrictedDir is where the programs are, and plainName what one may be called.
const restrictedDir = "/etc/ganeti/restricted-commands"

var plainName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// restrictedLimit is how long a program may take.
const restrictedLimit = 10 * time.Minute

func restrictedCommand(name string) remote.Cmd {
	c := remote.Script(restrictedScript, restrictedDir, name)
	c.Limit = restrictedLimit
	c.OK = []int{notAllowed}
	c.Changes = "run restricted command " + name
	return c
}

// notAllowed is the status of the script when the program may not be run.
const notAllowed = 125

func (w *restricted) Run(ctx context.Context) (any, error) {
	results := []RestrictedResult{}
	for _, reply := range remote.Each(ctx, w.names, 0, w.one) {
		if reply.Err != nil {
			text := fmt.Sprintf("Command '%s' on node '%s' failed: %v", w.Command, reply.Node, reply.Err)
			results = append(results, RestrictedResult{false, text})
			continue
		}
		results = append(results, RestrictedResult{true, reply.Value})
	}
	return results, nil
}

// one runs it on one node. Why a program may not be run is nobody's business but the administrator's: it is in the node's log.
func (w *restricted) one(ctx context.Context, node string) (string, error) {
	refused := fmt.Errorf("Executing command '%s' failed", w.Command)
	if !plainName.MatchString(w.Command) {
		return "", refused
	}
	out, err := w.env.Nodes.Run(ctx, node, restrictedCommand(w.Command))
	output := string(out.Stdout) + string(out.Stderr)
	if e, ok := errors.AsType[*remote.Error](err); ok && e.Outcome == remote.Failed && e.Status != 0 {
		return "", fmt.Errorf("Restricted command '%s' failed: exited with exit code %d; output: %s", w.Command, e.Status, output)
	}
	if err == nil && out.Status == notAllowed {
		return "", refused
	}
	return output, err
}
