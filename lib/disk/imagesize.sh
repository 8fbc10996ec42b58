# imagesize.sh IMAGE: how many bytes an image has, a file or what is at a URL; nothing where its server does not say. Says on exit:
# 10 there is no such file, 11 nothing can be had from that URL.
image=$1

headers() {
	if command -v curl >/dev/null; then
		curl --fail --silent --head --location --connect-timeout 30 --max-time 60 -- "$image"
	else
		wget --spider --server-response --timeout=60 --tries=1 -- "$image" 2>&1
	fi
}

case $image in
/*)
	[ -e "$image" ] || exit 10
	if [ -b "$image" ]; then blockdev --getsize64 "$image"; else stat -L -c %s -- "$image"; fi
	;;
*)
	said=$(headers) || exit 11
	echo "$said" | tr -d '\r' | awk 'tolower($1) == "content-length:" { n = $2 } END { print n }'
	;;
esac
