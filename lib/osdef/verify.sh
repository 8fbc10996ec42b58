# verify.sh DIR: lets an OS definition check the parameters that the commands on stdin set.
# Says on exit: 10 they are not good (status and output on stdout).
cd "$1" || exit
# shellcheck disable=SC2016 # expanded by that shell
output=$(env -i PATH="$PATH" sh -c 'eval "$(cat)"; unset PWD OLDPWD SHLVL; exec "$1" parameters </dev/null' sh "$1/verify" 2>&1)
status=$?
[ $status -ne 0 ] || exit 0
printf '%s\n%s\n' $status "$output"
exit 10
