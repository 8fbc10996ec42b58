// Package remotetest holds nodes for tests: a scripted one here, and a small SSH server in Server.
package remotetest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gantry/lib/remote"
)

// Fake is a Runner that knows what will be asked. A command it was not told about fails the test, and so does one it was
// told about that never came. Commands are written "node1: lvs --noheadings", with or without the timeout in front. A script
// whose text has a comment with its file's name ("# stop.sh NAME …") can be written by that: "node1: stop.sh web 120".
type Fake struct {
	t        testing.TB
	mu       sync.Mutex
	expected []*answer
	inOrder  bool
	sent     []Sent
	files    map[string]File
	staged   int
	works    map[string]work
}

// Sent is a command that reached the fake.
type Sent struct {
	Node string
	Cmd  remote.Cmd
}

// File is a file on a fake node.
type File struct {
	Data []byte
	Mode os.FileMode
}

type answer struct {
	line    string // "node: line"
	result  remote.Result
	outcome remote.Outcome
	always  bool
	used    bool
}

// New makes a fake that checks itself when the test ends.
func New(t testing.TB) *Fake {
	f := &Fake{t: t, files: map[string]File{}, works: map[string]work{}}
	t.Cleanup(f.check)
	return f
}

// Answer expects the command once; it ends with status 0 and this output. Several answers to one line are given in turn.
func (f *Fake) Answer(line, stdout string) *Fake {
	return f.expect(answer{line: line, result: remote.Result{Stdout: []byte(stdout)}})
}

// Fail expects the command once; it ends with that status, which is an answer if the command's OK has it.
func (f *Fake) Fail(line string, status int, stderr string) *Fake {
	return f.expect(answer{line: line, result: remote.Result{Status: status, Stderr: []byte(stderr)}, outcome: remote.Failed})
}

// Unknown expects the command once; the connection is lost before its status comes.
func (f *Fake) Unknown(line string) *Fake {
	return f.expect(answer{line: line, outcome: remote.Unknown})
}

// Always answers the command as often as it comes, which may be never.
func (f *Fake) Always(line, stdout string) *Fake {
	return f.expect(answer{line: line, result: remote.Result{Stdout: []byte(stdout)}, always: true})
}

// InOrder makes the order of the expectations a part of them.
func (f *Fake) InOrder() *Fake {
	f.inOrder = true
	return f
}

func (f *Fake) expect(a answer) *Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expected = append(f.expected, &a)
	return f
}

// Run answers as it was told.
func (f *Fake) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	f.t.Helper()
	if err := ctx.Err(); err != nil {
		return remote.Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, Sent{node, c})
	a := f.match(node, c)
	if a == nil {
		f.t.Errorf("unexpected command\n%s: %s\nstill expected:\n%s", node, bare(c), strings.Join(f.open(), "\n"))
		return remote.Result{}, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Err: fmt.Errorf("the test did not expect this command")}
	}
	a.used = true
	return a.reply(node, c)
}

func (a *answer) reply(node string, c remote.Cmd) (remote.Result, error) {
	status := a.result.Status
	switch {
	case a.outcome == remote.Unknown:
		return a.result, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Unknown, Err: fmt.Errorf("connection lost")}
	case status == 0, slices.Contains(c.OK, status):
		return a.result, nil
	}
	return a.result, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: status, Stderr: a.result.Stderr}
}

func (f *Fake) match(node string, c remote.Cmd) *answer {
	for _, a := range f.expected {
		if a.used && !a.always {
			continue
		}
		if a.line == node+": "+bare(c) || a.line == node+": "+c.Line() || a.line == node+": "+short(c) {
			return a
		}
		if f.inOrder && !a.always {
			return nil
		}
	}
	return nil
}

// bare is the command without its limit.
func bare(c remote.Cmd) string { return remote.Quote(c.Argv...) }

var scriptName = regexp.MustCompile(`(?m)^# ([a-z_]+\.sh)\b`)

// short is a script by the name in the last such comment of its text, and its arguments; "" for anything else.
func short(c remote.Cmd) string {
	if len(c.Argv) < 4 || c.Argv[0] != "sh" || c.Argv[1] != "-c" {
		return ""
	}
	names := scriptName.FindAllStringSubmatch(c.Argv[2], -1)
	if len(names) == 0 {
		return ""
	}
	return remote.Quote(append([]string{names[len(names)-1][1]}, c.Argv[4:]...)...)
}

// Sent lists the commands that came, in the order in which they came.
func (f *Fake) Sent() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

func (f *Fake) open() []string {
	var lines []string
	for _, a := range f.expected {
		if !a.used && !a.always {
			lines = append(lines, a.line)
		}
	}
	return lines
}

func (f *Fake) check() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if lines := f.open(); len(lines) > 0 && !f.t.Failed() {
		f.t.Errorf("commands that never came:\n%s", strings.Join(lines, "\n"))
	}
}

// Put keeps the file, as Pool.Put would on the node.
func (f *Fake) Put(ctx context.Context, node, file string, data []byte, mode os.FileMode) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[node+":"+file] = File{slices.Clone(data), mode}
	return nil
}

// Stage keeps the file beside the one named; the first is called .NAME.gantry-1.
func (f *Fake) Stage(ctx context.Context, node, file string, data []byte, mode os.FileMode) (temp string, err error) {
	f.mu.Lock()
	f.staged++
	temp = fmt.Sprintf("%s/.%s.gantry-%d", path.Dir(file), path.Base(file), f.staged)
	f.mu.Unlock()
	return temp, f.Put(ctx, node, temp, data, mode)
}

// Get gives back what Put or the test put there.
func (f *Fake) Get(ctx context.Context, node, file string) ([]byte, error) {
	kept, ok := f.File(node, file)
	if !ok {
		return nil, &remote.Error{Node: node, Outcome: remote.Failed, Err: &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}}
	}
	return kept.Data, ctx.Err()
}

// File looks at a file of a fake node.
func (f *Fake) File(node, path string) (File, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, ok := f.files[node+":"+path]
	return file, ok
}
