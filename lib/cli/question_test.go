package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// typist is a terminal on which somebody types answers.
type typist struct {
	io.Reader
	shown bytes.Buffer
}

func (t *typist) Write(p []byte) (int, error) { return t.shown.Write(p) }
func (t *typist) Close() error                { return nil }

func TestConfirm(t *testing.T) {
	const question = "This will remove the volumes of the instance web (including mirrors).\nContinue?\ny/[n]/?: "
	for typed, tt := range map[string]struct {
		yes   bool
		shown string
	}{
		"y\n":     {true, question},
		"Y\n":     {true, question},
		" n\n":    {false, question},
		"\ny\n":   {true, question + question},
		"yes\n":   {false, question + question},
		"":        {false, question},
		"?\ny\n":  {true, question + " y - Yes, go on\n n - No, stop here\n\n" + question},
		"x\nn\ny": {false, question + question},
	} {
		tty := &typist{Reader: strings.NewReader(typed)}
		env, out, errs := testEnv(t)
		env.terminal = func() (io.ReadWriteCloser, error) { return tty, nil }
		yes := env.Confirm("This will remove the volumes of the instance %s (including mirrors). Continue?", "web")
		if yes != tt.yes || tty.shown.String() != tt.shown {
			t.Errorf("%q: %v, shown\n%s", typed, yes, tty.shown.String())
		}
		if out.Len()+errs.Len() > 0 {
			t.Errorf("%q: printed outside the terminal: %s%s", typed, out, errs)
		}
	}
}

func TestConfirmAll(t *testing.T) {
	ask := func(typed string, names []string) (bool, string) {
		tty := &typist{Reader: strings.NewReader(typed)}
		env, _, _ := testEnv(t)
		env.terminal = func() (io.ReadWriteCloser, error) { return tty, nil }
		return env.ConfirmAll("shutdown", "instances", names), tty.shown.String()
	}
	few := "The shutdown will operate on 2 instances.\nDo you want to continue?\nAffected instances:\n  web\n  db\ny/[n]/?: "
	if yes, shown := ask("y\n", []string{"web", "db"}); !yes || shown != few {
		t.Errorf("%v, shown\n%s", yes, shown)
	}
	many := strings.Fields(strings.Repeat("x ", 21))
	head := "The shutdown will operate on 21 instances.\nDo you want to continue?\n"
	if yes, shown := ask("v\nn\n", many); yes || shown != head+"y/v/[n]/?: "+head+"Affected instances:\n"+strings.Repeat("  x\n", 21)+"y/[n]/?: " {
		t.Errorf("%v, shown\n%s", yes, shown)
	}
	if yes, _ := ask("y\n", many); !yes {
		t.Error("yes was taken for no")
	}
	tty := &typist{Reader: strings.NewReader("n\n")}
	env, _, _ := testEnv(t)
	env.terminal = func() (io.ReadWriteCloser, error) { return tty, nil }
	noted := "The reinstall will operate on 1 instances.\nNote: data goes.\nDo you want to continue?\nAffected instances:\n  web\ny/[n]/?: "
	if yes := env.ConfirmAll("reinstall", "instances", []string{"web"}, "Note: data goes.\n"); yes || tty.shown.String() != noted {
		t.Errorf("with a note: %v, shown\n%s", yes, tty.shown.String())
	}
}

func TestWithoutATerminalTheAnswerIsNo(t *testing.T) {
	ran, status, out, errs := run(t, "evacuate")
	if ran != "" || status != 13 || out+errs != "" {
		t.Errorf("ran %q, status %d, printed %q", ran, status, out+errs)
	}
}

func TestAskOffersChoices(t *testing.T) {
	tty := &typist{Reader: strings.NewReader("1\n")}
	env, _, _ := testEnv(t)
	env.terminal = func() (io.ReadWriteCloser, error) { return tty, nil }
	answer := env.Ask("Available OS templates:\n  0: a\n  1: b\nEnter OS template number (or x to abort):",
		Choice{"0", "a", ""}, Choice{"1", "b", ""}, Choice{"x", "exit", "Stop"})
	want := "Available OS templates:\n  0: a\n  1: b\nEnter OS template number (or x to abort):\n0/1/[x]/?: "
	if answer != "b" || tty.shown.String() != want {
		t.Errorf("%q, shown\n%s", answer, tty.shown.String())
	}
}

func TestWrapLines(t *testing.T) {
	for in, want := range map[string]string{
		"short\n\n  indented": "short\n\n  indented",
		"This will reinstall the instance 'inst2.example.com' (and keep the same OS) which removes all data. Continue?": "This will reinstall the instance 'inst2.example.com' (and keep the\nsame OS) which removes all data. Continue?",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb-cccccccccccccc":                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb-\ncccccccccccccc",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb-1 cccccccccc":                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbb-1\ncccccccccc",
	} {
		if got := wrapLines(in, 70); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
