package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Freeze stops every process of a node, as if the machine hung: connections to it are still accepted by its kernel, and
// nobody answers.
func (l *Lab) Freeze(node string) error {
	pid, err := l.Pid(node)
	if err != nil {
		return err
	}
	for range 50 { // until a look at all of them finds none that a process not yet stopped has made meanwhile
		missed := 0
		for _, p := range inNamespaceOf(pid) {
			if s := ProcessState(p); s != 'T' && s != 'Z' && s != 0 {
				missed++
				syscall.Kill(p, syscall.SIGSTOP)
			}
		}
		if missed == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s does not stand still", node)
}

// Thaw lets a frozen node go on.
func (l *Lab) Thaw(node string) error {
	pid, err := l.Pid(node)
	if err != nil {
		return err
	}
	for _, p := range inNamespaceOf(pid) {
		syscall.Kill(p, syscall.SIGCONT)
	}
	return nil
}

// inNamespaceOf lists the processes that share a process's table.
func inNamespaceOf(pid int) (list []int) {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == own {
			if p, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
				list = append(list, p)
			}
		}
	}
	return list
}

// ProcessState is the letter that /proc has for a process; 0 for one that is gone.
func ProcessState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	end := strings.LastIndex(string(text), ") ") // the name before it may hold anything
	if end < 0 || end+2 >= len(text) {
		return 0
	}
	return text[end+2]
}
