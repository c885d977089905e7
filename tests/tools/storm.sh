#!/bin/sh
# shellcheck shell=dash disable=SC2012,SC2046,SC2086
# The storm inside the machine of storm.bats: a container with the machine's processes that kills, at random, what keeps
# services running, its own container too, for a while; then it waits until all is as it was before, and says so.
#
# In an image without containerd there is less to kill.
#
# What it knows is in /run/storm, since it is killed itself: seed, end (seconds of uptime), kills, and the figures of
# before. Its words on the console begin with "storm: ". The last one is "storm: over".
exec >/dev/console 2>&1
dir=/run/storm

now() { cut -d. -f1 /proc/uptime; }
with_containerd() { [ -x /host/usr/bin/containerd ]; }
# It is stopped when nobody uses it: then it is looked at asleep.
is_stopped_idle() { with_containerd && grep -q pith.containerd.idle= /proc/cmdline; }
asleep() { [ -z "$(pidof containerd)" ]; }
list() { timeout 20 /host/usr/bin/service list 2>/dev/null; }
all_run() { list | awk 'NR > 1 && $2 != "running" { bad = 1 } END { exit NR < 2 || bad }'; }
ctr() { timeout 60 chroot /host /usr/bin/ctr -n services.linuxkit "$@" 2>/dev/null; }
supervisor() { for p in $(pidof service); do grep -q supervise "/proc/$p/cmdline" && echo "$p"; done 2>/dev/null; }
descriptors() { ls "/proc/$1/fd" 2>/dev/null | wc -l; }
# Of the supervisor: the files of logs, which it opens when there is something to write, are left out, and pidfds counted apart.
targets() { for f in "/proc/$1/fd"/*; do readlink "$f"; done; }
descriptors_kept() { targets "$1" | grep -vc '/var/log/\|pidfd'; }
pidfds() { targets "$1" | grep -c pidfd; }
await() { # SECONDS COMMAND...
	local end=$(($(now) + $1))
	shift
	until "$@"; do
		[ "$(now)" -lt "$end" ] || return 1
		sleep 0.3
	done
}

# Processes of the machine by name: those of the kernel and of this container are not among them.
processes() {
	local p own
	own=$(readlink /proc/self/ns/mnt)
	for p in /proc/[0-9]*; do
		[ -n "$(readlink "$p/exe")" ] && [ "$(readlink "$p/ns/mnt")" != "$own" ] && cat "$p/comm"
	done 2>/dev/null | sort
}

# Into $dir/$1.*: lists that can be compared, and the figures in a line.
look() {
	cut -d' ' -f5- /proc/1/mountinfo | sort >"$dir/$1.mounts"
	(cd /host/sys/fs/cgroup && find . -type d | sort) >"$dir/$1.cgroups"
	processes >"$dir/$1.processes"
	(cd /host/run && find . -path ./storm -prune -o -print | sort) >"$dir/$1.files"
	descriptors "$(pidof containerd)" >"$dir/$1.containerd"
	pidfds "$(supervisor)" >"$dir/$1.pidfds"
	echo "mounts $(wc -l <"$dir/$1.mounts"), cgroups $(wc -l <"$dir/$1.cgroups"), processes $(wc -l <"$dir/$1.processes")," \
		"files of /run $(wc -l <"$dir/$1.files"), descriptors of init $(descriptors 1), supervisor $(descriptors_kept "$(supervisor)")" >"$dir/$1"
}

# Twice the same: nothing is on its way any more.
look_settled() {
	is_stopped_idle && ! asleep && return 1
	look "$1"
	cp "$dir/$1" "$dir/last"
	sleep 1
	look "$1"
	cmp -s "$dir/$1" "$dir/last"
}
# containerd has one descriptor for each shim that it has started itself: all of them before, fewer afterwards. A supervisor
# that finds containerd running has a pidfd more than one that started it.
as_before() {
	look_settled after && cmp -s "$dir/before" "$dir/after" && [ "$(cat $dir/after.containerd)" -le "$(cat $dir/before.containerd)" ] &&
		[ "$(cat $dir/after.pidfds)" -le $(($(cat $dir/before.pidfds) + 1)) ]
}

# The next number below $1; the seed goes on in the file.
random() {
	local x
	x=$(($(cat $dir/seed) * 1103515245 + 12345 & 0x7fffffff))
	echo $x >$dir/seed
	number=$((x / 65536 % $1))
}
one_of() {
	[ $# -gt 0 ] || return 1
	random $#
	shift "$number"
	echo "$1"
}
# A runtime lives for a moment: it is lain in wait for.
runtime() {
	local i=0
	while [ $i -lt 20 ]; do
		pidof runc && return
		usleep 20000
		i=$((i + 1))
	done
}

strike() {
	local what victim
	random 11
	what=$number
	case $what in
	0 | 1) what=containerd victim=$(pidof containerd) ;;
	2) what=shim victim=$(one_of $(pidof containerd-shim-runc-v2 containerd-shim-pith-v2)) ;;
	3 | 4) what=supervisor victim=$(supervisor) ;;
	5) what=agent victim=$(pidof pith-agent) ;;
	6) what=runc victim=$(runtime) ;;
	7) what=service victim=$(list | awk -v n="$(one_of one two three storm)" '$1 == n && $3 > 1 { print $3 }') ;;
	8) what=restart ;;
	9 | 10) what=ctr ;;
	esac
	echo $(($(cat $dir/kills) + 1)) >$dir/kills
	echo "storm: $(now) s: $what" $victim
	if [ $what = restart ]; then
		victim=$(one_of one two three storm)
		/host/usr/bin/service restart "$victim" >/dev/null 2>&1 &
	elif [ $what = ctr ]; then
		with_containerd && ctr version >/dev/null &
	else
		kill -9 $victim 2>/dev/null
	fi
}

begin() {
	mkdir -p $dir
	await 120 all_run || echo "storm: services do not come up"
	# The supervisor that has had containerd started listens in its place, too; those that follow it do not.
	with_containerd && await 60 ctr version >/dev/null && kill -9 "$(supervisor)" && sleep 1 && await 60 all_run
	await 60 look_settled before || echo "storm: nothing settles"
	echo "storm: before: $(cat $dir/before), pidfds $(cat $dir/before.pidfds), containerd $(cat $dir/before.containerd)"
	echo 0 >$dir/kills
	sed 's/.*pith.storm.seed=\([0-9]*\).*/\1/' /proc/cmdline >$dir/seed
	echo "storm: seed $(cat $dir/seed)"
	echo $(($(now) + $(sed 's/.*pith.storm.seconds=\([0-9]*\).*/\1/' /proc/cmdline))) >$dir/end
}

