package backup

import (
	"context"
	_ "embed"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// long bounds the removal of big files, dumpLimit the copy of a disk.
const (
	long      = 10 * time.Minute
	dumpLimit = 24 * time.Hour
)

// None is no compression.
const None = "none"

// CheckCompression refuses a program that the cluster does not allow.
func CheckCompression(tool string, allowed []string) error {
	if tool != None && !slices.Contains(allowed, tool) {
		return fault.Refuse(fault.WrongInput, "Compression tool not allowed, tools allowed are [%s]", strings.Join(allowed, ", "))
	}
	return nil
}

// packer is the command that compresses for a tool of that name, unpacker its opposite. Others than gzip's names are programs that
// take the same options.
func packer(tool string) string {
	switch tool {
	case "", None:
		return ""
	case "gzip-fast":
		return "gzip -1"
	case "gzip-slow":
		return "gzip"
	}
	return tool
}

func unpacker(tool string) string {
	program, _, _ := strings.Cut(packer(tool), " ")
	if program == "" {
		return ""
	}
	return program + " -d"
}

// Script is a script of an OS definition that writes or reads the data of one disk.
type Script struct {
	Dir string // of the definition
	Log string // the beginning of the log's name
	Env []byte // commands for sh that set its variables
}

// The scripts of both directions.
var (
	//go:embed logged.sh
	loggedScript string
	//go:embed send.sh
	sendScript string
	//go:embed receive.sh
	receiveScript string
	//go:embed store.sh
	storeScript string
	//go:embed load.sh
	loadScript string
	//go:embed transfer.sh
	transferScript string
)

// Send lets a script write the dump of a disk to a file on another node, over hop (remote.Pool's Hop), or on the same one if it is
// nil. It is durable work; give its result to Judge.
func Send(s Script, tool string, hop []string, file string) remote.Cmd {
	store := over(hop, "sh", "-c", storeScript, "sh", file, unpacker(passing(hop, tool)), "excl")
	c := remote.Script(loggedScript+sendScript, append([]string{s.Log, s.Dir, packer(passing(hop, tool))}, store...)...)
	c.Changes = "writes dump " + path.Base(file)
	return durable(c, s, hop)
}

// Receive lets a script read the dump of a disk out of a file of so many bytes on another node, or on the same one.
func Receive(s Script, tool string, hop []string, file string) remote.Cmd {
	load := over(hop, "sh", "-c", loadScript, "sh", file, packer(passing(hop, tool)))
	c := remote.Script(loggedScript+receiveScript, append([]string{s.Log, s.Dir, unpacker(passing(hop, tool))}, load...)...)
	c.Changes = "runs import of " + path.Base(file)
	return durable(c, s, hop)
}

// Transfer copies so many MiB of a device, or file, which may be larger, to one on another node that is there and has room for them. It is
// durable work; give its result to Judge, as one of an export.
func Transfer(device string, mib int64, tool string, hop []string, to string) remote.Cmd {
	c := transfer(device, strconv.FormatInt(mib, 10), tool, hop, to, "nocreat,notrunc")
	c.Changes = "copies device " + device
	return c
}

// Convert is Transfer to another device, or file, on the same node.
func Convert(device string, mib int64, to string) remote.Cmd {
	c := transfer(device, strconv.FormatInt(mib, 10), None, nil, to, "nocreat,notrunc")
	c.Changes = "converts device " + device + " to " + to
	return c
}

// Converted reads from what a command was about to change what Convert copies, and where to.
func Converted(changes string) (device, to string, ok bool) {
	rest, is := strings.CutPrefix(changes, "converts device ")
	device, to, both := strings.Cut(rest, " to ")
	return device, to, is && both
}

// SendRaw is Send without a script: the dump is so many MiB of the device.
func SendRaw(device string, mib int64, tool string, hop []string, file string) remote.Cmd {
	c := transfer(device, strconv.FormatInt(mib, 10), tool, hop, file, "excl")
	c.Changes = "writes dump " + path.Base(file)
	return c
}

// ReceiveRaw copies such a dump to a device; it runs where the dump is, hop leads to the device. Its result is that of an export, too.
func ReceiveRaw(file, tool string, hop []string, device string) remote.Cmd {
	c := transfer(file, "", tool, hop, device, "nocreat,notrunc")
	c.Changes = "runs import of " + path.Base(file)
	return c
}

func transfer(from, mib, tool string, hop []string, to, how string) remote.Cmd {
	tool = passing(hop, tool)
	store := over(hop, "sh", "-c", storeScript, "sh", to, unpacker(tool), how)
	c := remote.Script(transferScript, append([]string{from, mib, packer(tool)}, store...)...)
	c.Limit, c.OK, c.LendKey = dumpLimit, []int{failed}, hop != nil
	return c
}

// Sizes are the sizes of the dumps in a directory, in MiB, by their names.
func Sizes(ctx context.Context, r remote.Runner, node, dir string) (map[string]float64, error) {
	out, err := r.Run(ctx, node, sizes(dir))
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(out.Stdout)) {
		size, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if bytes, err := strconv.ParseInt(size, 10, 64); err == nil {
			found[path.Base(name)] = float64(bytes) / (1 << 20)
		}
	}
	return found, nil
}

func sizes(dir string) remote.Cmd {
	return remote.Script(`find "$1" -maxdepth 1 -type f -exec stat -c '%s %n' {} +`, dir)
}

// Reach looks whether a node can be reached over hop from another one.
func Reach(hop []string) remote.Cmd {
	c := remote.Command(append(slices.Clone(hop), "true")...)
	c.LendKey = true
	return c
}

// passing is the tool to use: what stays on its node is not compressed.
func passing(hop []string, tool string) string {
	if hop == nil {
		return None
	}
	return tool
}

func over(hop []string, argv ...string) []string {
	if hop == nil {
		return argv
	}
	return append(slices.Clone(hop), remote.Quote(argv...))
}

func durable(c remote.Cmd, s Script, hop []string) remote.Cmd {
	c.Stdin, c.Secret, c.Limit, c.OK, c.LendKey = s.Env, true, dumpLimit, []int{failed}, hop != nil
	return c
}

// failed is the status of a copy of which some part failed.
const failed = 10

// Copied is what came of both ends of a copy: how the one that failed ended, "" for one that is content.
type Copied struct {
	Sent, Received string
	Log            []byte // the end of it
}

// OK says that both ends are content.
func (c Copied) OK() bool { return c.Sent == "" && c.Received == "" }

// Judge reads the result of Send (script is "export") or Receive ("import"). An end that was only cut off by the other is not
// blamed.
func Judge(script string, out remote.Result) Copied {
	if out.Status != failed {
		return Copied{}
	}
	head, log, _ := strings.Cut(string(out.Stdout), "\n\n")
	status := map[string]string{}
	for line := range strings.Lines(head) {
		part, code, _ := strings.Cut(strings.TrimSpace(line), " ")
		status[part] = code
	}
	blame := func(parts ...string) string {
		for _, part := range parts {
			if code := status[part]; code != "0" && code != "" && code != pipeBroke {
				return "exited with exit code " + code
			}
		}
		return ""
	}
	c := Copied{Sent: blame("script", "pack", "count"), Received: blame("copy"), Log: []byte(log)}
	if script == "import" {
		c.Sent, c.Received = blame("copy", "count"), blame("pack", "script")
	}
	if c.OK() {
		c.Sent = "ended in the middle"
	}
	return c
}

// pipeBroke is how sh tells that a program was ended because nobody read what it wrote.
const pipeBroke = "141"
