package store

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gantry/lib/remote"
)

// replicaScript is what a candidate does with its copy. One perl does all of it and stays for the next call, since a process costs as
// much as writing the file.
//
//	ask DIR
//		shows what this node has: the fixed first lines of the file and its last one, or "absent".
//	stage DIR STAGED SIZE DIGEST [BASE RUNS]
//		keeps a new version, which comes on stdin, beside the old one, on disk, and shows what the node has. Nothing that anybody
//		reads is changed. STAGED is .config.toml.staged.EPOCH.SERIAL.DIGEST, where twelve digits of the digest are enough.
//		With BASE, the digest of the version before, only what is new comes: RUNS says how the version is put together, each
//		LENGTH from stdin or =FROM+LENGTH from this node's file, with commas between. If this node's file is not that one, or the
//		outcome is not what DIGEST says, nothing is kept, and the exit status is 69.
//	commit DIR STAGED EPOCH SERIAL DIGEST keep|repair
//		puts a staged version in the place of this node's, unless the node's is newer or another one; "repair" replaces a damaged
//		one too. Exit status: 0 it is in place (or was already), 65 this node's file is damaged, 66 it is newer, 67 it is another of
//		the same epoch and serial. With these three it shows what the node has. 70: it is in place, but may not be on disk.
//
//go:embed replica.pl
var replicaScript string

// Exit statuses of replica.pl and publish.sh.
const (
	statusDamaged  = 65
	statusNewer    = 66
	statusDiverged = 67
	statusOther    = 69
	statusUnsynced = 70
)

// How long a candidate may take. One that was slow a moment ago gets less (see hurried), so that it does not cost its limit at every
// write.
const (
	askLimit    = 5 * time.Second
	commitLimit = 15 * time.Second
	slowLimit   = 500 * time.Millisecond
	grace       = 500 * time.Millisecond // for the way there and back
)

// answer is what a candidate says it has.
type answer struct {
	node   string
	absent bool   // it has no configuration
	header Header // if it has
	err    error  // it did not answer, or its file is damaged
}

// knows says whether the answer tells what the candidate has: only such an answer is a vote.
func (a answer) knows() bool { return a.err == nil && !a.absent }

var errDamaged = errors.New("its configuration is damaged")

// readAnswer reads what replica.pl shows.
func readAnswer(node string, out []byte) answer {
	if string(out) == "absent\n" {
		return answer{node: node, absent: true}
	}
	h, err := parseHeader(out)
	if err == nil && h.Digest == "" {
		err = errors.New("its last line is not the digest")
	}
	if err != nil {
		return answer{node: node, err: fmt.Errorf("node %s: %w: %w", node, errDamaged, err)}
	}
	return answer{node: node, header: h}
}

// hurried returns those that get little time, because they were slow a moment ago. Where the others are too few for a majority,
// all get the full time: they are needed, and on a busy network all are slow now and then.
func (s *Store) hurried(nodes []string) map[string]bool {
	slow, until, now := map[string]bool{}, s.readHints().Slow, s.Now().Unix()
	for _, n := range nodes {
		if until[n] > now {
			slow[n] = true
		}
	}
	if all, quick := len(nodes)+1, len(nodes)+1-len(slow); all > 2 && 2*quick <= all {
		return nil
	}
	return slow
}

// run runs a script on a node that has size bytes to write. The limit holds on this side too: a frozen node cannot keep its own.
func (s *Store) run(ctx context.Context, r remote.Runner, node string, c remote.Cmd, hurry bool, size int) (remote.Result, error) {
	if hurry {
		c.Limit = min(c.Limit, slowLimit+time.Duration(size>>20)*100*time.Millisecond)
	}
	bounded, cancel := context.WithTimeout(ctx, c.Limit+grace)
	defer cancel()
	started := time.Now()
	res, err := r.Run(bounded, node, c)
	if err != nil && time.Since(started) >= c.Limit {
		s.markSlow(node)
	}
	return res, err
}

// ask returns what each of the nodes has.
func (s *Store) ask(ctx context.Context, r remote.Runner, nodes []string) []answer {
	hurried := s.hurried(nodes)
	return s.gather(ctx, nodes, func(ctx context.Context, node string) answer {
		c := remote.Kept(replicaScript, "ask", s.dir)
		c.Limit = askLimit
		return s.answerOf(ctx, r, node, c, hurried[node])
	})
}

