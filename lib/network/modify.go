package network

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// None as a MAC prefix takes the network's own away.
const None = "none"

// Modify changes a network; empty attributes stay as they are. The subnet cannot be changed.
type Modify struct {
	Name              string   `json:"network_name"`
	Gateway           string   `json:"gateway,omitempty"`
	Network6          string   `json:"network6,omitempty"`
	Gateway6          string   `json:"gateway6,omitempty"`
	MACPrefix         string   `json:"mac_prefix,omitempty"`
	AddReservedIPs    []string `json:"add_reserved_ips,omitempty"`
	RemoveReservedIPs []string `json:"remove_reserved_ips,omitempty"`
}

// OpID is the operation's name in job files.
func (Modify) OpID() string { return "OP_NETWORK_SET_PARAMS" }

// Work starts it.
func (op Modify) Work(env *job.Env) job.Work { return &modify{Modify: op, env: env} }

type modify struct {
	Modify
	env *job.Env
	net *config.Network
}

func (w *modify) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := checkForms(w.OpID(), "", w.Gateway, w.Network6, w.Gateway6, w.AddReservedIPs, w.RemoveReservedIPs); err != nil {
		return nil, err
	}
	n, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return lockNetwork(n), nil
}

func (w *modify) Check(context.Context) error {
	n, err := find(w.env.Config, w.Name)
	if err != nil {
		return err
	}
	w.net = n
	if w.Gateway != "" && (len(w.AddReservedIPs) > 0 || len(w.RemoveReservedIPs) > 0) {
		return fault.Refuse(fault.WrongInput, "Cannot modify gateway and reserved ips at once")
	}
	if w.Gateway != "" && n.IsUsed(w.Gateway) {
		return fault.Refuse(fault.WrongState, "Gateway IP address '%s' is already reserved", w.Gateway)
	}
	if w.MACPrefix != "" && w.MACPrefix != None {
		if w.MACPrefix, err = checkMACPrefix(w.MACPrefix); err != nil {
			return err
		}
	}
	changed := *n
	w.setPlain(&changed)
	return checkNetwork6(&changed)
}

func (w *modify) Hooks() *hooks.Plan {
	changed := *w.net
	w.setPlain(&changed)
	if w.Gateway != "" {
		changed.Gateway = w.Gateway
	}
	return onMaster(w.env.Config, "network-modify", hooksEnv(&changed))
}

// setPlain sets what has no other effect.
func (w *modify) setPlain(n *config.Network) {
	for _, a := range []struct {
		field *string
		value string
	}{{&n.Network6, w.Network6}, {&n.Gateway6, w.Gateway6}, {&n.MACPrefix, w.MACPrefix}} {
		if a.value != "" {
			*a.field = a.value
		}
	}
	if n.MACPrefix == None {
		n.MACPrefix = ""
	}
}

func (w *modify) Run(ctx context.Context) (any, error) {
	var warnings []string
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		n, err := find(cfg, w.Name)
		if err != nil {
			return err
		}
		warnings = nil
		if w.Gateway != "" {
			warn, err := w.moveGateway(n)
			if err != nil {
				return err
			}
			warnings = append(warnings, warn...)
		}
		warnings = append(warnings, w.setAside(n)...)
		warnings = append(warnings, w.release(n)...)
		w.setPlain(n)
		n.Stamp.Touch(w.env.Clock())
		return nil
	})
	for _, text := range warnings {
		w.env.Warn("%s", text)
	}
	return nil, err
}

// moveGateway reserves the new gateway and releases the old one.
func (w *modify) moveGateway(n *config.Network) (warnings []string, err error) {
	if n.Gateway == w.Gateway {
		return []string{"Gateway is already " + w.Gateway}, nil
	}
	if err := n.ReserveExternal(w.Gateway); err != nil {
		return nil, fault.New(fault.AddressPool, "%s", err)
	}
	if n.Gateway != "" {
		if err := n.ReleaseExternal(n.Gateway); err != nil {
			warnings = append(warnings, "Cannot release IP address "+n.Gateway+": "+err.Error())
		}
	}
	n.Gateway = w.Gateway
	return warnings, nil
}

func (w *modify) setAside(n *config.Network) (warnings []string) {
	for _, ip := range w.AddReservedIPs {
		if err := n.ReserveExternal(ip); err != nil {
			warnings = append(warnings, "Cannot reserve IP address "+ip+": "+err.Error())
		}
	}
	return warnings
}

func (w *modify) release(n *config.Network) (warnings []string) {
	for _, ip := range w.RemoveReservedIPs {
		if ip == n.Gateway {
			warnings = append(warnings, "Cannot unreserve Gateway's IP")
			continue
		}
		if err := n.ReleaseExternal(ip); err != nil {
			warnings = append(warnings, "Cannot release IP address "+ip+": "+err.Error())
		}
	}
	return warnings
}
