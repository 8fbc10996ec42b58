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

// header is the text that the preamble evaluates, with its length in front. It must not end in a newline: $(…) drops that.
func header(c Cmd, logFile string, now time.Time) []byte {
	var sh strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		fmt.Fprintf(&sh, "export %s=%s\n", name, Quote(c.Env[name]))
	}
	if c.Dir != "" {
		fmt.Fprintf(&sh, "cd %s || exit 126\n", Quote(c.Dir))
	}
	if logFile != "" {
		fmt.Fprintf(&sh, "{ printf '%%s pid=%%s INFO RunCmd %%s\\n' %s $$ %s >>%s; } 2>/dev/null\n",
			Quote(stamp(now)+": gantry"), Quote(c.logLine()), Quote(logFile))
	}
	sh.WriteString("exec " + c.Line())
	return fmt.Appendf(nil, "gantry1 %d\n%s", sh.Len(), sh.String())
}
