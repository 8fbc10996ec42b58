package cluster

import (
	_ "embed"
	"strconv"

	"gantry/lib/config"
	"gantry/lib/remote"
)

//go:embed masterip.sh
var masterIPScript string

// externalIPScript replaces ours where the cluster says so (use_external_mip_script).
const externalIPScript = "/etc/ganeti/scripts/master-ip-setup"

// MasterIP is the command that gives the cluster's address to a node ("start") or takes it from one ("stop").
func MasterIP(c *config.Cluster, action string) remote.Cmd {
	mask := strconv.Itoa(c.MasterNetmask)
	cmd := remote.Script(masterIPScript, action, c.MasterIP, mask, c.MasterNetdev)
	if c.UseExternalMIPScript {
		cmd = remote.Command(externalIPScript, action)
		cmd.Env = map[string]string{"MASTER_NETDEV": c.MasterNetdev, "MASTER_IP": c.MasterIP, "MASTER_NETMASK": mask,
			"CLUSTER_IP_VERSION": map[int]string{2: "4", 10: "6"}[c.PrimaryIPFamily]}
	}
	cmd.Changes = action + " master IP " + c.MasterIP
	return cmd
}
