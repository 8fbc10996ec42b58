# run.sh LOG DIR SCRIPT SECONDS: runs a script of an OS definition in its directory, for so long at most, with nothing but the
# variables that the commands on stdin set. Its output goes to a log named LOG and the time.
# Says on exit: 10 it failed (on stdout its status, or "limit", and then the end of the log).
logs=/var/log/ganeti/os
[ -d $logs ] || (umask 022 && mkdir -p /var/log/ganeti && mkdir -m 0750 $logs) || exit
log=$logs/$1-$(date +%Y-%m-%d_%H_%M_%S).log
cd "$2" || exit
(umask 077 && : >>"$log") || exit
before=$(stat -c %s "$log") # of a run in the same second
began=$(date +%s)
# The variables get to the script through the memory of a shell: on a command line everybody could read them.
# shellcheck disable=SC2016 # expanded by that shell
env -i PATH="$PATH" timeout -k 60 "$4" sh -c 'eval "$(cat)"; unset PWD OLDPWD SHLVL; exec "$1" </dev/null' sh "$2/$3" >>"$log" 2>&1
status=$?
[ $status -ne 0 ] || exit 0
case $status in
124 | 137) [ $(($(date +%s) - began)) -lt "$4" ] || status=limit ;;
esac
echo $status
tail -c +$((before + 1)) "$log" | tail -c 4096
exit 10
