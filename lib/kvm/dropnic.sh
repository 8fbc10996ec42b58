# dropnic.sh DIR N: forgets the tap device of interface N. The files of those behind it move up.
cd "$1" || exit
n=$2
while [ -e $((n + 1)) ]; do
	mv -f $((n + 1)) "$n" || exit
	n=$((n + 1))
done
rm -f "$n"
