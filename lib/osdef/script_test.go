package osdef

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/remote"
)

func TestLastLines(t *testing.T) {
	var long strings.Builder
	for i := range 30 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	if got := strings.Split(LastLines([]byte(long.String())), "\n"); len(got) != 20 || got[0] != "line 10" || got[19] != "line 29" {
		t.Errorf("%q", got)
	}
	if got := LastLines([]byte("a\tb\r\n→ é\x1b[1m\xff\nend")); got != `a\tb`+"\n"+`\u2192 \xe9\x1b[1m\xff`+"\nend" {
		t.Errorf("%q", got)
	}
	if got := LastLines([]byte(strings.Repeat("x", 5000))); len(got) != 4096 {
		t.Errorf("%d bytes", len(got))
	}
	if got := LastLines(nil); got != "" {
		t.Errorf("%q", got)
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte("a\tb\r\n→\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, c := range []byte(LastLines(log)) {
			if c != '\n' && (c < ' ' || c > '~') {
				t.Errorf("%q has a %q", log, c)
			}
		}
	})
}

// The scripts run for real, in a mount namespace that has /var/log for itself.
func TestScriptsAreRun(t *testing.T) {
	if os.Getenv("GANTRY_LAB") == "" {
		t.Skip("GANTRY_LAB IS NOT SET: no script was run")
	}
	dir := t.TempDir() + "/os1"
	makeOS(t, dir, map[string]string{
		"create": "#!/bin/sh\nenv -0 | sort -z | tr '\\0' ';'; pwd\nread x || echo no input\necho 'a line on stderr' >&2\n[ -z \"$OSP_FAIL\" ] || exit 3\n",
		"rename": "#!/bin/sh\nkill -9 $$\n", "verify": "#!/bin/sh\necho \"$1 $OSP_FAIL\"\n[ -z \"$OSP_FAIL\" ]\n",
	})
	o := OS{Name: "os1", Path: dir, Valid: true, Trusted: true, APIVersions: []int{20}, Parameters: []Parameter{{Name: "fail"}}}
	env := map[string]string{"INSTANCE_NAME": "web.example.com", "INSTANCE_OS": "os1+a", "OSP_SECRET": "it's\n$(reboot)", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}
	mounts := "mount -t tmpfs tmpfs /var/log && "
	out := runIn(t, mounts, o.Create(env), "cat /var/log/ganeti/os/*; stat -c '%a %n' /var/log/ganeti/os /var/log/ganeti/os/*")
	want := "INSTANCE_NAME=web.example.com;INSTANCE_OS=os1+a;OSP_SECRET=it's\n$(reboot);PATH=/sbin:/bin:/usr/sbin:/usr/bin;PWD=" + dir + ";" + dir + "\nno input\na line on stderr\n750 /var/log/ganeti/os\n600 /var/log/ganeti/os/add-os1+a-web.example.com-20"
	if err := Judge("create", out); err != nil || !strings.HasPrefix(string(out.Stdout), want) {
		t.Errorf("create: %v\n%s\nwant\n%s", err, out.Stdout, want)
	}
	env["OSP_FAIL"] = "1"
	earlier := `mkdir -p /var/log/ganeti/os; for s in 0 1 2 3 4 5; do
	echo 'of an earlier run' >/var/log/ganeti/os/add-os1+a-web.example.com-$(date -d "+$s seconds" +%Y-%m-%d_%H_%M_%S).log; done
`
	err := Judge("create", runIn(t, mounts+earlier, o.Create(env), ""))
	if err == nil || !strings.HasPrefix(err.Error(), "OS create script failed (exited with exit code 3), last lines in the log file:\nINSTANCE_NAME=") ||
		!strings.HasSuffix(err.Error(), "\nno input\na line on stderr") {
		t.Errorf("create: %v", err)
	}
	err = Judge("rename", runIn(t, mounts, o.Rename(env, "old.example.com"), ""))
	if err == nil || !strings.HasPrefix(err.Error(), "OS rename script failed (terminated by signal 9), last lines in the log file:\n") {
		t.Errorf("rename: %v", err)
	}
	if out := runIn(t, mounts, o.verify(env), ""); out.Status != 10 || string(out.Stdout) != "1\nparameters 1\n" {
		t.Errorf("verify: %d %s", out.Status, out.Stdout)
	}
	makeOS(t, dir, map[string]string{"create": "#!/bin/sh\necho begun\nsleep 1000\n"})
	err = Judge("create", runIn(t, mounts, o.logged("add-x", "create", env, time.Second), ""))
	if err == nil || err.Error() != "OS create script failed (it did not end within its time limit), last lines in the log file:\nbegun" {
		t.Errorf("a script that hangs: %v", err)
	}
}

// runIn runs a command behind some preparation, in a mount namespace of its own, and then a look at what it left.
func runIn(t *testing.T, before string, c remote.Cmd, after string) remote.Result {
	t.Helper()
	script := before + `text=$1; shift; sh -c "$text" sh "$@"; status=$?; ` + after + "\nexit $status"
	argv := append([]string{"--mount", "sh", "-c", script, "sh", c.Argv[2]}, c.Argv[4:]...)
	x := exec.CommandContext(t.Context(), "unshare", argv...)
	x.Stdin = strings.NewReader(string(c.Stdin))
	out, err := x.Output()
	res := remote.Result{Stdout: out}
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		res.Status, err = exit.ExitCode(), nil
		if !slices.Contains(c.OK, res.Status) {
			t.Errorf("status %d: %s", res.Status, exit.Stderr)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for name, text := range map[string]string{"probe": probeScript, "run": runScript, "verify": verifyScript} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s.sh: %v\n%s", name, err, out)
		}
	}
}
