package nodefacts

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// Sessions is how many of them a connection to a node must be able to have.
const Sessions = 8

//go:embed sshd.sh
var sshdScript string

// Login asks how a node's sshd and root's shell treat commands.
func Login() remote.Cmd { return remote.Script(sshdScript) }

// ParseLogin reads the answer: what would make commands fail in odd ways.
func ParseLogin(out []byte) (troubles []string) {
	parts := remote.Sections(out)
	settings := map[string]string{}
	for line := range strings.Lines(parts["sshd"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		settings[name] = value
	}
	return LoginTroubles(settings, strings.TrimSpace(parts["noise"]))
}

// LoginTroubles judges settings of sshd, by their names in lower case, and what root's shell prints unasked.
func LoginTroubles(settings map[string]string, noise string) (troubles []string) {
	if login := settings["permitrootlogin"]; login == "no" || login == "forced-commands-only" {
		troubles = append(troubles, fmt.Sprintf("sshd does not let root log in (PermitRootLogin %s)", login))
	}
	if settings["pubkeyauthentication"] == "no" {
		troubles = append(troubles, "sshd takes no public keys (PubkeyAuthentication no)")
	}
	if most, err := strconv.Atoi(settings["maxsessions"]); err == nil && most < Sessions {
		troubles = append(troubles, fmt.Sprintf("sshd allows %d sessions on a connection, %d are needed (MaxSessions)", most, Sessions))
	}
	if len(settings) > 0 && settings["subsystem"] == "" {
		troubles = append(troubles, "sshd has no sftp subsystem")
	}
	if noise != "" {
		troubles = append(troubles, "the shell of root prints something by itself: "+noise)
	}
	return troubles
}
