// Package guest looks at systems that boot in virtual machines as an operator does: over their serial line, logged in as root.
package guest

import (
	"context"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"gantry/tests/lab"
)

// What a guest gets to boot, and to answer: it is emulated in software, and the machine may be busy.
const (
	bootLimit   = 12 * time.Minute
	answerLimit = 3 * time.Minute
)

// Console is the serial line of a guest.
type Console struct {
	line *lab.Serial
	ctx  context.Context
}

// Join takes a serial line for the rest of the test.
func Join(t testing.TB, line *lab.Serial) Console {
	t.Helper()
	t.Cleanup(line.Close)
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	t.Cleanup(cancel)
	return Console{line, ctx}
}

// Boot starts a machine that has nothing but a serial line and what more says, above all disks that it boots from by itself. It is gone
// after the test.
func Boot(t testing.TB, more ...string) Console {
	t.Helper()
	argv := append([]string{"-accel", "tcg,thread=multi", "-cpu", "max", "-m", "512", "-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio",
		"-device", "virtio-rng-pci"}, more...)
	cmd := exec.CommandContext(t.Context(), "qemu-system-x86_64", argv...) // that context ends before what Join leaves to the end
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	line, err := lab.NewSerial(cmd)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c := Join(t, line)
	c.expect(t, "", bootLimit, `GNU GRUB`)
	t.Logf("its own grub after %v", time.Since(began).Round(time.Second))
	return c
}

func (c Console) expect(t testing.TB, typed string, every time.Duration, want string) {
	t.Helper()
	if _, err := c.line.Expect(c.ctx, typed, every, regexp.MustCompile(want)); err != nil {
		t.Fatal(err)
	}
}

// Login waits for the prompt of the system and logs in.
func (c Console) Login(t testing.TB, host, password string) {
	t.Helper()
	began := time.Now()
	c.expect(t, "\n", 10*time.Second, `\S+ login: `)
	t.Logf("a login prompt after %v", time.Since(began).Round(time.Second))
	c.expect(t, "root\n", time.Minute, `Password: `)
	c.expect(t, password+"\n", time.Minute, `root@`+host+`:~# `)
}

// Question is a command for the shell and a pattern of its answer.
type Question struct{ Typed, Want string }

// Asks puts questions to the shell. The prompt comes after the answer; the typed line ends with another word than what is waited for.
func (c Console) Asks(t *testing.T, questions map[string]Question) {
	t.Helper()
	for what, q := range questions {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(c.ctx, answerLimit)
			defer cancel()
			if _, err := c.line.Expect(ctx, "clear; "+q.Typed+"; echo en''d\n", time.Minute, regexp.MustCompile(`(?s)`+q.Want+`.*\nend\r`)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Examples are questions about what the example hooks of the OS definition debootstrap did, for an instance in the networks
// 192.0.2.0/24 and 2001:db8:1::/64. Where its root and its swap are depends on its disks.
func Examples(name, address, key string) map[string]Question {
	return map[string]Question{
		"the full host name": {"hostname -f", regexp.QuoteMeta(name)},
		"its name in hosts":  {"getent hosts " + name, regexp.QuoteMeta(address) + ` +` + regexp.QuoteMeta(name)},
		"both addresses":     {"ip -o address show dev eth0 scope global", regexp.QuoteMeta(address) + `/24[^#]*2001:db8:1:0:`},
		"the way out":        {"ip route show default", `default via 192\.0\.2\.254 dev eth0`},
		"/tmp in memory":     {"findmnt -n -o FSTYPE /tmp", `tmpfs`},
		"the logged key":     {"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", regexp.QuoteMeta(key)},
		"a running sshd":     {"systemctl is-active ssh", `[^n]active\r`},
	}
}
