package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// What an out-of-band helper is asked to do with a node.
const (
	OOBPowerOn     = "power-on"
	OOBPowerOff    = "power-off"
	OOBPowerCycle  = "power-cycle"
	OOBPowerStatus = "power-status"
	OOBHealth      = "health"
)

// OOB has the helper program of each node (oob_program) do something with its power, or look at its hardware. It runs on the master,
// since the node itself may be off. Without names all nodes are meant, but the master when they are to be switched off.
type OOB struct {
	Names        []string `json:"node_names"`
	Command      string   `json:"command"`
	Timeout      int      `json:"timeout"` // seconds the helper has
	IgnoreStatus bool     `json:"ignore_status"`
	PowerDelay   float64  `json:"power_delay"` // seconds between two nodes that are switched on
}

// OpID is the operation's name in job files.
func (OOB) OpID() string { return "OP_OOB_COMMAND" }

// Work starts it.
func (op OOB) Work(env *job.Env) job.Work { return &oob{OOB: op, env: env} }

// OOBStatus is how the request went for one node, as Ganeti numbers it.
type OOBStatus int

const (
	OOBNormal      OOBStatus = 0
	OOBNoData      OOBStatus = 2 // the helper failed
	OOBUnavailable OOBStatus = 3 // the node has none
)

// OOBResult is what was found out of one node.
type OOBResult struct {
	Node    string
	Status  OOBStatus
	Payload json.RawMessage // what the helper said
}

// MarshalJSON writes it as Ganeti does: a pair of pairs of a status and a value.
func (r OOBResult) MarshalJSON() ([]byte, error) {
	return json.Marshal([][2]any{{OOBNormal, r.Node}, {r.Status, r.Payload}})
}

// UnmarshalJSON reads it.
func (r *OOBResult) UnmarshalJSON(data []byte) error {
	var pairs [2][2]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	r.Payload = pairs[1][1]
	if err := json.Unmarshal(pairs[0][1], &r.Node); err != nil {
		return err
	}
	return json.Unmarshal(pairs[1][0], &r.Status)
}

// Powered is the answer to power-status.
func (r OOBResult) Powered() (bool, error) {
	var answer struct {
		Powered *bool `json:"powered"`
	}
	if err := json.Unmarshal(r.Payload, &answer); err != nil || answer.Powered == nil {
		return false, fmt.Errorf("power-status of node %s is %s", r.Node, r.Payload)
	}
	return *answer.Powered, nil
}

// Health is the answer to health: pairs of an item and its status.
func (r OOBResult) Health() (items [][2]string, err error) {
	err = json.Unmarshal(r.Payload, &items)
	return items, err
}

type oob struct {
	OOB
	env   *job.Env
	nodes []*config.Node
}

func (w *oob) Locks(cfg *config.Config) ([]job.Lock, error) {
	if len(w.Names) == 0 {
		return []job.Lock{{Level: job.LevelNode, Name: job.All}}, nil
	}
	var locks []job.Lock
	for _, name := range w.Names {
		n, err := find(cfg, name)
		if err != nil {
			return nil, err
		}
		locks = append(locks, lock(n))
	}
	return locks, nil
}

// sparesMaster says that the command would take away the machine that gives it.
func (w *oob) sparesMaster() bool { return w.Command == OOBPowerOff || w.Command == OOBPowerCycle }

func (w *oob) Check(context.Context) error {
	cfg := w.env.Config
	master := cfg.MasterNode()
	for _, name := range w.Names {
		n, err := find(cfg, name)
		if err != nil {
			return err
		}
		if n.UUID == master.UUID && w.sparesMaster() {
			return fault.Refuse(fault.WrongInput, "Operating on the master node %s is not allowed for %s; %s", master.Name, w.Command, w.byHand(master))
		}
		w.nodes = append(w.nodes, n)
	}
	if len(w.Names) == 0 {
		w.nodes = slices.DeleteFunc(slices.Clone(cfg.Nodes), func(n *config.Node) bool { return n.UUID == master.UUID && w.sparesMaster() })
	}
	slices.SortFunc(w.nodes, func(a, b *config.Node) int { return unit.CompareNames(a.Name, b.Name) })
	for _, n := range w.nodes {
		if w.Command == OOBPowerOff && !w.IgnoreStatus && !n.Offline {
			return fault.Refuse(fault.WrongState, "Cannot power off node %s because it is not marked offline", n.Name)
		}
	}
	return nil
}

