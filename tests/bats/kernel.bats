# The guest kernels: configuration, kernel.tar of both flavours, and what a boot to PID 1 costs.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	fragments=(kernel/config/common.config kernel/config/x86_64.config)
}

need_tuned() { [ -e build/kernel/tuned/kernel ] || skip "this needs the tuned kernel"; }
need_debian() { [ -e build/kernel/debian/kernel ] || make -s build/kernel/debian/kernel; }

@test "the check names an option that is missing, has another value, or should be off" {
	printf '%s\n' CONFIG_A=y 'CONFIG_B="x=y"' CONFIG_C=m CONFIG_D=16 CONFIG_E=y >"$BATS_TEST_TMPDIR/final"
	printf '%s\n' CONFIG_A=y 'CONFIG_B="x=y"' CONFIG_D=16 '# CONFIG_OFF is not set' >"$BATS_TEST_TMPDIR/good"
	printf '%s\n' '# a comment' CONFIG_C=y CONFIG_D=17 CONFIG_MISSING=y >"$BATS_TEST_TMPDIR/bad"
	echo '# CONFIG_E is not set' >"$BATS_TEST_TMPDIR/off"
	run kernel/build --check "$BATS_TEST_TMPDIR/final" "$BATS_TEST_TMPDIR/good"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run kernel/build --check "$BATS_TEST_TMPDIR/final" "$BATS_TEST_TMPDIR"/{good,bad,off}
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 4 ]
	[[ $output == *"CONFIG_C is m, asked for y"* ]]
	[[ $output == *"CONFIG_D is 16, asked for 17"* ]]
	[[ $output == *"CONFIG_MISSING is n, asked for y"* ]]
	[[ $output == *"CONFIG_E is y, asked for n"* ]]
}

# A source package of a kernel whose configuration drops CONFIG_DROPPED, as Kconfig drops what depends on something else.
fake_source() {
	local tree=$BATS_TEST_TMPDIR/deb/usr/src bin=$BATS_TEST_TMPDIR/bin
	mkdir -p "$tree/linux-source-6.12/scripts/kconfig" "$BATS_TEST_TMPDIR/deb/DEBIAN" "$bin"
	printf 'tinyconfig:\n\ttouch .config\nolddefconfig:\n\tsed -i /CONFIG_DROPPED/d .config\n%%:\n\tfalse\n' \
		>"$tree/linux-source-6.12/Makefile"
	printf '#!/bin/sh\nshift 3\ncat "$@" >.config\n' >"$tree/linux-source-6.12/scripts/kconfig/merge_config.sh"
	chmod +x "$tree/linux-source-6.12/scripts/kconfig/merge_config.sh"
	(cd "$tree" && tar -cJf linux-source-6.12.tar.xz linux-source-6.12 && rm -r linux-source-6.12)
	printf 'Package: linux-source-6.12\nVersion: 6.12.1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' \
		>"$BATS_TEST_TMPDIR/deb/DEBIAN/control"
	dpkg-deb -b "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/linux-source-6.12_6.12.1_all.deb"
	cat >"$bin/apt-cache" <<-END
		#!/bin/sh
		[ "\$1" = show ] && echo "SHA256: $(sha256sum <"$BATS_TEST_TMPDIR/linux-source-6.12_6.12.1_all.deb" | cut -c 1-64)" && exit
		echo " linux-source-6.12 | 6.12.1 | somewhere"
	END
	printf '#!/bin/sh\ncp %s/*.deb .\n' "$BATS_TEST_TMPDIR" >"$bin/apt-get"
	chmod +x "$bin"/*
	PATH=$bin:$PATH
}

@test "the build ends, and keeps nothing, when an option that was asked for is not in the final configuration" {
	fake_source >/dev/null
	mkdir -p "$BATS_TEST_TMPDIR/kernel/config" "$BATS_TEST_TMPDIR/kernel/patches"
	mkdir "$BATS_TEST_TMPDIR/mk"
	cp mk/apt "$BATS_TEST_TMPDIR/mk/"
	cp kernel/build kernel/lz4-store "$BATS_TEST_TMPDIR/kernel/"
	printf 'CONFIG_KEPT=y\nCONFIG_DROPPED=y\n' >"$BATS_TEST_TMPDIR/kernel/config/common.config"
	: >"$BATS_TEST_TMPDIR/kernel/config/$(uname -m).config"
	printf -- '--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n' >"$BATS_TEST_TMPDIR/kernel/patches/a.patch"
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	run "$BATS_TEST_TMPDIR/kernel/build" "$BATS_TEST_TMPDIR/out"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"  CONFIG_DROPPED is n, asked for y"* ]]
	[[ $output == *"options asked for are not in the final configuration"* ]]
	[[ $output != *compiling* ]]
	[ -z "$(ls -A "$XDG_CACHE_HOME/pith")" ]
	[ ! -e "$BATS_TEST_TMPDIR/out/kernel" ]
	# with all options there it goes on to compile, which this source cannot
	echo CONFIG_KEPT=y >"$BATS_TEST_TMPDIR/kernel/config/common.config"
	run "$BATS_TEST_TMPDIR/kernel/build" "$BATS_TEST_TMPDIR/out"
	[ "$status" -eq 1 ]
	[[ $output == *"the kernel does not compile"* ]]
}

@test "no option is asked for twice, or on in one fragment and off in the other" {
	for arch in x86_64 arm64; do
		run bash -c "sed -nE 's/^(# )?(CONFIG_[A-Za-z0-9_]+).*/\2/p' kernel/config/{common,$arch}.config | sort | uniq -d"
		[ -z "$output" ] || { echo "$arch: $output"; false; }
	done
}

