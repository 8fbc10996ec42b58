package cluster

import (
	"context"
	"path"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Remarks tell of options that have no effect.
func (op Init) Remarks() (remarks []string) {
	if op.VGName != nil && *op.VGName != "" && !op.onLVM() {
		remarks = append(remarks, "You specified a volume group with --vg-name, but you did not enable any disk template that uses lvm.")
	}
	if op.DRBDHelper != nil && !op.enables(config.DTDRBD) {
		remarks = append(remarks, "Note: You specified a DRBD usermode helper, while DRBD storage is not enabled.")
	}
	return remarks
}

func (op Init) enables(template string) bool {
	if len(op.EnabledDiskTemplates) == 0 {
		return slices.Contains(defaultTemplates, template)
	}
	return slices.Contains(op.EnabledDiskTemplates, template)
}

func (op Init) onLVM() bool { return op.enables(config.DTPlain) || op.enables(config.DTDRBD) }

// programs settles the volume group and the program that DRBD calls: an empty name of what is needed is refused.
func (w *initialising) programs(context.Context) error {
	if w.onLVM() {
		w.vg = defaultVG
	}
	if w.VGName != nil {
		w.vg = *w.VGName
	}
	if w.onLVM() && w.vg == "" {
		return fault.Say("LVM disk templates are enabled, but vg name not set.")
	}
	if w.enables(config.DTDRBD) {
		w.helper = "/bin/true"
	}
	if w.DRBDHelper != nil {
		w.helper = *w.DRBDHelper
	}
	if w.enables(config.DTDRBD) && w.helper == "" {
		return fault.Say("Unsetting the drbd usermode helper while enabling DRBD is not allowed.")
	}
	if w.SSHKeyType == "" {
		w.SSHKeyType = "rsa"
	}
	bits, err := keyBits(w.SSHKeyType, w.SSHKeyBits)
	w.SSHKeyBits = bits
	return err
}

// keyBits is the size of an SSH key; 0 asks for the usual one.
func keyBits(kind string, bits int) (int, error) {
	if bits == 0 {
		bits = map[string]int{"rsa": 2048, "dsa": 1024, "ecdsa": 384}[kind]
	}
	fits := map[string]bool{"rsa": bits >= 768, "dsa": bits == 1024, "ecdsa": bits == 256 || bits == 384 || bits == 521}
	if !fits[kind] {
		return 0, fault.Refuse(fault.WrongInput, "Invalid key type and bit size combination: %s with %d bits", kind, bits)
	}
	return bits, nil
}

// helperInUse makes sure that the module calls the program that it is to call.
func (w *initialising) helperInUse(ctx context.Context) error {
	if !w.enables(config.DTDRBD) {
		return nil
	}
	current, err := drbd.Helper(ctx, w.here.Nodes, w.here.Name)
	if err != nil {
		return fault.Refuse(fault.Environment, "Error while checking drbd helper (disable drbd with --enabled-disk-templates if you are not using drbd): %v", err)
	}
	if current != w.helper {
		return fault.Refuse(fault.WrongInput, "Error: requiring %s as drbd helper but %s is the current helper", w.helper, current)
	}
	return nil
}

// dirs looks at the directories of the templates that are kept in files.
func (w *initialising) dirs(ctx context.Context) error {
	c := &w.cfg.Cluster
	for _, d := range []struct {
		template, instead string
		typed, dir        *string
	}{
		{config.DTFile, "/srv/ganeti/file-storage", w.FileStorageDir, &c.FileStorageDir},
		{config.DTSharedFile, "/srv/ganeti/shared-file-storage", w.SharedFileStorageDir, &c.SharedFileStorageDir},
		{config.DTGluster, "/var/run/ganeti/gluster", w.GlusterStorageDir, &c.GlusterStorageDir},
	} {
		if *d.dir = d.instead; d.typed != nil {
			*d.dir = *d.typed
		}
		if !w.enables(d.template) {
			continue
		}
		if *d.dir == "" {
			return fault.Refuse(fault.WrongInput, "Unsetting the '%s' storage directory while having '%s' storage enabled is not permitted.", d.template, d.template)
		}
		if err := w.checkDir(ctx, *d.dir); err != nil {
			return err
		}
		*d.dir = path.Clean(*d.dir)
	}
	return nil
}

// checkDir refuses a directory that must not hold disks here, or is none. One that is not there yet is made later.
func (w *initialising) checkDir(ctx context.Context, dir string) error {
	if err := filedisk.CheckPath(ctx, w.here.Nodes, w.here.Name, dir, true); err != nil {
		return fault.RefuseBare("%v", err)
	}
	c := remote.Script(`[ ! -e "$1" ] || [ -d "$1" ]`, dir)
	c.OK = []int{1}
	result, err := w.here.run(ctx, c)
	if err == nil && result.Status != 0 {
		return fault.Refuse(fault.Environment, "The file storage directory '%s' is not a directory.", dir)
	}
	return err
}

var prefixForm = unit.Form(`^[0-9a-z]{2}:[0-9a-z]{2}:[0-9a-z]{2}$`)

// prefix takes anything of the form, as Ganeti does here: zz:00:00, too.
func (w *initialising) prefix(context.Context) error {
	if w.MACPrefix == nil {
		w.MACPrefix = new("aa:00:00")
	}
	if !prefixForm().MatchString(*w.MACPrefix) {
		return fault.Refuse(fault.WrongInput, "Invalid mac prefix given '%s'", *w.MACPrefix)
	}
	return nil
}

// diskParams refuses parameters of other disk templates, and has metadata in the volume group that was chosen.
func (w *initialising) diskParams() error {
	all := w.cfg.Cluster.DiskParams
	for _, option := range w.DiskParams {
		var foreign []string
		for name := range all[option.Name] {
			if config.DiskTable(option.Name).Get(name) == nil {
				foreign = append(foreign, name)
			}
		}
		if foreign != nil {
			slices.Sort(foreign)
			return fault.Refuse(fault.WrongInput, "Invalid parameters for disk template %s: %s", option.Name, strings.Join(foreign, ", "))
		}
	}
	if w.vg != "" {
		all[config.DTDRBD]["metavg"] = w.vg
	}
	return nil
}

// others looks at what else is named by the options.
func (w *initialising) others(context.Context) error {
	if w.DefaultIAllocator != nil {
		if err := checkAllocator(*w.DefaultIAllocator); err != nil {
			return err
		}
	}
	return checkTools(w.CompressionTools)
}
