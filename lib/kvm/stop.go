package kvm

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"gantry/lib/remote"
)

//go:embed stop.sh
var stopScript string

//go:embed cleanup.sh
var cleanupScript string

// Stop asks a guest to power off and ends it when it has not done so after timeout, then removes its files. Without acpi
// it is ended at once. A guest that does not run is only cleaned up. Its tap devices and disk links are the caller's.
func Stop(ctx context.Context, r remote.Runner, node, name string, timeout time.Duration, acpi bool) error {
	return runStop(ctx, r, node, name, stop(name, timeout, acpi, false))
}

// StopKeeping is Stop without removing the files, for the start that follows in a soft reboot.
func StopKeeping(ctx context.Context, r remote.Runner, node, name string, acpi bool) error {
	return runStop(ctx, r, node, name, stop(name, 0, acpi, true))
}

// Kill ends a guest without asking it, and removes its files: what is left of a failed start, of the source of a finished
// migration or of the target of one that was given up.
func Kill(ctx context.Context, r remote.Runner, node, name string) error {
	return runStop(ctx, r, node, name, stop(name, 0, false, false))
}

func stop(name string, timeout time.Duration, acpi, keep bool) remote.Cmd {
	c := remote.Script(guestScript+stopScript, name, strconv.Itoa(int(timeout.Seconds())), onOff(acpi, "yes", "no"), onOff(keep, "keep", ""))
	c.Limit = timeout + time.Minute
	c.OK = []int{20}
	c.Changes = "stops instance " + name
	return c
}

func runStop(ctx context.Context, r remote.Runner, node, name string, c remote.Cmd) error {
	out, err := r.Run(ctx, node, c)
	switch {
	case err != nil:
		return fmt.Errorf("stopping %s: %w", name, err)
	case out.Status == 20:
		return fail("Could not shutdown instance '%s' even by destroy", name)
	}
	return nil
}

// CleanUp removes the files of a guest that does not run.
func CleanUp(ctx context.Context, r remote.Runner, node, name string) error {
	out, err := r.Run(ctx, node, cleanUp(name))
	switch {
	case err != nil:
		return fmt.Errorf("cleaning up after %s: %w", name, err)
	case out.Status == 10:
		return fail("Cannot cleanup a live instance")
	}
	return nil
}

func cleanUp(name string) remote.Cmd {
	c := remote.Script(guestScript+cleanupScript, name)
	c.OK = []int{10}
	c.Changes = "cleans up after instance " + name
	return c
}

// ReadRuntime reads a guest's runtime file. The bytes are what the target of a migration gets, unchanged.
func ReadRuntime(ctx context.Context, r remote.Runner, node, name string) (Runtime, []byte, error) {
	out, err := r.Run(ctx, node, remote.Command("cat", "--", runtimeFile(name)))
	if err != nil {
		return Runtime{}, nil, fail("Failed to load KVM runtime file: %v", err)
	}
	rt, err := ParseRuntime(out.Stdout)
	return rt, out.Stdout, err
}

// WriteRuntime replaces a guest's runtime file.
func WriteRuntime(ctx context.Context, r remote.Runner, node, name string, data []byte) error {
	if _, err := r.Run(ctx, node, writeRuntime(name, data)); err != nil {
		return fmt.Errorf("writing the runtime file of %s: %w", name, err)
	}
	return nil
}

func writeRuntime(name string, data []byte) remote.Cmd {
	c := remote.Script(`umask 077 && cat >"$1.new" && mv "$1.new" "$1"`, runtimeFile(name))
	c.Stdin = data
	c.Changes = "writes the runtime file of instance " + name
	return c
}
