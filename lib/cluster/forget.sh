# Takes away the files of a cluster that was destroyed. Disks, logs and SSH keys are not touched. Argument: data directory.
set -eu
cd "$1"
mv config.toml config.toml.destroyed
rm -rf .ssconf.*
rm -f config.toml.[0-9]* .config.toml.* ssconf_* known_hosts spice.pem spice-ca.pem watcher.pause
mv queue queue.destroyed
rm -rf queue.destroyed config.toml.destroyed
