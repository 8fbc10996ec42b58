package nodefacts

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strconv"

	"gantry/lib/remote"
)

//go:embed gather.sh
var gatherScript string

// Gather runs several commands that only look at a node, in one round trip, and returns their results in order. Each has
// its own exit status; what they say on stderr comes together, in the last result. Commands with input, an environment or
// a directory do not go.
func Gather(ctx context.Context, r remote.Runner, node string, probes ...remote.Cmd) ([]remote.Result, error) {
	if a, ok := r.(*ahead); ok {
		if results := a.take(node, probes...); results != nil {
			return results, nil
		}
	}
	boundary := rand.Text() // so that no output can look like one
	out, err := r.Run(ctx, node, gather(boundary, probes))
	if err != nil {
		return nil, fmt.Errorf("asking for node information: %w", err)
	}
	results, err := split(boundary, out.Stdout, len(probes))
	if err != nil {
		return nil, err
	}
	if len(results) > 0 {
		results[len(results)-1].Stderr = out.Stderr
	}
	return results, nil
}

// gather is the commands as arguments of one script: of each the number of its words, then the words.
func gather(boundary string, probes []remote.Cmd) remote.Cmd {
	args := []string{boundary}
	var all remote.Cmd
	for _, p := range probes {
		args = append(append(args, strconv.Itoa(len(p.Argv))), p.Argv...)
		all.Limit += max(p.Limit, remote.DefaultLimit)
	}
	c := remote.Script(gatherScript, args...)
	c.Limit = all.Limit
	return c
}

// split takes the output apart: that of each command, then a line with the boundary and the command's status.
func split(boundary string, out []byte, n int) ([]remote.Result, error) {
	mark := []byte("\n" + boundary + " ")
	var results []remote.Result
	for range n {
		text, rest, found := bytes.Cut(out, mark)
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		status, err := strconv.Atoi(string(line))
		if !found || !ended || err != nil {
			return nil, fmt.Errorf("asking for node information: the answer ends after %d of %d parts", len(results), n)
		}
		results = append(results, remote.Result{Stdout: text, Status: status})
		out = after
	}
	return results, nil
}
