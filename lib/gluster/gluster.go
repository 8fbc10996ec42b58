// Package gluster mounts a volume of Gluster on a node, for the disks that are files in it.
package gluster

import (
	"context"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// MountPoint is where the volume is on each node.
const MountPoint = "/var/run/ganeti/gluster"

// Volume is one of a cluster of Gluster, and a server that knows it.
type Volume struct {
	Host string
	Port int64
	Name string
}

// Of is the volume that the parameters of the template say.
func Of(p config.Params) Volume {
	return Volume{Host: p.String("host"), Port: p.Int("port"), Name: p.String("volume")}
}

// host is written as an address before a colon.
func (v Volume) host() string {
	if ip := net.ParseIP(v.Host); ip != nil && ip.To4() == nil {
		return "[" + v.Host + "]"
	}
	return v.Host
}

// Prefix begins the names of the files of an instance's disks in the volume; a number follows.
func Prefix(instance string) string { return "ganeti/" + instance }

// File is where a file of the volume is on a node.
func File(name string) string { return path.Join(MountPoint, name) }

// URI is how qemu opens a file of the volume by itself.
func (v Volume) URI(name string) string {
	return fmt.Sprintf("gluster://%s:%d/%s/%s", v.host(), v.Port, v.Name, name)
}

// Mount mounts the volume, unless it is mounted. What mount says of it is not worth much: it is looked for afterwards.
func (v Volume) Mount(ctx context.Context, r remote.Runner, node string) error {
	there, err := v.mounted(ctx, r, node)
	if err != nil || there {
		return err
	}
	if _, err := r.Run(ctx, node, v.mount()); err != nil {
		return err
	}
	if there, err = v.mounted(ctx, r, node); err == nil && !there {
		err = fault.New(fault.BlockDevice, "Gluster volume %s of %s could not be mounted on %s", v.Name, v.Host, MountPoint)
	}
	return err
}

func (v Volume) mount() remote.Cmd {
	c := remote.Script(`mkdir -p -- "$1" && mount -t glusterfs -o "server-port=$2" "$3" "$1"`, MountPoint, strconv.FormatInt(v.Port, 10), v.host()+":/"+v.Name)
	c.Changes = "attaches gluster volume " + v.Name
	return c
}

// mounted fails when something else is mounted there.
func (v Volume) mounted(ctx context.Context, r remote.Runner, node string) (bool, error) {
	out, err := r.Run(ctx, node, source())
	if err != nil || out.Status == 1 {
		return false, err
	}
	found := strings.TrimSpace(string(out.Stdout))
	if strings.HasSuffix(found, ":/"+v.Name) || strings.HasSuffix(found, ":"+v.Name) {
		return true, nil
	}
	return false, fault.New(fault.BlockDevice, "%s is mounted on %s, which should be Gluster volume %s", found, MountPoint, v.Name)
}

// source asks what is mounted there; with status 1 nothing is.
func source() remote.Cmd {
	c := remote.Command("findmnt", "-n", "-r", "-o", "SOURCE", "-t", "fuse.glusterfs", "-M", MountPoint)
	c.OK = []int{1}
	return c
}
