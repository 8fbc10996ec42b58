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

// Attach makes the device of a disk appear on a node, or proves that it is there. It can be repeated.
func Attach(ctx context.Context, r remote.Runner, node string, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Attach(ctx, r, node, d.Path())
	case config.DTBlock:
		return exists(ctx, r, node, d)
	case config.DTPlain:
		return lvm.Activate(ctx, r, node, volume(d))
	}
	return unsupported(d)
}

// Detach is the opposite of Attach. What stays attached in Ganeti stays here too.
func Detach(_ context.Context, _ remote.Runner, _ string, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile, config.DTBlock, config.DTPlain:
		return nil
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
func Link(ctx context.Context, r remote.Runner, node, instance string, disks []*config.Disk) error {
	if len(disks) == 0 {
		return nil
	}
	if _, err := r.Run(ctx, node, link(instance, disks)); err != nil {
		return fmt.Errorf("linking the disks of %s: %w", instance, err)
	}
	return nil
}

func link(instance string, disks []*config.Disk) remote.Cmd {
	var pairs []string
	for i, d := range disks {
		pairs = append(pairs, kvm.LinkPath(instance, i), Device(d))
	}
	c := remote.Script(linkScript, pairs...)
	c.Changes = "links the disks of instance " + instance
	return c
}

// Unlink takes those names away, of as many disks as the instance has.
func Unlink(ctx context.Context, r remote.Runner, node, instance string, count int) error {
	if count == 0 {
		return nil
	}
	if _, err := r.Run(ctx, node, unlink(instance, count)); err != nil {
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