compare() {
	local what
	for what in mounts cgroups processes files; do
		diff -U 0 $dir/before.$what $dir/after.$what | grep '^[-+][^-+]' | sed "s/^/storm: $what: /"
	done
}

finish() {
	local from
	from=$(now)
	if await 150 all_run; then
		echo "storm: all services run, after $(($(now) - from)) s"
	else
		list | sed 's/^/storm: down: /'
	fi
	[ "$(supervisor | wc -w)" = 1 ] && echo "storm: one supervisor"
	if with_containerd; then
		await 60 ctr version >/dev/null && echo "storm: ctr answers"
		[ "$(pidof containerd | wc -w)" = 1 ] && echo "storm: one containerd"
		ctr tasks ls | awk '$3 == "RUNNING" { print $1 }' | sort | xargs echo "storm: tasks:"
	fi
	timeout 60 /host/usr/bin/service restart two && echo "storm: restart answers"
	if await 90 as_before; then
		echo "storm: all is as before"
	else
		compare
	fi
	echo "storm: after: $(cat $dir/after), pidfds $(cat $dir/after.pidfds), containerd $(cat $dir/after.containerd)"
	echo "storm: $(cat $dir/kills) strikes"
	echo "storm: over"
	sleep 100000
}

[ -s $dir/end ] || begin
while [ "$(now)" -lt "$(cat $dir/end)" ]; do
	strike
	random 20
	usleep $((number * 100000))
done
finish
