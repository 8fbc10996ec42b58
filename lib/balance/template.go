package balance

import (
	"fmt"

	"gantry/lib/balance/number"
)

// Template is a disk template: how the disks of an instance are stored.
type Template int

// The disk templates, in the order in which a policy that names none allows them.
const (
	Diskless Template = iota
	File
	SharedFile
	Plain
	Block
	DRBD
	RBD
	Ext
	Gluster
)

var templateNames = []string{"diskless", "file", "sharedfile", "plain", "blockdev", "drbd", "rbd", "ext", "gluster"}

// templateShown are the constructor names the reference prints for templates inside a policy.
var templateShown = []string{
	"DTDiskless", "DTFile", "DTSharedFile", "DTPlain", "DTBlock", "DTDrbd8", "DTRbd", "DTExt", "DTGluster",
}

func (t Template) String() string { return templateNames[t] }

// AllTemplates lists every template in the default order.
func AllTemplates() []Template {
	return []Template{Diskless, File, SharedFile, Plain, Block, DRBD, RBD, Ext, Gluster}
}

// ParseTemplate reads the name of a template.
func ParseTemplate(s string) (Template, error) {
	i, err := parseName("DiskTemplate", templateNames, s)
	return Template(i), err
}

// parseName finds s among names; kind is what the reference calls the type.
func parseName(kind string, names []string, s string) (int, error) {
	for i, name := range names {
		if name == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("Invalid string value for type %s: %s", kind, number.Quote(s))
}

// Mirror tells how an instance can move: between its two nodes, to any node that sees its storage, or not at all.
type Mirror int

// The kinds of mirroring.
const (
	MirrorNone Mirror = iota
	MirrorInternal
	MirrorExternal
)

// Mirror returns how instances of the template are mirrored. Diskless counts as external, as in the reference.
func (t Template) Mirror() Mirror {
	switch t {
	case DRBD:
		return MirrorInternal
	case Plain, File:
		return MirrorNone
	}
	return MirrorExternal
}

// Local tells whether the disks lie on the volume group or disk of the node itself.
func (t Template) Local() bool { return t == DRBD || t == Plain }

// movable tells whether balancing may move instances of the template.
func (t Template) movable() bool {
	switch t {
	case DRBD, Block, SharedFile, Gluster, RBD, Ext:
		return true
	}
	return false
}

// NodeCount is how many nodes an instance of the template is on.
func (t Template) NodeCount() int {
	if t == DRBD {
		return 2
	}
	return 1
}
