package remote

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// preamble is the fixed text that the node's sh gets as its argument. All that varies comes in a header on its stdin.
//
//go:embed preamble.sh
var preamble string

// mark is what the preamble prints first, on both outputs.
const mark = "\x01gantry\x01"

// payload is what sshd is asked to execute; root's shell, whichever it is, starts sh with the preamble.
var payload = "exec " + Quote("/bin/sh", "-c", preamble)

// longestLine is where reading byte by byte, as sh's read must, begins to cost as much as starting head.
const longestLine = 3000

// header is the text that the preamble evaluates, with its form and length in front. It must not end in a newline: $(…)
// drops that.
func header(c Cmd, logFile string, now time.Time) []byte {
	var sh strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		fmt.Fprintf(&sh, "export %s=%s; ", name, Quote(c.Env[name]))
	}
	if c.Needs != "" {
		fmt.Fprintf(&sh, "[ -e %s ] || exit 0; ", Quote(c.Needs))
	}
	if c.Dir != "" {
		fmt.Fprintf(&sh, "cd %s || exit 126; ", Quote(c.Dir))
	}
	if logFile != "" {
		fmt.Fprintf(&sh, `{ printf '%%s pid=%%s INFO RunCmd %%s\n' %s $$ %s >>%s; } 2>/dev/null; `,
			Quote(stamp(now)+": gantry"), Quote(c.logLine()), Quote(logFile))
	}
	sh.WriteString("exec " + c.Line())
	return framed(sh.String())
}

// framed is the text that the preamble is to evaluate, in the form that costs it least.
func framed(sh string) []byte {
	if len(sh) <= longestLine {
		return fmt.Appendf(nil, "gantry1 line %d\n%s\n", len(sh), sh)
	}
	return fmt.Appendf(nil, "gantry1 block %d\n%s", len(sh), sh)
}
