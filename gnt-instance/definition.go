package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// attribute is one of the operation, with what it may be. A value is what JSON says, numbers as json.Number.
type attribute struct {
	name string
	fits func(value any) bool
	free bool // it may be left out: the operation has a default
}

// attributes are looked at in Ganeti's order: the first that does not fit is named.
var attributes = []attribute{
	{"instance_name", is[string], false}, {"force_variant", is[bool], true}, {"wait_for_sync", is[bool], true}, {"name_check", is[bool], true},
	{"ignore_ipolicy", is[bool], true}, {"opportunistic_locking", is[bool], true}, {"beparams", is[map[string]any], true},
	{"disks", listOf(isDisk), false}, {"disk_template", orNothing(oneOf(config.DiskTemplates...)), true}, {"group_name", orNothing(isName), true},
	{"file_driver", orNothing(oneOf("loop", "blktap", "blktap2")), true}, {"file_storage_dir", orNothing(isName), true},
	{"hvparams", is[map[string]any], true}, {"hypervisor", orNothing(oneOf(config.Hypervisors()...)), true}, {"iallocator", orNothing(isName), true},
	{"identify_defaults", is[bool], true}, {"ip_check", is[bool], true}, {"conflicts_check", is[bool], true},
	{"mode", oneOf("create", "import", "remote-import"), false}, {"nics", listOf(isNIC), false}, {"no_install", orNothing(is[bool]), true},
	{"osparams", is[map[string]any], true}, {"osparams_private", orNothing(is[map[string]any]), true},
	{"osparams_secret", orNothing(is[map[string]any]), true}, {"os_type", orNothing(isName), true}, {"pnode", orNothing(isName), true},
	{"snode", orNothing(isName), true}, {"source_shutdown_timeout", isCount, true}, {"src_node", orNothing(isName), true},
	{"src_path", orNothing(isName), true}, {"compress", is[string], true}, {"start", is[bool], true}, {"forthcoming", is[bool], true},
	{"commit", is[bool], true}, {"tags", listOf(isName), true}, {"instance_communication", is[bool], true},
	{"helper_startup_timeout", orNothing(isNumber), true}, {"helper_shutdown_timeout", orNothing(isNumber), true},
}

// checkAttributes refuses a definition with an attribute that is missing or of the wrong kind.
func checkAttributes(d map[string]json.RawMessage) error {
	for _, a := range attributes {
		text, given := d[a.name]
		if !given && a.free {
			continue
		}
		var value any
		if given {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.UseNumber()
			if err := decoder.Decode(&value); err != nil {
				return err
			}
		}
		if !a.fits(value) {
			return fault.Refuse(fault.WrongInput, "Parameter 'OP_INSTANCE_CREATE.%s' fails validation", a.name)
		}
	}
	return nil
}

func is[T any](value any) bool {
	_, ok := value.(T)
	return ok
}

func orNothing(fits func(any) bool) func(any) bool {
	return func(value any) bool { return value == nil || fits(value) }
}

func oneOf(words ...string) func(any) bool {
	return func(value any) bool {
		word, ok := value.(string)
		return ok && slices.Contains(words, word)
	}
}

func listOf(fits func(any) bool) func(any) bool {
	return func(value any) bool {
		list, ok := value.([]any)
		return ok && !slices.ContainsFunc(list, func(one any) bool { return !fits(one) })
	}
}

func isName(value any) bool { return is[string](value) && value != "" }

func isNumber(value any) bool {
	n, ok := value.(json.Number)
	return ok && !strings.ContainsAny(n.String(), ".eE")
}

func isCount(value any) bool { return isNumber(value) && value.(json.Number)[0] != '-' }

func isDisk(value any) bool {
	disk, ok := value.(map[string]any)
	for name, v := range disk {
		ok = ok && name != "" && (isName(v) || isNumber(v))
	}
	return ok
}

func isNIC(value any) bool {
	nic, ok := value.(map[string]any)
	for name, v := range nic {
		ok = ok && slices.Contains([]string{"bridge", "ip", "link", "mac", "mode", "name", "network", "vlan"}, name) && (v == nil || is[string](v))
	}
	return ok
}
