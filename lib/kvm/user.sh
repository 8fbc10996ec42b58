# user.sh NAME: prints the number of the user that a guest's qemu runs as.
alive "$1" && awk '$1 == "Uid:" { print $3 }' "/proc/$pid/status"
