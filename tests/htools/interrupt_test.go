package htools

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A tool that computes for minutes ends at the first ^C, as the reference does.
func TestTheFirstInterruptEndsALongRun(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "hspace")
	if out, err := exec.Command("go", "build", "-o", bin, "gantry/hspace").CombinedOutput(); err != nil {
		t.Fatalf("building hspace: %v\n%s", err, out)
	}
	// where ^C is ignored, as in what a script runs in the background, children would ignore it too
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	defer signal.Reset(os.Interrupt)
	cmd := exec.Command(bin, "--simulate", "p,300,100T,64T,2000", "-l", "1000000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it has ended by itself: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("it goes on")
	}
}
