#!/usr/bin/env bats
# Roots with a hash tree, and signed disks and CDs: what is in them, by the field's own tools. Machines that boot them, and
# do not boot them when something was changed, are in tests/long/boot-verity.bats.

load ../lib/common
load ../lib/uki
bats_require_minimum_version 1.5.0

setup_file() {
	local image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	cd "$BATS_FILE_TMPDIR"
	head -c 1500000 /dev/urandom >big
	mkdir -p with/lib/modules/6.0/kernel without/lib/modules/6.0
	printf 'kernel/fs/%s.ko\n' squashfs/squashfs erofs/erofs >without/lib/modules/6.0/modules.builtin
	{ cat without/lib/modules/6.0/modules.builtin && echo kernel/drivers/md/dm-verity.ko; } >with/lib/modules/6.0/modules.builtin
	cp -r without modular
	echo MODULE >modular/lib/modules/6.0/dm-verity.ko
	echo EARLY >modular/lib/modules/6.0/first.ko
	echo first.ko >modular/lib/modules/6.0/modules.early
	echo dm-verity.ko >modular/lib/modules/6.0/modules.verity
	for t in with without modular; do tar -C $t -cf $t.tar lib; done
	"$image" init.tar docker.io/test/init:1 --label 'org.pith.init.root=erofs squashfs verity' 0755:init=pid1 etc/ etc/f=hello big@big
	"$image" old.tar docker.io/test/old:1 --label 'org.pith.init.root=erofs squashfs' 0755:init=pid1
	for k in with without modular; do
		"$image" "k-$k.oci" "docker.io/test/$k:1" --label org.pith.kernel.root=erofs,squashfs kernel=KERNEL "kernel.tar@$k.tar"
	done
	"$pith" -q cache --cache "$CACHE" import ./init.tar ./old.tar ./k-*.oci
	openssl req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.pem -days 3650 -subj /CN=a 2>/dev/null
	openssl req -x509 -newkey rsa:2048 -nodes -keyout b.key -out b.pem -days 3650 -subj /CN=b 2>/dev/null
}

setup() {
	test_begin
	yaml with >x.yml
}
teardown() { test_end; }

# yaml KERNEL [INIT]
yaml() { printf 'kernel: {image: test/%s:1, cmdline: "console=ttyS0 a=b"}\ninit: [test/%s:1]\n' "$1" "${2:-init}"; }

# without a terminal, on which a pass phrase would be asked for
build() { setsid -w "$pith" -q build --cache "$CACHE" --arch amd64 "$@"; }

