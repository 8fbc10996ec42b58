package instance

import (
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// communicationName is what an instance's interface of the communication network is called. Its tap device is called after it, too.
func communicationName(instance string) string { return "ganeti:communication:" + instance }

// communicationNIC is that interface, as it is asked for.
func communicationNIC(cfg *config.Config, instance string) (map[string]any, error) {
	network := cfg.Cluster.InstanceCommunicateNet
	if network == "" {
		return nil, fault.Refuse(fault.NotFound, "Network '' not found")
	}
	return map[string]any{"name": communicationName(instance), "mac": generate, "ip": pool, "network": network}, nil
}

// communication is the change that gives or takes the interface; none where all is as it should be.
func (w *modify) communication() ([]DeviceChange, error) {
	name := communicationName(w.inst.Name)
	there := slices.ContainsFunc(w.inst.NICs, func(nic config.NIC) bool { return nic.Name == name })
	switch {
	case w.Communication == nil || *w.Communication == there:
		return nil, nil
	case there:
		return []DeviceChange{{Action: removeDevice, Which: name}}, nil
	}
	if w.env.Config.Cluster.InstanceCommunicateNet == "" {
		return nil, fault.Refuse(fault.WrongInput, "ip=pool, but no network found")
	}
	nic, err := communicationNIC(w.env.Config, w.inst.Name)
	return []DeviceChange{{Action: addDevice, Which: "-1", Params: nic}}, err
}
