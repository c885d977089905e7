# shellcheck shell=bash
# What the shim's tests share: a world of their own, with the real containerd and runc in it.
#
#   setup() { shim_setup; }  teardown() { shim_teardown; }
#   run world 'containerd_up; c run --rm $IMAGE one echo hello; clean'
#
# SHIM: the program (default: the guest's). RUNTIME: the OCI runtime (default: runc).

root_dir=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
. "$root_dir/tests/lib/rootfs.bash"

shim_setup() {
	SHIM=${SHIM:-$root_dir/build/guest/containerd-shim-pith-v2}
	CLIENT=$root_dir/build/host/shim-client
	[ -x "$SHIM" ] && [ -x "$CLIENT" ] || { echo "$SHIM or $CLIENT is not built" >&2; return 1; }
	# Not below bats' own folder: a path of a socket is short, and containerd's are below this.
	T=$(mktemp -d "${TMPDIR:-/tmp}/pith-shim.XXXXXX")
	NS=pith-${T##*.}
	slowness=${PITH_TEST_SLOWNESS:-1}
	export T NS SHIM CLIENT RUNTIME=${RUNTIME:-runc} HELPERS=$root_dir/tests/lib slowness
	# Copies: what is tested shall not change while it is.
	mkdir "$T/bin"
	cp "$SHIM" "$T/bin/containerd-shim-pith-v2"
	cp "$CLIENT" "$T/bin/shim-client"
	SHIM=$T/bin/containerd-shim-pith-v2 CLIENT=$T/bin/shim-client SANITIZED=
	! grep -qc __asan_init "$SHIM" || SANITIZED=1
	rootfs_make "$T/rootfs"
}

# Everything that ran was in a PID namespace and is gone with it; only control groups can outlive it.
shim_teardown() {
	local d
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		for d in "$T"/containerd.log "$T"/sanitizer.*; do [ -s "$d" ] && echo "--- $d" && tail -n 40 "$d"; done
	fi
	find /sys/fs/cgroup -depth -type d -path "*/$NS*" 2>/dev/null | while read -r d; do
		xargs -r kill -9 <"$d/cgroup.procs" 2>/dev/null
		rmdir "$d" 2>/dev/null
	done
	rm -rf "$T"
}

# world COMMAND...: bash -c COMMAND in a mount and PID namespace with its own /run and nothing else running. CGROUPS=2:
# control groups of version 2, without controllers where this machine has them in version 1. CGROUPS=1: of version 1
# without a unified tree beside it, which crun refuses.
world() {
	export CGROUPS=${CGROUPS:-}
	timeout -k 5 $((${WORLD_SECONDS:-100} * slowness)) unshare -m -p -f -u -i --kill-child bash -c '
		mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs -o mode=755 tmpfs /run || exit 99
		if [ "$CGROUPS" = 2 ]; then umount -R -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 99
		elif [ "$CGROUPS" = 1 ] && mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified || exit 99; fi
		. $HELPERS/shim-world.bash
		eval "$0"' "$*" 3>&- 8>&- 9>&-
}
