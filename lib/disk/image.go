package disk

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/rbd"
	"gantry/lib/remote"
)

// image is the image of an RBD disk, in the pool that is in force on this node.
func (on On) image(d *config.Disk) rbd.Image {
	name, _ := d.Image()
	return rbd.Image{Pool: on.params(d).String("pool"), Name: name}
}

// attachImage maps an image and makes the link by which it is known: the number of its device is another one each time.
func (on On) attachImage(ctx context.Context, d *config.Disk) error {
	i := on.image(d)
	device, err := i.Attach(ctx, on, on.Node)
	if err != nil {
		return err
	}
	c := remote.Script(linkScript, i.Link(), device)
	c.Changes = "links image " + i.String()
	if _, err := on.Run(ctx, on.Node, c); err != nil {
		return fmt.Errorf("linking %s: %w", i, err)
	}
	return nil
}

// createImage makes an image and attaches it.
func (on On) createImage(ctx context.Context, d *config.Disk) error {
	if err := on.image(d).Create(ctx, on, on.Node, d.Size); err != nil {
		return err
	}
	err := on.attachImage(ctx, d)
	if err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, on.image(d).Remove(context.WithoutCancel(ctx), on, on.Node))
}
