package debootstrap

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gantry/tests/lab"
)

// killed starts create and sends it that signal after that time, unless it has
// ended before. It returns how it ended.
func killed(t *testing.T, disk string, signal syscall.Signal, after time.Duration) *os.ProcessState {
	t.Helper()
	cmd := command(osDir, "create", disk, nil)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the state tells more
	return cmd.ProcessState
}

// settled runs the next create, on another disk: it removes what a killed one
// could not.
func settled(t *testing.T) {
	t.Helper()
	refused(t, "create", newDisk(t, 400), nil, "Device size is too small")
}

// tiny is a tar of a system that create can take for one, for tests that are not about what is installed. It has these files besides,
// which are empty.
func tiny(t *testing.T, files ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tiny.tar")
	sum := lab.TinySystem(t, file, files...)
	t.Cleanup(func() { // a run that was not killed in time has taken it into the cache
		kept, _ := filepath.Glob(cache + "/cache-*" + sum[:12] + "*")
		for _, name := range kept {
			os.Remove(name)
		}
	})
	return "CACHE_URL=file://" + file + "\nCACHE_SHA256=" + sum + "\n"
}

func TestKilledLeavesNothing(t *testing.T) {
	needLab(t)
	set(t, "PARTITION_STYLE=msdos\n"+tiny(t), map[string]string{
		"busy": "#!/bin/sh\ncd \"$TARGET\" && mount -t proc proc proc && sleep 1 & wait\n",
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 10 {
		signal := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[i%2]
		after := time.Duration(random.Int64N(int64(2500 * time.Millisecond)))
		disk := newDisk(t, 2048)
		state := killed(t, disk, signal, after)
		t.Logf("%s after %s: %s", signal, after, state)
		if signal == syscall.SIGTERM {
			// -1: bash had not come to the traps yet.
			if status := state.ExitCode(); status != 143 && status != 0 && status != -1 {
				t.Errorf("%s after %s: %s, want exit status 143", signal, after, state)
			}
		}
		wantNothingLeft(t, disk) // after KILL its heir has seen to that
	}
}

// An heir that is killed too leaves it to the next run. What that cannot undo either it leaves to the one after it, with the rest undone.
func TestNextRunUndoesWhatADeadOneNoted(t *testing.T) {
	needLab(t)
	set(t, "", nil)
	disk, dead, started := newDisk(t, 1), filepath.Join(runs, "dead"), filepath.Join(cache, "new-dead.tar")
	if err := os.MkdirAll(filepath.Join(dead, "target"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, started, "half")
	busy := filepath.Join(filepath.Dir(disk), "busy")
	write(t, filepath.Join(dead, "cleanup"), "remove_run "+dead+"\nrm -f "+started+"\ntest ! -e "+busy+"\nrelease_loops "+disk+"\n")
	tool(t, "losetup", "--find", disk)
	write(t, busy, "")
	small := newDisk(t, 400)
	refused(t, "create", small, nil, "Cleaning up after a run that was killed: dead\n")
	wantReleased(t, disk)
	if _, err := os.Stat(started); err == nil {
		t.Error("what could be undone was not")
	}
	if _, err := os.Stat(filepath.Join(dead, "cleanup")); err != nil {
		t.Errorf("what could not be undone is forgotten: %v", err)
	}
	if err := os.Remove(busy); err != nil {
		t.Fatal(err)
	}
	refused(t, "create", small, nil, "Cleaning up after a run that was killed: dead\n")
	wantNothingLeft(t, disk)
}

func TestARunThatLivesIsLeftAlone(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=none\n", map[string]string{"slow": "#!/bin/sh\nsleep 3\n"})
	cmd := command(osDir, "create", newDisk(t, 2048), nil)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	out, _ := command(osDir, "create", newDisk(t, 400), nil).CombinedOutput() // too small
	if want := "Device size is too small (400 MB)\nRequired size is at least 256MB\n"; string(out) != want {
		t.Errorf("the second run printed %q, want %q", out, want)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the first run: %v", err)
	}
}

func TestKilledBootstrapLeavesNothing(t *testing.T) {
	needLab(t)
	set(t, "PARTITION_STYLE=none\nEXTRA_PKGS=less\n", nil) // not what the cache has
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		disk := newDisk(t, 2048)
		if state := killed(t, disk, signal, 4*time.Second); state.Success() {
			t.Errorf("%s: debootstrap was faster than 4 s", signal)
		}
		wantReleased(t, disk)
		settled(t)
		wantNothingLeft(t, disk)
	}
	if out, err := exec.Command("pgrep", "-f", runs+"/").Output(); err == nil {
		t.Errorf("processes stay: %s", out)
	}
}

// What was fetched is kept for the next attempt; all else goes.
func TestKilledFetchLeavesNothing(t *testing.T) {
	needLab(t)
	begun := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1048576")
		if r.Method == http.MethodHead {
			return
		}
		w.Write(make([]byte, 65536))
		w.(http.Flusher).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	set(t, "PARTITION_STYLE=msdos\nIMAGE_FORMAT=raw\nIMAGE_URL="+server.URL+"/image\nIMAGE_SHA256="+strings.Repeat("0", 64)+"\n", nil)
	t.Cleanup(func() {
		kept, _ := filepath.Glob(cache + "/image-" + strings.Repeat("0", 64) + "*")
		for _, name := range kept {
			os.Remove(name)
		}
	})
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		disk := newDisk(t, 2048)
		cmd := command(osDir, "create", disk, nil)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-begun:
		case <-time.After(2 * time.Minute):
			t.Fatal("nothing was fetched")
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		wantNothingLeft(t, disk)
		if out, err := exec.Command("pgrep", "-f", "debootstrap-fetch "+server.URL).Output(); err == nil {
			t.Errorf("%s: processes stay: %s", signal, out)
		}
	}
}
