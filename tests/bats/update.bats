#!/usr/bin/env bats
# Disks with two systems, and updates of them, as files: no machine runs. Power cuts are in tests/unit/test_update.c,
# boots in tests/tools/two-systems.

load ../lib/common
bats_require_minimum_version 1.5.0

setup_file() {
	local image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	cd "$BATS_FILE_TMPDIR"
	"$image" init.tar docker.io/test/init:1 --label 'org.pith.init.root=erofs squashfs slot' 0755:init=pid1 usr/ usr/bin/ 0755:usr/bin/pith-update=x
	"$image" old.tar docker.io/test/init:old --label 'org.pith.init.root=erofs squashfs' 0755:init=pid1
	"$image" kernel.oci docker.io/test/kernel:1 --label org.pith.kernel.root=erofs,squashfs kernel=KERNEL ucode.cpio=UCODE
	"$pith" -q cache --cache "$CACHE" import ./*.tar ./*.oci
	yaml '1\nb=2' >one.yml
	yaml '2 softlockup_panic=1\npanic=30' >two.yml
	"$pith" -q build --cache "$CACHE" --arch amd64 --format raw-efi,qcow2-efi,update --ab one.yml
	"$pith" -q build --cache "$CACHE" --arch amd64 --format update two.yml
}

setup() {
	test_begin
	cp --sparse=always "$BATS_FILE_TMPDIR/one-efi.img" disk.img
}
teardown() { test_end; }

# yaml VALUE [INIT-TAG]
yaml() { printf 'kernel: {image: test/kernel:1, cmdline: "console=ttyS0 a=%s", tar: none, ucode: ucode.cpio}\ninit: [test/init:%s]\n' "$1" "${2:-1}"; }
build() { "$pith" build --cache "$CACHE" --arch amd64 "$@"; }
update() { "$root_dir/build/guest/pith-update" --disk disk.img "$@"; }
# slot A|B: where it begins in the disk, in bytes
slot() { sfdisk --json disk.img | jq -r ".partitiontable.partitions[] | select(.name == \"pith-$1\").start * 512"; }
# uuid A|B: of the root that is in the slot
uuid() { blkid -p -O "$(slot "$1")" -s UUID -o value disk.img; }
# state SLOT: its entry and what is said of it
state() { update | awk -v slot="$1" '$1 == slot { $1 = $2 = ""; print substr($0, 3) }'; }
# kernel NAME: a file of the boot loader's folder
kernel() { mtype -i disk.img@@1048576 "::/EFI/Linux/$1"; }
esp_good() {
	dd if=disk.img of=esp bs=1M skip=1 count=$(($(sfdisk --json disk.img | jq '.partitiontable.partitions[0].size') / 2048)) status=none
	fsck.vfat -n esp
}

@test "a disk with two systems: each has its kernel, which names its root, in a slot" {
	[ "$(sfdisk --json disk.img | jq -r '[.partitiontable.partitions[].name] | join(" ")')" = 'EFI System pith-a pith-b' ]
	sfdisk --verify disk.img | grep -q 'No errors detected'
	esp_good
	[ "$(mtype -i disk.img@@1048576 ::/loader/loader.conf)" = 'timeout 0' ]
	[ "$(uuid a)" != "$(uuid b)" ]
	for side in 2-a 1-b; do
		kernel "pith-$side+3.efi" >uki
		objcopy -O binary --only-section=.initrd uki initrd
		tail -c +513 initrd | cpio -i --quiet --to-stdout rootfs.slot >named
		[ "$(cat named)" = "$(uuid "${side#*-}")" ]
		[ "$(tail -c +513 initrd | cpio -t --quiet | sort | xargs)" = 'init rootfs.slot' ]
		objcopy -O binary --only-section=.cmdline uki cmdline
		[ "$(tr -d '\0' <cmdline)" = 'console=ttyS0 a=1 b=2 panic=10' ]
	done
	dd if=disk.img of=root bs=1M iflag=skip_bytes skip="$(slot b)" count=64 status=none
	fsck.erofs root
	[ "$(state a)" = 'pith-2-a+3.efi not yet good, 3 tries left, next' ]
	qemu-img compare -f qcow2 -F raw "$BATS_FILE_TMPDIR/one-efi.qcow2" disk.img
}

@test "an update goes into the other slot, and is started next; back again is one name" {
	update good
	[ "$(state a)" = 'pith-2-a.efi good, next' ]
	before=$(uuid a)
	update install "$BATS_FILE_TMPDIR/two.update" 2>log
	grep -q 'installed in slot b as pith-3-b+3.efi' log
	[ "$(state b)" = 'pith-3-b+3.efi not yet good, 3 tries left, next' ]
	[ "$(uuid a)" = "$before" ]
	[ "$(uuid b)" = "$(head -c 4096 "$BATS_FILE_TMPDIR/two.update" | tr -d '\0' | sed -n 's/^uuid //p')" ]
	# panic= of the YAML stays, also behind a word that ends in it
	kernel pith-3-b+3.efi >uki
	objcopy -O binary --only-section=.cmdline uki cmdline
	[ "$(tr -d '\0' <cmdline)" = 'console=ttyS0 a=2 softlockup_panic=1 panic=30' ]
	kernel pith-3-b+3.efi | cmp - <(tail -c +4097 "$BATS_FILE_TMPDIR/two.update" | head -c "$(kernel pith-3-b+3.efi | wc -c)")
	esp_good
	update rollback
	[ "$(state a)" = 'pith-4-a.efi good, next' ]
	update rollback
	[ "$(state b)" = 'pith-5-b+3.efi not yet good, 3 tries left, next' ]
	update good
	update install - <"$BATS_FILE_TMPDIR/one.update"
	[ "$(state a)" = 'pith-6-a+3.efi not yet good, 3 tries left, next' ]
	esp_good
}

@test "what is no update, is damaged, or does not fit: one line, status 1, and the disk is as it was" {
	refused() { # WHAT-IT-SAYS INPUT
		cp disk.img was
		run --separate-stderr update install "$2"
		[[ $status -eq 1 && $stderr == *"$1"* && $(wc -l <<<"$stderr") -eq 1 ]] || { echo "$status: $stderr"; return 1; }
		cmp disk.img was
	}
	cp "$BATS_FILE_TMPDIR/two.update" good
	refused 'slot a is not known to be good yet' good
	update good
	refused 'one.update is the system in slot a, which runs already' "$BATS_FILE_TMPDIR/one.update"
	refused 'disk.img: this is no update' disk.img
	head -c 20000 good >short
	refused 'its header tells of' short
	cp good flipped
	printf x | dd of=flipped bs=1 seek=$(($(stat -c %s good) - 5000)) conv=notrunc status=none
	refused 'flipped: its root is damaged' flipped
	refused 'No such file or directory' nothing
	# of a peer that vanishes nobody can know before
	run --separate-stderr update install - <short
	[ "$status" -eq 1 ]
	[[ $stderr == *'its header tells of'* || $stderr == *'ends after 20000 bytes'* ]]
	run --separate-stderr bash -c "cat short | '$root_dir/build/guest/pith-update' --disk disk.img install -"
	[ "$status" -eq 1 ]
	[[ $stderr == *'the update ends after 20000 bytes'* ]]
	[ "$(state a)" = 'pith-2-a.efi good, next' ]
	update install good
	for words in 'install' 'install a b' 'grow' '--reboot status' '--reboot rollback'; do
		# shellcheck disable=SC2086
		run --separate-stderr update $words
		[ "$status" -eq 2 ]
	done
	run --separate-stderr "$root_dir/build/guest/pith-update" --disk good status
	[ "$status" -eq 1 ]
	run --separate-stderr "$root_dir/build/guest/pith-update"
	[ "$status" -eq 1 ]
	# where the root is on a disk that we may not read, it is that
	[[ $stderr == *'this machine has one system alone'* || $stderr == *'error: /dev/'* ]]
}

@test "what cannot have two systems is told when it is built" {
	check() { # STATUS WHAT-IT-SAYS OPTION...
		local want=$1 says=$2
		shift 2
		run --separate-stderr build "$@"
		[[ $status -eq $want && $stderr == *"$says"* ]] || { echo "$status: $stderr"; return 1; }
	}
	yaml 1 old >old.yml
	check 1 'the init images cannot start a root in a slot' --format raw-efi --ab old.yml
	check 1 'the init images cannot start a root in a slot' --format update old.yml
	check 2 '--ab goes with the formats raw-efi and qcow2-efi' --format raw-bios --ab old.yml
	yaml 1 >x.yml
	check 1 '--size 20M: the disk needs at least' --format raw-efi --ab --size 20M x.yml
	check 1 'leave out --initrd' --format update --initrd plain x.yml
	[ ! -e x-efi.img ]
	build --format raw-efi --ab --size 300M x.yml
	[ "$(stat -c %s x-efi.img)" -eq $((300 << 20)) ]
}

@test "pith update: the file is looked at before the machine is" {
	mkdir st
	for words in '' 'st' 'st a b' '--status --reboot st' '--rollback st x'; do
		# shellcheck disable=SC2086
		run --separate-stderr "$pith" update $words
		[ "$status" -eq 2 ] || { echo "$words: $status"; return 1; }
	done
	run --separate-stderr "$pith" update st "$BATS_FILE_TMPDIR/two.update"
	[ "$status" -eq 1 ]
	[[ $stderr == *"no machine 'st'"* ]]
	# a directory that a machine has left
	: >st/mac-addr
	head -c 20000 "$BATS_FILE_TMPDIR/two.update" >short
	run --separate-stderr "$pith" update st short
	[ "$status" -eq 1 ]
	[[ $stderr == *'short has 20000 bytes, and its header tells of'* ]]
}
