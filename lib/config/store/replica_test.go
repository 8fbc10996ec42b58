package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gantry/lib/remote"
)

// replica is a candidate's directory. Its script runs with all of perl's warnings, which must not come.
type replica struct {
	t      *testing.T
	dir    string
	text   string // of the script
	limits string
}

func newReplica(t *testing.T) *replica {
	return &replica{t: t, dir: tempDir(t), text: replicaScript, limits: ":"}
}

// do is one call; want is its exit status and what it must say on stderr, "" for nothing.
func (r *replica) do(in []byte, want int, says string, args ...string) (out string) {
	r.t.Helper()
	argv := remote.Kept(r.text, append([]string{args[0], r.dir}, args[1:]...)...).Argv
	cmd := exec.Command("sh", append([]string{"-c", `trap "" XFSZ; ` + r.limits + `; exec perl -Mstrict -w "$@"`, "sh"}, argv[1:]...)...)
	cmd.Stdin = bytes.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	if said := stderr.String(); cmd.ProcessState.ExitCode() != want || said != says && (says == "" || !strings.Contains(said, says)) {
		r.t.Errorf("%q: status %d, want %d; stderr %q, want %q", args, cmd.ProcessState.ExitCode(), want, said, says)
	}
	return stdout.String()
}

// stage sends a text as version v.
func (r *replica) stage(v *version, text []byte, want int, says string) (out string) {
	r.t.Helper()
	return r.do(text, want, says, "stage", stagedName(v.header), strconv.Itoa(len(v.text)), v.header.Digest)
}

// stageChange sends what is new since base.
func (r *replica) stageChange(v, base *version, news []byte, runs string, want int) (out string) {
	r.t.Helper()
	return r.do(news, want, "", append([]string{"stage"}, changeArgs(v, base, runs)...)...)
}

func changeArgs(v, base *version, runs string) []string {
	return []string{stagedName(v.header), strconv.Itoa(len(v.text)), v.header.Digest, base.header.Digest, runs}
}

// calls has one perl that stays answer two calls, each with its words and its input, and returns their exit statuses.
func (r *replica) calls(first []string, in []byte, second []string, more []byte) (statuses []string) {
	r.t.Helper()
	call := func(words []string, in []byte) string {
		return "KEY stamp\x00shown\x00" + strings.Join(words, "\x00") + "\n" + string(in)
	}
	cmd := exec.Command("perl", "-e", `my $text = shift; eval $text; die $@ if $@`, remote.Kept(r.text).Argv[2])
	cmd.Stdin = strings.NewReader("KEY\n\nreplica\n" + call(first, in) + call(second, more))
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if status, ok := strings.CutPrefix(strings.TrimSpace(line), "KEY "); ok {
			statuses = append(statuses, status)
		}
	}
	return statuses
}

func (r *replica) commit(v *version, mode string, want int, says string) (out string) {
	r.t.Helper()
	h := v.header
	return r.do(nil, want, says, "commit", stagedName(h), strconv.FormatInt(h.Epoch, 10), strconv.FormatInt(h.Serial, 10), h.Digest, mode)
}

