package instance

import (
	"context"
	"fmt"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
)

// imageOf is the OS image that parameters name: a path on the primary node, or a URL. "" is none.
func imageOf(params map[string]any) string {
	image, _ := params["os-image"].(string)
	return image
}

func checkImageName(params map[string]any) error {
	if _, given := params["os-image"]; !given {
		return nil
	}
	for _, begin := range []string{"/", "http://", "https://", "ftp://", "ftps://"} {
		if strings.HasPrefix(imageOf(params), begin) {
			return nil
		}
	}
	return fault.RefuseBare("OS image must be an absolute path or a URL")
}

// writeImage writes an OS image over the first disk of an instance. Its mirror waits meanwhile.
func writeImage(ctx context.Context, env *job.Env, inst *config.Instance, node, image string, d *config.Disk) error {
	primary := on(env, node)
	if err := primary.PauseSync(ctx, d); err != nil {
		if isUnknown(err) {
			return err
		}
		env.Warn("Pausing synchronization of disk 0 of instance '%s' failed: %v", inst.Name, err)
	}
	env.Info("Imaging disk '0' for instance '%s' on node '%s'", inst.Name, node)
	out, err := runDurably(ctx, env, node, fmt.Sprintf("image-%d-%s", env.Job, d.UUID), primary.Image(d, image))
	if isUnknown(err) {
		return err
	}
	if said := disk.JudgeImage(out); said != nil {
		err = said
	}
	if resumed := primary.ResumeSync(context.WithoutCancel(ctx), d); resumed != nil {
		if isUnknown(resumed) {
			return resumed
		}
		env.Warn("Failed to resume synchronization of disk '0' of instance '%s': %v", inst.Name, resumed)
	}
	if err != nil {
		return fault.Exec("Could not image disk '0' for instance '%s' on node '%s': %w", inst.Name, node, err)
	}
	return nil
}