# refused WORDS OPTION...: status 1, one line with these words, no file
refused() {
	local says=$1
	shift
	run --separate-stderr build --dir out "$@"
	[[ $status -eq 1 && ${#stderr_lines[@]} -eq 1 && $stderr == *"$says"* ]] || { echo "status $status, not: $says" && echo "$stderr" && false; }
	[ -z "$(ls out 2>/dev/null)" ]
}

# misused WORDS OPTION...: status 2
misused() {
	local says=$1
	shift
	run --separate-stderr build "$@"
	[[ $status -eq 2 && $stderr == *"$says"* ]] || { echo "status $status, not: $says" && echo "$stderr" && false; }
}

# words CMDLINE-FILE: the word's blocks, salt and root as variables
words() {
	local text
	text=$(grep -o 'pith\.verity=[^ ]*' "$1")
	IFS=: read -r blocks salt root <<<"${text#*=}"
}

# verified IMAGE: veritysetup takes image and tree, and the root that words() has read
verified() {
	veritysetup verify "$1" "$1" "$root" --hash-offset=$((blocks * 4096))
	[ "$(veritysetup dump "$1" --hash-offset=$((blocks * 4096)) | awk '/^Salt:/ {print $2}')" = "$salt" ]
}

@test "the image in an initrd has a tree that veritysetup takes, and the command line its root" {
	local type
	for type in erofs squashfs; do
		build --format kernel+initrd --initrd "$type" --verity --name "$type" x.yml
		grep -qE '^console=ttyS0 a=b pith\.verity=[0-9]+:[0-9a-f]{64}:[0-9a-f]{64}$' "$type-cmdline"
		words "$type-cmdline"
		mkdir "$type" && (cd "$type" && cpio --quiet -idm <"../$type-initrd.img")
		verified "$type/rootfs.$type"
		# a bit anywhere is noticed: in the data, and in the tree
		for at in $((blocks * 4096 / 2)) $((blocks * 4096 + 5000)); do
			cp "$type/rootfs.$type" bad
			printf '\xa5' | dd of=bad bs=1 seek=$at conv=notrunc status=none
			cmp -s bad "$type/rootfs.$type" && continue
			run ! veritysetup verify bad bad "$root" --hash-offset=$((blocks * 4096))
		done
	done
	# what is in front of the tree is the image that there is without one
	build --format kernel+initrd --initrd erofs --name without x.yml
	run ! grep verity without-cmdline
	mkdir w && (cd w && cpio --quiet -idm <../without-initrd.img)
	cmp -n "$(stat -c %s w/rootfs.erofs)" w/rootfs.erofs erofs/rootfs.erofs
}

@test "beside kernel+erofs and kernel+squashfs there is an initrd with PID 1 alone" {
	local type
	for type in erofs squashfs; do
		build --format "kernel+$type" --verity --verity-check read --name "$type" x.yml
		[ "$(ls "$type"-{cmdline,kernel,verity.img,"$type.img"} | wc -l)" = 4 ]
		[ "$(ls "$type"-* | wc -l)" = 4 ]
		grep -q ' pith\.verity=.* pith\.verity\.check=read$' "$type-cmdline"
		words "$type-cmdline"
		verified "$type-$type.img"
		[ "$(cpio --quiet -t <"$type-verity.img")" = init ]
	done
}

@test "a disk for UEFI has the root as a partition whose UUID is the root's, and PID 1 in the unified kernel image" {
	build --format raw-efi,qcow2-efi --size 100M --verity x.yml
	sfdisk --json x-efi.img >table
	sfdisk --verify x-efi.img | grep -q 'No errors detected'
	jq -r '.partitiontable.partitions[1] | [.type, .name, .attrs] | @tsv' table | grep -qx $'4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\troot\tGUID:60'
	mtype -i x-efi.img@@1048576 ::/EFI/Linux/linuxkit.efi >uki.efi
	uki uki.efi .cmdline >line
	words line
	[ "$(jq -r '.partitiontable.partitions[1].uuid' table | tr -d - | tr A-F a-f)" = "${root:0:32}" ]
	uki uki.efi .initrd | cpio --quiet -t | grep -qx init
	[ "$(uki uki.efi .initrd | cpio --quiet -t | wc -l)" = 1 ]
	dd if=x-efi.img of=part bs=512 skip="$(jq .partitiontable.partitions[1].start table)" count="$(jq .partitiontable.partitions[1].size table)" status=none
	verified part
	[ "$(dump.erofs part 2>/dev/null | grep -c magic)" = 1 ]
	qemu-img convert -O raw x-efi.qcow2 q.img
	cmp -n $((1048576 * 38)) <(dd if=q.img bs=1M skip=1 status=none) <(dd if=x-efi.img bs=1M skip=1 status=none)
	refused 'the disk needs at least' --format qcow2-efi --size 38M --verity x.yml
}

@test "BIOS disks and CDs have it in their initrd; two roots do not share one command line" {
	build --format raw-bios,iso-bios,iso-efi,iso-efi-initrd,kernel+initrd,kernel+erofs --verity x.yml
	words x-cmdline
	mtype -i x-bios.img@@1048576 ::/syslinux.cfg | grep -q " pith.verity=$blocks:$salt:$root\$"
	mtype -i x-bios.img@@1048576 ::/initrd.img | cmp - x-initrd.img
	xorriso -osirrox on -indev x-efi-initrd.iso -extract /boot/efi.img efi.img 2>/dev/null
	mtype -i efi.img ::/EFI/BOOT/BOOTX64.EFI >uki.efi
	[ "$(uki uki.efi .cmdline)" = "console=ttyS0 a=b pith.verity=$blocks:$salt:$root" ]
	refused 'two different roots cannot share one command line' --format kernel+erofs,kernel+squashfs --verity x.yml
	build --format tar-kernel-initrd --verity x.yml
	tar -xOf x-initrd.tar cmdline | cmp - x-cmdline
}

@test "modules that a root with a tree needs come after those that any needs, and only with it" {
	yaml modular >x.yml
	build --format kernel+initrd --verity x.yml
	[ "$(cpio --quiet -t <x-initrd.img | sort | tr '\n' ' ')" = 'early early/00-first.ko early/01-dm-verity.ko init rootfs.erofs ' ]
	build --format kernel+initrd --name without x.yml
	[ "$(cpio --quiet -t <without-initrd.img | sort | tr '\n' ' ')" = 'early early/00-first.ko init rootfs.erofs ' ]
}

@test "what cannot be checked is refused, by name" {
	yaml without >k.yml
	refused 'dm-verity (CONFIG_DM_VERITY) is not built in' --verity k.yml
	yaml with old >i.yml
	refused 'label org.pith.init.root: verity' --verity i.yml
	refused 'its root is ISO 9660' --verity --format kernel+iso x.yml
	refused 'its reader makes the root of it' --verity --format tar x.yml
	refused '--initrd erofs makes an image of it' --verity --format kernel+initrd-nogz x.yml
	printf 'kernel: {image: test/with:1, cmdline: "%01950d"}\ninit: [test/init:1]\n' 0 >long.yml
	build --name long long.yml
	refused 'the kernel takes 2047' --verity long.yml
	refused 'the kernel takes 2047' --verity --format kernel+erofs long.yml
	misused 'not with --initrd plain' --verity --initrd plain x.yml
	misused '--verity-check goes with --verity' --verity-check boot x.yml
	misused '--verity-check' --verity --verity-check never x.yml
}

@test "the same bytes again, with tree and signature" {
	build --check-reproducible --format raw-efi,raw-bios,kernel+erofs --verity --sign "$BATS_FILE_TMPDIR/a.key" --cert "$BATS_FILE_TMPDIR/a.pem" x.yml
}

@test "boot loader and unified kernel image are signed: sbverify takes them with the certificate, and not with another" {
	local f
	build --format raw-efi,iso-efi --verity --sign "$BATS_FILE_TMPDIR/a.key" --cert "$BATS_FILE_TMPDIR/a.pem" x.yml
	mtype -i x-efi.img@@1048576 ::/EFI/Linux/linuxkit.efi >uki.efi
	mtype -i x-efi.img@@1048576 ::/EFI/BOOT/BOOTX64.EFI >loader.efi
	xorriso -osirrox on -indev x-efi.iso -extract /boot/efi.img efi.img 2>/dev/null
	mtype -i efi.img ::/EFI/BOOT/BOOTX64.EFI >cd.efi
	mtype -i x-efi.img@@1048576 ::/loader/loader.conf | grep -qx 'editor no'
	for f in uki.efi loader.efi cd.efi; do
		sbverify --cert "$BATS_FILE_TMPDIR/a.pem" $f 2>&1 | tee said
		grep -q 'Signature verification OK' said
		# systemd-boot has symbols behind its sections
		[ $f = loader.efi ] || run ! grep -iE 'warning|gap' said
		run ! sbverify --cert "$BATS_FILE_TMPDIR/b.pem" $f
	done
	# a changed bit of the kernel, of the initrd or of the command line is one of what was signed
	for f in KERNEL 'a=b pith'; do
		python3 - uki.efi "$f" >bad.efi <<-'X'
			import sys
			data = bytearray(open(sys.argv[1], "rb").read())
			data[data.index(sys.argv[2].encode())] ^= 1
			sys.stdout.buffer.write(data)
		X
		run ! sbverify --cert "$BATS_FILE_TMPDIR/a.pem" bad.efi
	done
}

@test "keys and certificates that do not serve are named" {
	local d=$BATS_FILE_TMPDIR
	refused 'b.key is not the key of the certificate in' --format raw-efi --sign "$d/b.key" --cert "$d/a.pem" x.yml
	refused 'a.pem: no private key in PEM can be read from it' --format raw-efi --sign "$d/a.pem" --cert "$d/a.pem" x.yml
	refused 'a.key: no certificate in PEM can be read from it' --format raw-efi --sign "$d/a.key" --cert "$d/a.key" x.yml
	{ cat "$d/a.pem" && sed 's/^MII/MIJ/' "$d/b.pem"; } >damaged.pem
	refused 'damaged.pem: a certificate in it is damaged' --format raw-efi --sign "$d/a.key" --cert damaged.pem x.yml
	cat "$d/a.pem" "$d/b.pem" >both.pem
	build --format raw-efi --name both --sign "$d/a.key" --cert both.pem x.yml
	refused 'No such file or directory' --format raw-efi --sign missing --cert "$d/a.pem" x.yml
	openssl rsa -aes256 -passout pass:x -in "$d/a.key" -out locked.key 2>/dev/null
	refused 'locked.key: no private key in PEM can be read from it' --format raw-efi --sign locked.key --cert "$d/a.pem" x.yml </dev/null
	misused '--sign KEY and --cert CERT go together' --format raw-efi --sign "$d/a.key" x.yml
	misused '--sign is for what UEFI firmware starts' --format raw-bios --sign "$d/a.key" --cert "$d/a.pem" x.yml
}
