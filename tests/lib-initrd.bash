# Guests for tests of the init image alone: trees made by hand, initrds made with cpio, boots with QEMU's console in a
# file. Sourced after BATS_TEST_TMPDIR is set; needs build/guest, build/kernel, cpio, busybox-static, qemu.

root_dir=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)

# $1: folder to make. A system of our init and rc with busybox as its userland; init.d stays empty.
tree_make() {
	local d
	mkdir -p "$1"/{bin,sbin,etc/init.d,usr/bin}
	for d in dev proc sys run tmp var; do mkdir -p "$1/$d"; done
	cp "$root_dir/build/guest/init" "$1/init"
	cp "$root_dir/build/guest/rc" "$1/bin/rc.init"
	for d in rc.shutdown rc.hotplug; do ln -s rc.init "$1/bin/$d"; done
	for d in poweroff reboot halt; do ln -s ../bin/rc.init "$1/sbin/$d"; done
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
		rm -rf "$stage/lib"
	fi
	cpio_make "$stage" "$2"
	rm -rf "$stage"
}

# guest_start CONSOLE INITRD [KERNEL ARGUMENTS]: QEMU in the background, its pid in $guest. Flavour: $flavour, or tuned;
# further options for QEMU: array guest_options.
guest_start() {
	local console=$1 initrd=$2
	shift 2
	qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "${guest_cpus:-1}" -m "${guest_memory:-512}" -nodefaults -display none \
		-no-reboot -serial "file:$console" -kernel "$root_dir/build/kernel/${flavour:-tuned}/kernel" -initrd "$initrd" \
		-append "console=ttyS0 panic=-1 quiet $*" "${guest_options[@]}" </dev/null >"$console.qemu" 2>&1 &
	guest=$!
}

# Waits for the guest's end: $1 seconds at most. Kills it then, and fails.
guest_wait() {
	local end=$((SECONDS + $1))
	while kill -0 "$guest" 2>/dev/null; do
		if ((SECONDS >= end)); then
			kill -9 "$guest"
			wait "$guest" 2>/dev/null || true
			echo "the guest does not end" >&2
			return 1
		fi
		sleep 0.1
	done
	wait "$guest"
}

# guest_boot CONSOLE INITRD [KERNEL ARGUMENTS]: boots, waits for the guest to power itself off.
guest_boot() {
	guest_start "$@"
	guest_wait "${guest_limit:-90}"
}
