// Package drbd drives the mirrored devices of DRBD 8.4 with the commands that Ganeti uses. Its utilities of version 9 do as well.
//
// A device is a minor on each of two nodes, with a data volume and a volume of metadata below it on both. The two sides are
// attached to their volumes and connected to each other independently:
//
//	           Attach             Connect
//	unused ─────────► StandAlone ─────────► WFConnection ─► Connected
//	   ▲                  ▲  ▲                                  │
//	   └── Down ──────────┘  └────────── Disconnect ────────────┘
//
// Only a side that is primary can be opened for writing. Both are for the moments of a live migration, which needs a connection
// that allows it; DRBD itself refuses a second primary otherwise. What a side is doing is read from /proc/drbd, how it was set up
// from drbdsetup show. Every change here can be repeated: what is there already is left as it is.
package drbd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Meta data volumes have this size; DRBD takes some more.
const (
	MetaMiB    = 128
	maxMetaMiB = 1024
)

// Device is one side of a mirrored disk: what its node has to know.
type Device struct {
	Minor         int
	Data, Meta    string // device files of the volumes
	MiB           int64  // 0 is that of the volumes
	Local, Remote string // addresses of this node and the other one
	Port          int    // the same on both
	Secret        string
	Diskless      bool // its volumes are lost: it works with those of its peer
}

// Path is the device file.
func (d Device) Path() string { return fmt.Sprintf("/dev/drbd%d", d.Minor) }

func (d Device) resource() string { return fmt.Sprintf("resource%d", d.Minor) }

func (d Device) minor() string { return strconv.Itoa(d.Minor) }

// String is how intents name it: with its volumes, which nobody else may know any more by the time they are read.
func (d Device) String() string { return fmt.Sprintf("drbd%d on %s %s", d.Minor, d.Data, d.Meta) }

var deviceForm = unit.Form(`^drbd(\d+) on (/dev/\S+) (/dev/\S+)$`)

// ParseDevice reads what String wrote; minor and volumes are all that is known of the device then.
func ParseDevice(text string) (Device, bool) {
	found := deviceForm().FindStringSubmatch(text)
	if found == nil {
		return Device{}, false
	}
	minor, err := strconv.Atoi(found[1])
	return Device{Minor: minor, Data: found[2], Meta: found[3]}, err == nil
}

// address of one end, as drbdsetup takes it.
func (d Device) address(ip string) string {
	if addr := net.ParseIP(ip); addr != nil && addr.To4() == nil {
		return fmt.Sprintf("ipv6:[%s]:%d", ip, d.Port)
	}
	return fmt.Sprintf("ipv4:%s:%d", ip, d.Port)
}

func (d Device) broken(format string, args ...any) error {
	return fault.New(fault.BlockDevice, "drbd%d: "+format, append([]any{d.Minor}, args...)...)
}

// named gives a command that failed for certain Ganeti's words.
func (d Device) named(err error, words string) error {
	e, is := errors.AsType[*remote.Error](err)
	if !is || e.Outcome != remote.Failed || e.Err != nil {
		return err
	}
	return d.broken("%s: %s", words, strings.TrimSpace(string(e.Stderr)))
}

// changing is a command and, for the job's intents, what it does to the device.
func (d Device) changing(verb string, argv ...string) remote.Cmd {
	c := remote.Command(argv...)
	c.Changes = verb + " " + d.String()
	return c
}

func (d Device) run(ctx context.Context, r remote.Runner, node, words string, c remote.Cmd) error {
	_, err := r.Run(ctx, node, c)
	return d.named(err, words)
}

func (d Device) getSize() remote.Cmd { return remote.Command("blockdev", "--getsize", d.Meta) }

func (d Device) readMeta() remote.Cmd {
	return remote.Command("dd", "if="+d.Meta, "of=/dev/null", "bs=4096", "count=32", "iflag=direct")
}

