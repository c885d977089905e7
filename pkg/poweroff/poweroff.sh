#!/bin/sh
# Powers the machine off after a time: poweroff.sh [SECONDS]
case ${1-} in
-h | --help | [!0-9]*)
	echo "usage: poweroff.sh [SECONDS (30)]" >&2
	exit 2
	;;
esac
sleep "${1:-30}" || exit
if [ $$ = 1 ]; then
	echo "poweroff: error: this container sees its own processes only: it needs \"pid: host\"" >&2
	exit 1
fi

# PID 1 stops what runs, and this with it. Should it not, the kernel is told.
kill -USR2 1 && sleep 120
exec /sbin/poweroff -f
