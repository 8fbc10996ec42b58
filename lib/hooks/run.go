package hooks

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

//go:embed run.sh
var runScript string

// limit is how long all scripts of a directory together may take on a node.
const limit = time.Hour

// Result is one script that ran: DIRECTORY/NAME and its output, standard output before standard error, without blanks
// around it and without bytes that a terminal would act on. It failed when it could not be started, too.
type Result struct {
	Script string
	Failed bool
	Output string
}

// Report is what one node says. Err means that it could not be asked.
type Report struct {
	Node    string
	Results []Result
	Err     error
}

// Run runs the scripts of a path and phase on all nodes at once, one round trip each.
func Run(ctx context.Context, r remote.Runner, nodes []string, path string, phase Phase, env map[string]string) []Report {
	cmd := command(directory(path, phase), env)
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) ([]Result, error) {
		res, err := r.Run(ctx, node, cmd)
		if err != nil {
			return nil, err
		}
		return parse(directory(path, phase), res.Stdout)
	})
	reports := make([]Report, len(replies))
	for i, reply := range replies {
		reports[i] = Report{Node: reply.Node, Results: reply.Value, Err: reply.Err}
	}
	return reports
}

// RunWatcher runs the site's scripts for the watcher on a node. They are told nothing.
func RunWatcher(ctx context.Context, r remote.Runner, node string) Report {
	res, err := r.Run(ctx, node, command(watcherDirectory, nil))
	if err != nil {
		return Report{Node: node, Err: err}
	}
	results, err := parse(watcherDirectory, res.Stdout)
	return Report{Node: node, Results: results, Err: err}
}

// watcherDirectory is below Dir; it has no phases.
const watcherDirectory = "watcher"

// command hands the environment over as arguments, read by xargs from standard input: it may be larger than a line, is not
// to be in the log, and has names (NODE_TAGS_node1.example.com) that no shell takes for a variable.
func command(dir string, env map[string]string) remote.Cmd {
	var in bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&in, "%s=%s\x00", name, strings.ReplaceAll(env[name], "\x00", ""))
	}
	c := remote.Command("xargs", "-0", "-x", "-s", "1000000", "sh", "-c", runScript, "hooks", Dir+"/"+dir)
	c.Stdin, c.Limit, c.Needs = in.Bytes(), limit, Dir+"/"+dir
	return c
}

// parse reads what run.sh wrote.
func parse(dir string, out []byte) ([]Result, error) {
	var results []Result
	in := bufio.NewReader(bytes.NewReader(out))
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return results, nil
		}
		var name string
		var status, stdout, stderr int
		_, err = fmt.Sscanf(line, "run %d %d %d %s\n", &status, &stdout, &stderr, &name)
		if err != nil || min(stdout, stderr) < 0 || max(stdout, stderr) > len(out) {
			return nil, fmt.Errorf("reading the results of the hooks in %s: unexpected line %q", dir, line)
		}
		text := make([]byte, stdout+stderr)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, fmt.Errorf("reading the results of the hooks in %s: the output of %s is cut off", dir, name)
		}
		results = append(results, result(dir+"/"+name, status, string(text)))
	}
}

func result(script string, status int, output string) Result {
	output = strings.TrimSpace(output)
	if cause, ok := strings.CutPrefix(output, "env: "); ok && (status == 126 || status == 127) {
		output = "Hook script execution error: " + cause // env(1) speaking: the script itself never ran
	}
	return Result{Script: script, Failed: status != 0, Output: unit.SafeText(output)}
}

// Unreached lists the nodes that could not be asked, as Ganeti warns of them.
func Unreached(reports []Report, show func(node string) string) []string {
	var lines []string
	for _, report := range reports {
		if report.Err != nil {
			lines = append(lines, fmt.Sprintf("Communication failure to node %s: %s", show(report.Node), report.Err))
		}
	}
	return lines
}

// Aborted is the refusal of an operation by its pre scripts, nil when all agreed. A node that could not be asked does not
// stop the operation. Ganeti shows nodes by UUID here: show translates.
func Aborted(reports []Report, show func(node string) string) error {
	if no := failures(reports, show); no != nil {
		return fault.Abort(no)
	}
	return nil
}

// Complaints lists the post scripts that failed, as Ganeti warns of them.
func Complaints(reports []Report, show func(node string) string) []string {
	var lines []string
	for _, f := range failures(reports, show) {
		if f.Output == "" {
			f.Output = "(no output)"
		}
		lines = append(lines, fmt.Sprintf("On %s script %s failed, output: %s", f.Node, f.Script, f.Output))
	}
	return lines
}

func failures(reports []Report, show func(node string) string) []fault.Hook {
	var all []fault.Hook
	for _, report := range reports {
		for _, r := range report.Results {
			if r.Failed {
				all = append(all, fault.Hook{Node: show(report.Node), Script: r.Script, Output: r.Output})
			}
		}
	}
	return all
}
