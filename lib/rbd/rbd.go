// Package rbd keeps disks as images in a pool of Ceph, and maps them to devices of a node.
package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// long bounds the removal of an image, whose objects go one by one.
const long = time.Hour

// Image is one in a pool.
type Image struct{ Pool, Name string }

func (i Image) String() string { return i.Pool + "/" + i.Name }

// Link is where a mapped image can be found on a node, whatever number its device has.
func (i Image) Link() string { return "/var/run/ganeti/rbd/" + i.Name }

// URI is how qemu opens an image by itself.
func (i Image) URI() string { return "rbd:" + i.String() }

func (i Image) changing(what string, argv ...string) remote.Cmd {
	c := remote.Command(argv...)
	c.Changes = what + " image " + i.String()
	return c
}

// named gives a failure of a command Ganeti's words. One that is not known to have failed stays what it is.
func named(err error, format string) error {
	e, is := errors.AsType[*remote.Error](err)
	if !is || e.Outcome != remote.Failed || e.Err != nil {
		return err
	}
	return fault.New(fault.BlockDevice, format, fmt.Sprintf("exited with exit code %d", e.Status), e.Stderr)
}

// Create makes an image of so many MiB.
func (i Image) Create(ctx context.Context, r remote.Runner, node string, mib int64) error {
	_, err := r.Run(ctx, node, i.create(mib))
	return named(err, "rbd creation failed (%s): %s")
}

func (i Image) create(mib int64) remote.Cmd {
	return i.changing("creates", "rbd", "create", "-p", i.Pool, i.Name, "--size", mebibytes(mib))
}

// Grow makes an image so many MiB large. One that is as large already stays as it is.
func (i Image) Grow(ctx context.Context, r remote.Runner, node string, mib int64) error {
	_, err := r.Run(ctx, node, i.resize(mib))
	return named(err, "rbd resize failed (%s): %s")
}

func (i Image) resize(mib int64) remote.Cmd {
	return i.changing("grows", "rbd", "resize", "-p", i.Pool, i.Name, "--size", mebibytes(mib))
}

func mebibytes(mib int64) string { return strconv.FormatInt(mib, 10) }

// Attach maps an image, if it is not mapped yet, and gives its device.
func (i Image) Attach(ctx context.Context, r remote.Runner, node string) (string, error) {
	device, err := i.device(ctx, r, node)
	if err != nil || device != "" {
		return device, err
	}
	if _, err := r.Run(ctx, node, i.mapping()); err != nil {
		return "", named(err, "rbd map failed (%s): %s")
	}
	if device, err = i.device(ctx, r, node); err == nil && device == "" {
		err = fault.New(fault.BlockDevice, "rbd map succeeded, but could not find the rbd block device in output of showmapped, for volume: %s", i.Name)
	}
	return device, err
}

func (i Image) mapping() remote.Cmd {
	return i.changing("attaches", "rbd", "map", "-p", i.Pool, i.Name)
}

// Detach unmaps an image, if it is mapped. Its link goes before: another image may get the device.
func (i Image) Detach(ctx context.Context, r remote.Runner, node string) error {
	device, err := i.device(ctx, r, node)
	if err != nil {
		return err
	}
	if _, err := r.Run(ctx, node, i.unlink()); err != nil || device == "" {
		return err
	}
	_, err = r.Run(ctx, node, i.unmap(device))
	return named(err, "rbd unmap failed (%s): %s")
}

func (i Image) unlink() remote.Cmd {
	return i.changing("unlinks", "rm", "-f", "--", i.Link())
}

func (i Image) unmap(device string) remote.Cmd {
	return i.changing("detaches", "rbd", "unmap", device)
}

// Remove removes an image with its data, if it is there.
func (i Image) Remove(ctx context.Context, r remote.Runner, node string) error {
	if err := i.Detach(ctx, r, node); err != nil {
		return err
	}
	out, err := r.Run(ctx, node, i.list())
	if err != nil {
		return named(err, "rbd ls failed (%s): %s")
	}
	var names []string
	if err := json.Unmarshal(out.Stdout, &names); err != nil {
		return fault.New(fault.BlockDevice, "Error while parsing json output of 'rbd ls': %w", err)
	}
	if !slices.Contains(names, i.Name) {
		return nil
	}
	_, err = r.Run(ctx, node, i.remove())
	return named(err, "Can't remove Volume from cluster with rbd rm: %s - %s")
}

func (i Image) list() remote.Cmd {
	return remote.Command("rbd", "ls", "-p", i.Pool, "--format", "json")
}

func (i Image) remove() remote.Cmd {
	c := i.changing("removes", "rbd", "rm", "-p", i.Pool, i.Name)
	c.Limit = long
	return c
}

// device is where an image is mapped, "" where it is not.
func (i Image) device(ctx context.Context, r remote.Runner, node string) (string, error) {
	out, err := r.Run(ctx, node, showMapped())
	if err != nil {
		return "", named(err, "rbd showmapped failed (%s): %s")
	}
	all, err := parseMapped(out.Stdout)
	if err != nil {
		return "", err
	}
	device := ""
	for _, m := range all {
		if m.Image() != i || m.Snap != "" && m.Snap != "-" {
			continue
		}
		if device != "" {
			return "", fault.New(fault.BlockDevice, "rbd volume %s is mapped more than once", i.Name)
		}
		device = m.Device
	}
	return device, nil
}

func showMapped() remote.Cmd {
	return remote.Command("rbd", "showmapped", "--format", "json")
}

type mapped struct{ Pool, Name, Snap, Device string }

func (m mapped) Image() Image { return Image{Pool: m.Pool, Name: m.Name} }

// parseMapped reads a list, as of today, or an object by numbers, as before Ceph 14.
func parseMapped(out []byte) ([]mapped, error) {
	var all []mapped
	err := json.Unmarshal(out, &all)
	if err != nil {
		byNumber := map[string]mapped{}
		if err = json.Unmarshal(out, &byNumber); err == nil {
			for _, m := range byNumber {
				all = append(all, m)
			}
		}
	}
	if err != nil {
		return nil, fault.New(fault.BlockDevice, "Error while parsing json output of 'rbd showmapped': %w", err)
	}
	return all, nil
}
