# checknode.sh KVM USER [KIND PATH]...: prints the numbers of the paths that are not of their kind (f, d, or x: a program), and what the checks of
# users and displays need. KVM and USER may be empty.
kvm=$1
user=$2
shift 2
echo '=== missing'
n=0
barred=
while [ $# -gt 1 ]; do
	case $1 in
	d) test -d "$2" || echo "$n" ;;
	x)
		test -f "$2" || echo "$n"
		test -x "$2" || barred=$2
		;;
	*) test -f "$2" || echo "$n" ;;
	esac
	n=$((n + 1))
	shift 2
done
echo '=== barred'
printf '%s\n' "$barred"
echo '=== user'
[ -z "$user" ] || getent passwd -- "$user"
echo '=== interfaces'
ls /sys/class/net
if [ -x "$kvm" ]; then
	echo '=== help'
	"$kvm" --help 2>&1
	echo '=== machines'
	"$kvm" -machine '?' 2>&1
fi
exit 0
