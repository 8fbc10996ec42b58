# qmp.sh NAME: the requests come on stdin.
qmp "$1"
