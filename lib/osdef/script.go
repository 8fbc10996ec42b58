package osdef

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gantry/lib/remote"
)

//go:embed run.sh
var runScript string

//go:embed verify.sh
var verifyScript string

const (
	shownLines = 20
	shownBytes = 4096
)

// How long scripts may run.
const (
	createLimit = 24 * time.Hour
	renameLimit = time.Hour
)

// Create is the command that runs the create script, with its log. It may take hours: start it detached (remote.Pool's
// Start and Follow) and give its result to Judge.
func (o OS) Create(env map[string]string) remote.Cmd {
	script := "create"
	if !o.Trusted {
		script = "create_untrusted"
	}
	return o.logged("add-"+env["INSTANCE_OS"]+"-"+env["INSTANCE_NAME"], script, env, createLimit)
}

// Rename is the command that runs the rename script; old is the name that the instance had.
func (o OS) Rename(env map[string]string, old string) remote.Cmd {
	env = maps.Clone(env)
	env["OLD_INSTANCE_NAME"] = old
	return o.logged("rename-"+env["INSTANCE_OS"]+"-"+old+"-"+env["INSTANCE_NAME"], "rename", env, renameLimit)
}

// logged runs a script with nothing but env in its environment. That comes on stdin: it can hold secrets. A script that hangs is ended
// by the shell around it, which then shows the log.
func (o OS) logged(log, script string, env map[string]string, limit time.Duration) remote.Cmd {
	c := remote.Script(runScript, log, o.Path, script, strconv.Itoa(int(limit.Seconds())))
	c.Limit = limit + 2*time.Minute
	c.Stdin, c.Secret = Assignments(env), true
	c.OK = []int{10}
	c.Changes = "runs the OS " + script + " script for instance " + env["INSTANCE_NAME"]
	return c
}

// Assignments are commands for sh that set and export exactly these variables.
func Assignments(env map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(env)) {
		b.WriteString("export " + name + "=" + remote.Quote(env[name]) + "\n")
	}
	return b.Bytes()
}

// Judge says what came of Create or Rename: nil, or Ganeti's text with the last lines of the log. Whoever followed
// detached work asks Judge first: to Follow, any status but 0 is an error.
func Judge(kind string, out remote.Result) error {
	if out.Status != 10 {
		return nil
	}
	status, log, _ := bytes.Cut(out.Stdout, []byte("\n"))
	return refuse("OS %s script failed (%s), last lines in the log file:\n%s", kind, ended(string(status)), LastLines(log))
}

// ended says how a process ended, from its status in sh.
func ended(status string) string {
	if status == "limit" {
		return "it did not end within its time limit"
	}
	if n, err := strconv.Atoi(status); err == nil && n > 128 {
		return fmt.Sprintf("terminated by signal %d", n-128)
	}
	return "exited with exit code " + status
}

// LastLines are the last lines of the end of a log, safe to be shown.
func LastLines(log []byte) string {
	if len(log) > shownBytes {
		log = log[len(log)-shownBytes:]
	}
	lines := splitLines(string(log))
	lines = lines[max(0, len(lines)-shownLines):]
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	return strings.Join(lines, "\n")
}

// splitLines knows the line ends that Python knows in ASCII. What stands behind the last one counts if it is not empty.
func splitLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n").Replace(text)
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines
}

// safe keeps a line in printable ASCII.
func safe(line string) string {
	var b strings.Builder
	for i, c := range line {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(line[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, line[i]) // a byte that is not UTF-8
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c >= 127 && c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c < 127:
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}

// Validate checks on a node that an OS can be used with these parameters: it must be there, have the variant (unless
// forced), know the parameters and agree to their values. The text is Ganeti's, without the words "OS Parameters
// validation failed on node N: ", which the caller adds. full is what users write: NAME or NAME+VARIANT.
func Validate(ctx context.Context, r remote.Runner, node, full string, values map[string]string, force bool) error {
	name, variant := Split(full)
	o, err := Find(ctx, r, node, name)
	if err != nil {
		return err
	}
	if !o.Valid {
		return refuse("%s", o.Reason)
	}
	if !force {
		if err := o.CheckVariant(variant); err != nil {
			return err
		}
	}
	return o.validate(ctx, r, node, variant, values)
}

// ValidateIfThere is Validate where an OS need not be: there is false if it is not, or is not valid.
func ValidateIfThere(ctx context.Context, r remote.Runner, node, full string, values map[string]string) (there bool, err error) {
	name, variant := Split(full)
	o, err := Find(ctx, r, node, name)
	if err != nil || !o.Valid {
		return false, err
	}
	if err := o.CheckVariant(variant); err != nil {
		return true, err
	}
	return true, o.validate(ctx, r, node, variant, values)
}

// validate lets an OS look at its parameters.
func (o OS) validate(ctx context.Context, r remote.Runner, node, variant string, values map[string]string) error {
	if err := o.CheckParameters(values); err != nil || o.API() < withParameters {
		return err
	}
	env, err := o.Core(variant, values, 0)
	if err != nil {
		return err
	}
	out, err := r.Run(ctx, node, o.verify(env))
	if err != nil {
		return fmt.Errorf("verifying the parameters of OS %s: %w", o.Name, err)
	}
	if out.Status == 10 {
		status, said, _ := strings.Cut(string(out.Stdout), "\n")
		return refuse("OS validation script failed (%s), output: %s", ended(status), said)
	}
	return nil
}

func (o OS) verify(env map[string]string) remote.Cmd {
	c := remote.Script(verifyScript, o.Path)
	c.Stdin, c.Secret = Assignments(env), true
	c.OK = []int{10}
	return c
}
