package config

// The network that instances and their nodes talk over is made and connected by jobs of their own; these are their opcodes, as Ganeti
// has them.

// AddCommunication makes the network.
func AddCommunication(network string) map[string]any {
	return map[string]any{"OP_ID": "OP_NETWORK_ADD", "network_name": network, "network": "169.254.0.0/16", "network6": "fe80::/10",
		"mac_prefix": "52:54:00", "conflicts_check": true, "tags": []string{}}
}

// ConnectCommunication connects it to a group, given by its UUID.
func ConnectCommunication(network, group string) map[string]any {
	return map[string]any{"OP_ID": "OP_NETWORK_CONNECT", "network_name": network, "group_name": group, "network_mode": "routed",
		"network_link": "communication_rt", "network_vlan": "", "conflicts_check": true}
}
