# What a candidate does with its copy of the configuration. One text for all of it, since its sh stays for the next call; few
# processes, since each costs as much as writing the file.
# ask DIR
#	prints what this node has: the fixed first lines of the file and its last one, or "absent".
# stage DIR STAGED SIZE BLAKE2
#	keeps a new version, which comes on stdin, beside the old one, on disk, and prints what the node has. Nothing that anybody
#	reads is changed. STAGED is .config.toml.staged.EPOCH.SERIAL.DIGEST.
# commit DIR STAGED EPOCH SERIAL DIGEST keep|repair
#	puts a staged version in the place of this node's, unless the node's is newer or another one; "repair" replaces a damaged one
#	too. Exit status: 0 it is in place (or was already), 65 this node's file is damaged, 66 it is newer, 67 it is another of the same
#	epoch and serial. With these three it prints what the node has.
umask 077
cd "$2" || exit 1

# Says what this node has, and ends the shell. Both ends of the file are read through one opening: it may be replaced meanwhile.
tell() {
	[ -e config.toml ] || { echo absent; exit; }
	exec <config.toml
	for _ in 1 2 3 4 5 6; do
		IFS= read -r line && printf '%s\n' "$line"
	done
	exec tail -n 1
}

stage() { # staged size blake2: b2sum takes half the time of sha256sum
	# What transactions left that never ended; that of a later master is about to be put in place.
	own=${1#.config.toml.staged.}
	for old in .config.toml.staged.*; do
		theirs=${old#.config.toml.staged.}
		[ ! -e "$old" ] || [ "${theirs%%.*}" -gt "${own%%.*}" ] || rm -f "$old"
	done
	if ! dd of="$1" bs=128k count="$2" iflag=fullblock,count_bytes conv=fsync status=none; then
		rm -f "$1"
		exit 1
	fi
	sum=$(b2sum <"$1")
	if [ "${sum%% *}" != "$3" ]; then
		rm -f "$1"
		echo "the configuration was cut off on its way here" >&2
		exit 1
	fi
	tell
}

number() { # variable "name = " line: sets the variable to the number in the line, or to nothing
	set -- "$1" "${3#"$2"}"
	case $2 in '' | *[!0-9]* | ???????????????????*) set -- "$1" '' ;; esac
	eval "$1=\$2"
}

whole() { # whether the file's last line is a digest, which it sets
	last=$(tail -n 1 config.toml)
	digest=${last#"digest = '"}
	digest=${digest%"'"}
	[ "$last" = "digest = '$digest'" ] && [ "${#digest}" -eq 64 ]
}

refuse() { # status
	(tell)
	exit "$1"
}

commit() { # staged epoch serial digest mode
	exec 9>>.config.toml.lock
	flock -w 10 9 || exit 1
	if [ -e config.toml ]; then
		{ read -r _; read -r _; read -r epoch; read -r serial; } <config.toml
		number epoch 'epoch = ' "$epoch"
		number serial 'serial = ' "$serial"
		# The last line is read where it decides: that a file whose first lines are older is whole was seen moments ago, by stage.
		if [ -n "$epoch" ] && [ -n "$serial" ] &&
			{ [ "$epoch" -lt "$2" ] || { [ "$epoch" -eq "$2" ] && [ "$serial" -lt "$3" ]; }; }; then
			:
		elif [ -z "$epoch" ] || [ -z "$serial" ] || ! whole; then
			[ "$5" = repair ] || refuse 65
		elif [ "$epoch" -gt "$2" ] || [ "$serial" -gt "$3" ]; then
			refuse 66
		else
			[ "$digest" = "$4" ] || refuse 67
			rm -f "$1"
			exit 0
		fi
	fi
	mv -fT "$1" config.toml && exec sync .
}

case $1 in
ask) tell ;;
stage) stage "$3" "$4" "$5" ;;
commit) commit "$3" "$4" "$5" "$6" "$7" ;;
*) exit 1 ;;
esac
