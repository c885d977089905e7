# shellcheck shell=bash
# Guests for tests of the init image alone: trees made by hand, initrds made with cpio, boots with QEMU's console in a
# file. Needs build/guest, build/kernel, cpio, busybox-static, qemu.

guest_options=()
root_dir=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

# $1: folder to make. A system of our init and rc with busybox as its userland; init.d stays empty.
tree_make() {
	local d
	mkdir -p "$1"/{bin,sbin,etc/init.d,usr/bin}
	for d in dev proc sys run tmp var; do mkdir -p "$1/$d"; done
	cp "$root_dir/build/guest/init" "$1/init"
	cp "$root_dir/build/guest/rc" "$1/bin/rc.init"
	for d in rc.shutdown rc.hotplug; do ln -s rc.init "$1/bin/$d"; done
	for d in poweroff reboot halt modprobe initctl; do ln -s ../bin/rc.init "$1/sbin/$d"; done
	cp "$(command -v busybox)" "$1/bin/busybox"
	for d in sh ls cat mount grep echo mkdir touch sleep stat ip hostname dmesg kill ps wc date find mknod id sync umount tail head sed awk df; do
		ln -s busybox "$1/bin/$d"
	done
}

# $1: tree, $2: NNN-name; the script's lines come on standard input.
tree_script() {
	{ echo '#!/bin/sh' && cat; } >"$1/etc/init.d/$2"
	chmod 755 "$1/etc/init.d/$2"
}

# $1: folder, $2: initrd
cpio_make() {
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$2"
}

# $1: tree, $2: initrd, $3: erofs or squashfs, $4: kernel flavour whose early modules are needed
image_initrd_make() {
	local stage=$2.stage n=10 m
	mkdir -p "$stage/early"
	cp "$1/init" "$stage/init"
	case $3 in
	erofs) mkfs.erofs --quiet -zlz4hc -T0 --all-root "$stage/rootfs.erofs" "$1" ;;
	squashfs) mksquashfs "$1" "$stage/rootfs.squashfs" -quiet -no-progress -comp zstd -all-root -all-time 0 ;;
	esac >&2
	if [[ ${4:-tuned} != tuned ]]; then
		tar -xf "$root_dir/build/kernel/$4/kernel.tar" -C "$2.stage" --wildcards 'lib/modules/*'
		while read -r m; do
			cp "$stage"/lib/modules/*/"$m" "$stage/early/$((n++))-${m##*/}"
		done < <(cat "$stage"/lib/modules/*/modules.early)
		rm -rf "${stage:?}/lib"
	fi
	cpio_make "$stage" "$2"
	rm -rf "$stage"
}

# The kernel's flavour for boots: the one that examples boot.
guest_flavour() { echo "${flavour:-$(readlink "$root_dir/build/kernel/default")}"; }

# For boots by flavour=tuned, whatever examples boot.
needs_tuned() { [ -e "$root_dir/build/kernel/tuned/kernel" ] || skip "this needs the tuned kernel"; }

# guest_start CONSOLE INITRD [KERNEL ARGUMENTS]: QEMU in the background, its pid in $guest. INITRD - is none.
# Options: $flavour, $guest_cpus, $guest_memory (MiB), $guest_accel, array guest_options for QEMU.
# clearcpuid=141: as `pith run` has it, see host/run/qemu.c.
guest_start() {
	local console=$1 initrd=(-initrd "$2")
	[ "$2" != - ] || initrd=()
	shift 2
	rm -f "$console"
	# shellcheck disable=SC2086
	qemu-system-x86_64 ${guest_accel:--accel tcg,thread=multi} -cpu max -smp "${guest_cpus:-1}" -m "${guest_memory:-256}" \
		-nodefaults -display none -no-reboot -serial "${guest_serial:-file:$console}" \
		-kernel "$root_dir/build/kernel/$(guest_flavour)/kernel" "${initrd[@]}" \
		-append "clearcpuid=141 no_timer_check console=ttyS0 panic=-1 quiet $*" "${guest_options[@]}" </dev/null >"$console.qemu" 2>&1 3>&- &
	guest=$!
}

guest_kill() {
	[ -n "${guest:-}" ] || return 0
	kill -9 "$guest" 2>/dev/null || true
	wait "$guest" 2>/dev/null || true
	guest=
}

# Waits for the guest's end: $1 seconds at most, and shows the console if it does not come.
guest_wait() {
	local end=$((SECONDS + $1 * ${PITH_TEST_SLOWNESS:-1})) status=0
	while kill -0 "$guest" 2>/dev/null; do
		if ((SECONDS >= end)); then
			guest_kill
			echo "the guest does not end" >&2
			return 1
		fi
		sleep 0.1
	done
	wait "$guest" || status=$?
	guest=
	return $status
}

# guest_boot CONSOLE INITRD [KERNEL ARGUMENTS]: boots, waits for the guest to end by itself. The console's text is in
# CONSOLE.txt then, without carriage returns.
guest_boot() {
	local status=0
	guest_start "$@"
	guest_wait "${guest_limit:-60}" || status=$?
	tr -d '\r' <"$1" >"$1.txt"
	cat "$1.txt" "$1.qemu" # shown when the test fails
	return $status
}

# Until the console $1 has the text $2, $3 seconds at most.
console_wait() {
	local end=$((SECONDS + ${3:-30} * ${PITH_TEST_SLOWNESS:-1}))
	until grep -qF -- "$2" "$1" 2>/dev/null; do
		((SECONDS < end)) || { echo "not on the console: $2" >&2; cat "$1" >&2; return 1; }
		sleep 0.1
	done
}

# The lines of section NAME, which the guest started with "== NAME": section CONSOLE.txt NAME
section() {
	awk -v want="== $2" '/^== /{on = $0 == want; next} on' "$1" | grep -v '^\[ *[0-9]*\.[0-9]*\] '
}
