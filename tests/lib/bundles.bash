# Bundles made by hand around a static busybox, and a place to run them: a mount and PID namespace with its own /run
# and /var/log, so that nothing of it outlives the test.
#
# Set by bundles_setup: ROOT (the test's folder), SERVICE (the program), ROOTFS (a busybox root to copy), TAG.

root_dir=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
. "$root_dir/tests/lib/rootfs.bash"

bundles_setup() {
	ROOT=$BATS_TEST_TMPDIR
	SERVICE=${SERVICE:-$root_dir/build/guest/service}
	TAG=pith-test-$$-$BATS_TEST_NUMBER
	[ -x "$SERVICE" ] || { echo "build/guest/service is not built" >&2; return 1; }
	ROOTFS=$ROOT/rootfs
	rootfs_make "$ROOTFS"
}

# Control groups of this test, and whatever was left behind in them on purpose. A group goes only when the kernel has
# finished with its last process.
bundles_teardown() {
	local d i
	for i in {1..100}; do
		find /sys/fs/cgroup -depth -type d -path "*/$TAG*" 2>/dev/null >"$ROOT/groups"
		[ -s "$ROOT/groups" ] || return 0
		while read -r d; do
			[ ! -e "$d/cgroup.procs" ] || xargs -r kill -9 <"$d/cgroup.procs" 2>/dev/null
			rmdir "$d" 2>/dev/null
		done <"$ROOT/groups"
		sleep 0.05
	done
}

# json_text VARIABLE: its text as JSON's, without a program that is started for it: bundles are made by the hundred
json_text() {
	local -n text=$1
	text=${text//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\n'/\\n}
	text=\"${text//$'\t'/\\t}\"
}

# bundle DIR [key=value...] -- COMMAND...
#   ns=LIST          namespaces, comma-separated, "net:/path" joins one (pid,mount,ipc,uts)
#   readonly=false   root of the container
#   annotation=K:V   repeatable
#   mount=JSON       one more mount, repeatable
#   caps=A,B         capabilities
bundle() {
	local dir=$1 ns=pid,mount,ipc,uts readonly=true annotations="" mounts="" caps="" args=() arg n
	shift
	while [ "$1" != -- ]; do
		case $1 in
		ns=*) ns=${1#ns=} ;;
		readonly=*) readonly=${1#readonly=} ;;
		annotation=*) n=${1#annotation=} annotations+="${annotations:+,}\"${n%%:*}\":\"${n#*:}\"" ;;
		mount=*) mounts+=",${1#mount=}" ;;
		caps=*) caps=$(sed 's/[^,]*/"&"/g' <<<"${1#caps=}") ;;
		*) echo "bundle: $1?" >&2; return 1 ;;
		esac
		shift
	done
	shift
	for arg in "$@"; do json_text arg && args+=("$arg"); done
	local list=""
	for n in ${ns//,/ }; do
		case $n in
		*:*) list+=",{\"type\":\"${n%%:*}\",\"path\":\"${n#*:}\"}" ;;
		*) list+=",{\"type\":\"$n\"}" ;;
		esac
	done
	mkdir -p "$dir"
	cp -al "$ROOTFS" "$dir/rootfs"
	cat >"$dir/config.json" <<-EOF
		{"ociVersion":"1.0.2",
		 "process":{"args":[$(IFS=,; echo "${args[*]}")],"cwd":"/","user":{"uid":0,"gid":0},"env":["PATH=/bin"],
		  "capabilities":{"bounding":[$caps],"effective":[$caps],"permitted":[$caps]}},
		 "root":{"path":"rootfs","readonly":$readonly},
		 "annotations":{$annotations},
		 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
		  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}$mounts],
		 "linux":{"cgroupsPath":"/$TAG/$(basename "$dir")","namespaces":[${list#,}],"resources":{}}}
	EOF
}

# service NAME [bundle option...] -- SHELL-COMMAND: a bundle in $ROOT/services that runs a shell; `serve` in it waits
# for TERM
service() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	bundle "$ROOT/services/$name" "${options[@]}" -- sh -c "serve() { trap 'exit 0' TERM; while :; do sleep 1000 & wait; done; }; $2"
}

# The test's folder as /x in the container.
shared() { echo 'mount={"destination":"/x","type":"bind","source":"'"$ROOT"'","options":["bind"]}'; }

# Turns a bundle's root into LinuxKit's overlay layout: lower, tmp, rootfs.
bundle_overlay() {
	local dir=$1
	mv "$dir/rootfs" "$dir/lower"
	mkdir "$dir/rootfs" "$dir/tmp"
	cat >"$dir/runtime.json" <<-EOF
		{"cgroups":[],"mounts":[
		 {"destination":"$dir/tmp","source":"tmpfs","type":"tmpfs"},
		 {"destination":"$dir/tmp","options":["remount","private"]},
		 {"destination":"$dir/rootfs","source":"overlay","type":"overlay",
		  "options":["lowerdir=$dir/lower","upperdir=$dir/tmp/upper","workdir=$dir/tmp/work"]}],
		 "mkdir":[],"interfaces":[],"bindNS":{"net":"","ipc":""},"namespace":""}
	EOF
}

# machine [-n] COMMAND...: runs bash -c COMMAND with fresh /run, /var/log and PIDs; -n: and a fresh network.
# Control groups are version 1 where this machine has it, without a second, unified tree that crun refuses to see
# beside it; CGROUPS=2: version 2. PIN=1: all of it on one CPU.
machine() {
	local net=() pin=()
	[ -z "${PIN:-}" ] || pin=(taskset -c "$(sed -n 's/^Cpus_allowed_list:\t\([0-9]*\).*/\1/p' /proc/self/status)")
	if [ "$1" = -n ]; then net=(-n) && shift; fi
	export ROOT SERVICE TAG CGROUPS=${CGROUPS:-} HELPERS=$root_dir/tests/lib
	"${pin[@]}" unshare -m -p -f -i -u "${net[@]}" --kill-child bash -c '
		mount --make-rprivate / && mount -t proc proc /proc || exit 99
		if [ "$CGROUPS" = 2 ]; then umount -R -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 99
		elif mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
		mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs tmpfs /var/log || exit 99
		. $HELPERS/machine.bash
		eval "$0"' "$*"
}
