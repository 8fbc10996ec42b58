package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// process is a node that has power.
type process struct {
	pid   int
	ended chan struct{} // closed when process 1 is gone, and with it all others of the node
}

func (p *process) kill() { syscall.Kill(p.pid, syscall.SIGKILL) }

// start gives node n power. Its disk is as it was left; /run, /tmp and the network are new.
func (w *theWorld) start(n int) error {
	w.mu.Lock()
	running := w.nodes[Name(n)] != nil
	w.mu.Unlock()
	if running {
		return fmt.Errorf("%s runs already", Name(n))
	}
	p, told, begin, err := w.launch(n)
	if err != nil {
		return err
	}
	defer told.Close()
	defer begin.Close()
	w.mu.Lock()
	w.nodes[Name(n)] = p
	w.mu.Unlock()
	err = w.plug(n, p.pid) // fails when process 1 is gone, so its own word comes first
	begin.Close()
	if err != nil {
		p.kill()
	}
	answer, _ := io.ReadAll(told)
	if string(answer) == Ready {
		return nil
	}
	p.kill()
	<-p.ended
	return errors.Join(fmt.Errorf("%s does not start: %s", Name(n), answer), err)
}

// launch starts process 1 of a node. It waits for its network until begin is closed, and tells on the pipe how it went.
func (w *theWorld) launch(n int) (p *process, told, begin *os.File, err error) {
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer tell.Close()
	wait, begin, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer wait.Close()
	console, err := os.OpenFile(w.path("nodes", Name(n), "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, nil, err
	}
	defer console.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initName, w.Dir, strconv.Itoa(n)}
	cmd.Env = []string{"PATH=" + nodePath, "HOME=/root", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.ExtraFiles = []*os.File{tell, wait}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true,
	}
	done := make(chan struct{})
	w.fork <- func() {
		err = cmd.Start()
		close(done)
	}
	<-done
	if err != nil {
		told.Close()
		begin.Close()
		return nil, nil, nil, err
	}
	p = &process{pid: cmd.Process.Pid, ended: make(chan struct{})}
	go w.bury(n, p, cmd)
	return p, told, begin, nil
}

// bury waits for a node's end, whoever brought it about.
func (w *theWorld) bury(n int, p *process, cmd *exec.Cmd) {
	cmd.Wait()
	w.mu.Lock()
	delete(w.nodes, Name(n))
	w.mu.Unlock()
	for _, net := range nets {
		exec.Command("ip", "link", "del", net+strconv.Itoa(n)).Run() // usually gone with the node's namespace
	}
	w.publish()
	close(p.ended)
}

// kill takes node n's power away.
func (w *theWorld) kill(n int) error {
	w.mu.Lock()
	p := w.nodes[Name(n)]
	w.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%s has no power", Name(n))
	}
	p.kill()
	<-p.ended
	return nil
}

// nets are the wires a node is plugged into; its end of the cable is lanN or sanN in the world, eth0 or eth1 in the node.
var nets = []string{"lan", "san"}

func (w *theWorld) plug(n, pid int) error {
	lines := ""
	for i, net := range nets {
		port := net + strconv.Itoa(n)
		lines += fmt.Sprintf("link add %s type veth peer name eth%d netns %d\nlink set %s master %s up\n", port, i, pid, port, net)
	}
	return IP("", lines)
}
