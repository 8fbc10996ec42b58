# keys.sh ACTION OLD NEW [BITS]: root's key of a renewal, of type NEW in place of one of type OLD. Each action can be done again.
# make: makes the new key beside the old one and prints the public halves, the old one first. use: puts it in its place.
# back: takes use back. forget: removes the old key. drop: removes a new key that is not used.
set -eu
umask 077
cd /root/.ssh
old=id_$2 new=id_$3 next=id_$3.next gone=id_$2.gone
case $1 in
make)
	[ "$old" = "$new" ] || [ ! -e "$new" ] || { echo "/root/.ssh/$new exists already" >&2; exit 1; }
	rm -f "$next" "$next.pub"
	ssh-keygen -q -t "$3" ${4:+-b "$4"} -N '' -f "$next"
	cat "$old.pub" 2>/dev/null || echo
	cat "$next.pub"
	;;
use)
	[ -e "$next" ] || exit 0
	for half in '' .pub; do
		[ ! -e "$old$half" ] || mv "$old$half" "$gone$half"
	done
	mv "$next.pub" "$new.pub"
	mv "$next" "$new"
	sync .
	;;
back)
	[ -e "$gone" ] || exit 0
	rm -f "$new" "$new.pub"
	for half in '' .pub; do
		mv "$gone$half" "$old$half"
	done
	sync .
	;;
forget) rm -f "$gone" "$gone.pub" ;;
drop) rm -f "$next" "$next.pub" ;;
esac
