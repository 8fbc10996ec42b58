package instance

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
)

// importMode is the Mode of a creation out of an export.
const importMode = "import"

// FromExport says where an export is.
type FromExport struct {
	SrcNode string `json:"src_node,omitempty"`
	SrcPath string `json:"src_path,omitempty"` // below the directory of exports; the instance's name if empty
}

// importing is what a creation knows of the export that it comes from.
type importing struct {
	text backup.Description
	node *config.Node
	copy diskCopy
}

// importArguments: what was installed once is not looked at anew.
func (w *create) importArguments() {
	w.ForceVariant = true
	if w.NoInstall {
		w.env.Info("No-installation mode has no effect during import")
	}
	if imageOf(w.OSParams) != "" {
		w.env.Info("OS image has no effect during import")
	}
}

// readExport finds the export, and takes from it what was not asked for.
func (w *create) readExport(ctx context.Context) error {
	if w.Mode != importMode {
		return nil
	}
	cfg := w.env.Config
	if w.SrcPath == "" {
		w.SrcPath = w.Name
	}
	if err := backup.CheckCompression(w.Compress, cfg.Cluster.CompressionTools); err != nil {
		return err
	}
	if err := w.findExport(ctx, cfg); err != nil {
		return err
	}
	if err := checkOnline(w.from.node); err != nil {
		return err
	}
	text, err := backup.Read(ctx, w.env.Nodes, w.from.node.Name, w.SrcPath)
	if err != nil {
		return fault.Exec("No export or invalid export found in dir %s: %w", w.SrcPath, err)
	}
	if err := text.CheckVersion(); err != nil {
		return err
	}
	w.from.text = text
	return w.takeOver(cfg)
}

func (w *create) findExport(ctx context.Context, cfg *config.Config) (err error) {
	if w.SrcNode != "" {
		if w.from.node, err = findNode(cfg, w.SrcNode); err == nil && !path.IsAbs(w.SrcPath) {
			w.SrcPath = path.Join(backup.Dir, w.SrcPath)
		}
		return err
	}
	if path.IsAbs(w.SrcPath) {
		return fault.Refuse(fault.WrongInput, "Importing an instance from a path requires a source node option")
	}
	var nodes []string
	for _, n := range cfg.Nodes {
		if !n.Offline {
			nodes = append(nodes, n.Name)
		}
	}
	for _, reply := range listExports(ctx, w.env.Nodes, nodes) {
		if reply.Err == nil && slices.Contains(reply.Value, w.SrcPath) {
			w.from.node, w.SrcPath = cfg.NodeByName(reply.Node), path.Join(backup.Dir, w.SrcPath)
			return nil
		}
	}
	return fault.Refuse(fault.WrongInput, "No export found for relative path %s", w.SrcPath)
}

// takeOver fills in what the command did not say.
func (w *create) takeOver(cfg *config.Config) error {
	in := w.from.text["instance"]
	if w.OSType = w.from.text["export"]["os"]; isNone(w.OSType) {
		w.OSType = ""
	}
	if w.Hypervisor == "" {
		w.Hypervisor = in["hypervisor"]
	}
	if err := w.takeDisks(in); err != nil {
		return err
	}
	w.takeNICs(in)
	if len(w.Tags) == 0 {
		w.Tags = strings.Fields(in["tags"])
	}
	for section, into := range map[string]*map[string]any{"hypervisor": &w.HVParams, "backend": &w.BEParams, "os": &w.OSParams} {
		take(into, w.from.text[section])
	}
	private := map[string]any(w.OSParamsPrivate)
	take(&private, w.from.text["os_private"])
	w.OSParamsPrivate = private
	if err := w.diskArguments(cfg); err != nil {
		return err
	}
	return w.nodeArguments(cfg)
}

func take(into *map[string]any, values map[string]string) {
	for name, value := range values {
		if _, asked := (*into)[name]; asked {
			continue
		}
		if *into == nil {
			*into = map[string]any{}
		}
		(*into)[name] = value
	}
}

func (w *create) takeDisks(in map[string]string) error {
	if len(w.Disks) > 0 || w.DiskTemplate == config.DTDiskless {
		return nil
	}
	for i := 0; in[fmt.Sprintf("disk%d_size", i)] != ""; i++ {
		w.Disks = append(w.Disks, map[string]any{"size": in[fmt.Sprintf("disk%d_size", i)], "name": in[fmt.Sprintf("disk%d_name", i)]})
	}
	if len(w.Disks) == 0 {
		return fault.Refuse(fault.WrongInput, "No disk info specified and the export is missing the disk information")
	}
	return nil
}

// takeNICs: where there is a network, it gives mode and link. An instance that keeps its name keeps its MAC addresses.
func (w *create) takeNICs(in map[string]string) {
	fresh := len(w.NICs) == 0
	for i := 0; in[fmt.Sprintf("nic%d_mac", i)] != ""; i++ {
		of := func(name string) string { return in[fmt.Sprintf("nic%d_%s", i, name)] }
		switch {
		case fresh:
			names := []string{"mac", "ip", "name", "mode", "link", "vlan"}
			if !isNone(of("network")) {
				names = []string{"mac", "ip", "name", "network"}
			}
			nic := map[string]any{}
			for _, name := range names {
				if value := of(name); !isNone(value) {
					nic[name] = value
				}
			}
			w.NICs = append(w.NICs, w.byNetworkName(nic))
		case i < len(w.NICs) && in["name"] == w.Name && (text(w.NICs[i], "mac") == "" || text(w.NICs[i], "mac") == auto):
			w.NICs[i]["mac"] = of("mac")
		}
	}
}

// byNetworkName: exports name networks by UUID.
func (w *create) byNetworkName(nic map[string]any) map[string]any {
	if net := w.env.Config.Network(text(nic, "network")); net != nil {
		nic["network"] = net.Name
	}
	return nic
}

// reachExport looks for a way from the instance's node to the export.
func (w *create) reachExport(ctx context.Context) error {
	if w.Mode != importMode {
		return nil
	}
	w.from.copy = restoring(w.env, w.os, w.inst, w.from.node, w.Compress)
	return w.from.copy.prepare(ctx)
}

// importDisks lets the OS's import script read the dumps, and tells it of a new name. What fails is only warned of, as in Ganeti.
func (w *create) importDisks(ctx context.Context) error {
	w.env.Say("* running the instance OS import scripts...")
	inst := w.env.Config.Instance(w.inst.UUID)
	w.from.copy.inst = inst
	sizes, _ := backup.Sizes(ctx, w.env.Nodes, w.from.node.Name, w.SrcPath) // without them there is less to tell
	var pieces []piece
	for i, d := range w.disks {
		if dump := w.from.text["instance"][fmt.Sprintf("disk%d_dump", i)]; dump != "" {
			pieces = append(pieces, piece{index: i, device: disk.Device(d, w.pnode.UUID), file: path.Join(w.SrcPath, path.Base(dump)), mib: sizes[path.Base(dump)]})
		}
	}
	failed, err := w.from.copy.run(ctx, pieces)
	if err != nil {
		return err
	}
	if failed != nil {
		w.env.Warn("Some disks for instance %s on node %s were not imported successfully", w.Name, w.pnode.Name)
	}
	if w.OSType == "" {
		return nil
	}
	w.env.Say("Running rename script for %s", w.Name)
	err = w.os.rename(ctx, w.env, inst, w.pnode.Name, w.from.text["instance"]["name"])
	if err == nil || isUnknown(err) {
		return err
	}
	w.env.Warn("Failed to run rename script for %s on node %s: %s", w.Name, w.pnode.Name, err)
	return nil
}
