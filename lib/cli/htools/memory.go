package htools

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// saveMemory keeps a tool small: on one core garbage is collected twice as often as usual, for half the memory is worth more here than
// a tenth of the time. With more cores each collection stops and wakes all of them, which would cost what they gain.
func saveMemory() {
	releaseProgram()
	debug.SetGCPercent(50 * min(runtime.GOMAXPROCS(0), 2))
}

// releaseProgram gives back the pages of the program's own file. Starting took nearly all of them, for every package, those for SSH and
// jobs too, has begun somewhere in between. What is used again comes back by itself. A mapping of which this process has made pages its
// own, as a loader does that puts addresses in place, is left alone: those would come back as they are in the file.
func releaseProgram() {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return // nothing is given back where the kernel tells of no mappings
	}
	var m mapping
	for line := range strings.Lines(string(maps)) {
		switch first, rest, _ := strings.Cut(line, " "); {
		case strings.Contains(first, "-"):
			m = mapping{}
			fmt.Sscanf(line, "%x-%x %s %s %s %d", &m.from, &m.to, &m.mode, new(string), new(string), &m.inode) // a line cut short: inode 0
		case first == "Anonymous:" && strings.TrimSpace(rest) == "0 kB" && m.inode != 0 && !strings.Contains(m.mode, "w"):
			syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED)
		}
	}
}

// mapping is where a part of a file is in memory; no file is inode 0.
type mapping struct {
	from, to uintptr
	mode     string
	inode    int
}
