package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// shell runs commands here, with the hooks of base instead of /etc/ganeti/hooks.
type shell struct{ base string }

func (s shell) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if node == "dead" {
		return remote.Result{}, &remote.Error{Node: node, Outcome: remote.Failed, Err: errors.New("unreachable")}
	}
	argv := bytes.Split([]byte(strings.Join(c.Argv, "\x00")), []byte{0})
	for i := range argv {
		if rest, ok := bytes.CutPrefix(argv[i], []byte(Dir)); ok {
			argv[i] = append([]byte(s.base), rest...)
		}
	}
	var words []string
	for _, w := range argv {
		words = append(words, string(w))
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	out, err := cmd.Output()
	return remote.Result{Stdout: out}, err
}

func script(t *testing.T, base, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(base, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, base string, env map[string]string, nodes ...string) []Report {
	t.Helper()
	return Run(t.Context(), shell{base}, nodes, "instance-add", Pre, env)
}

func name(node string) string { return "uuid of " + node }

func TestOnlyPlainExecutableNamesRunInOrder(t *testing.T) {
	base := t.TempDir()
	for _, f := range []string{"20-b", "10-a", "A", "_z"} {
		script(t, base, "instance-add-pre.d/"+f, "#!/bin/sh\necho out; echo err >&2\n", 0o755)
	}
	for _, f := range []string{"b.sh", ".hidden", "a~", "with space", "new\nline"} {
		script(t, base, "instance-add-pre.d/"+f, "#!/bin/sh\nexit 1\n", 0o755)
	}
	script(t, base, "instance-add-pre.d/readme", "#!/bin/sh\nexit 1\n", 0o644)
	script(t, base, "instance-add-pre.d/dir/x", "", 0o755)
	reports := run(t, base, map[string]string{"PATH": "/bin"}, "node1")
	if reports[0].Err != nil {
		t.Fatal(reports[0].Err)
	}
	var got []string
	for _, r := range reports[0].Results {
		got = append(got, strings.TrimPrefix(r.Script, "instance-add-pre.d/"))
		if r.Failed || r.Output != `out\nerr` {
			t.Errorf("%+v", r)
		}
	}
	if want := "10-a 20-b A _z"; strings.Join(got, " ") != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

func TestScriptsSeeOnlyTheirEnvironment(t *testing.T) {
	base := t.TempDir()
	script(t, base, "instance-add-pre.d/dump", "#!/usr/bin/awk -f\nBEGIN { for (n in ENVIRON) if (n != \"AWKPATH\" && n != \"AWKLIBPATH\") print n \"=\" ENVIRON[n] | \"sort\" }\n", 0o755)
	t.Setenv("STRAY", "1")
	env := map[string]string{
		"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "GANETI_NODE_TAGS_node1.example.com": "a b",
		"GANETI_X": "quotes ' \" $(id)\nZ second line", "GANETI_EMPTY": "",
	}
	reports := run(t, base, env, "node1")
	if reports[0].Err != nil || len(reports[0].Results) != 1 {
		t.Fatalf("%+v", reports)
	}
	for name, value := range env {
		if name != "GANETI_X" && !strings.Contains(reports[0].Results[0].Output, name+"="+value) {
			t.Errorf("%s is missing in %s", name, reports[0].Results[0].Output)
		}
	}
	if out := reports[0].Results[0].Output; strings.Contains(out, "STRAY") || !strings.Contains(out, `quotes ' " $(id)\n`) || !strings.Contains(out, `\nZ second line`) {
		t.Error(out)
	}
}

func TestPreScriptsAbort(t *testing.T) {
	base := t.TempDir()
	script(t, base, "instance-add-pre.d/no", "#!/bin/sh\necho not today; exit 4\n", 0o755)
	script(t, base, "instance-add-pre.d/quiet", "#!/bin/sh\nkill -9 $$\n", 0o755)
	script(t, base, "instance-add-pre.d/yes", "#!/bin/sh\n", 0o755)
	reports := run(t, base, nil, "node1", "dead")
	text, status := fault.Text(Aborted(reports, name))
	want := "Failure: hooks execution failed:\n" +
		"  node: uuid of node1, script: instance-add-pre.d/no, output: not today\n" +
		"  node: uuid of node1, script: instance-add-pre.d/quiet (no output)"
	if text != want || status != 1 {
		t.Errorf("got  %q, %d\nwant %q", text, status, want)
	}
	if lines := Unreached(reports, name); len(lines) != 1 || !strings.HasPrefix(lines[0], "Communication failure to node uuid of dead: ") {
		t.Errorf("unreached: %q", lines)
	}
	if Aborted(run(t, t.TempDir(), nil, "node1", "dead"), name) != nil {
		t.Error("a node that cannot be asked, or has no hooks, stops the operation")
	}
}

func TestPostScriptsComplain(t *testing.T) {
	base := t.TempDir()
	script(t, base, "instance-add-pre.d/a", "#!/bin/sh\necho hook says no; exit 4\n", 0o755)
	script(t, base, "instance-add-pre.d/b", "#!/bin/sh\nexit 1\n", 0o755)
	script(t, base, "instance-add-pre.d/c", "#!/no/such/shell\n", 0o755)
	lines := Complaints(run(t, base, nil, "node1"), name)
	want := []string{
		"On uuid of node1 script instance-add-pre.d/a failed, output: hook says no",
		"On uuid of node1 script instance-add-pre.d/b failed, output: (no output)",
		"On uuid of node1 script instance-add-pre.d/c failed, output: Hook script execution error: ",
	}
	if len(lines) != 3 || lines[0] != want[0] || lines[1] != want[1] || !strings.HasPrefix(lines[2], want[2]) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

func TestEnvironment(t *testing.T) {
	pre := &Plan{Path: "disk-grow", Env: map[string]string{"OP_TARGET": "web"}}
	post := &Plan{Path: "disk-grow", Env: map[string]string{"OP_TARGET": "web", "AMOUNT": "16"}}
	env := Environment(Post, "OP_INSTANCE_GROW_DISK", Cluster{"c.example.com", "node1.example.com", "/var/lib/ganeti"}, pre, post)
	got, _ := json.MarshalIndent(env, "", " ")
	want := `{
 "GANETI_CLUSTER": "c.example.com",
 "GANETI_DATA_DIR": "/var/lib/ganeti",
 "GANETI_HOOKS_PATH": "disk-grow",
 "GANETI_HOOKS_PHASE": "post",
 "GANETI_HOOKS_VERSION": "2",
 "GANETI_MASTER": "node1.example.com",
 "GANETI_OBJECT_TYPE": "INSTANCE",
 "GANETI_OP_CODE": "OP_INSTANCE_GROW_DISK",
 "GANETI_OP_TARGET": "web",
 "GANETI_POST_AMOUNT": "16",
 "GANETI_POST_OP_TARGET": "web",
 "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"
}`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	update := ForConfigUpdate(env)
	if update["GANETI_HOOKS_PATH"] != "config-update" || update["GANETI_POST_AMOUNT"] != "" || update["GANETI_OP_TARGET"] != "web" {
		t.Errorf("configuration update: %v", update)
	}
	bare := ForConfigUpdate(Environment(Pre, "OP_TAGS_SET", Cluster{}, &Plan{}, nil))
	if _, ok := bare["GANETI_OBJECT_TYPE"]; ok || bare["GANETI_OP_CODE"] != "OP_TAGS_SET" {
		t.Errorf("an operation without hooks: %v", bare)
	}
	for path, want := range map[string]string{"cluster-verify": "CLUSTER", "node-add": "NODE", "group-rename": "GROUP", "network-connect": "NETWORK", "mirrors-replace": "INSTANCE"} {
		if got := objectType(path); got != want {
			t.Errorf("%s is about %s, want %s", path, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("run 0 3 1 10-a\noutx"))
	f.Add([]byte("run 1 99999999999 0 x\n"))
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, out []byte) {
		results, err := parse("d", out)
		total := 0
		for _, r := range results {
			total += len(r.Script)
		}
		if err == nil && len(out) > 0 && results == nil || total > 3*len(out) {
			t.Errorf("%d results from %d bytes: %v", len(results), len(out), err)
		}
	})
}
