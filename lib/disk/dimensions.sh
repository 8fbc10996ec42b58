# dimensions.sh PATH…: of each its size in bytes, a line each; - for what is not there.
for path; do
	if [ -b "$path" ]; then
		blockdev --getsize64 "$path" 2>/dev/null || echo -
	elif [ -f "$path" ]; then
		stat -L -c %s -- "$path" 2>/dev/null || echo -
	else
		echo -
	fi
done
