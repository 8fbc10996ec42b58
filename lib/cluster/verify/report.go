package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// items are the error codes, each with the kind of thing it is about.
var items = map[string]string{
	"ECLUSTERCERT": "cluster", "ECLUSTERCLIENTCERT": "cluster", "ECLUSTERCFG": "cluster", "ECLUSTERFILECHECK": "cluster",

	"ECLUSTERDANGLINGINST": "node", "ECLUSTERDANGLINGNODES": "node", "EEXTAGS": "node",
	"ENODEDRBD": "node", "ENODEDRBDHELPER": "node", "ENODEDRBDVERSION": "node", "ENODEFILECHECK": "node",
	"ENODEFILESTORAGEPATHS": "node", "ENODEFILESTORAGEPATHUNUSABLE": "node", "ENODEGLUSTERSTORAGEPATHUNUSABLE": "node",
	"ENODESHAREDFILESTORAGEPATHUNUSABLE": "node", "ENODEHOOKS": "node", "ENODEHV": "node", "ENODELVM": "node",
	"ENODEN1": "node", "ENODENET": "node", "ENODEOOBPATH": "node", "ENODEORPHANINSTANCE": "node", "ENODEORPHANLV": "node",
	"ENODEOS": "node", "ENODERPC": "node", "ENODESETUP": "node", "ENODESSH": "node", "ENODETIME": "node",
	"ENODEUSERSCRIPTS": "node", "ENODEVERSION": "node",

	"EGROUPDIFFERENTPVSIZE": "group",

	"EINSTANCEBADNODE": "instance", "EINSTANCEDOWN": "instance", "EINSTANCEFAULTYDISK": "instance",
	"EINSTANCELAYOUT": "instance", "EINSTANCEMISSINGCFGPARAMETER": "instance", "EINSTANCEMISSINGDISK": "instance",
	"EINSTANCEPOLICY": "instance", "EINSTANCESPLITGROUPS": "instance", "EINSTANCEUNSUITABLENODE": "instance",
	"EINSTANCEWRONGNODE": "instance",
}

// Codes are all error codes, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(items)) }

// report says what a job finds, and remembers whether anything was an error.
type report struct {
	Options
	say func(format string, args ...any)
	bad bool
}

// errorf reports an error about a thing of the code's kind; the cluster has no name.
func (r *report) errorf(code, name, format string, args ...any) {
	r.add("ERROR", code, name, fmt.Sprintf(format, args...))
}

// warnf reports something that does not make the verification fail.
func (r *report) warnf(code, name, format string, args ...any) {
	r.add("WARNING", code, name, fmt.Sprintf(format, args...))
}

// errorIf is errorf under a condition. Simulated errors are reported in any case.
func (r *report) errorIf(wrong bool, code, name, format string, args ...any) {
	if wrong || r.Simulate {
		r.errorf(code, name, format, args...)
	}
}

// warnIf is warnf under a condition.
func (r *report) warnIf(wrong bool, code, name, format string, args ...any) {
	if wrong || r.Simulate {
		r.warnf(code, name, format, args...)
	}
}

func (r *report) add(kind, code, name, text string) {
	if slices.Contains(r.IgnoreErrors, code) {
		kind = "WARNING"
	}
	r.bad = r.bad || kind == "ERROR"
	if !r.ErrorCodes {
		r.say("  - %s: %s %s: %s", kind, items[code], name, text)
		return
	}
	if name == "" {
		name = "None"
	}
	r.say("  - %s:%s:%s:%s:%s", kind, code, items[code], name, text)
}

// heading begins a part of the verification.
func (r *report) heading(format string, args ...any) { r.say("* "+format, args...) }

// comma joins as Ganeti lists things.
func comma(list []string) string { return strings.Join(list, ", ") }
