package node

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/remote/remotetest"
)

func TestRestrictedCommandLine(t *testing.T) {
	got := restrictedCommand("hello").Line()
	if !strings.HasPrefix(got, "timeout -k 5 600 sh -c '# restricted.sh DIR NAME:") || !strings.HasSuffix(got, "sh /etc/ganeti/restricted-commands hello") {
		t.Error(got)
	}
}

func TestRestrictedCommandsAnswerNodeByNode(t *testing.T) {
	line := ".example.com: restricted.sh /etc/ganeti/restricted-commands hello"
	fake := remotetest.New(t).Answer("node2"+line, "good day\n").Fail("node3"+line, 3, "no\n").Unknown("node4" + line)
	end := run(t, fake, fourNodes(), Restricted{Nodes: []string{"node2", "node3", "node4"}, Command: "hello"})
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	var results []RestrictedResult
	if err := json.Unmarshal(end.Result, &results); err != nil || len(results) != 3 {
		t.Fatalf("%s, %v", end.Result, err)
	}
	for i, want := range []string{"good day\n", "Command 'hello' on node 'node3.example.com' failed: Restricted command 'hello' failed: exited with exit code 3; output: ",
		"Command 'hello' on node 'node4.example.com' failed: "} {
		if text, ok := results[i].Text(); !strings.HasPrefix(text, want) || ok != (i == 0) {
			t.Errorf("%d: %q, %v", i, text, ok)
		}
	}
}

func TestNamesThatAreNoneReachNoNode(t *testing.T) {
	for _, name := range []string{"../bin/sh", "", "a b", "x;y", "$(id)"} {
		end := run(t, remotetest.New(t), fourNodes(), Restricted{Nodes: []string{"node2"}, Command: name})
		if end.Err != nil || !strings.Contains(string(end.Result), "failed: Executing command") {
			t.Errorf("%q: %v, %s", name, end.Err, end.Result)
		}
	}
}

// The script runs for real here: what others could have put there is not run.
func TestOnlyRootsProgramsAreRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root owns programs that are run")
	}
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good": 0o755, "group": 0o775, "others": 0o757, "plain": 0o644} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho ran\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int{"good": 0, "group": notAllowed, "others": notAllowed, "plain": notAllowed, "nosuch": notAllowed} {
		cmd := exec.Command("sh", "-c", restrictedScript, "sh", dir, name)
		out, _ := cmd.Output()
		if got := cmd.ProcessState.ExitCode(); got != want || (string(out) == "ran\n") != (want == 0) {
			t.Errorf("%s: status %d, %q", name, got, out)
		}
	}
}