@test "the tuned kernel has every option that was asked for, and as modules only what few machines use" {
	need_tuned
	run kernel/build --check build/kernel/tuned/config "${fragments[@]}"
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	run tar -tf build/kernel/tuned/kernel-bare.tar
	[[ $output == *"/modules.builtin"* ]]
	[[ $output == *"/modules.dep"* ]]
	[[ $output != *.ko* ]]
	# what depends on what is told, and all of it is there; PID 1 loads none
	tar -C "$BATS_TEST_TMPDIR" -xf build/kernel/tuned/kernel.tar
	modules=$(echo "$BATS_TEST_TMPDIR"/lib/modules/*)
	[ ! -s "$modules/modules.early" ]
	while read -r name needs; do
		for f in ${name%:} $needs; do
			[ -f "$modules/$f" ] || { echo "$f is missing"; false; }
		done
	done <"$modules/modules.dep"
	for name in xfs btrfs ip_vs; do
		[ -n "$(find "$modules" -name "$name.ko.zst")" ] || { echo "$name"; false; }
	done
	[ -z "$(find "$modules" -name '*.ko')" ]
	# they are a megabyte and a half at most, since they lie in memory
	[ "$(find "$modules/kernel" -type f -printf '%s\n' | awk '{n += $1} END {print n}')" -lt 1600000 ]
}

@test "the tuned kernel's fragments ask for all that a guest is promised" {
	for option in VIRTIO_PCI VIRTIO_MMIO VIRTIO_BLK VIRTIO_NET VIRTIO_CONSOLE VIRTIO_BALLOON PAGE_REPORTING HW_RANDOM_VIRTIO \
		VIRTIO_FS VIRTIO_VSOCKETS VSOCKETS_LOOPBACK 9P_FS NET_9P_VIRTIO OVERLAY_FS EROFS_FS EROFS_FS_BACKED_BY_FILE \
		EROFS_FS_ZIP SQUASHFS_ZSTD SQUASHFS_LZ4 EXT4_FS ISO9660_FS VFAT_FS CGROUPS MEMCG_V1 CPUSETS_V1 UTS_NS IPC_NS USER_NS \
		PID_NS NET_NS TIME_NS SECCOMP_FILTER BRIDGE VETH WIREGUARD NF_TABLES IP_NF_IPTABLES IP_NF_NAT \
		NETFILTER_XT_TARGET_MASQUERADE NETFILTER_XT_MATCH_ADDRTYPE BRIDGE_NETFILTER INPUT_EVDEV RTC_CLASS EFI_STUB \
		RD_GZIP RD_ZSTD RD_LZ4; do
		grep -qx "CONFIG_$option=y" kernel/config/common.config || { echo "$option"; false; }
	done
	for option in ACPI ACPI_BUTTON SERIAL_8250_CONSOLE RTC_DRV_CMOS; do
		grep -qx "CONFIG_$option=y" kernel/config/x86_64.config || { echo "$option"; false; }
	done
}

@test "the stored stream is what lz4 unpacks, at every length around a block" {
	head -c 17000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	for size in 0 1 14 15 16 269 270 271 8388607 8388608 8388609 17000000; do
		head -c $size "$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/part"
		kernel/lz4-store -l -9 - - <"$BATS_TEST_TMPDIR/part" | lz4 -qdc >"$BATS_TEST_TMPDIR/back"
		cmp "$BATS_TEST_TMPDIR/part" "$BATS_TEST_TMPDIR/back"
	done
}

# unpacks the debian flavour's kernel.tar; sets $modules
unpack_debian() {
	need_debian
	tar -C "$BATS_TEST_TMPDIR" -xf build/kernel/debian/kernel.tar
	modules=$(echo "$BATS_TEST_TMPDIR"/lib/modules/*)
}

@test "the distribution's modules are complete: whatever one needs is there, and nothing is compressed" {
	unpack_debian
	[ "$(find "$modules" -name '*.ko' | wc -l)" -gt 100 ]
	[ -z "$(find "$modules" -name '*.ko.*')" ]
	while read -r name needs; do
		for f in ${name%:} $needs; do
			[ -f "$modules/$f" ] || { echo "$f is missing"; false; }
		done
	done <"$modules/modules.dep"
	find "$modules" -name '*.ko' -exec basename -a -s .ko {} + | tr - _ | sort >"$BATS_TEST_TMPDIR/have"
	find "$modules" -name '*.ko' -exec modinfo -F depends {} + | tr ',-' '\n_' | sed '/^$/d' | sort -u >"$BATS_TEST_TMPDIR/need"
	[ -s "$BATS_TEST_TMPDIR/need" ]
	run comm -13 "$BATS_TEST_TMPDIR/have" "$BATS_TEST_TMPDIR/need"
	[ -z "$output" ]
	for name in overlay virtio_net vmw_vsock_virtio_transport vsock_loopback ext4 isofs vfat 9p bridge veth nf_tables \
		iptable_nat wireguard dummy evdev button; do
		[ -n "$(find "$modules" -name "$name.ko")" ] || { echo "$name"; false; }
	done
}

@test "early modules are listed after what they need" {
	unpack_debian
	for name in loop erofs squashfs virtio_blk; do
		grep -q "/$name.ko$" "$modules/modules.early"
	done
	while read -r f; do
		for need in $(sed -n "s|^$f: *||p" "$modules/modules.dep"); do
			grep -B 1000 -Fx "$f" "$modules/modules.early" | grep -qFx "$need" || { echo "$f comes before $need"; false; }
		done
	done <"$modules/modules.early"
}

@test "a device's modalias finds its module in the tables" {
	unpack_debian
	run modprobe -d "$BATS_TEST_TMPDIR" -S "${modules##*/}" -R virtio:d00000001v00001AF4
	[ "$output" = virtio_net ]
	run modprobe -d "$BATS_TEST_TMPDIR" -S "${modules##*/}" -R fs-overlay
	[ "$output" = overlay ]
}

@test "repackaging twice gives the same bytes" {
	need_debian
	kernel/debian "$BATS_TEST_TMPDIR/again" 2>/dev/null
	cmp build/kernel/debian/kernel.tar "$BATS_TEST_TMPDIR/again/kernel.tar"
	cmp build/kernel/debian/kernel "$BATS_TEST_TMPDIR/again/kernel"
}

@test "the tuned kernel reaches PID 1 in at most 55 % of the other's instructions, with a quarter of its memory" {
	need_tuned
	need_debian
	run bench/kernel build/kernel/debian/kernel build/kernel/tuned/kernel
	[ "$status" -eq 0 ]
	echo "$output"
	read -r _ _ _ debian_used _ <<<"${lines[1]}"
	read -r _ _ _ tuned_used share <<<"${lines[2]}"
	[ "${share%\%}" -le 55 ]
	[ $((tuned_used * 4)) -le "$debian_used" ]
}
