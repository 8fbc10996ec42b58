package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Up starts a lab. With tied set it ends when the calling process does, however that ends; else only by Down.
func Up(o Options, tied bool) (*Lab, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := checkTools(); err != nil {
		return nil, err
	}
	if err := Spawn(keeperName, order{Options: o, Tied: tied}, tied, nil); err != nil {
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	return Attach(o.ID, o.Dir)
}

func checkTools() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab needs root")
	}
	for tool, pkg := range map[string]string{"ip": "iproute2", "nsenter": "util-linux", "losetup": "mount", "/usr/sbin/sshd": "openssh-server", "ssh-keygen": "openssh-client"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a lab needs %s (Debian package %s)", tool, pkg)
		}
	}
	return nil
}

// order is what a keeper is told on its standard input.
type order struct {
	Options
	Tied bool
}

// keeper owns the directory of a lab from its first file to its removal.
func keeper() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	sweep()
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	if !isLab(o.Dir) { // what is not a lab's is not touched: in the end the directory is removed
		if list, err := os.ReadDir(o.Dir); err != nil || len(list) > 0 {
			return fmt.Errorf("%s is not empty", o.Dir)
		}
	}
	lock, err := LockDir(o.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	err = keep(o, lock)
	return errors.Join(err, clear(o.Dir))
}

// keep prepares the directory, runs the world and stays until the lab is to end.
func keep(o order, lock *os.File) error {
	slot, err := takeSlot()
	if err != nil {
		return err
	}
	defer slot.Close()
	defer clearLoops(slot.firstLoop)
	clearLoops(slot.firstLoop) // of a lab that was killed
	c := config{Options: o.Options, Keeper: os.Getpid(), FirstLoop: slot.firstLoop}
	if err := c.prepare(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if o.Tied {
		go func() {
			Untied()
			stop <- syscall.SIGTERM
		}()
	}
	return c.runWorld(stop, lock)
}

// runWorld starts the world, says when it is ready, and waits for its end. The world holds the lock too: should the keeper be
// killed, the directory is the world's to remove.
func (c config) runWorld(stop <-chan os.Signal, lock *os.File) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.Dir, "world.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{worldName, c.Dir}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{tell, lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGTERM,
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	tell.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	answer := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(told)
		answer <- string(text)
	}()
	end := func() error {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			cmd.Process.Kill() // its nodes die with it
			return <-ended
		}
	}
	select {
	case text := <-answer:
		if text != Ready {
			return errors.Join(errors.New(text), end())
		}
	case <-stop:
		return end()
	}
	if err := c.openMirror(cmd.Process.Pid); err != nil {
		return errors.Join(err, end())
	}
	Report(Ready)
	select {
	case <-stop:
		return end()
	case err := <-ended:
		return err
	}
}

// clear removes a lab's directory. What is mounted below it was mounted in namespaces that are gone.
func clear(dir string) error {
	var err error
	for range 20 { // the kernel may still be taking a node's last mounts apart
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// sweep removes what is left of labs whose processes were all killed at once.
func sweep() {
	list, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, dir := range list {
		if !isLab(dir) {
			continue
		}
		if lock, err := LockDir(dir); err == nil {
			clearDead(dir)
			lock.Close()
		}
	}
}

// clearDead removes what a lab without processes left, whose lock the caller holds.
func clearDead(dir string) error {
	var c config
	if err := c.read(dir); err == nil {
		if slot, err := takeSlotAt(c.FirstLoop); err == nil { // else another lab has that range by now
			clearLoops(c.FirstLoop)
			slot.Close()
		}
	}
	return clear(dir)
}

// Down ends a lab and waits until nothing of it is left.
func Down(id, dir string) error {
	dir, err := directory(id, dir)
	if err != nil {
		return err
	}
	if !isLab(dir) {
		return ErrNotUp
	}
	if lock, err := LockDir(dir); err == nil {
		defer lock.Close()
		return clearDead(dir)
	}
	var c config
	if err := c.read(dir); err != nil {
		return err
	}
	if err := syscall.Kill(c.Keeper, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err // without a keeper the world is clearing up
	}
	for range 600 {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the lab in %s did not end", dir)
}
