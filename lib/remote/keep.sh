# How the sh of a kept script goes on, after serve(), which is the script. A call is two lines, each with the key in front: the
# stamp for the log, and the words. What a call left unread of its input does not have the key, and ends it all.
# shellcheck disable=SC2154 # kept_key, kept_log, kept_script: assigned before this text
while read -r kept_own kept_stamp && read -r kept_same kept_words; do
	if [ "$kept_own$kept_same" != "$kept_key$kept_key" ]; then
		echo "this is no call of the script" >&2
		exit 1
	fi
	[ -z "$kept_log" ] ||
		{ printf '%s pid=%s INFO RunCmd %s %s\n' "$kept_stamp" $$ "$kept_script" "$kept_words" >>"$kept_log"; } 2>/dev/null
	(eval "serve $kept_words")
	kept_status=$?
	printf '\n%s %s\n' "$kept_key" $kept_status
	printf '\n%s\n' "$kept_key" >&2
done
