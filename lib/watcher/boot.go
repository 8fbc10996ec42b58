package watcher

import (
	"context"
	"errors"
	"os"
	"time"

	"gantry/lib/config/store"
	"gantry/lib/remote"
)

// directories are those of a node below its run directory, which is empty after a start.
var directories = []struct {
	name string
	mode os.FileMode
}{
	{"", 0o755}, {"gantry", 0o700}, {"bdev-cache", 0o755}, {"instance-disks", 0o755}, {"instance-reason", 0o755},
	{"kvm-hypervisor", 0o775}, {"fake-hypervisor", 0o755}, {"uid-pool", 0o750},
}

// Directories makes the run directories of a node that was started.
func Directories(run string) error {
	var errs []error
	for _, d := range directories {
		path := run + "/" + d.name
		errs = append(errs, os.MkdirAll(path, d.mode), os.Chmod(path, d.mode))
	}
	return errors.Join(errs...)
}

// bootPatience is how long a starting master waits for the other candidates, which may be starting too.
const bootPatience = time.Minute

// Boot brings up the cluster's address on a node that takes itself for the master, once the fence agrees. Until then this may be
// the copy of a reign that has ended. A watcher that runs later brings it up as well.
func Boot(ctx context.Context, s *store.Store, nodes remote.Runner, self string, log *Log) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	for {
		err := s.Fence(ctx, nodes, store.Decide)
		if err == nil {
			break
		}
		var few *store.NoMajority
		if !errors.As(err, &few) {
			return err
		}
		log.Info("Waiting for the other master candidates: %v", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(2 * time.Second):
		}
	}
	cfg, err := s.Load()
	if err != nil {
		return err
	}
	return Address(ctx, nodes, self, &cfg.Cluster)
}
