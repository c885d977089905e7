#!/usr/bin/env bats
# What keeps a disk or CD from being made: one line that says so, status 1, nothing left behind, and the old image is
# still there. Names and sizes that are refused at once are in formats.bats.

load ../lib/common
bats_require_minimum_version 1.5.0

setup_file() {
	local image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	cd "$BATS_FILE_TMPDIR"
	# a bzImage with an EFI stub, and the same kernel without it, as far as headers go
	python3 - <<-'END'
		import struct
		head = bytearray(0x1000)
		head[0x1f1] = 1
		head[0x1fe:0x200] = b"\x55\xaa"
		head[0x202:0x206] = b"HdrS"
		struct.pack_into("<H", head, 0x206, 0x20f)
		open("plain", "wb").write(head)
		head[0:2] = b"MZ"
		struct.pack_into("<I", head, 0x3c, 0x40)
		head[0x40:0x44] = b"PE\0\0"
		open("efi", "wb").write(head)
		open("elf", "wb").write(b"\177ELF" + bytes(100))
		head[0x248:0x24c] = b"\xff" * 4
		open("cut", "wb").write(head)
	END
	head -c 1500000 /dev/urandom >big
	mkdir -p full/lib/modules/6.0 some/lib/modules/6.0
	printf 'kernel/fs/%s.ko\n' isofs/isofs squashfs/squashfs erofs/erofs >full/lib/modules/6.0/modules.builtin
	printf 'kernel/drivers/scsi/sr_mod.ko\n' >>full/lib/modules/6.0/modules.builtin
	printf 'kernel/fs/%s.ko\n' ext4/ext4 isofs/isofs >some/lib/modules/6.0/modules.builtin
	tar -C full -cf full.tar lib
	tar -C some -cf some.tar lib
	"$image" init.tar docker.io/test/init:1 --label 'org.pith.init.root=erofs squashfs' 0755:init=pid1 big@big
	for kernel in efi:full plain:full elf:full cut:full efi:some; do
		"$image" "k-${kernel%:*}-${kernel#*:}.oci" "docker.io/test/${kernel%:*}-${kernel#*:}:1" "kernel@${kernel%:*}" "kernel.tar@${kernel#*:}.tar"
	done
	"$image" labelled.oci docker.io/test/labelled:1 --label org.pith.kernel.root=erofs,squashfs kernel@efi kernel.tar@full.tar
	"$pith" -q cache --cache "$CACHE" import init.tar ./*.oci
}

setup() {
	test_begin
	yaml labelled >x.yml
	mkdir out temp bin
	export TMPDIR=$T/temp
}
teardown() { test_end; }

# yaml KERNEL [COMMAND-LINE]
yaml() { printf 'kernel: {image: test/%s:1, cmdline: "%s"}\ninit: [test/init:1]\n' "$1" "${2:-a=b}"; }

build() { "$pith" -q build --cache "$CACHE" --arch amd64 "$@"; }

# refused SAYS OPTION...: status 1, one line with these words, nothing in the folders of output and of temporary files
refused() {
	local says=$1
	shift
	run --separate-stderr build --dir out "$@"
	[[ $status -eq 1 && ${#stderr_lines[@]} -eq 1 && $stderr == "pith: error: "*"$says"* && $(ls -A out temp) == $'out:\n\ntemp:' ]] || {
		echo "status $status, and not: $says" && echo "$stderr" && ls -A out temp
		false
	}
}

# full SIZE FORMAT WHERE: `build` with a disk of SIZE KiB for the output (out) or for temporary files (temp)
full() {
	run --separate-stderr unshare -m bash -c "mount -t tmpfs -o size=$1k none $3 && cd out && touch -d 2020-01-01 x-bios.img x-efi.img x.iso x-efi.iso x.vmdk x.img.tar.gz x.qcow2 &&
		cd .. && { '$pith' -q build --cache '$CACHE' --arch amd64 --size 64M --format $2 --dir out x.yml; status=\$?; } && ls -A out temp && find out -type f -size +0 && exit \$status"
}

@test "a disk that fills up, at any step: the old image stays, and nothing else" {
	local step size where format
	before=$(printf '%s\n' out: x-bios.img x-efi.img x-efi.iso x.img.tar.gz x.iso x.qcow2 x.vmdk '' temp:)
	for step in out:raw-bios out:raw-efi out:iso-bios out:iso-efi out:vmdk out:gcp temp:raw-bios temp:raw-efi temp:iso-bios; do
		where=${step%:*} format=${step#*:}
		for size in 16 1200 2500 30000; do
			case $step:$size in temp:*:30000 | temp:raw-bios:2500 | out:iso-bios:[23]*) continue ;; esac # enough
			full "$size" "$format" "$where"
			[[ $status -eq 1 && ${#stderr_lines[@]} -eq 1 && $stderr == *'No space left on device'* && $output == "$before" ]] || {
				echo "$step, $size KiB: $status" && echo "$stderr" && echo "$output"
				return 1
			}
		done
	done
}

@test "a tool that is killed or fails is named with what it said" {
	local tool format
	for tool in mkfs.vfat:raw-efi mmd:raw-efi mcopy:raw-bios sfdisk:raw-efi syslinux:raw-bios xorriso:iso-bios qemu-img:qcow2-bios mkfs.erofs:raw-efi; do
		format=${tool#*:} tool=${tool%:*}
		printf '#!/bin/sh\nkill -9 $$\n' >"bin/$tool"
		chmod +x "bin/$tool"
		PATH=$T/bin:$PATH refused "$tool failed (killed by signal 9 (Killed))" --format "$format" x.yml
		printf '#!/bin/sh\necho first >&2; echo the reason >&2; exit 3\n' >"bin/$tool"
		PATH=$T/bin:$PATH refused "$tool failed (exit status 3): the reason" --format "$format" x.yml
		rm "bin/$tool"
	done
}

# slow_mcopy: a mcopy that says when it is there, in the fifo `here`, and goes on when somebody opens the fifo `go`
slow_mcopy() {
	mkfifo here go
	printf '#!/bin/sh\necho >%s/here\n: <%s/go\nexec %s "$@"\n' "$T" "$T" "$(command -v mcopy)" >bin/mcopy
	chmod +x bin/mcopy
}
empty() { [ -z "$(find "$@" -mindepth 1)" ]; }

@test "a build that is killed leaves nothing" {
	slow_mcopy
	for signal in KILL TERM; do
		PATH=$T/bin:$PATH background log "$pith" -q build --cache "$CACHE" --arch amd64 --format raw-bios,qcow2-bios --dir out x.yml
		read -r _ <here
		[ "$(ls -A out)" = .x.lock ]
		kill "-$signal" "$background"
		within 20 empty out temp
	done
}

@test "two builds of one name into one folder: the second is refused, and the first not disturbed" {
	slow_mcopy
	PATH=$T/bin:$PATH background log "$pith" -q build --cache "$CACHE" --arch amd64 --format raw-bios --dir out x.yml
	read -r _ <here
	run --separate-stderr build --format kernel+initrd --dir out x.yml
	[ "$status" -eq 1 ]
	echo "$stderr"
	[ "$stderr" = 'pith: error: another build is writing out/x at this moment: wait for it, or use another --name or --dir' ]
	build --format kernel+initrd --dir out --name y x.yml
	rm bin/mcopy
	exec 7<>go
	within 60 ended "$background"
	exec 7<&-
	wait "$background"
	[ "$(ls -A out)" = $'x-bios.img\ny-cmdline\ny-initrd.img\ny-kernel' ]
	# and one after the other they are what they were
	build --format raw-bios --dir out x.yml
}

@test "a folder where nothing can be made" {
	for format in raw-bios raw-efi iso-efi vmdk gcp; do
		run unshare -m bash -c "mount -t tmpfs none out && mount -o remount,ro out && '$pith' -q build --cache '$CACHE' --arch amd64 --format $format --dir out x.yml"
		[ "$status" -eq 1 ]
		[[ ${#lines[@]} -eq 1 && ${lines[0]} == 'pith: error: out/x'*': cannot be created: Read-only file system' ]]
		empty temp
	done
}

@test "a kernel that lacks what the format needs: which driver, which option of its build" {
	yaml plain-full >plain.yml
	yaml elf-full >elf.yml
	yaml cut-full >cut.yml
	yaml efi-some >some.yml
	for format in raw-efi qcow2-efi iso-efi iso-efi-initrd; do
		refused "$format: UEFI firmware cannot start this kernel, which has no EFI stub (CONFIG_EFI_STUB)" --format "$format" plain.yml
	done
	for format in raw-bios qcow2-bios vhd dynamic-vhd vmdk gcp aws iso-bios; do
		refused "$format: syslinux starts a bzImage, and this kernel is none" --format "$format" elf.yml
	done
	refused "raw-efi: UEFI firmware cannot start this kernel" --format raw-efi elf.yml
	refused "raw-bios: the kernel is damaged: its compressed part goes beyond the end of the file" --format raw-bios cut.yml
	refused 'kernel+squashfs: the kernel cannot mount its root: squashfs (CONFIG_SQUASHFS) is not built in' --format kernel+squashfs some.yml
	refused 'kernel+erofs: the kernel cannot mount its root: erofs (CONFIG_EROFS_FS) is not built in' --format kernel+erofs some.yml
	refused 'iso-bios: the kernel cannot mount its root: sr_mod (CONFIG_BLK_DEV_SR) is not built in' --format iso-bios some.yml
	refused 'raw-bios: the kernel cannot mount its root: erofs (CONFIG_EROFS_FS) is not built in: --initrd plain does without' \
		--format raw-bios --initrd erofs some.yml
	build --format kernel+iso,raw-bios,raw-efi --dir out some.yml
	build --format kernel+squashfs,kernel+erofs,iso-efi --initrd plain --dir out x.yml
}

@test "a command line that is longer than the kernel takes" {
	yaml labelled "$(printf '%02100d' 0)" >long.yml
	for format in raw-bios iso-bios raw-efi iso-efi; do
		refused "the kernel's command line has 2100 bytes, and boot loader and kernel take 2047: shorten kernel.cmdline" --format "$format" long.yml
	done
}
