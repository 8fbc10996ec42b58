package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gantry/lib/remote"
)

// urgent are the kinds of intents before which the fence is asked each time: what makes an instance or a disk live
// somewhere (a migration that is cancelled goes on at its source), and what ends an instance that somebody else may have started since.
// Other changes ask once, before the first one of a job.
var urgent = []string{"starts", "promotes", "resumes", "migrates", "cancels", "switches", "stops"}

// recorded is the Nodes of an operation: what changes something is written to the job before it is sent, and what became
// of it after.
type recorded struct {
	env *Env
	Nodes
}

// Run runs a command; with Changes set it is an intent first.
func (n recorded) Run(ctx context.Context, node string, c remote.Cmd) (res remote.Result, err error) {
	err = n.change(ctx, intentOf(node, c), func() (err error) {
		res, err = n.Nodes.Run(ctx, node, c)
		return err
	})
	return res, err
}

// Put writes a file, which is a change.
func (n recorded) Put(ctx context.Context, node, path string, data []byte, mode os.FileMode) error {
	return n.change(ctx, Intent{Node: node, Changes: "write " + path}, func() error {
		return n.Nodes.Put(ctx, node, path, data, mode)
	})
}

// Start begins durable work. Its intent stays open until Follow has seen the end of it.
func (n recorded) Start(ctx context.Context, node, id string, c remote.Cmd) error {
	in := intentOf(node, c)
	in.Work = id
	if in.Changes == "" {
		in.Changes = "work " + id
	}
	number, err := n.announce(ctx, in)
	if err != nil {
		return err
	}
	err = n.Nodes.Start(ctx, node, id, c)
	if remote.OutcomeOf(err) == remote.Failed {
		n.env.runner.outcome(number, remote.Failed.String())
	}
	return err
}

// Follow waits for the end of durable work and closes its intent.
func (n recorded) Follow(ctx context.Context, node, id string) (remote.Result, error) {
	res, err := n.Nodes.Follow(ctx, node, id)
	n.ended(node, id, err)
	return res, err
}

// FollowOutput does so too.
func (n recorded) FollowOutput(ctx context.Context, node, id string, every time.Duration, each func(stdout, stderr []byte)) (remote.Result, error) {
	res, err := n.Nodes.FollowOutput(ctx, node, id, every, each)
	n.ended(node, id, err)
	return res, err
}

func (n recorded) ended(node, id string, err error) {
	for _, in := range n.env.runner.intents() {
		if in.Work == id && in.Node == node && in.Open() && (err == nil || errors.As(err, new(*remote.Error))) {
			n.env.runner.outcome(in.N, remote.OutcomeOf(err).String())
		}
	}
}

func intentOf(node string, c remote.Cmd) Intent {
	in := Intent{Node: node, Changes: c.Changes}
	if in.Line = c.Line(); len(in.Line) > 500 {
		in.Line = strings.ToValidUTF8(in.Line[:500], "") + " …"
	}
	return in
}

// change does something between its intent and its outcome. What changes nothing is just done.
func (n recorded) change(ctx context.Context, in Intent, do func() error) error {
	if in.Changes == "" {
		return do()
	}
	number, err := n.announce(ctx, in)
	if err != nil {
		return err
	}
	err = do()
	n.env.runner.outcome(number, remote.OutcomeOf(err).String())
	return err
}

// announce asks the fence if it must be asked, and writes the intent.
func (n recorded) announce(ctx context.Context, in Intent) (int, error) {
	r := n.env.runner
	if !r.fenced.Load() || slices.Contains(urgent, in.Kind()) {
		if err := n.env.Fenced(ctx); err != nil {
			r.stop(err)
			return 0, err
		}
	}
	in.Op, in.Instances = n.env.index, n.env.Holds(LevelInstance)
	return r.announce(in)
}

// stop remembers that a change was not made: an operation that goes on where a node fails has not done what it says then.
func (r *runner) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = err
}

func (r *runner) wasStopped() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// announce writes an intent and returns its number once it is on the disk.
func (r *runner) announce(in Intent) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intent++
	in.N, in.Time = r.intent, r.w.stamp()
	if err := r.w.record(event{Kind: evIntent, Intent: &in}); err != nil {
		return 0, fmt.Errorf("announcing \"%s\" on node %s: %w", in.Changes, in.Node, err)
	}
	return in.N, nil
}

// outcome writes what became of an intent. It need not be on the disk at once: an intent without an outcome is looked into
// once more, which does no harm.
func (r *runner) outcome(number int, what string) {
	if err := r.w.note(event{Kind: evOutcome, Time: r.w.stamp(), N: number, Outcome: what}); err != nil {
		r.queue.warn("%v", err)
	}
}

func (r *runner) intents() []Intent {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return slices.Clone(r.w.job.Intents)
}

// settle gives the open intents with these words on this node an outcome.
func (r *runner) settle(node, changes, what string) error {
	for _, in := range r.intents() {
		if in.Open() && in.Node == node && in.Changes == changes {
			if err := r.w.record(event{Kind: evOutcome, Time: r.w.stamp(), N: in.N, Outcome: what}); err != nil {
				return err
			}
		}
	}
	return nil
}
