# restricted.sh DIR NAME: runs the program NAME of DIR if both belong to root and nobody else may change them; status 125 if not.
umask 022
safe() { [ "$(stat -Lc %u -- "$1" 2>/dev/null)" = 0 ] && case $(stat -Lc %A -- "$1") in ?????w*|????????w?) false ;; esac; }
refuse() { echo "$1" >&2; exit 125; }
if [ ! -d "$1" ] || ! safe "$1"; then refuse "$1 is no directory that only root may change"; fi
if [ ! -f "$1/$2" ] || [ ! -x "$1/$2" ] || ! safe "$1/$2"; then refuse "$1/$2 is no program that only root may change"; fi
exec flock -w 10 -o /var/lock/ganeti-restricted-commands.lock env -i PATH="$PATH" LC_ALL=C "$1/$2" </dev/null
