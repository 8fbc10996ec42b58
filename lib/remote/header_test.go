package remote

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// runPreamble gives the preamble what would come from the network.
func runPreamble(t testing.TB, input []byte) (stdout string, status int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", preamble)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, found := strings.CutPrefix(string(out), mark)
	if !found {
		t.Fatalf("no mark before %q", out)
	}
	return text, cmd.ProcessState.ExitCode()
}

func TestACutHeaderRunsNothing(t *testing.T) {
	for name, c := range map[string]Cmd{
		"line":  {Argv: []string{"echo", "removed", "vg/abc"}},
		"lines": {Argv: []string{"echo", "removed", "vg/abc\n\n"}},
		"block": {Argv: []string{"echo", "removed", "vg/abc" + strings.Repeat("\n", longestLine)}},
	} {
		whole := header(c, "", time.Now())
		if out, status := runPreamble(t, whole); status != 0 || !strings.HasPrefix(out, "removed vg/abc") {
			t.Fatalf("%s: whole: %q, status %d", name, out, status)
		}
		step := 1 + len(whole)/200
		for cut := 0; cut < len(bytes.TrimSuffix(whole, []byte("\n"))); cut += step {
			if out, status := runPreamble(t, whole[:cut]); status != 125 || out != "" {
				t.Errorf("%s: cut to %q: %q, status %d", name, whole[:cut], out, status)
			}
		}
	}
}

func TestDataAfterTheHeaderStaysWhole(t *testing.T) {
	for _, word := range []string{"short", "two\nlines", strings.Repeat("two\nlines", 100), strings.Repeat("long", 1000)} {
		c := Cmd{Argv: []string{"sh", "-c", "cat", "sh", word}}
		data := "\n\ngantry1 line 3\nrm \x00\xff"
		if out, status := runPreamble(t, append(header(c, "", time.Now()), data...)); status != 0 || out != data {
			t.Errorf("%.10q: %q, status %d", word, out, status)
		}
	}
}

func TestAHeaderThatLiesAboutItselfRunsNothing(t *testing.T) {
	for _, input := range []string{
		"gantry1 line 9\necho ran\n", "gantry1 line 7\necho ran\n", "gantry1 block 9\necho ran",
		"gantry1 line -1\necho ran\n", "gantry1 block x\necho ran\n", "gantry1 block 99999999999999999999\necho ran\n", "gantry1\necho ran\n", "gantry1 line\n\n",
	} {
		if out, status := runPreamble(t, []byte(input)); status != 125 || out != "" {
			t.Errorf("%q: %q, status %d", input, out, status)
		}
	}
}

// FuzzHeader has the real preamble pass arbitrary words, environment and directory names to a program.
func FuzzHeader(f *testing.F) {
	f.Add("a b", "it's\n$(id)", "data")
	f.Add("\x81\x82", "\\\n", "")
	f.Add(strings.Repeat("x'", 900), "\t", "gantry1 line 4\nexit")
	f.Fuzz(func(t *testing.T, word, value, data string) {
		c := Cmd{Argv: []string{"sh", "-c", `printf '<%s>' "$1" "$V"; cat`, "sh", word}, Env: map[string]string{"V": value}, Stdin: []byte(data)}
		if c.check() != nil || len(word)+len(value) > 60_000 {
			t.Skip()
		}
		want := "<" + word + "><" + value + ">" + data
		if out, status := runPreamble(t, append(header(c, "/dev/null", time.Now()), data...)); status != 0 || out != want {
			t.Errorf("status %d: %q, want %q", status, out, want)
		}
	})
}

func FuzzHeaderReader(f *testing.F) {
	f.Add([]byte("gantry2 line 4\ntrue\n"))
	f.Add([]byte("gantry block 99999999999999999999\n"))
	f.Add([]byte(" line -1\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if bytes.Contains(bytes.ReplaceAll(input, []byte{0}, nil), []byte("gantry1")) {
			t.Skip("might be run: only the pool writes such")
		}
		if out, status := runPreamble(t, input); status != 125 || out != "" {
			t.Errorf("%q: %q, status %d", input, out, status)
		}
	})
}

// FuzzOutput splits a stream in two at any place: noise, mark and data are told apart all the same.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("welcome\n"), []byte("data"), 9)
	f.Add([]byte("\x01gantr"), []byte("\x01gantry\x01"), 6)
	f.Fuzz(func(t *testing.T, noise, data []byte, at int) {
		if bytes.Contains(append(bytes.Clone(noise), mark[:len(mark)-1]...), []byte(mark)) || len(noise) > maxNoise-100 {
			t.Skip()
		}
		stream := append(append(bytes.Clone(noise), mark...), data...)
		at = max(0, min(at, len(stream)))
		o := &output{max: len(data)}
		o.Write(stream[:at])
		o.Write(stream[at:])
		got, err := o.finish()
		began, heard := o.began()
		if err != nil || !began || !bytes.Equal(got, data) || !bytes.Equal(heard, noise) {
			t.Errorf("data %q, noise %q, %v", got, heard, err)
		}
		small := &output{max: max(len(data)-1, 0)}
		if _, err := small.Write(stream); (err == nil) != (len(data) <= small.max) {
			t.Errorf("%d bytes where %d may be: %v", len(data), small.max, err)
		}
	})
}

func FuzzWorkNews(f *testing.F) {
	f.Add([]byte("running 0 3 2\nabcde"))
	f.Add([]byte("ended -1 0 0\n"))
	f.Add([]byte("lost 0 99999999999999999999 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := parseWorkNews(text)
		if err == nil && (len(n.stdout)+len(n.stderr) > len(text) || n.status < 0 || n.state == "") {
			t.Errorf("%q: %+v", text, n)
		}
	})
}

func TestACutCallOfAKeptScriptIsNotRun(t *testing.T) {
	c := Kept(`sub serve { print "removed @_"; 0 }`, "vg/abc", "")
	head := keptHeader("KEY", c, "")
	whole := append(head, keptCall("KEY", c, "now")...)
	if out, status := runPreamble(t, whole); status != 0 || out != "removed vg/abc \nKEY 0\n" {
		t.Fatalf("whole: %q, status %d", out, status)
	}
	for cut := range whole {
		if cut < len(head)-100 && cut%50 != 0 { // in the middle of the text one place is as good as another
			continue
		}
		if out, _ := runPreamble(t, whole[:cut]); out != "" {
			t.Errorf("cut after %d of %d bytes: %q", cut, len(whole), out)
		}
	}
}
