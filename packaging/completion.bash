# bash completion for Gantry's commands. Subcommands and options come from the programs' own --help, names from the cluster.

_gantry_words() { # the subcommands of a program
	"$1" --help 2>/dev/null | sed -n 's/^ \([a-z][a-z-]*\) .*/\1/p'
}

_gantry_options() { # the options of a subcommand, or of a program without any
	"$@" --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z][a-z0-9-]*' | tr -d ' ,'
}

_gantry_names() { # what the arguments of a program are names of
	case $1 in
	gnt-instance | gnt-backup) gnt-instance list --no-headers -o name ;;
	gnt-node) gnt-node list --no-headers -o name ;;
	gnt-network) gnt-network list --no-headers -o name ;;
	gnt-job) gnt-job list --no-headers -o id ;;
	esac 2>/dev/null
}

_gantry() {
	local program=${COMP_WORDS[0]##*/} word=${COMP_WORDS[COMP_CWORD]} words
	if [[ $program != gnt-* ]]; then
		words=$(_gantry_options "$program")
	elif ((COMP_CWORD == 1)); then
		words=$(_gantry_words "$program")
	elif [[ $word == -* ]]; then
		words=$(_gantry_options "$program" "${COMP_WORDS[1]}")
	else
		words=$(_gantry_names "$program")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _gantry gnt-backup gnt-cluster gnt-debug gnt-filter gnt-group gnt-instance gnt-job gnt-network gnt-node gnt-os gnt-storage
complete -o default -F _gantry hail harep hbal hcheck hinfo hroller hscan hspace hsqueeze
