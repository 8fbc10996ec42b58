# What every command on a node begins with. It reads a header from stdin, which says what to run, and leaves the rest of
# stdin to the command. The marks tell our output from whatever root's shell printed before.
printf '\001gantry\001'
printf '\001gantry\001' >&2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset LANG LANGUAGE SSH_CLIENT SSH_CONNECTION SSH_TTY MAIL XDG_SESSION_ID XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS SHLVL OLDPWD ENV BASH_ENV PERL5LIB PERL5OPT PERL_UNICODE PERLIO
umask 077
cd / || exit 125
read -r mark form size
case $form in
line) # a short one: without another process
	IFS= read -r header
	while [ "${#header}" -lt "$size" ] && IFS= read -r line; do
		header="$header
$line"
	done
	;;
*) header=$(head -c "$size") ;;
esac
# A header that was cut on its way could name another object than it meant.
if [ "$mark" != gantry1 ] || [ "${#header}" != "$size" ]; then
	echo "the header of the command did not arrive whole" >&2
	exit 125
fi
eval "$header"
