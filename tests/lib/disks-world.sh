#!/bin/bash
# in_world of disks.bash: NAME=LOOP... -- COMMAND..., in a mount namespace of its own.
set -eu
world=$(mktemp -d "${BATS_TEST_TMPDIR:-/tmp}/world.XXXXXX")
mkdir -p "$world"/sys/{class/block,dev/block} "$world/dev"
mount -t tmpfs dev "$world/dev"
mkdir -p "$world"/dev/{mapper,pts,fd}
for n in null zero urandom random; do cp -a "/dev/$n" "$world/dev/"; done
declare -A loops
while [ "$1" != -- ]; do
	name=${1%%=*} loop=${1#*=}
	loops[$name]=${loop#/dev/}
	cp -aL "$loop" "$world/dev/$name"
	shift
done
shift

# same FROM TO FILE...: files of sysfs as they are now. One that has changed is replaced, since somebody may read it.
same() {
	local from=$1 to=$2 file now old
	shift 2
	for file; do
		read -r now <"$from/$file" || continue
		old=
		[ ! -e "$to/$file" ] || read -r old <"$to/$file" || :
		[ "$now" != "$old" ] || continue
		echo "$now" >"$world/.new"
		mv "$world/.new" "$to/$file"
	done
}

linked() { [ "$(readlink "$2")" = "$1" ] || ln -sfn "$1" "$2"; }

# disk NAME: its folder in sysfs, and those of its partitions, and their nodes
disk() {
	local name=$1 real=/sys/block/${loops[$1]} part number part_name
	mkdir -p "$world/sys/class/block/$name/holders"
	same "$real" "$world/sys/class/block/$name" size ro
	linked "../../class/block/$name" "$world/sys/dev/block/$(cat "$real/dev")"
	for part in "$real/${loops[$1]}"p*; do
		[ -e "$part/dev" ] || continue
		number=${part##*p}
		case $name in *[0-9]) part_name=${name}p$number ;; *) part_name=$name$number ;; esac
		# in the disk's folder, as in sysfs
		mkdir -p "$world/sys/class/block/$name/$part_name/holders"
		same "$part" "$world/sys/class/block/$name/$part_name" size ro partition
		dev=$(cat "$part/dev")
		linked "$name/$part_name" "$world/sys/class/block/$part_name"
		linked "../../class/block/$part_name" "$world/sys/dev/block/$dev"
		[ "$(stat -c %Hr:%Lr "$world/dev/$part_name" 2>/dev/null)" = "$dev" ] && continue
		rm -f "$world/dev/$part_name"
		mknod "$world/dev/$part_name" b "${dev%%:*}" "${dev##*:}"
	done
}
real=$world/real
mkdir "$real"
mount --bind /sys "$real"
look() { local name; for name in "${!loops[@]}"; do disk "$name" 2>/dev/null || :; done; }
look
(while sleep 0.05; do look; done) &
watch=$!
trap 'kill "$watch"; wait "$watch" 2>/dev/null || :' EXIT
# the command alone sees them as /dev and /sys
status=0
unshare -m -- bash -c 'mount --bind "$0/sys" /sys && mount --bind "$0/dev" /dev && exec "$@"' "$world" "$@" || status=$?
exit "$status"