func (w *oob) byHand(master *config.Node) string {
	helper := w.env.Config.FilledND(master).String("oob_program")
	if helper == "" {
		return "it does not support out-of-band operations"
	}
	return fmt.Sprintf("run '%s %s %s' if you want to operate on the master regardless", helper, w.Command, master.Name)
}

func (w *oob) Hooks() *hooks.Plan { return nil }

// Run goes on with the next node when one fails.
func (w *oob) Run(ctx context.Context) (any, error) {
	results := []OOBResult{}
	for i, n := range w.nodes {
		r, err := w.one(ctx, n)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		if w.Command == OOBPowerOn && r.Status == OOBNormal && i < len(w.nodes)-1 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(w.PowerDelay * float64(time.Second))):
			}
		}
	}
	return results, nil
}

// one asks one helper, and notes what a switch has done.
func (w *oob) one(ctx context.Context, n *config.Node) (OOBResult, error) {
	r := OOBResult{Node: n.Name, Status: OOBUnavailable}
	helper := w.env.Config.FilledND(n).String("oob_program")
	if helper == "" {
		return r, nil
	}
	r.Status = OOBNoData
	out, err := w.env.Nodes.Run(ctx, w.env.Config.MasterNode().Name, oobCommand(helper, w.Command, n.Name, w.Timeout))
	if err != nil {
		w.env.Warn("Out-of-band RPC failed on node '%s': %s", n.Name, err)
		return r, nil
	}
	payload, trouble := checkOOB(w.Command, out.Stdout)
	if trouble != "" {
		w.env.Warn("Payload returned by node '%s' is not valid: Check of out-of-band payload failed due to %s", n.Name, trouble)
		return r, nil
	}
	r.Status, r.Payload = OOBNormal, payload
	switch w.Command {
	case OOBHealth:
		w.complain(r)
	case OOBPowerOn, OOBPowerOff:
		return r, w.env.Update(ctx, func(cfg *config.Config) error {
			if n := cfg.Node(n.UUID); n != nil {
				n.Powered = w.Command == OOBPowerOn
				n.Touch(w.env.Clock())
			}
			return nil
		})
	}
	return r, nil
}

func oobCommand(helper, command, node string, seconds int) remote.Cmd {
	c := remote.Command(helper, command, node)
	c.Limit = time.Duration(seconds) * time.Second
	if command != OOBPowerStatus && command != OOBHealth {
		c.Changes = command + " of node " + node
	}
	return c
}

func (w *oob) complain(r OOBResult) {
	items, _ := r.Health() // checked already
	for _, item := range items {
		if item[1] == "WARNING" || item[1] == "CRITICAL" {
			w.env.Warn("Item '%s' on node '%s' has status '%s'", item[0], r.Node, item[1])
		}
	}
}

// pythonType is how Ganeti names the kind of a value in JSON.
func pythonType(payload json.RawMessage) string {
	if !json.Valid(payload) {
		return string(payload)
	}
	kind := "int"
	switch payload[0] {
	case 'n':
		kind = "NoneType"
	case 't', 'f':
		kind = "bool"
	case '"':
		kind = "str"
	case '[':
		kind = "list"
	case '{':
		kind = "dict"
	default:
		if strings.ContainsAny(string(payload), ".eE") {
			kind = "float"
		}
	}
	return "<class '" + kind + "'>"
}

// checkOOB reads what a helper said; trouble says in Ganeti's words what is wrong with it.
func checkOOB(command string, out []byte) (payload json.RawMessage, trouble string) {
	payload = json.RawMessage("null")
	if text := strings.TrimSpace(string(out)); text != "" {
		payload = json.RawMessage(text)
	}
	r := OOBResult{Payload: payload}
	switch command {
	case OOBHealth:
		items, err := r.Health()
		if err != nil || items == nil {
			return nil, fmt.Sprintf("command 'health' is expected to return a list but got %s", pythonType(payload))
		}
		for _, item := range items {
			if !slices.Contains([]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}, item[1]) {
				return nil, fmt.Sprintf("health item '%s' has invalid status '%s'", item[0], item[1])
			}
		}
	case OOBPowerStatus:
		if _, err := r.Powered(); err != nil {
			return nil, fmt.Sprintf("%s is expected to return a dict but got %s", command, pythonType(payload))
		}
	default:
		if string(payload) != "null" {
			return nil, fmt.Sprintf("%s is expected to not return payload but got '%s'", command, payload)
		}
	}
	return payload, ""
}
