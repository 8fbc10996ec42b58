# sums.sh FILE...: SHA-1 checksums of those files that are there.
sha1sum -- "$@" 2>/dev/null
exit 0
