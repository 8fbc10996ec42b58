package lab

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// theWorld is the state of the process that has the lab's network and whose children are the nodes.
type theWorld struct {
	config
	mu    sync.Mutex
	nodes map[string]*process // those that have power
	fork  chan func()         // what must run on the main thread: starting nodes, which die with it
	luns  []*os.File          // a shared disk exists as long as one of its handles is open
}

// world runs in a network and a mount namespace of its own, made by the keeper.
func world() error {
	w := &theWorld{nodes: map[string]*process{}, fork: make(chan func())}
	if err := w.read(os.Args[1]); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := errors.Join(w.network(), w.attachLUNs()); err != nil {
		return err
	}
	go w.serve()
	for {
		select {
		case f := <-w.fork:
			f()
		case <-stop:
			w.end()
			return nil
		}
	}
}

// serve starts all nodes, says that the lab is up and then does what the lab's commands ask for.
func (w *theWorld) serve() {
	errs := make([]error, w.Nodes)
	Each(w.Nodes, func(n int) { errs[n-1] = w.start(n) })
	control, err := net.Listen("unix", w.path("control"))
	if err := errors.Join(append(errs, err, w.publish())...); err != nil {
		Report(err.Error())
		return
	}
	Report(Ready)
	Serve(control, w.number, Verbs{"start": w.start, "kill": w.kill}, w.publish)
}

// network makes the two wires: lan for the primary addresses, san for the secondary ones.
func (w *theWorld) network() error {
	return IP("", `link set lo up
link add lan type bridge forward_delay 0
link add san type bridge forward_delay 0
addr add `+Outside+`/24 dev lan
addr add `+secondaryNet+`254/24 dev san
link set lan up
link set san up
`)
}

func (w *theWorld) attachLUNs() error {
	for n := range sharedLUNs {
		image, err := os.OpenFile(w.path("luns", fmt.Sprint("lun", n)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		defer image.Close()
		if err := image.Truncate(lunSize); err != nil {
			return err
		}
		dev, err := attachLoop(w.FirstLoop+n, image)
		if err != nil {
			return err
		}
		w.luns = append(w.luns, dev)
	}
	return nil
}

// publish tells the lab's commands who runs.
func (w *theWorld) publish() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := State{World: os.Getpid(), Nodes: map[string]int{}}
	for n := 1; n <= w.Nodes; n++ {
		s.Nodes[Name(n)] = 0
		if p := w.nodes[Name(n)]; p != nil {
			s.Nodes[Name(n)] = p.pid
		}
	}
	return s.Write(w.Dir)
}

// number is that of a node which the lab has.
func (w *theWorld) number(node string) (int, error) {
	n, err := number(node)
	if err == nil && n > w.Nodes {
		err = fmt.Errorf("no such node: %q", node)
	}
	return n, err
}

// end stops every node, and removes what the keeper would have if that is gone.
func (w *theWorld) end() {
	w.mu.Lock()
	running := slices.Collect(maps.Values(w.nodes))
	w.mu.Unlock()
	for _, p := range running {
		p.kill()
	}
	for _, p := range running {
		<-p.ended
	}
	for _, lun := range w.luns {
		lun.Close()
	}
	if os.Getppid() != w.Keeper {
		clearLoops(w.FirstLoop)
		clear(w.Dir)
	}
}

// IP runs ip commands, one a line, in the network of a process, or in this process's own.
func IP(pid, lines string) error {
	argv := []string{"ip", "-batch", "-"}
	if pid != "" {
		argv = append([]string{"nsenter", "--net=/proc/" + pid + "/ns/net"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Each calls f for 1 to n, a few at a time.
func Each(n int, f func(int)) {
	var wait sync.WaitGroup
	room := make(chan struct{}, 6)
	for i := 1; i <= n; i++ {
		room <- struct{}{}
		wait.Go(func() {
			f(i)
			<-room
		})
	}
	wait.Wait()
}
