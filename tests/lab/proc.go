package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// The first words of our own processes' command lines.
const (
	keeperName = "gantry-lab-keeper"
	worldName  = "gantry-lab-world"
	initName   = "gantry-lab-init"
)

// A process of the lab is this executable again, whatever it is (the lab command, a test), under another name. It is caught
// here, before anything else of that program runs, and on the main thread: a child that is to die with its parent dies, in
// truth, with the thread that started it.
func init() {
	run := map[string]func() error{keeperName: keeper, worldName: world, initName: nodeInit}[os.Args[0]]
	if run == nil {
		return
	}
	runtime.LockOSThread()
	syscall.Umask(0o022)
	syscall.CloseOnExec(statusPipe)
	syscall.CloseOnExec(statusPipe + 1) // the keeper's lifeline, the world's lock
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		report(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// statusPipe is the descriptor on which a process tells the one that started it that it is ready, or why not.
const statusPipe = 3

const ready = "ready"

// report speaks to the parent, once: after that the descriptor may be another file's.
func report(text string) {
	reported.Do(func() {
		f := os.NewFile(statusPipe, "status")
		f.WriteString(text) // whoever listened may be gone
		f.Close()
	})
}

var reported sync.Once

// lockDir takes the lock that whoever runs a lab holds, and fails if somebody does.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("a lab is up in %s already", dir)
	}
	return f, nil
}
