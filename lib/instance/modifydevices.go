package instance

import (
	"encoding/json"
	"fmt"
	"strings"

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
	if n, err := unit.ParseInt(c.Which); err == nil {
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

var errNegative = fault.Exec("Not accepting negative indices other than -1")

// isNumber says whether a word is the number of a device, of whatever size.
func isNumber(word string) bool {
	_, err := unit.ParseInt(word)
	_, long := unit.LongInt(word)
	return err == nil || long
}

// position finds a device in a list of so many; named says what number a name has.
func (c DeviceChange) position(kind string, count int, named func(name string) int) (int, error) {
	n, err := unit.ParseInt(c.Which)
	long, beyond := unit.LongInt(c.Which)
	adding := c.Action == addDevice || c.Action == attachDevice
	switch {
	case beyond && long[0] == '-':
		return 0, errNegative
	case beyond:
		return 0, fault.Exec("Got %s index %s, but there are only %d", kind, long, count)
	case err != nil && adding:
		return 0, fault.Refuse(fault.WrongInput, "Only positive integer or -1 is accepted")
	case err != nil:
		if i := named(c.Which); i >= 0 && c.Which != "" { // which would be any that has no name
			return i, nil
		}
		return 0, fault.Refuse(fault.NotFound, "Cannot find %s with identifier %s", kind, c.Which)
	case n < -1:
		return 0, errNegative
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
