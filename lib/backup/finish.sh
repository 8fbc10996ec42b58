# finish.sh NEW FINAL: completes an export with its description, from stdin, and gives it its name. The one that had the name
# before goes only then.
umask 077
cat >"$1/config.ini" && sync -- "$1"/* "$1" || exit
old=$2.old
rm -rf -- "$old"
[ ! -e "$2" ] || mv -T -- "$2" "$old" || exit
mv -T -- "$1" "$2" || exit
sync -- "${2%/*}"
rm -rf -- "$old"
