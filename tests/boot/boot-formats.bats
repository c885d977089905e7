#!/usr/bin/env bats
# Every disk and CD that `pith build --format` makes and QEMU boots, by SeaBIOS or OVMF, each from another bus: one tiny
# machine that says how it was started, and powers off. All of them run before the first test, two at a time.
#
# What is in the images is in tests/bats/formats.bats; raw-bios from virtio is in examples.bats, raw-efi from virtio in
# run-guest.bats. The archive for gcp has the disk of aws in it, byte by byte.

load ../lib/common

# machine NAME FILE OPTION...: boots it, to its end; console, messages and status are in NAME.console, .err, .status
machine() {
	local name=$1 file=$2 status=0
	shift 2
	TIMEFORMAT="$name %R %U %S"
	time timeout $((120 * ${PITH_TEST_SLOWNESS:-4})) "$pith" run --accel tcg --mem 192 --networking none --vsock-ports none \
		--state "$name-state" "$@" "$file" >"$name.console" 2>"$name.err" </dev/null || status=$?
	echo "$status" >"$name.status"
	rm -f "$file" || : # no other machine has it
}

setup_file() {
	load ../lib/common
	needs_tuned_kernel
	cd "$BATS_FILE_TMPDIR"
	# clearcpuid: what pith tells a kernel that it boots itself (host/run/qemu.c)
	cat >x.yml <<-'END'
		kernel: {image: pith/kernel, cmdline: "console=ttyS0 quiet linuxkit.runc_console=1 clearcpuid=141 no_timer_check a=b"}
		init: [pith/init, pith/crun]
		onboot:
		  - name: look
		    image: pith/busybox
		    capabilities: [all]
		    pid: host
		    binds: ["/sys:/sys"]
		    command:
		      - /bin/sh
		      - -c
		      - |
		        echo
		        echo "command line: $(cat /proc/cmdline)"
		        echo "root: $(awk '$2 == "/" {print $3}' /proc/1/mounts)"
		        echo "on: $(awk '$2 == "/" {print $1}' /proc/1/mounts)"
		        if [ -d /sys/firmware/efi ]; then echo started by UEFI; else echo started by a BIOS; fi
		        kill -USR2 1
	END
	"$pith" build --format raw-bios,raw-efi,qcow2-bios,qcow2-efi,vmdk,aws,iso-bios,iso-efi,iso-efi-initrd --size 64M x.yml
	"$pith" build --format dynamic-vhd --verity --name dynamic x.yml
	"$pith" build --format vhd,iso-bios,iso-efi --initrd plain --size 64M --name plain x.yml
	ln x-efi.img x2-efi.img
	ln x.iso x.img
	{
		machine bios-sata x-bios.img --bus sata
		machine bios-nvme x.raw --bus nvme
		machine bios-virtio dynamic.vhd
		machine bios-scsi x.vmdk --bus scsi
		machine bios-usb x.qcow2 --bus usb
		machine bios-plain plain.vhd
		machine cd-sata x.iso --bus sata
		machine cd-usb-disk x.img --format raw --bus usb
		machine cd-plain plain.iso
	} 3>&- 8>&- 9>&- &
	{
		machine efi-sata x-efi.img --bus sata
		machine efi-nvme x2-efi.img --bus nvme
		machine efi-usb x-efi.qcow2 --bus usb
		machine efi-cd-sata x-efi.iso --bus sata
		machine efi-cd-usb x-efi-initrd.iso --bus usb
		machine efi-cd-plain plain-efi.iso
	} 3>&- 8>&- 9>&- &
	wait
}

setup() { cd "$BATS_FILE_TMPDIR" || return 1; }

# started NAME FIRMWARE ROOT: the machine has said this of itself, and has powered off without a complaint
started() {
	tr -d '\r' <"$1.console" >said
	{ [ "$(cat "$1.status")" = 0 ] && [ ! -s "$1.err" ] && grep -qx "started by $2" said && grep -qx "root: $3" said &&
		grep -q '^command line: .*console=ttyS0 quiet .* a=b' said; } || {
		echo "--- $1: status $(cat "$1.status")" && cat "$1.err" && tail -n 40 said
		return 1
	}
}

@test "SeaBIOS boots raw-bios from SATA, aws from NVMe, dynamic-vhd from virtio, vmdk from SCSI, qcow2-bios from USB" {
	started bios-sata 'a BIOS' erofs
	started bios-nvme 'a BIOS' erofs
	started bios-virtio 'a BIOS' erofs
	grep -qx 'on: /dev/dm-0' said # a root that is checked, in the initrd
	started bios-scsi 'a BIOS' erofs
	started bios-usb 'a BIOS' erofs
}

@test "SeaBIOS boots iso-bios from a CD, and from a USB disk that it was copied to" {
	started cd-sata 'a BIOS' erofs
	started cd-usb-disk 'a BIOS' erofs
}

@test "OVMF boots raw-efi from SATA and NVMe, qcow2-efi from USB" {
	started efi-sata UEFI erofs
	started efi-nvme UEFI erofs
	started efi-usb UEFI erofs
}

@test "OVMF boots iso-efi from a CD, and iso-efi-initrd from one on USB" {
	started efi-cd-sata UEFI erofs
	started efi-cd-usb UEFI erofs
}

@test "LinuxKit's layouts boot: a disk with the tree as its initrd, CDs that are the root themselves" {
	started bios-plain 'a BIOS' rootfs
	started cd-plain 'a BIOS' iso9660
	started efi-cd-plain UEFI iso9660
	grep -q 'root=/dev/sr0' cd-plain.console
}
