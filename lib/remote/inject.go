package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// The tests of crash safety kill a process at numbered moments, or stop it there while they break something else. GANTRY_FAULT is
// read here and nowhere else:
//
//	GANTRY_FAULT=remote:7:before     SIGKILL to itself before the seventh action of the area "remote"; or :after
//	GANTRY_FAULT=remote:7:before:stop     SIGSTOP instead: it goes on with a SIGCONT
//	GANTRY_FAULT=gnt-job/store:2:after    only in programs of that name
//	GANTRY_FAULT=list:/tmp/points    kill nobody, append "program area:number what" to the file
var faults = parseFaults(os.Getenv("GANTRY_FAULT"), filepath.Base(os.Args[0]))

// Actions on nodes count in two areas: what only looks may be done more often in one run than in another, and what changes something must
// have the same number in both.
func areaOf(changes bool) string {
	if changes {
		return "change"
	}
	return "remote"
}

// Injection is the type of Inject, for packages that take it as a hook.
type Injection func(area, what string) (after func())

// Inject marks one action that changes the outside world: call it before, and what it returns after. Areas count for
// themselves, from 1, in this process. Unless a test set GANTRY_FAULT it does nothing.
func Inject(area, what string) (after func()) {
	if faults == nil {
		return nothing
	}
	return faults.inject(area, what)
}

func nothing() {}

type injector struct {
	program    string
	area       string
	number     int64
	after      bool
	list       string
	counts     sync.Map // area -> *atomic.Int64
	die        func()
	listWriter sync.Mutex
}

// parseFaults returns nil for a text that asks for nothing. A misspelt one ends the process: a fault test that
// silently tests nothing would be worse.
func parseFaults(text, program string) *injector {
	if text == "" {
		return nil
	}
	f := &injector{program: program, die: func() { kill(os.Getpid()) }}
	if path, ok := strings.CutPrefix(text, "list:"); ok {
		f.list = path
		return f
	}
	if only, rest, ok := strings.Cut(text, "/"); ok {
		if only != program {
			return nil
		}
		text = rest
	}
	text, stops := strings.CutSuffix(text, ":stop")
	if stops {
		f.die = func() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }
	}
	parts := strings.Split(text, ":")
	if len(parts) == 3 && (parts[2] == "before" || parts[2] == "after") {
		if n, err := strconv.ParseInt(parts[1], 10, 64); err == nil && n > 0 {
			f.area, f.number, f.after = parts[0], n, parts[2] == "after"
			return f
		}
	}
	fmt.Fprintf(os.Stderr, "GANTRY_FAULT=%s: want [PROGRAM/]AREA:NUMBER:before|after[:stop] or list:FILE\n", text)
	os.Exit(2)
	return nil
}

func (f *injector) inject(area, what string) func() {
	counter, _ := f.counts.LoadOrStore(area, new(atomic.Int64))
	n := counter.(*atomic.Int64).Add(1)
	switch {
	case f.list != "":
		f.note(area, n, what)
	case area != f.area || n != f.number:
	case f.after:
		return f.die
	default:
		f.die()
	}
	return nothing
}

// note appends one line to the list.
func (f *injector) note(area string, n int64, what string) {
	f.listWriter.Lock()
	defer f.listWriter.Unlock()
	file, err := os.OpenFile(f.list, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %s:%d %s\n", f.program, area, n, shorten(what, 200))
}

// kill ends a process at once, as a power cut would, without a deferred function or a flushed buffer.
func kill(pid int) {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	select {} // never run on in the moments until the signal arrives
}
