package vmlab

import "syscall"

// Freeze makes a node hang, its kernel included: nobody answers.
func (l *Lab) Freeze(node string) error { return l.signal(node, syscall.SIGSTOP) }

// Thaw lets a frozen node go on. It believes that no time has passed.
func (l *Lab) Thaw(node string) error { return l.signal(node, syscall.SIGCONT) }

func (l *Lab) signal(node string, s syscall.Signal) error {
	pid, err := l.Pid(node)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}
