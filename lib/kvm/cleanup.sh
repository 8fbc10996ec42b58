# cleanup.sh NAME: removes what a guest left behind. Says on exit: 10 it is alive.
alive "$1" && exit 10
cleanup "$1"
