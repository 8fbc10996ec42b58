# Takes away what made this machine a node of a cluster. Instances, disks and logs are not touched.
set -eu
cd /var/lib/ganeti 2>/dev/null || exit 0
rm -f config.toml config.toml.* .config.toml.* ssconf_* known_hosts spice.pem spice-ca.pem watcher.pause
rm -rf queue .ssconf.*