func (r *replica) staged() []string {
	left, err := filepath.Glob(filepath.Join(r.dir, stagedPrefix+"*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return left
}

// versionAt is the real configuration as that version.
func versionAt(t *testing.T, epoch, serial int64) *version {
	t.Helper()
	c := labConfig(t, 3).Clone()
	c.Format, c.MinReader, c.Epoch, c.Serial, c.Master = Format, minReader, epoch, serial, n1
	text := encoded(t, c)
	h, err := parseHeader(text)
	if err != nil {
		t.Fatal(err)
	}
	return &version{config: c, header: h, text: text}
}

// shown is what a node that has the version shows.
func shown(v *version) string {
	lines := strings.SplitAfter(string(v.text), "\n")
	return strings.Join(lines[:len(headerFields)], "") + lines[len(lines)-2]
}

// The text is compiled as strictly as perl can; it does not say so itself, because that would be a module to load.
func TestTheScriptsOfCandidatesAreCompiledWithoutAWarning(t *testing.T) {
	cmd := exec.Command("perl", "-Mstrict", "-w", "-c", "-")
	cmd.Stdin = strings.NewReader(remote.Kept(replicaScript).Argv[2])
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "- syntax OK\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestACandidateTakesAVersionAndShowsWhatItHas(t *testing.T) {
	for name, spoil := range map[string]string{
		"with Digest::SHA":    "",
		"with perl-base only": `BEGIN { @INC = grep { !-e "$_/auto/Digest/SHA/SHA.so" } @INC } `,
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t)
			r.text = spoil + r.text
			first, second := versionAt(t, 1, 7), versionAt(t, 1, 8)
			if out := r.stage(first, first.text, 0, ""); out != "absent\n" {
				t.Errorf("before the first version it has %q", out)
			}
			r.commit(first, "keep", 0, "")
			if out := r.stage(second, second.text, 0, ""); out != shown(first) {
				t.Errorf("it has %q", out)
			}
			r.commit(second, "keep", 0, "")
			r.stage(second, second.text, 0, "")
			r.commit(second, "keep", 0, "") // again: it is in place already
			if out := r.do(nil, 0, "", "ask"); out != shown(second) {
				t.Errorf("it has %q", out)
			}
			if text, err := os.ReadFile(filepath.Join(r.dir, fileName)); err != nil || !bytes.Equal(text, second.text) {
				t.Errorf("the file is not the version: %v", err)
			}
			if left := r.staged(); left != nil {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestWhatDidNotComeWholeIsNotStaged(t *testing.T) {
	v, other := versionAt(t, 1, 7), versionAt(t, 1, 8)
	changed := bytes.Replace(v.text, []byte("node1"), []byte("node9"), 1)
	const cut = "the configuration was cut off on its way here"
	for name, tt := range map[string]struct {
		text []byte
		spoil,
		says string
	}{
		"nothing":                        {nil, "", cut},
		"cut":                            {v.text[:len(v.text)-1], "", cut},
		"another byte":                   {changed, "", cut},
		"another byte, without a module": {changed, `BEGIN { @INC = grep { !-e "$_/auto/Digest/SHA/SHA.so" } @INC } `, cut},
		"another version":                {other.text, "", cut},
		"the last line of another":       {append(bytes.Clone(v.text[:len(v.text)-77]), other.text[len(other.text)-77:]...), "", cut},
		"the disk is full":               {v.text, "", ": File too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t)
			r.text = tt.spoil + r.text
			if tt.says != cut {
				r.limits = "ulimit -f 4" // a small disk
			}
			r.stage(v, tt.text, 1, tt.says)
			if left, _ := os.ReadDir(r.dir); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			r.commit(v, "keep", 1, "No such file")
			if out := r.do(nil, 0, "", "ask"); out != "absent\n" {
				t.Errorf("it has %q", out)
			}
		})
	}
}

// What follows a version on stdin is none of it: it belongs to the next call.
func TestACandidateReadsNoMoreThanTheVersion(t *testing.T) {
	r := newReplica(t)
	v := versionAt(t, 1, 7)
	r.stage(v, append(bytes.Clone(v.text), "more\n"...), 0, "")
	r.commit(v, "keep", 0, "")
	if text, _ := os.ReadFile(filepath.Join(r.dir, fileName)); !bytes.Equal(text, v.text) {
		t.Error("the file is not the version")
	}
}

func TestACandidateRefusesWhatIsOlderOrAnother(t *testing.T) {
	now := versionAt(t, 2, 7)
	other := versionAt(t, 2, 7)
	other.config.Parent = strings.Repeat("1", 64)
	other.text = encoded(t, other.config)
	other.header, _ = parseHeader(other.text)
	for name, tt := range map[string]struct {
		has    []byte
		mode   string
		status int
	}{
		"newer":                     {versionAt(t, 2, 8).text, "keep", statusNewer},
		"newer, repair":             {versionAt(t, 2, 8).text, "repair", statusNewer},
		"of a later epoch":          {versionAt(t, 3, 1).text, "repair", statusNewer},
		"another":                   {other.text, "repair", statusDiverged},
		"cut":                       {now.text[:len(now.text)/2], "keep", statusDamaged},
		"cut, repair":               {now.text[:len(now.text)/2], "repair", 0},
		"empty":                     {nil, "keep", statusDamaged},
		"no numbers":                {bytes.Replace(now.text, []byte("serial = 7"), []byte("serial = 7x"), 1), "keep", statusDamaged},
		"a number beyond all":       {bytes.Replace(now.text, []byte("epoch = 2"), []byte("epoch = 99999999999999999999"), 1), "keep", statusDamaged},
		"one endless line":          {bytes.Repeat([]byte("x"), 10000), "keep", statusDamaged},
		"older":                     {versionAt(t, 2, 6).text, "keep", 0},
		"of an earlier epoch":       {versionAt(t, 1, 900).text, "keep", 0},
		"older by first lines only": {versionAt(t, 2, 6).text[:300], "keep", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t)
			if err := os.WriteFile(filepath.Join(r.dir, fileName), tt.has, 0o600); err != nil {
				t.Fatal(err)
			}
			r.stage(now, now.text, 0, "")
			out := r.commit(now, tt.mode, tt.status, "")
			text, err := os.ReadFile(filepath.Join(r.dir, fileName))
			if err != nil {
				t.Fatal(err)
			}
			if tt.status == 0 && (out != "" || !bytes.Equal(text, now.text)) {
				t.Errorf("it is not in place; said %q", out)
			}
			if tt.status != 0 && (out != r.do(nil, 0, "", "ask") || !bytes.Equal(text, tt.has)) {
				t.Errorf("it said %q, and the file has changed or is another", out)
			}
		})
	}
}

func TestWhatACandidateIsNotAskedFor(t *testing.T) {
	r := newReplica(t)
	r.do(nil, 1, "forget is nothing to do", "forget", stagedPrefix+"1.1.ab")
	r.do(nil, 1, "is no name of a staged configuration", "stage", "../x", "0", "")
	r.do(nil, 1, "is no name of a staged configuration", "commit", stagedPrefix+"1.1.ab; id", "1", "1", "", "keep")
	r.dir = filepath.Join(r.dir, "none")
	r.do(nil, 1, "none: No such file", "ask")
}

func TestACandidateWaitsForTheLockButNotForEver(t *testing.T) {
	r := newReplica(t)
	v := versionAt(t, 1, 7)
	r.stage(v, v.text, 0, "")
	lock, err := os.Create(filepath.Join(r.dir, replicaLock))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	short := strings.Replace(replicaScript, "alarm 10;", "alarm 1;", 1)
	if short == replicaScript {
		t.Fatal("the script has another limit than this test knows")
	}
	r.text = short
	r.commit(v, "keep", 1, "somebody has held .config.toml.lock")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	r.commit(v, "keep", 0, "")
}

// A large version is never in memory as a whole.
func TestALargeVersionIsTakenInPieces(t *testing.T) {
	r := newReplica(t)
	r.limits = "ulimit -v 50000" // KiB
	body := bytes.Repeat([]byte("a line of a very large configuration\n"), 600_000)
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	large := &version{header: Header{Epoch: 1, Serial: 1, Digest: digest}, text: append(body, "digest = '"+digest+"'\n"...)}
	r.stage(large, large.text, 0, "")
	r.commit(large, "keep", 0, "")
}
