package disk

import (
	"context"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/filedisk"
	"gantry/lib/kvm"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// Attach makes the device of a disk appear, or proves that it is there. It can be repeated. A mirrored one is connected to its peer by
// it, and stays as writable as it is.
func (on On) Attach(ctx context.Context, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Attach(ctx, on, on.Node, d.Path())
	case config.DTBlock:
		return on.exists(ctx, d)
	case config.DTPlain:
		return lvm.Activate(ctx, on, on.Node, volume(d))
	case config.DTDRBD:
		return on.assemble(ctx, d)
	case config.DTExt:
		return on.attachExternal(ctx, d)
	case config.DTRBD:
		return on.attachImage(ctx, d)
	case config.DTGluster:
		return on.inGluster(ctx, d, func(file string) error { return filedisk.Attach(ctx, on, on.Node, file) })
	}
	return unsupported(d)
}

// Detach is the opposite of Attach. What stays attached in Ganeti stays here too.
func (on On) Detach(ctx context.Context, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile, config.DTBlock, config.DTPlain, config.DTGluster:
		return nil
	case config.DTDRBD:
		return on.down(ctx, d)
	case config.DTExt:
		return on.external(d).Detach(ctx, on, on.Node)
	case config.DTRBD:
		return on.image(d).Detach(ctx, on, on.Node)
	}
	return unsupported(d)
}

// linkScript makes the link $1 to the device $2, and so on in pairs. A link that points elsewhere is replaced.
const linkScript = `while [ $# -gt 1 ]; do
	mkdir -p -- "${1%/*}" || exit
	if [ "$(readlink -- "$1")" != "$2" ]; then
		ln -s -- "$2" "$1.new" && mv -T -- "$1.new" "$1" || exit
	fi
	shift 2
done`

// Link gives the disks of an instance the names by which its hypervisor opens them: /var/run/ganeti/instance-disks/NAME:N.
func (on On) Link(ctx context.Context, instance string, disks []*config.Disk) error {
	if len(disks) == 0 {
		return nil
	}
	if _, err := on.Run(ctx, on.Node, on.link(instance, disks)); err != nil {
		return fmt.Errorf("linking the disks of %s: %w", instance, err)
	}
	return nil
}

func (on On) link(instance string, disks []*config.Disk) remote.Cmd {
	var pairs []string
	for i, d := range disks {
		pairs = append(pairs, kvm.LinkPath(instance, i), on.Device(d))
	}
	c := remote.Script(linkScript, pairs...)
	c.Changes = "links the disks of instance " + instance
	return c
}

// Unlink takes those names away, of as many disks as the instance has.
func (on On) Unlink(ctx context.Context, instance string, count int) error {
	if count == 0 {
		return nil
	}
	if _, err := on.Run(ctx, on.Node, unlink(instance, count)); err != nil {
		return fmt.Errorf("removing the links to the disks of %s: %w", instance, err)
	}
	return nil
}

func unlink(instance string, count int) remote.Cmd {
	argv := []string{"rm", "-f", "--"}
	for i := range count {
		argv = append(argv, kvm.LinkPath(instance, i))
	}
	c := remote.Command(argv...)
	c.Changes = "unlinks the disks of instance " + instance
	return c
}
