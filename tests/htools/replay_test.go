// Package htools replays what Ganeti's htools answered and compares it with ours, byte by byte.
package htools

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// record is one recorded run of a tool.
type record struct {
	ID         string            `json:"id"`
	Tool       string            `json:"tool"`
	Argv       []string          `json:"argv"`
	Files      []string          `json:"files"`
	Stdin      string            `json:"stdin"`
	Exit       int               `json:"exit"`
	Stdout     string            `json:"stdout"`
	Stderr     string            `json:"stderr"`
	Outfiles   map[string]string `json:"outfiles"`
	StderrMode string            `json:"stderr_mode"` // exact, or loose: only whether anything was said counts
	Normalize  []string          `json:"normalize"`   // "version": the version and the compiler do not count
}

var tools = []string{"hbal", "hail", "hspace", "hcheck", "hinfo", "hroller", "hsqueeze", "hscan", "harep"}

func TestToolsAnswerAsRecorded(t *testing.T) {
	bin := buildTools(t)
	names, err := filepath.Glob("testdata/cases/*.jsonl*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recorded cases: %v", err)
	}
	for _, name := range names {
		for _, r := range readRecords(t, name) {
			t.Run(r.ID, func(t *testing.T) {
				t.Parallel()
				r.replay(t, bin)
			})
		}
	}
}

func buildTools(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	args := []string{"build", "-o", bin + "/"}
	for _, tool := range tools {
		args = append(args, "gantry/"+tool)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("building the tools: %v\n%s", err, out)
	}
	return bin
}

// open reads a file, or the compressed file that stands for it.
func open(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		name += ".gz"
		data, err = os.ReadFile(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return data
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	data, err = io.ReadAll(unpacked)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func readRecords(t *testing.T, name string) []record {
	t.Helper()
	var list []record
	lines := bufio.NewScanner(bytes.NewReader(open(t, name)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return list
}

func (r record) replay(t *testing.T, bin string) {
	dir := t.TempDir()
	for _, name := range r.Files {
		write(t, filepath.Join(dir, name), open(t, filepath.Join("testdata/data", name)))
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, r.Tool), r.Argv...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(r.Stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != r.Exit {
		t.Errorf("exit status %d, want %d", got, r.Exit)
	}
	r.compare(t, "stdout", r.Stdout, stdout.String())
	if r.StderrMode == "loose" {
		if (r.Stderr == "") != (stderr.Len() == 0) {
			t.Errorf("stderr: got %q, want %q", stderr.String(), r.Stderr)
		}
	} else {
		r.compare(t, "stderr", r.Stderr, stderr.String())
	}
	r.compareFiles(t, dir)
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// compareFiles compares the files the run made.
func (r record) compareFiles(t *testing.T, dir string) {
	given := map[string]bool{}
	for _, name := range r.Files {
		given[name] = true
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || given[name] {
			return err
		}
		want, ok := r.Outfiles[name]
		if !ok {
			t.Errorf("made an unexpected file %s", name)
			return nil
		}
		seen++
		r.compare(t, name, want, string(open(t, path)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(r.Outfiles) {
		t.Errorf("made %d files, want %d", seen, len(r.Outfiles))
	}
}

var (
	versions  = regexp.MustCompile(`version \S+`)
	compilers = regexp.MustCompile(`compiled with .*`)
)

func (r record) compare(t *testing.T, what, want, got string) {
	t.Helper()
	for _, n := range r.Normalize {
		if n == "version" {
			want, got = normalized(want), normalized(got)
		}
	}
	if want == got {
		return
	}
	wantLines, gotLines := strings.Split(want, "\n"), strings.Split(got, "\n")
	for k := range max(len(wantLines), len(gotLines)) {
		w, g := line(wantLines, k), line(gotLines, k)
		if w != g {
			t.Errorf("%s differs in line %d\n got %s\nwant %s", what, k+1, g, w)
			return
		}
	}
}

func normalized(s string) string {
	return compilers.ReplaceAllString(versions.ReplaceAllString(s, "version X"), "compiled with X")
}

func line(lines []string, k int) string {
	if k < len(lines) {
		return lines[k]
	}
	return "(end)"
}
