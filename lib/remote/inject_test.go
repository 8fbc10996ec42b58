package remote

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFaultPoints(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		died string // the actions done when the process dies, "" if it does not
	}{
		"off":             {"", ""},
		"before":          {"remote:2:before", "b1 a1 b2"},
		"after":           {"remote:2:after", "b1 a1 b2 a2"},
		"another area":    {"store:1:before", ""},
		"another program": {"gnt-node/remote:1:before", ""},
		"this program":    {"gnt-job/remote:1:after", "b1 a1"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			died := ""
			f := parseFaults(tt.text, "gnt-job")
			if f == nil {
				if tt.died != "" {
					t.Error("off")
				}
				return
			}
			f.die = func() {
				if died == "" {
					died = strings.Join(seen, " ")
				}
			}
			for _, n := range []string{"1", "2", "3"} {
				seen = append(seen, "b"+n)
				after := f.inject("remote", "node1: true")
				seen = append(seen, "a"+n)
				after()
			}
			if died != tt.died {
				t.Errorf("died after %q, want %q", died, tt.died)
			}
		})
	}
}

// TestInjectKills runs itself as a process that is told to die.
func TestInjectKills(t *testing.T) {
	if os.Getenv("GANTRY_FAULT") != "" {
		Inject("remote", "first")()
		Inject("store", "first")()
		Inject("remote", "second")()
		return
	}
	self := func(fault string) error {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestInjectKills$")
		cmd.Env = append(os.Environ(), "GANTRY_FAULT="+fault)
		return cmd.Run()
	}
	if err := self("remote:2:before"); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("ended with %v", err)
	}
	if err := self("remote:3:before"); err != nil {
		t.Errorf("ended with %v", err)
	}
	stopped := exec.Command(os.Args[0], "-test.run", "^TestInjectKills$")
	stopped.Env = append(os.Environ(), "GANTRY_FAULT=remote:2:before:stop")
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	var now syscall.WaitStatus
	if _, err := syscall.Wait4(stopped.Process.Pid, &now, syscall.WUNTRACED, nil); err != nil || !now.Stopped() {
		t.Errorf("not stopped: %v, %v", now, err)
	}
	_ = stopped.Process.Signal(syscall.SIGCONT)
	if err := stopped.Wait(); err != nil {
		t.Errorf("it did not go on: %v", err)
	}
	if err := self("remote:2"); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("misspelt: ended with %v", err)
	}
	list := filepath.Join(t.TempDir(), "points")
	if err := self("list:" + list); err != nil {
		t.Error(err)
	}
	program := filepath.Base(os.Args[0])
	want := program + " remote:1 first\n" + program + " store:1 first\n" + program + " remote:2 second\n"
	if got, _ := os.ReadFile(list); string(got) != want {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func BenchmarkInjectOff(b *testing.B) {
	for b.Loop() {
		Inject("remote", "")()
	}
}
