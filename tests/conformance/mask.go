package conformance

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// All that a comparison overlooks stands in this file. There are four kinds of rules:
//
//   - plain rules replace what differs from run to run by a placeholder, in both texts;
//   - table rules do that for named columns, whose width differs too;
//   - identities (UUIDs, MAC addresses, job ids) are not overlooked: which one in our run stands for which one in the record
//     is learned at the first place where everything else is the same, and holds from then on (see compare.go);
//   - unordered sets are sorted.
//
// mask_test.go has for each rule two texts that it makes equal and two that must stay different.

// plain is one replacement.
type plain struct {
	name string
	at   *regexp.Regexp
	by   string
}

var plainRules = []plain{
	{"date", regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d 20\d\d\b`), "<date>"},
	{"timestamp", regexp.MustCompile(`\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d{3,6})?`), "<timestamp>"},
	{"seconds and microseconds", regexp.MustCompile(`[\[(]1[5-9]\d{8}, \d{1,6}[\])]`), "<timestamp>"},
	{"nanoseconds", regexp.MustCompile(`\b1[5-9]\d{17}\b`), "<nanoseconds>"},
	{"epoch", regexp.MustCompile(`\b1[5-9]\d{8}\.\d+\b`), "<epoch>"},
	{"duration", regexp.MustCompile(`\b(delta|Total processing time:) \d+\.\d+( ?s| seconds)`), "$1 <duration>"},
	{"process id", regexp.MustCompile(`\bpid([ =])\d+\b`), "pid${1}<pid>"},
	{"loop device", regexp.MustCompile(`/dev/loop\d+( \(7:\d+\))?`), "/dev/loop<n>"},
	{"LUN's number", regexp.MustCompile(`(/dev/disk/by-id/orc-lun\d+) \(7:\d+\)`), "$1 (7:<n>)"},
	// the kernel gives device mapper the first major number that is free
	{"major number", regexp.MustCompile(`(/dev/vg_\w+/\S+) \(25[34]:`), "$1 (<dm>:"},
	{"device id", regexp.MustCompile(`\b(hotnic|hotdisk|nic|disk|bal)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}\b`), "$1-<id>"},
	{"host key", regexp.MustCompile(`\bAAAA[A-Za-z0-9+/]{40,}=*`), "<key>"},
	{"fingerprint", regexp.MustCompile(`\bSHA256:[A-Za-z0-9+/]{43}\b`), "SHA256:<fingerprint>"},
	// a policy's bounds are shown in either order
	{"bounds", regexp.MustCompile(`( +)- min/(\d+): \n((?: +[a-z-]+: [^\n]+\n)+) +max/\d+: \n((?: +[a-z-]+: [^\n]+\n)+)`), "${1}- max/${2}: \n${4}${1}  min/${2}: \n${3}"},
	// lines that come every so often while disks are synchronised or copied
	{"synchronisation", regexp.MustCompile(`(?m)^[^\n]*  - INFO: - device disk/\d+: +\d+\.\d\d% done, (?:[^\n]* remaining \(estimated\)|no time estimate)\n`), ""},
	{"copy", regexp.MustCompile(`(?m)^[^\n]* disk/\d+ (?:is (?:receiving|sending) data on \S+|sent [\d.]+[MGT], \d+\.\d MiB/s(?:, \d+%)?(?:, ETA [^\n]*)?)\n`), ""},
	{"connection time", regexp.MustCompile(`\bafter \d+ ms: `), "after <n> ms: "},
}

// vmRules are for records of virtual machines. Real Ganeti loses the ports that an instance had which could not be made, so that
// its next ones are others than ours; they all come from one pool. And its master was a container, under a name that not all
// nodes could resolve, of which verify complains.
var vmRules = []plain{
	{"port of the pool", regexp.MustCompile(`\b11\d{3}\b`), "<port>"},
	{"recorded master", regexp.MustCompile(`(?m)^[^\n]*  - ERROR:[^\n]*(?:\bmaster\.lab\.test: ?node setup error: The procfs|ssh: Could not resolve hostname master\.lab\.test)[^\n]*\n`), ""},
}

// machineColumns are titles of columns that show how much this machine has, or how it was booted.
var machineColumns = []string{"DTotal", "DFree", "MTotal", "MNode", "MFree", "CTotal", "CNodes", "CSockets", "SpTotal", "SpFree", "BootID", "Size", "Used", "Free"}

// machineTables are the commands that print such columns.
var machineTables = regexp.MustCompile(`^gnt-(node|group) (list|list-storage|volumes)\b`)

// identity is a kind of name that is drawn anew in every run. Its first group is the name.
type identity struct {
	kind string
	at   *regexp.Regexp
	only *regexp.Regexp // commands it is looked for in; nil is all
}

var identities = []identity{
	{"uuid", regexp.MustCompile(`\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b`), nil},
	{"MAC", regexp.MustCompile(`\b([0-9a-f]{2}(?::[0-9a-f]{2}){5})\b`), nil},
	{"job", regexp.MustCompile(`\b(?:[Jj]ob(?:ID:| ID:?)? |job=)(\d+)\b`), nil},
	{"job", regexp.MustCompile(`(?m)^ *(\d+)(?: +|:)(?:queued|waiting|running|canceling|canceled|success|error)\b`), regexp.MustCompile(`^gnt-job `)},
	{"job", regexp.MustCompile(`(?m)^(\d+)$`), regexp.MustCompile(`--submit|--print-jobid`)},
}

// jobLists are texts with several job ids in a row.
var jobLists = regexp.MustCompile(`(?m)^((?:Submitted jobs|Got job IDs) )(\d+(?:, \d+)*)$`)

// sets are lists whose order Python leaves open, or that follow the order of UUIDs. The first group is sorted, item by item.
var sets = []struct {
	name, between string
	at            *regexp.Regexp
}{
	{"choices", ", ", regexp.MustCompile(`\(choose from ([^()]*)\)`)},
	{"one of", ", ", regexp.MustCompile(`must be one of:? ([^\n(]*[^\n( ])`)},
	{"templates", ", ", regexp.MustCompile(`but not enabled on the cluster: ([^\n]*)`)},
	{"ratios of the policy", "\n", regexp.MustCompile(`((?: +(?:spindle|vcpu)-ratio: [^\n]*\n){2})`)},
	{"templates of the policy", ", ", regexp.MustCompile(`allowed disk templates: (?:default \()?([^\n()]*)`)},
	{"missing specifications", ", ", regexp.MustCompile(`Missing parameters in ipolicy spec \w+: ([^\n]*)`)},
	{"findings of one check", "\n", regexp.MustCompile(`((?:<date>   - (?:ERROR|WARNING|NOTICE)[^\n]*\n)+)`)},
	{"nodes that are verified", "\n", regexp.MustCompile(`((?:<date> \* (?:Verifying node \S+ \([a-z ]+\)|Skipping offline node \S+)\n)+)`)},
	{"instances that are verified", "\n", regexp.MustCompile(`((?:<date> \* Verifying instance \S+\.\S+\n)+)`)},
	{"nodes by UUID", "\n", regexp.MustCompile(`((?:  Node: [0-9a-f<][^\n]*\n)+)`)},
	{"volumes by UUID", "\n", regexp.MustCompile(`((?:\S+ /dev/\S+ \S+ [0-9a-f<]\S*\.disk[^\n]*\n)+)`)},
	{"volume groups by node", "\n", regexp.MustCompile(`((?:\S+ lvm-vg \S+ <Size>[^\n]*\n)+)`)},
	{"reserved addresses", "\n", regexp.MustCompile(`((?:[^\n]* - INFO: Reserved IP address of node [^\n]*\n)+)`)},
}

// masked applies the plain rules and those for tables and help to what a command printed.
func masked(cmd, text string) string {
	for _, r := range plainRules {
		text = r.at.ReplaceAllString(text, r.by)
	}
	if machineTables.MatchString(cmd) {
		text = maskColumns(text)
	}
	if jobTable.MatchString(cmd) {
		text = squeeze(text)
	}
	return maskHelp(text)
}

// jobTable are commands whose first column is as wide as the job ids are long. Such tables lose their padding.
var jobTable = regexp.MustCompile(`^gnt-job list\b`)

func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

// maskColumns replaces the cells of machineColumns, which all end where their title ends. The table loses its padding, since
// that follows the widest cell.
func maskColumns(text string) string {
	lines := strings.Split(text, "\n")
	ends := map[int]string{}
	for _, at := range regexp.MustCompile(`\S+`).FindAllStringIndex(lines[0], -1) {
		if title := lines[0][at[0]:at[1]]; slices.Contains(machineColumns, title) {
			ends[at[1]] = title
		}
	}
	if len(ends) == 0 {
		return text
	}
	for i, line := range lines[1:] {
		lines[i+1] = maskCells(line, ends)
	}
	return squeeze(strings.Join(lines, "\n"))
}

// maskCells replaces the cells of a row that end at certain places, the last one first.
func maskCells(row string, ends map[int]string) string {
	for _, end := range slices.Backward(slices.Sorted(maps.Keys(ends))) {
		if end > len(row) {
			continue
		}
		begin := strings.LastIndexByte(row[:end], ' ') + 1
		if measured.MatchString(row[begin:end]) && (end == len(row) || row[end] == ' ') {
			row = row[:begin] + "<" + ends[end] + ">" + row[end:]
		}
	}
	return row
}

// measured is a cell that holds a value, not one that says why there is none.
var measured = regexp.MustCompile(`^\d+(\.\d+)?[MGT]?$`)

// helpPage is what optparse prints; helpTable is what a command without subcommand prints. Their sentences are ours to word:
// compared are the usage line, the options with the names of their values, and the subcommands.
var (
	helpPage  = regexp.MustCompile(`(?s)^Usage\n=====\n.*\nOptions\n=======\n`)
	helpTable = regexp.MustCompile(`(?s)^Usage: \S+ \{command\}.*\nCommands:\n`)
	option    = regexp.MustCompile(`^(--?\S+(?:, -\S+(?: \S+)?)*)(?:\s.*)?$`)
	entry     = regexp.MustCompile(`^ (\S+) +- `)
)

func maskHelp(text string) string {
	page, table := helpPage.MatchString(text), helpTable.MatchString(text)
	if !page && !table {
		return text
	}
	var kept []string
	for i, line := range strings.Split(text, "\n") {
		m := option.FindStringSubmatch(line)
		n := entry.FindStringSubmatch(line)
		switch {
		case page && i < 3, table && i == 0:
			kept = append(kept, line)
		case page && m != nil:
			kept = append(kept, m[1])
		case table && n != nil:
			kept = append(kept, n[1])
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// sorted puts the items of every unordered set in order.
func sorted(text string) string {
	for _, set := range sets {
		text = replaceGroup(set.at, text, func(list string) string {
			list, end := strings.CutSuffix(list, "\n")
			items := strings.Split(list, set.between)
			slices.Sort(items)
			list = strings.Join(items, set.between)
			if end {
				list += "\n"
			}
			return list
		})
	}
	return text
}

// replaceGroup replaces what the first group matched.
func replaceGroup(at *regexp.Regexp, text string, by func(string) string) string {
	var b strings.Builder
	last := 0
	for _, m := range at.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[last:m[2]])
		b.WriteString(by(text[m[2]:m[3]]))
		last = m[3]
	}
	return b.String() + text[last:]
}
