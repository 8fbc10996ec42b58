package network

import (
	"context"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Add makes a network. ConflictsCheck also sets aside the addresses of the nodes and of the cluster that lie in it.
type Add struct {
	Name           string   `json:"network_name"`
	Network        string   `json:"network"`
	Gateway        string   `json:"gateway,omitempty"`
	Network6       string   `json:"network6,omitempty"`
	Gateway6       string   `json:"gateway6,omitempty"`
	MACPrefix      string   `json:"mac_prefix,omitempty"`
	AddReservedIPs []string `json:"add_reserved_ips,omitempty"`
	ConflictsCheck bool     `json:"conflicts_check"`
	Tags           []string `json:"tags"`
}

// OpID is the operation's name in job files.
func (Add) OpID() string { return "OP_NETWORK_ADD" }

// Work starts it.
func (op Add) Work(env *job.Env) job.Work { return &add{Add: op, env: env} }

type add struct {
	Add
	env *job.Env
	net config.Network
}

func (w *add) Locks(*config.Config) ([]job.Lock, error) {
	if w.Name == "" {
		return nil, fault.EmptyValue("network_name")
	}
	if slices.Contains(w.Tags, "") {
		return nil, fault.EmptyValue("tags")
	}
	if err := checkForms(w.OpID(), w.Network, w.Gateway, w.Network6, w.Gateway6, w.AddReservedIPs); err != nil {
		return nil, err
	}
	if !w.ConflictsCheck {
		return nil, nil
	}
	return []job.Lock{{Level: job.LevelNode, Name: job.All, Shared: true}}, nil // their addresses are looked at
}

func (w *add) Check(context.Context) error {
	w.net = config.Network{UUID: config.NewUUID(), Name: w.Name, Network: w.Network, Gateway: w.Gateway, Network6: w.Network6, Gateway6: w.Gateway6}
	if err := checkNetmask(w.Network, 32); err != nil {
		return err
	}
	if _, err := w.net.Prefix(); err != nil {
		return fault.Exec("%s", err)
	}
	if err := checkNetwork6(&w.net); err != nil {
		return err
	}
	if w.MACPrefix != "" {
		prefix, err := checkMACPrefix(w.MACPrefix)
		if err != nil {
			return err
		}
		w.net.MACPrefix = prefix
	}
	if err := w.unused(w.env.Config); err != nil {
		return err
	}
	tags, err := config.AddTags(nil, w.Tags...)
	w.net.Tags = tags
	return err
}

func (w *add) unused(cfg *config.Config) error {
	if other := cfg.NetworkByName(w.Name); other != nil {
		return fault.Refuse(fault.Exists, "Desired network name '%s' already exists as a network (UUID: %s)", w.Name, other.UUID)
	}
	return nil
}

func (w *add) Hooks() *hooks.Plan { return onMaster(w.env.Config, "network-add", hooksEnv(&w.net)) }

func (w *add) Run(ctx context.Context) (any, error) {
	if err := w.net.InitPool(); err != nil {
		return nil, fault.Exec("Cannot create IP address pool for network '%s': %s", w.Name, err)
	}
	if w.ConflictsCheck {
		w.setAsideNodes(w.env.Config)
	}
	for _, ip := range w.AddReservedIPs {
		if err := w.net.ReserveExternal(ip); err != nil {
			return nil, fault.Exec("Cannot reserve IP address '%s': %s", ip, err)
		}
	}
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		if err := w.unused(cfg); err != nil {
			return err
		}
		net := w.net
		net.Stamp = config.NewStamp(w.env.Clock())
		cfg.Networks = append(cfg.Networks, &net)
		return nil
	})
}

// setAsideNodes reserves what the nodes and the cluster itself have of the network's addresses.
func (w *add) setAsideNodes(cfg *config.Config) {
	for _, n := range cfg.Nodes {
		for _, ip := range []string{n.PrimaryIP, n.SecondaryIP} {
			if !w.net.Contains(ip) {
				continue
			}
			if err := w.net.ReserveExternal(ip); err != nil {
				w.env.Warn("Cannot reserve IP address '%s' of node '%s': %s", ip, n.Name, err)
				continue
			}
			w.env.Info("Reserved IP address of node '%s' (%s)", n.Name, ip)
		}
	}
	if ip := cfg.Cluster.MasterIP; w.net.Contains(ip) {
		if err := w.net.ReserveExternal(ip); err != nil {
			w.env.Warn("Cannot reserve cluster master IP address (%s): %s", ip, err)
			return
		}
		w.env.Info("Reserved cluster master IP address (%s)", ip)
	}
}
