package disk

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

//go:embed osimage.sh
var osImageScript string

// CheckImage refuses an OS image that cannot be written on a disk of that size. What is at a URL is only looked at when it is fetched.
func CheckImage(ctx context.Context, r remote.Runner, node, image string, mib int64) error {
	if !strings.HasPrefix(image, "/") {
		return nil
	}
	out, err := r.Run(ctx, node, imageSize(image))
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
	switch {
	case out.Status == 10:
		return fault.Refuse(fault.Environment, "Image '%s' not found on node %s", image, node)
	case err != nil:
		return fmt.Errorf("size of image '%s': %w", image, err)
	case size > mib<<20:
		return fault.Refuse(fault.WrongInput, "Disk image larger than the disk")
	}
	return nil
}

// ImageMiB is how large a disk for an image must be, a file of the node or what is at a URL.
func ImageMiB(ctx context.Context, r remote.Runner, node, image string) (int64, error) {
	out, err := r.Run(ctx, node, imageSize(image))
	if err != nil {
		return 0, fmt.Errorf("Could not determine size of file '%s': %w", image, err) //nolint:staticcheck // Ganeti's words
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
	switch {
	case out.Status == 10:
		return 0, fault.Exec("Could not open file '%s'", image)
	case out.Status == 11:
		return 0, fault.Exec("Could not retrieve image from given url '%s'", image)
	case err != nil:
		return 0, fault.Exec("Could not determine image size from given url '%s'", image)
	}
	return (size + 1<<20 - 1) >> 20, nil
}

//go:embed imagesize.sh
var imageSizeScript string

func imageSize(image string) remote.Cmd {
	c := remote.Script(imageSizeScript, image)
	c.OK = []int{10, 11}
	return c
}

// Image writes an OS image, a file of the node or what is at a URL, over the beginning of a disk. It may take longer than a connection
// lasts; give its result to JudgeImage.
func (on On) Image(d *config.Disk, image string) remote.Cmd {
	device := on.Device(d)
	c := remote.Script(osImageScript, device, strconv.FormatInt(d.Size, 10), image)
	c.Limit = 24 * time.Hour
	c.OK = []int{10}
	c.Changes = "writes an image to " + device
	return c
}

// JudgeImage says what came of Image.
func JudgeImage(out remote.Result) error {
	if out.Status != 10 {
		return nil
	}
	return fault.Exec("%s", strings.TrimSpace(string(out.Stdout)))
}
