package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
	Role(keeperName, keeper)
	Role(worldName, world)
	Role(initName, nodeInit)
}

// Role runs f, and ends with it, if this process was started under that name. It is for functions named init.
func Role(name string, f func() error) {
	if os.Args[0] != name {
		return
	}
	runtime.LockOSThread()
	syscall.Umask(0o022)
	syscall.CloseOnExec(statusPipe)
	syscall.CloseOnExec(lifeline) // the world's lock
	if err := f(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		Report(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// Spawn starts the process that keeps a lab, gives it its order as JSON on its standard input, and returns when it reports that
// it is ready. With tied set it is to end when the calling process does, however that ends.
func Spawn(name string, order any, tied bool, kernel *syscall.SysProcAttr) error {
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer told.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{name}
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(string(text))
	if kernel == nil {
		kernel = &syscall.SysProcAttr{}
	}
	kernel.Setsid = true
	cmd.SysProcAttr = kernel
	cmd.ExtraFiles = []*os.File{tell}
	if tied {
		far, near, err := os.Pipe()
		if err != nil {
			return err
		}
		defer far.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, far)
		ties = append(ties, near)
	}
	err = cmd.Start()
	tell.Close()
	if err != nil {
		return err
	}
	go cmd.Wait() // so that it leaves no zombie; how it ended is told by the pipe
	answer, _ := io.ReadAll(told)
	if string(answer) != Ready {
		return errors.New(string(answer))
	}
	return nil
}

// ties are the near ends of lifelines. They stay open until this process ends: a *os.File nobody refers to would be closed
// by the garbage collector.
var ties []*os.File

// lifeline is the descriptor whose other end the starter of a lab may hold: when it closes, the lab ends.
const lifeline = 4

// Untied returns when the process that this one is tied to has ended.
func Untied() { io.Copy(io.Discard, os.NewFile(lifeline, "lifeline")) }

// statusPipe is the descriptor on which a process tells the one that started it that it is ready, or why not.
const statusPipe = 3

// Ready is what it tells when it is.
const Ready = "ready"

// Report speaks to the parent, once: after that the descriptor may be another file's.
func Report(text string) {
	reported.Do(func() {
		f := os.NewFile(statusPipe, "status")
		f.WriteString(text) // whoever listened may be gone
		f.Close()
	})
}

var reported sync.Once

// LockDir takes the lock that whoever runs a lab holds, and fails if somebody does.
func LockDir(dir string) (*os.File, error) {
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
