package watcher

import (
	"fmt"
	"io"
	"os"
	"time"

	"gantry/lib/unit"
)

// Log writes watcher.log in the form of Ganeti's logs.
type Log struct {
	Path    string
	Echo    io.Writer // nil shows nothing; with --debug everything is shown as well
	Verbose bool      // keep what is only for finding mistakes
	Now     func() time.Time
}

// Debug is for finding mistakes; Info, Warn and Error are for the operator.
func (l *Log) Debug(format string, args ...any) {
	if l.Verbose {
		l.line("DEBUG", format, args)
	}
}
func (l *Log) Info(format string, args ...any)  { l.line("INFO", format, args) }
func (l *Log) Warn(format string, args ...any)  { l.line("WARNING", format, args) }
func (l *Log) Error(format string, args ...any) { l.line("ERROR", format, args) }

// line appends one line. A log that cannot be written does not stop the watcher.
func (l *Log) line(level, format string, args []any) {
	line := fmt.Sprintf("%s: ganeti-watcher pid=%d %s %s\n", l.Now().Local().Format("2006-01-02 15:04:05,000"), os.Getpid(), level,
		unit.SafeText(fmt.Sprintf(format, args...)))
	if l.Echo != nil {
		fmt.Fprint(l.Echo, line)
	}
	f, err := os.OpenFile(l.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(line) // see above
}