// Unreadable says whether the metadata is known to be.
func (d Device) Unreadable(ctx context.Context, r remote.Runner, node string) bool {
	_, err := r.Run(ctx, node, d.readMeta())
	e, is := errors.AsType[*remote.Error](err)
	return is && e.Outcome == remote.Failed && e.Err == nil && e.Status == 1
}

func (d Device) zeroMeta() remote.Cmd {
	c := d.changing("formats", "dd", "if=/dev/zero", "of="+d.Meta, "bs=1048576", fmt.Sprintf("count=%d", MetaMiB), "oflag=direct")
	c.Limit = 10 * time.Minute
	return c
}

// drbdmeta refuses a minor that is in use, so the metadata of one that is gets made under the name of a free one.
func (d Device) createMeta(as int) remote.Cmd {
	return d.changing("formats", "drbdmeta", "--force", fmt.Sprintf("/dev/drbd%d", as), "v08", d.Meta, "flex-external", "create-md")
}

// Format writes new metadata: the device's own data is void from then on, and comes anew from its peer. as is a minor that the
// node does not use, the device's own if it is new.
func (d Device) Format(ctx context.Context, r remote.Runner, node string, as int) error {
	out, err := r.Run(ctx, node, d.getSize())
	if err != nil {
		return d.named(err, "Failed to get device size")
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
	if err != nil {
		return d.broken("Invalid output from blockdev: '%s'", strings.TrimSpace(string(out.Stdout)))
	}
	switch mib := sectors >> 11; {
	case mib < MetaMiB:
		return d.broken("Meta device too small (%.2fMib)", float64(sectors)/2048)
	case mib > maxMetaMiB:
		return d.broken("Meta device too big (%.2fMiB)", float64(sectors)/2048)
	}
	if err := d.run(ctx, r, node, "Can't wipe the meta device", d.zeroMeta()); err != nil {
		return err
	}
	return d.run(ctx, r, node, "Can't initialize meta device", d.createMeta(as))
}

func (d Device) newResource() remote.Cmd {
	return d.changing("adds", "drbdsetup", "new-resource", d.resource())
}

func (d Device) newMinor() remote.Cmd {
	return d.changing("adds", "drbdsetup", "new-minor", d.resource(), d.minor(), "0")
}

func (d Device) applyLog() remote.Cmd {
	return d.changing("attaches", "drbdmeta", d.Path(), "v08", d.Meta, "flex-external", "apply-al")
}

func (d Device) attach(p config.Params) remote.Cmd {
	argv := []string{"drbdsetup", "attach", d.minor(), d.Data, d.Meta, "flexible", "--on-io-error=detach"}
	if d.MiB > 0 {
		argv = append(argv, "--size", fmt.Sprintf("%dm", d.MiB))
	}
	argv = append(argv, barriers(p)...)
	return d.changing("attaches", append(argv, words(p.String("disk-custom"))...)...)
}

func (d Device) diskOptions(p config.Params) remote.Cmd {
	return d.changing("tunes", append([]string{"drbdsetup", "disk-options", d.minor()}, resync(p)...)...)
}

// tries is how often, each second, something is done that DRBD refuses for a moment.
const tries = 5

func again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == tries || remote.OutcomeOf(err) == remote.Unknown {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// add makes resource and minor known to the kernel; both may be.
func (d Device) add(ctx context.Context, r remote.Runner, node string) error {
	for _, c := range []remote.Cmd{d.newResource(), d.newMinor()} {
		c.OK = []int{10} // older ones fail when it exists; what counts is the command that follows
		if _, err := r.Run(ctx, node, c); err != nil {
			return err
		}
	}
	return nil
}

// Attach gives the device its volumes.
func (d Device) Attach(ctx context.Context, r remote.Runner, node string, p config.Params) error {
	if err := d.add(ctx, r, node); err != nil {
		return err
	}
	if err := d.run(ctx, r, node, "can't attach local disk", d.applyLog()); err != nil {
		return err
	}
	if err := d.run(ctx, r, node, "can't attach local disk", d.attach(p)); err != nil {
		return err
	}
	// the options of a disk that was attached this moment are refused, too
	return again(ctx, func() error { return d.run(ctx, r, node, "can't set the disk options", d.diskOptions(p)) })
}

// pause waits, unless nobody does any more.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Detach takes the volumes away; the device goes on with those of its peer.
func (d Device) Detach(ctx context.Context, r remote.Runner, node string) error {
	return d.run(ctx, r, node, "can't detach local disk", d.changing("detaches", "drbdsetup", "detach", d.minor()))
}

// Primary makes a side writable; the fence is asked before.
func (d Device) Primary(ctx context.Context, r remote.Runner, node string) error {
	return d.run(ctx, r, node, "can't make drbd device primary", d.primary())
}

func (d Device) primary() remote.Cmd {
	return d.changing("promotes", "drbdsetup", "primary", d.minor())
}

// ForcePrimary declares the data of a new device valid. It is for the moment after Format alone.
func (d Device) ForcePrimary(ctx context.Context, r remote.Runner, node string) error {
	c := d.primary()
	c.Argv = append(c.Argv, "--force")
	return d.run(ctx, r, node, "can't make drbd device primary", c)
}

// Secondary makes a side unwritable; DRBD refuses while somebody has it open. One of which the node shows that it is not set up, as
// after a loss of power, is unwritable already.
func (d Device) Secondary(ctx context.Context, r remote.Runner, node string) error {
	err := d.run(ctx, r, node, "can't switch drbd device to secondary", d.changing("demotes", "drbdsetup", "secondary", d.minor()))
	if err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	if _, there, asked := d.look(ctx, r, node); asked == nil && !there {
		return nil
	}
	return err
}

// Down ends the device on a node: disconnected, detached, gone. One that is not there is down already.
func (d Device) Down(ctx context.Context, r remote.Runner, node string) error {
	return d.run(ctx, r, node, "can't shutdown drbd device", d.down())
}

func (d Device) down() remote.Cmd { return d.changing("ends", "drbdsetup", "down", d.resource()) }

// Outdate marks the data of a side without volumes as old, on the volumes that are about to be attached: it cannot become primary before
// it has met its peer, whether that is there now, is away, or is lost while they meet.
func (d Device) Outdate(ctx context.Context, r remote.Runner, node string) error {
	return again(ctx, func() error { // volumes that were detached this moment are busy
		for _, c := range d.outdate() {
			if err := d.run(ctx, r, node, "can't mark drbd device as outdated", c); err != nil {
				return err
			}
		}
		return nil
	})
}

// outdate: the log is applied first, or drbdmeta refuses. It exits with 5 when the data is worth less than that.
func (d Device) outdate() []remote.Cmd {
	apply := d.applyLog()
	mark := d.changing("tunes", "drbdmeta", d.Path(), "v08", d.Meta, "flex-external", "outdate")
	apply.Changes, mark.OK = mark.Changes, []int{5}
	return []remote.Cmd{apply, mark}
}

// Resize tells a primary device that its volumes on both nodes have grown.
func (d Device) Resize(ctx context.Context, r remote.Runner, node string, mib int64) error {
	c := d.changing("resizes", "drbdsetup", "resize", d.minor(), "--size", fmt.Sprintf("%dm", mib))
	return d.run(ctx, r, node, "resize failed", c)
}

// PauseSync and ResumeSync hold back a synchronization while something else needs the disks.
func (d Device) PauseSync(ctx context.Context, r remote.Runner, node string) error {
	return d.run(ctx, r, node, "can't pause the synchronization", d.changing("pauses", "drbdsetup", "pause-sync", d.minor()))
}

func (d Device) ResumeSync(ctx context.Context, r remote.Runner, node string) error {
	return d.run(ctx, r, node, "can't resume the synchronization", d.changing("continues", "drbdsetup", "resume-sync", d.minor()))
}