// stage puts a version on the disk of each of the nodes and returns what they have. Who has base, which the version was made from (it
// may be nil), is sent only what is new.
func (s *Store) stage(ctx context.Context, r remote.Runner, nodes []string, v, base *version) []answer {
	hurried := s.hurried(nodes)
	send := func(ctx context.Context, node string, text []byte, change ...string) (answer, bool) {
		c := remote.Kept(replicaScript, append([]string{"stage", s.dir, stagedName(v.header), strconv.Itoa(len(v.text)), v.header.Digest}, change...)...)
		c.Stdin, c.Secret, c.OK = text, true, []int{statusOther}
		c.Limit = 2*askLimit + time.Duration(len(v.text)>>20)*time.Second
		res, err := s.run(ctx, r, node, c, hurried[node], len(v.text))
		if err != nil {
			return answer{node: node, err: err}, true
		}
		return readAnswer(node, res.Stdout), res.Status == 0
	}
	news, runs, small := v.since(base)
	return s.gather(ctx, nodes, func(ctx context.Context, node string) answer {
		if small {
			a, ok := send(ctx, node, news, base.header.Digest, runs)
			if ok || judge(base.header, []answer{a}).err != nil { // the whole would change nothing
				return a
			}
		}
		a, _ := send(ctx, node, v.text)
		return a
	})
}

func stagedName(h Header) string {
	return fmt.Sprintf("%s%d.%d.%.12s", stagedPrefix, h.Epoch, h.Serial, h.Digest)
}

func (s *Store) answerOf(ctx context.Context, r remote.Runner, node string, c remote.Cmd, hurry bool) answer {
	res, err := s.run(ctx, r, node, c, hurry, 0)
	if err != nil {
		return answer{node: node, err: err}
	}
	return readAnswer(node, res.Stdout)
}

// gather asks all nodes at once; answers come in the order of the nodes.
func (s *Store) gather(ctx context.Context, nodes []string, ask func(context.Context, string) answer) []answer {
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (answer, error) {
		return ask(ctx, node), nil
	})
	answers := make([]answer, len(replies))
	for i, r := range replies {
		answers[i] = r.Value
		if r.Err != nil {
			answers[i] = answer{node: r.Node, err: r.Err}
		}
	}
	return answers
}

// commitReply is what became of a staged version on a candidate.
type commitReply struct {
	node    string
	outcome remote.Outcome // Done: in place; Failed: certainly not; Unknown
	refused int            // exit status of a refusal
	theirs  Header         // of a refusal
	err     error
}

// commitOn puts a staged version in place on each of the nodes.
func (s *Store) commitOn(ctx context.Context, r remote.Runner, nodes []string, v *version, repair bool) []commitReply {
	mode := "keep"
	if repair {
		mode = "repair"
	}
	h, hurried := v.header, s.hurried(nodes)
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (commitReply, error) {
		c := remote.Kept(replicaScript, "commit", s.dir, stagedName(h), strconv.FormatInt(h.Epoch, 10), strconv.FormatInt(h.Serial, 10), h.Digest, mode)
		c.Limit, c.OK = commitLimit, []int{statusDamaged, statusNewer, statusDiverged, statusUnsynced}
		res, err := s.run(ctx, r, node, c, hurried[node], 0)
		return readCommit(node, res, err), nil
	})
	out := make([]commitReply, len(replies))
	for i, r := range replies {
		out[i] = r.Value
		if r.Err != nil { // not begun
			out[i] = commitReply{node: r.Node, outcome: remote.Failed, err: r.Err}
		}
	}
	return out
}

func readCommit(node string, res remote.Result, err error) commitReply {
	if err != nil {
		return commitReply{node: node, outcome: remote.OutcomeOf(err), err: err}
	}
	switch res.Status {
	case 0:
		return commitReply{node: node, outcome: remote.Done}
	case statusUnsynced:
		return commitReply{node: node, outcome: remote.Unknown, err: fmt.Errorf("node %s: %s", node, strings.TrimSpace(string(res.Stderr)))}
	}
	a := readAnswer(node, bytes.TrimLeft(res.Stdout, "\n"))
	err = a.err
	if err == nil {
		err = fmt.Errorf("node %s refuses: it has %s", node, a.header)
	}
	return commitReply{node: node, outcome: remote.Failed, refused: res.Status, theirs: a.header, err: err}
}
