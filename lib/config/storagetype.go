package config

import (
	"slices"
	"strings"

	"gantry/lib/fault"
)

// Types of storage: what the disks of templates lie in.
const (
	StorageGluster    = "gluster"
	StorageLVMPV      = "lvm-pv"
	StorageLVMVG      = "lvm-vg"
	StorageSharedFile = "sharedfile"
)

// ReportedStorage are the types of storage that can be listed, in the order in which options offer them.
var ReportedStorage = []string{StorageFile, StorageLVMPV, StorageLVMVG, StorageSharedFile, StorageGluster}

// StorageType is what the disks of a template lie in.
func StorageType(template string) string {
	switch template {
	case DTPlain, DTDRBD:
		return StorageLVMVG
	case DTRBD:
		return "rados"
	}
	return template
}

// CheckStorageType refuses a type of storage that no enabled template uses.
func (c *Cluster) CheckStorageType(storage string) error {
	if storage == StorageLVMPV {
		storage = StorageLVMVG
	}
	if slices.ContainsFunc(c.EnabledDiskTemplates, func(t string) bool { return StorageType(t) == storage }) {
		return nil
	}
	return fault.RefuseBare("No disk template of storage type '%s' is enabled in this cluster. Enabled disk templates are: %s", storage,
		strings.Join(c.EnabledDiskTemplates, ","))
}

// UsualStorage is the type of storage that is meant when nobody names one: that of the first enabled template.
func (c *Cluster) UsualStorage() (string, error) {
	storage := DTDiskless
	if len(c.EnabledDiskTemplates) > 0 {
		storage = StorageType(c.EnabledDiskTemplates[0])
	}
	if slices.Contains(ReportedStorage, storage) {
		return storage, nil
	}
	return "", fault.RefuseBare("Storage reporting for storage type '%s' is not supported. Please use the --storage-type option to specify one of the supported "+
		"storage types (%s) or set the default disk template to one that supports storage reporting.", storage, strings.Join(ReportedStorage, ", "))
}
