package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
)

// Verbs are what the process that started the nodes does to one of them when it is asked: "start" and "kill".
type Verbs map[string]func(n int) error

// Serve does what a lab's commands ask for (Controls.Kill, Controls.Power), until its socket is closed. After each it publishes
// how the nodes stand.
func Serve(control net.Listener, number func(node string) (int, error), verbs Verbs, publish func() error) {
	for {
		conn, err := control.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answer := Ready
			if err := obey(strings.TrimSpace(line), number, verbs, publish); err != nil {
				answer = err.Error()
			}
			io.WriteString(conn, answer) // who asked may be gone
		}()
	}
}

func obey(line string, number func(node string) (int, error), verbs Verbs, publish func() error) error {
	verb, node, _ := strings.Cut(line, " ")
	n, err := number(node)
	if err != nil {
		return err
	}
	do, known := verbs[verb]
	if !known {
		return fmt.Errorf("unknown request %q", verb)
	}
	if err := do(n); err != nil {
		return err
	}
	return publish()
}
