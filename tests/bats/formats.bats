#!/usr/bin/env bats
# Disks and CDs that firmware boots: what is in them, and that it is the same every time. Those that are booted are in
# tests/boot.

load ../lib/common
load ../lib/uki
bats_require_minimum_version 1.5.0

setup_file() {
	local image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	cd "$BATS_FILE_TMPDIR"
	"$image" init.tar docker.io/test/init:1 --label 'org.pith.init.root=erofs squashfs' 0755:init=pid1 etc/ etc/f=hello
	"$image" kernel.oci docker.io/test/kernel:1 --label org.pith.kernel.root=erofs,squashfs kernel=KERNEL ucode.cpio=UCODE
	"$pith" -q cache --cache "$CACHE" import ./*.tar ./*.oci
}

setup() {
	test_begin
	printf 'kernel: {image: test/kernel:1, cmdline: "console=ttyS0 a=b", tar: none, ucode: ucode.cpio}\ninit: [test/init:1]\n' >x.yml
}
teardown() { test_end; }

build() { "$pith" build --cache "$CACHE" --arch amd64 "$@"; }

disks=raw-bios,raw-efi,qcow2-bios,qcow2-efi,vhd,vmdk,gcp,aws
cds=iso-bios,iso-efi,iso-efi-initrd

# fat IMAGE FILE: a file of the FAT file system in the first partition
fat() { mtype -i "$1@@1048576" "::$2"; }

iso() { xorriso -osirrox on -indev "$1" -extract "$2" out 2>iso.log && cat out && rm -f out; }

partition() { sfdisk --json "$1" | jq -r ".partitiontable | [.label, .partitions[0].$2] | @tsv"; }

@test "a disk for a BIOS: an active partition with syslinux, the kernel, its initrd and its command line" {
	build --format raw-bios x.yml
	[ "$(ls)" = $'x-bios.img\nx.yml' ]
	[ "$(partition x-bios.img bootable)" = $'dos\ttrue' ]
	[ "$(partition x-bios.img start)" = $'dos\t2048' ]
	[ "$(head -c 440 x-bios.img | sha256sum)" = "$(sha256sum </usr/lib/syslinux/mbr/mbr.bin)" ]
	fat x-bios.img /syslinux.cfg | grep -qx '    APPEND console=ttyS0 a=b'
	[ "$(fat x-bios.img /kernel)" = KERNEL ]
	fat x-bios.img /initrd.img | head -c 5 | grep -qx UCODE
	fat x-bios.img /ldlinux.sys | grep -q SYSLINUX
	build --format kernel+initrd x.yml
	cmp <(fat x-bios.img /initrd.img) x-initrd.img
}

@test "a disk for UEFI: systemd-boot and one file with kernel, initrd and command line" {
	build --format raw-efi,kernel+initrd x.yml
	[ "$(partition x-efi.img type)" = $'gpt\tC12A7328-F81F-11D2-BA4B-00A0C93EC93B' ]
	sfdisk --verify x-efi.img | grep -q 'No errors detected'
	cmp <(fat x-efi.img /EFI/BOOT/BOOTX64.EFI) /usr/lib/systemd/boot/efi/systemd-bootx64.efi
	[ "$(fat x-efi.img /loader/loader.conf)" = 'timeout 0' ]
	fat x-efi.img /EFI/Linux/linuxkit.efi >uki.efi
	objdump -h uki.efi | grep -q '\.linux' # other programs read it, too
	[ "$(uki uki.efi .cmdline)" = 'console=ttyS0 a=b' ]
	[ "$(uki uki.efi .linux)" = KERNEL ]
	uki uki.efi .initrd | cmp - x-initrd.img
	uki uki.efi .osrel | grep -qx 'PRETTY_NAME=LinuxKit'
}

@test "CDs: isolinux or UEFI, around an initrd; with --initrd plain the CD itself is the root" {
	build --format "$cds",kernel+initrd x.yml
	[ "$(ls ./*.iso)" = $'./x-efi-initrd.iso\n./x-efi.iso\n./x.iso' ]
	iso x.iso /isolinux/isolinux.cfg | grep -qx '    INITRD /boot/initrd.img'
	iso x.iso /boot/initrd.img | cmp - x-initrd.img
	[ "$(head -c 432 x.iso | sha256sum)" != "$(head -c 432 /dev/zero | sha256sum)" ]
	xorriso -indev x-efi.iso -report_el_torito plain 2>&1 | grep -qE '^El Torito boot img.*UEFI  y'
	build --format "$cds" --initrd plain x.yml
	iso x.iso /isolinux/isolinux.cfg | grep -qx '    APPEND console=ttyS0 a=b root=/dev/sr0'
	[ "$(iso x.iso /etc/f)" = hello ]
	[ "$(iso x-efi.iso /etc/f)" = hello ]
	if iso x-efi.iso /isolinux/isolinux.cfg; then false; fi
	iso x-efi.iso /boot/efi.img >efi.img
	mtype -i efi.img ::/EFI/BOOT/BOOTX64.EFI >uki.efi
	[ "$(uki uki.efi .cmdline)" = 'console=ttyS0 a=b root=/dev/sr0' ]
	iso x-efi-initrd.iso /boot/efi.img >efi.img
	mtype -i efi.img ::/EFI/BOOT/BOOTX64.EFI >uki.efi
	[ "$(uki uki.efi .cmdline)" = 'console=ttyS0 a=b' ]
}

@test "disks of clouds and hypervisors hold the same disk, as large as --size says" {
	build --format "$disks" --size 64M x.yml
	build --format dynamic-vhd --name d --size 64M x.yml
	tar tvf x.img.tar.gz | grep -qE '^-rw-r--r-- .* 67108864 .* disk\.raw$'
	zcat x.img.tar.gz | head -c 265 | tail -c 8 | cmp - <(printf 'ustar  \0')
	cmp <(tar xOf x.img.tar.gz) x.raw
	for disk in x.qcow2:qcow2 x.vhd:vpc d.vhd:vpc x.vmdk:vmdk; do
		qemu-img compare -f "${disk#*:}" -F raw "${disk%:*}" x.raw
	done
	qemu-img info --output=json x-efi.qcow2 | jq -e '."virtual-size" == 67108864'
	[ "$(fat x.raw /kernel)" = KERNEL ]
	[ "$(stat -c %s x.vhd)" -eq $((67108864 + 512)) ]
	build --format aws --name default x.yml
	[ "$(stat -c %s default.raw)" -eq 1073741824 ]
}

# all_formats DIR: every format that there is, with the YAML in the folder above
all_formats() {
	build --format "$disks,$cds,kernel+initrd,kernel+squashfs,kernel+erofs,tar-kernel-initrd" --size 40M --dir "$1" ../x.yml
	build --format dynamic-vhd,kernel+initrd --initrd plain --compress gzip --name d --size 40M --dir "$1" ../x.yml
	build --format kernel+initrd-nogz,kernel+iso --name n --dir "$1" ../x.yml
	build --format tar --dir "$1" ../x.yml
	build --format docker --dir "$1" ../x.yml
}

@test "the same input gives the same bytes in every format, whoever builds, when and where" {
	mkdir one two
	echo file >f
	printf 'files: [{path: etc/g, source: %s/f, mode: "0644"}]\n' "$PWD" >>x.yml
	(cd one && all_formats .)
	next_second() { [ "$(date +%s)" -ne "$now" ]; }
	now=$(date +%s)
	within 5 next_second # a time of day would have another value
	touch -d 2001-01-01 f x.yml
	(
		umask 077
		cd two
		export TZ=Asia/Kolkata LC_ALL=tr_TR.UTF-8 SOURCE_DATE_EPOCH=1 TMPDIR=$T HOME=/nonexistent USER=somebody
		all_formats "$T/two"
	)
	[ "$(find one -type f | wc -l)" -eq 27 ] || { ls one; return 1; }
	for f in one/*; do cmp "$f" "two/${f#one/}"; done
}

@test "--check-reproducible builds a second time, and says which file differs and where" {
	"$pith" build --cache "$CACHE" --arch amd64 --check-reproducible --format raw-efi,kernel+initrd --dir out x.yml 2>log
	grep -q 'a second build has written the same bytes: 4 files' log
	"$pith" build --cache "$CACHE" --arch amd64 --check-reproducible -o x.tar x.yml 2>log
	grep -q 'the same bytes: 1 file$' log
	# a file that is another one each time that it is read
	printf 'files: [{path: etc/g, source: /proc/sys/kernel/random/uuid}]\n' >>x.yml
	run --separate-stderr "$pith" -q build --cache "$CACHE" --arch amd64 --no-sbom --check-reproducible --format tar x.yml
	[ "$status" -eq 1 ]
	[[ $stderr =~ 'error: ./x.tar is not reproducible: a second build has other bytes from byte '[0-9]+' on' ]]
	for wrong in '-o -' '--sbom-current-time'; do
		# shellcheck disable=SC2086
		run --separate-stderr build --check-reproducible $wrong x.yml
		[ "$status" -eq 2 ]
		[[ $stderr == *--check-reproducible* ]]
	done
	[ "$(ls)" = $'log\nout\nx.tar\nx.yml' ]
}

@test "kernel+initrd-nogz: the whole tree in an archive that is not compressed" {
	build --format kernel+initrd-nogz x.yml
	tail -c +513 x-initrd.img | cpio -t --quiet | grep -qx etc/f
	[ "$(cat x-cmdline)" = 'console=ttyS0 a=b' ]
	[ "$(cat x-kernel)" = KERNEL ]
}

@test "what cannot be made: one line, status 1, and nothing is left" {
	check() { # STATUS WHAT-IT-SAYS OPTION...
		local want=$1 says=$2
		shift 2
		run --separate-stderr build "$@"
		[[ $status -eq $want && $stderr == *"$says"* && $(grep -c error: <<<"$stderr") -eq 1 ]] || { echo "$status: $stderr"; false; }
		[ "$(ls ./*.img ./*.iso ./*.raw ./*.qcow2 ./*.vhd 2>/dev/null)" = '' ]
	}
	check 1 '--size 20M: the disk needs at least 37M' --format aws --size 20M x.yml
	check 2 'the formats vhd and dynamic-vhd both write NAME.vhd' --format vhd,dynamic-vhd x.yml
	check 2 'the formats kernel+iso and iso-bios both write NAME.iso' --format iso-bios,kernel+iso x.yml
	printf 'kernel: {image: test/kernel:1, cmdline: "%s", tar: none}\ninit: [test/init:1]\n' "$(printf '%02100d' 0)" >long.yml
	check 1 "the kernel's command line has 2100 bytes, and boot loader and kernel take 2047" --format raw-bios long.yml
	printf 'init: [test/init:1]\n' >nokernel.yml
	check 1 'there is no kernel to boot' --format raw-efi nokernel.yml
	mkdir bin
	for tool in mkfs.erofs tar sh xorriso; do ln -s "$(command -v "$tool")" bin/; done
	run --separate-stderr env PATH="$T/bin" "$pith" build --cache "$CACHE" --arch amd64 --format raw-bios x.yml
	[[ $status -eq 1 && $stderr == *'mcopy is not installed (Debian package mtools)' && ! -e x-bios.img ]]
}

@test "a full disk leaves the old image, and nothing half-written" {
	build --format raw-bios x.yml
	mkdir full
	run unshare -m bash -c "mount -t tmpfs -o size=8m none full && printf old >full/x-bios.img &&
		! '$pith' build --cache '$CACHE' --arch amd64 --format raw-bios,qcow2-bios --dir full x.yml && ls -A full && cat full/x-bios.img"
	echo "$output"
	[[ $status -eq 0 && $output == *'No space left on device'* && $output == *$'\nx-bios.img\nold' ]]
}

# uimage FILE: type, compression, address and name of an image for U-Boot whose sums are right; its content is in `content`
uimage() {
	python3 - "$1" <<-'END'
		import struct, sys, zlib
		data = open(sys.argv[1], "rb").read()
		magic, head, time, size, load, entry, sums, system, arch, kind, packed, name = struct.unpack(">7I4B32s", data[:64])
		assert magic == 0x27051956 and size == len(data) - 64 and sums == zlib.crc32(data[64:])
		assert head == zlib.crc32(data[:4] + bytes(4) + data[8:64]) and (system, arch) == (5, 22) and load == entry
		open("content", "wb").write(data[64:])
		print(kind, packed, hex(load), name.rstrip(b"\0").decode())
	END
}

@test "rpi3: the board's firmware, U-Boot, and kernel, device trees, initrd and command line as it takes them" {
	local image=$root_dir/tests/tools/oci-image names='bootcode.bin fixup.dat fixup_cd.dat fixup_x.dat start.elf start_cd.elf start_x.elf u-boot.bin'
	mkdir -p boot/dtb/broadcom boot/dtb/other firmware card
	for name in bcm2837-rpi-3-b bcm2837-rpi-3-b-plus bcm2711-rpi-4-b; do echo "$name" >"boot/dtb/broadcom/$name.dtb"; done
	tar -cf kernel.tar boot
	python3 -c 'import gzip; open("Image", "wb").write(gzip.compress(bytes(56) + b"ARM\x64" + bytes(100), mtime=0))'
	"$image" k.oci docker.io/test/arm:1 --arch arm64 kernel@Image kernel.tar@kernel.tar ucode.cpio=UCODE
	"$image" i.oci docker.io/test/arminit:1 --arch arm64 0755:init=pid1 etc/ etc/f=hello
	"$pith" -q cache --cache "$CACHE" import k.oci i.oci
	for name in $names; do echo "$name" >"firmware/$name"; done
	printf 'kernel: {image: test/arm:1, cmdline: %s}\ninit: [test/arminit:1]\n' "'say=\"\$x\"'" >x.yml
	"$pith" build --cache "$CACHE" --arch arm64 --format rpi3,kernel+initrd --rpi3-firmware firmware x.yml
	tar xf x.tar -C card
	for name in $names; do cmp "firmware/$name" "card/$name"; done
	[ "$(cd card && find . -type f -name '*.dtb' | sort)" = $'./dtb/broadcom/bcm2837-rpi-3-b-plus.dtb\n./dtb/broadcom/bcm2837-rpi-3-b.dtb' ]
	grep -qx 'kernel=u-boot.bin' card/config.txt
	[ "$(uimage card/kernel.uimg)" = '2 1 0x80000 ' ]
	cmp content Image
	[ "$(uimage card/initrd.uimg)" = '3 1 0x0 ' ]
	cmp content x-initrd.img
	[ "$(uimage card/boot.scr)" = '6 0 0x0 RPi3' ]
	cmp <(tail -c +9 content) card/boot.script
	grep -qx 'setenv bootargs "dwc_otg.lpm_enable=0 .* say=\\"\\$x\\""' card/boot.script
	grep -qxF 'bootm ${kernel_addr} ${ramdisk_addr_r} ${fdt_addr_r}' card/boot.script
	cp x.tar before.tar
	"$pith" build --cache "$CACHE" --arch arm64 --format rpi3 --rpi3-firmware firmware x.yml
	cmp x.tar before.tar
}

@test "rpi3: what cannot be made" {
	run --separate-stderr build --format rpi3 x.yml
	[[ $status -eq 1 && $stderr == *'rpi3: the board is 64-bit ARM: say --arch arm64' ]]
	"$root_dir/tests/tools/oci-image" i.oci docker.io/test/arminit:2 --arch arm64 kernel=KERNEL 0755:init=pid1
	"$pith" -q cache --cache "$CACHE" import i.oci
	printf 'kernel: {image: test/arminit:2, tar: none}\ninit: [test/arminit:2]\n' >x.yml
	mkdir firmware
	run --separate-stderr "$pith" build --cache "$CACHE" --arch arm64 --format rpi3 --rpi3-firmware firmware x.yml
	[ "$status" -eq 1 ]
	[[ $stderr == *'rpi3: firmware/bootcode.bin is not there (Debian package raspi-firmware, or --rpi3-firmware with a folder of all the files)' ]]
	touch firmware/{bootcode.bin,{fixup,fixup_cd,fixup_x}.dat,{start,start_cd,start_x}.elf,u-boot.bin}
	run --separate-stderr "$pith" build --cache "$CACHE" --arch arm64 --format rpi3 --rpi3-firmware firmware x.yml
	[ "$status" -eq 1 ]
	[[ $stderr == *"rpi3: the kernel image's archive has no device tree for the board (boot/dtb/broadcom/bcm2837-rpi-3-b*.dtb)" ]]
	[ ! -e x.tar ]
}
