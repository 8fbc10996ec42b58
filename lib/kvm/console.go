package kvm

import (
	_ "embed"
	"fmt"

	"gantry/lib/config"
)

//go:embed console.sh
var consoleScript string

// Console is the way to a guest's screen or serial line.
type Console struct {
	Kind    string   // ssh, vnc, spice or msg, as in Ganeti's console objects
	Argv    []string // ssh: what to run on the node, with a terminal
	Host    string   // vnc, spice: the node, or its address the display is bound to
	Port    int64
	Display int64  // vnc
	Message string // msg: why there is none
}

// ConsoleOf chooses a guest's console: the serial line if it has one, else its display. node is the name of its primary
// node.
func ConsoleOf(name, node string, port int64, hv config.Params) Console {
	switch bind := hv.String("vnc_bind_address"); {
	case hv.Bool("serial_console"):
		return Console{Kind: "ssh", Argv: serial(name), Host: node}
	case bind != "" && port > vncBase:
		return Console{Kind: "vnc", Host: anyAddress(bind, node), Port: port, Display: port - vncBase}
	}
	if bind := hv.String("spice_bind"); bind != "" {
		return Console{Kind: "spice", Host: bind, Port: port}
	}
	return Console{Kind: "msg", Message: "No serial shell for instance " + name}
}

// serial joins the terminal to the guest's serial line until Ctrl-] is typed. Like Ganeti's kvm-console-wrapper it lets a
// guest run that waits for its operator.
func serial(name string) []string {
	return []string{"sh", "-c", consoleScript, "sh", name, socket(name, "monitor"),
		"STDIO,raw,echo=0,escape=0x1d", "UNIX-CONNECT:" + socket(name, "serial")}
}

func anyAddress(bind, node string) string {
	if bind == "0.0.0.0" || bind == "::" {
		return node
	}
	return bind
}

// Text is what gnt-instance console prints for a console that is not a command.
func (c Console) Text(name string) string {
	switch c.Kind {
	case "vnc":
		return fmt.Sprintf("Instance %s has VNC listening on %s:%d (display %d), URL <vnc://%s:%d/>", name, c.Host, c.Port, c.Display, c.Host, c.Port)
	case "spice":
		return fmt.Sprintf("Instance %s has SPICE listening on %s:%d", name, c.Host, c.Port)
	}
	return c.Message
}
