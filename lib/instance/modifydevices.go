package instance

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// What can be done to a device.
const (
	addDevice    = "add"
	modifyDevice = "modify"
	removeDevice = "remove"
	attachDevice = "attach"
	detachDevice = "detach"
)

// DeviceChange is one change of a network interface or disk: what is done to which one, and how it is to be. Which is its number,
// -1 for the last, or its name or UUID.
type DeviceChange struct {
	Action string
	Which  string
	Params map[string]any
}

// MarshalJSON writes [action, which, parameters], as Ganeti's opcode has it.
func (c DeviceChange) MarshalJSON() ([]byte, error) {
	params := c.Params
	if params == nil {
		params = map[string]any{}
	}
	var which any = c.Which
	if n, err := strconv.Atoi(c.Which); err == nil {
		which = n
	}
	return json.Marshal([]any{c.Action, which, params})
}

// UnmarshalJSON reads that.
func (c *DeviceChange) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 3 {
		return fmt.Errorf("reading the change of a device: %s", data)
	}
	if err := json.Unmarshal(parts[0], &c.Action); err != nil {
		return err
	}
	c.Which = strings.Trim(string(parts[1]), `"`)
	return json.Unmarshal(parts[2], &c.Params)
}

// position finds a device in a list of so many; named says what number a name has.
func (c DeviceChange) position(kind string, count int, named func(name string) int) (int, error) {
	n, err := strconv.Atoi(c.Which)
	adding := c.Action == addDevice || c.Action == attachDevice
	switch {
	case err != nil && adding:
		return 0, fault.Refuse(fault.WrongInput, "Only positive integer or -1 is accepted")
	case err != nil:
		if i := named(c.Which); i >= 0 {
			return i, nil
		}
		return 0, fault.Refuse(fault.NotFound, "Cannot find %s with identifier %s", kind, c.Which)
	case n < -1:
		return 0, fault.Exec("Not accepting negative indices other than -1")
	case n > count:
		return 0, fault.Exec("Got %s index %d, but there are only %d", kind, n, count)
	case n == -1 && adding:
		return count, nil
	case n == -1:
		n = count - 1
	}
	if !adding && (n < 0 || n >= count) {
		return 0, fault.Exec("list index out of range")
	}
	return n, nil
}

// diskChange gives a disk another mode or name.
type diskChange struct {
	uuid string
	mode *string
	name *string
	said [][2]any
}

func (c diskChange) apply(cfg *config.Config, now time.Time) {
	d := cfg.Disk(c.uuid)
	if d == nil {
		return
	}
	if c.mode != nil {
		d.Mode = *c.mode
	}
	if c.name != nil {
		d.Name = *c.name
	}
	d.Touch(now)
}

// diskInput is what can be said of a disk that is there already.
var diskInput = config.Table{{Name: "mode", Type: config.String}, {Name: "name", Type: config.MaybeString}}

func (w *modify) checkDisks(ctx context.Context) error {
	disks := w.env.Config.InstanceDisks(w.inst)
	w.disks = nil
	for _, c := range w.Disks {
		if err := c.lookUpDisk(disks); err != nil {
			return err
		}
	}
	names := make([]map[string]any, len(disks))
	for i, d := range disks {
		names[i] = map[string]any{"name": d.Name}
	}
	for _, c := range w.Disks {
		if err := w.checkDisk(ctx, c, disks, names); err != nil {
			return err
		}
	}
	if len(w.Disks) == 0 {
		return nil
	}
	return checkDeviceNames("disk", names)
}

// lookUpDisk refuses a name that no disk has.
func (c DeviceChange) lookUpDisk(disks []*config.Disk) error {
	if _, err := strconv.Atoi(c.Which); err == nil || diskNamed(disks)(c.Which) >= 0 {
		return nil
	}
	return fault.RefuseBare("Lookup of disk %s failed", unit.Repr(c.Which))
}

func diskNamed(disks []*config.Disk) func(string) int {
	return func(name string) int {
		for i, d := range disks {
			if d.Name == name || d.UUID == name {
				return i
			}
		}
		return -1
	}
}

func (w *modify) checkDisk(ctx context.Context, c DeviceChange, disks []*config.Disk, names []map[string]any) error {
	switch c.Action {
	case removeDevice:
		if err := checkState(ctx, w.env, w.inst, notRunningStates, "can't remove volume from a running instance without using hotplug"); err != nil && !w.Hotplug {
			return err
		}
		fallthrough
	case addDevice, attachDevice, detachDevice:
		if c.Action == addDevice && len(disks) == 0 && c.Params["type"] == nil {
			return fault.Refuse(fault.WrongInput, "Must specify disk type on diskless instance")
		}
		return fault.Refuse(fault.Environment, "Disks cannot be added to or taken from an instance by this version")
	}
	if _, given := c.Params["size"]; given {
		return fault.Refuse(fault.WrongInput, "Disk size change not possible, use grow-disk")
	}
	params, err := diskInput.Force(c.Params)
	if err != nil {
		return err
	}
	i, err := c.position("disk", len(disks), diskNamed(disks))
	if err != nil {
		return err
	}
	change := diskChange{uuid: disks[i].UUID}
	if mode, given := params["mode"].(string); given {
		change.mode = &mode
		change.said = append(change.said, [2]any{fmt.Sprintf("disk.mode/%d", i), mode})
	}
	if _, given := params["name"]; given {
		name := text(params, "name")
		shown := any(name)
		if isNone(name) {
			name, shown = "", nil
		}
		change.name = &name
		names[i] = map[string]any{"name": name}
		change.said = append(change.said, [2]any{fmt.Sprintf("disk.name/%d", i), shown})
	}
	w.disks = append(w.disks, change)
	return nil
}
