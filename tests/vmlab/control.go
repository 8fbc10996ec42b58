package vmlab

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
)

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

// Disk is the file on this machine of a node's disk: 1 is the first one that it has for volume groups, /dev/vdb.
func (l *Lab) Disk(node string, n int) (string, error) {
	pid, err := l.Pid(node)
	if err != nil {
		return "", err
	}
	argv, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(fmt.Sprintf(`\bid=disk%d,file=([^,]+),`, n)).FindSubmatch(argv)
	if m == nil {
		return "", fmt.Errorf("%s has no disk %d", node, n)
	}
	return string(m[1]), nil
}
