#!/usr/bin/env bats
# format, mountie, extend, swap, loopy and fstrim, on disks that are files of this machine.

load ../lib/common
load ../lib/disks

setup() {
	test_begin
	# links that a program makes in /dev are this test's own
	mkdir -p /dev/disk
}

teardown() {
	loops_end
	test_end
}

# fails_with TEXT COMMAND...: status 1, and it says that
fails_with() {
	local text=$1
	shift
	run -1 "$@"
	[[ $output == *"$text"* ]]
	# one line, and no more
	[ "$(grep -c 'error:' <<<"$output")" = 1 ]
}

# mountie's links go into a /dev/disk of its own; the mount is gone with it
mount_and() {
	local device=$1 script=$2
	shift 2
	mkdir -p point
	unshare -m -- bash -euc 'mount -t tmpfs disk /dev/disk; script=$1; shift; "$@"; eval "$script"' _ "$script" "$guest/mountie" "$@" ${device:+"$device"} "$T/point"
}

# --- format ------------------------------------------------------------------------------------------------------

@test "an empty disk gets a table, a partition and a file system; the same again is no error and changes nothing" {
	loop_new disk 64M
	"$guest/format" -label data "$loop"
	[ "$(sfdisk -J "$loop" | jq -c '.partitiontable | [.label, (.partitions[] | .start, .size, .type)]')" = '["dos",2048,129024,"83"]' ]
	sfdisk -V "$loop"
	[ "$(type_of "${loop}p1")" = ext4 ]
	[ "$(label_of "${loop}p1")" = data ]
	mounted "${loop}p1" cp /etc/hostname mnt/file
	before=$(sha256sum <"$loop")
	run -0 "$guest/format" -label data "$loop"
	[[ $output == *'nothing to do' ]]
	[ "$(sha256sum <"$loop")" = "$before" ]
	# another type or label is not what is there
	fails_with "$loop: there is ext4 (filesystem) with the label data on it" "$guest/format" -label other "$loop"
	fails_with 'there is ext4' "$guest/format" -type xfs "$loop"
	[ "$(sha256sum <"$loop")" = "$before" ]
}

@test "GPT, XFS, btrfs and -force" {
	loop_new disk 320M
	"$guest/format" -type btrfs -partition gpt -label one "$loop"
	sfdisk -V "$loop"
	[ "$(sfdisk -J "$loop" | jq -r '.partitiontable | .label, .partitions[0].type')" = $'gpt\n0FC63DAF-8483-4772-8E79-3D69D8477DE4' ]
	[ "$(type_of "${loop}p1") $(label_of "${loop}p1")" = 'btrfs one' ]
	"$guest/format" -force -type xfs --label=two "$loop"
	sfdisk -V "$loop"
	[ "$(sfdisk -J "$loop" | jq -r .partitiontable.label)" = dos ]
	[ "$(type_of "${loop}p1") $(label_of "${loop}p1")" = 'xfs two' ]
	mounted "${loop}p1" touch mnt/file
}

@test "a disk of 16 MiB, and one of 8 TiB" {
	loop_new small 16M
	"$guest/format" "$loop"
	mounted "${loop}p1" touch mnt/file
	loop_new large 8T
	"$guest/format" -label large "$loop"
	# more than a DOS table can say
	[ "$(sfdisk -J "$loop" | jq -r .partitiontable.label)" = gpt ]
	mounted "${loop}p1" df --output=size mnt | awk 'END {exit !($1 > 7 * 1024 * 1024 * 1024)}'
	# it is ready at once, and holds next to nothing
	[ "$(du -m large.img | cut -f 1)" -lt 3000 ]
	loop_new tiny 2M
	fails_with 'a disk of less than 4 MiB' "$guest/format" "$loop"
}

@test "what is on a disk is named and kept: RAID, LVM, a file system, a foreign partition" {
	loop_new disk 32M
	python3 "$root_dir/tests/tools/signature.py" raid >raid
	dd if=raid of="$loop" bs=512 seek=8 conv=notrunc status=none
	fails_with 'linux_raid_member (raid)' "$guest/format" "$loop"
	wipefs -aq "$loop"
	python3 "$root_dir/tests/tools/signature.py" lvm >lvm
	dd if=lvm of="$loop" bs=512 seek=1 conv=notrunc status=none
	fails_with 'LVM2_member (raid)' "$guest/format" "$loop"
	# nor is it taken by itself
	fails_with 'LVM2_member' in_world vda="$loop" -- "$guest/format" -wait 0
	wipefs -aq "$loop"
	mkfs.ext4 -q "$loop"
	before=$(sha256sum <"$loop")
	fails_with 'there is ext4 (filesystem) on it' "$guest/format" "$loop"
	[ "$(sha256sum <"$loop")" = "$before" ]
	"$guest/format" -force "$loop"
	# nothing of the old one shows through
	[ "$(blkid -p -s PTTYPE -o value "$loop")" = dos ]
	[ -z "$(type_of "$loop")" ]
	echo 'type=7' | sfdisk -q --wipe always "$loop"
	fails_with "partition, which is not Linux's" "$guest/format" "$loop"
}

@test "a format that a power cut ended is finished by the next, whenever it came" {
	loop_new disk 48M
	# a mkfs that is killed in the middle of it
	mkdir bin
	cat >bin/mkfs.ext4 <<-END
		#!/bin/bash
		$(command -v mkfs.ext4) "\$@"
		dd if=/dev/urandom of="\${@: -1}" bs=64k count=1 conv=notrunc status=none
		kill -9 \$\$
	END
	chmod +x bin/mkfs.ext4
	PATH=$T/bin:$PATH fails_with 'killed by signal 9' "$guest/format" -label data "$loop"
	within 30 not_open "$loop"
	# it is known, and nobody mounts it, by itself or by name
	run -1 in_world vda="$loop" -- "$guest/mountie" -wait 0 /mnt
	[[ $output == *'a format of it was not finished: passed over'* ]]
	fails_with "${loop}p1: a format of $loop was not finished" mount_and "${loop}p1" true
	# the one that wants another label leaves it
	fails_with 'a format that was not finished' in_world vda="$loop" -- "$guest/format" -wait 0 -label other
	in_world vda="$loop" -- "$guest/format" -label data
	[ "$(label_of "${loop}p1")" = data ]
	mounted "${loop}p1" touch mnt/file
	in_world vda="$loop" -- "$guest/mountie" /mnt
	# the file system is whole, and the next format would begin it anew nevertheless
	sed -i '/^dd/d' bin/mkfs.ext4
	PATH=$T/bin:$PATH fails_with 'killed by signal 9' "$guest/format" -force -label data "$loop"
	[ "$(label_of "${loop}p1")" = data ]
	fails_with '/dev/vda1: a format of /dev/vda was not finished' in_world vda="$loop" -- "$guest/mountie" -label data /mnt
}

# not_open DISK: what a killed program has started, mkfs, may live a little longer
not_open() { ! find /proc/[0-9]*/fd \( -lname "$1" -o -lname "$1"p1 \) 2>/dev/null | grep -q .; }

# watching PID: it waits for devices
watching() { find "/proc/$1/fd" -lname anon_inode:inotify | grep -q .; }

# each_kill STEP COMMAND...: runs it again and again, killed before its system call number 1, 1 + STEP, ... until one run ends by
# itself; between them `between` is called
each_kill() {
	local step=$1 n=1
	shift
	while python3 "$root_dir/tests/tools/kill-at" "$n" "$@" >killed.log 2>&1; do
		between "$n"
		n=$((n + step))
	done
	[ "$n" -gt $((5 * step)) ]
}

@test "killed at any step format is finished by the next one" {
	loop_new disk 16M
	between() {
		within 30 not_open "$loop"
		# whatever was left: another disk would not be taken for it, and this one is finished
		"$guest/format" -label data "$loop" >said 2>&1 || { echo "call $1:"; cat said; return 1; }
		[ "$(label_of "${loop}p1")" = data ]
		mounted "${loop}p1" touch mnt/file
		truncate -s 0 disk.img
		truncate -s 16M disk.img
		blockdev --flushbufs "$loop"
	}
	each_kill 23 "$guest/format" -label data "$loop"
	# A table of more writes than one: for seven calls the disk has a mark, and not yet that table.
	local n begun=
	for n in {51..126..5}; do
		python3 "$root_dir/tests/tools/kill-at" "$n" "$guest/format" -partition gpt -label data "$loop" >killed.log 2>&1
		[ "$(blkid -p -s PTTYPE -o value "$loop")" != dos ] || begun=yes
		between "$n"
	done
	[ "$begun" = yes ]
}

@test "killed at any step extend loses nothing, and the next one finishes it" {
	loop_new disk 320M
	"$guest/format" -type xfs -partition gpt "$loop"
	mounted "${loop}p1" cp /etc/hostname mnt/file
	size=320
	between() {
		within 30 not_open "$loop"
		mounted "${loop}p1" cmp mnt/file /etc/hostname
		"$guest/extend" -type xfs "$loop" >said 2>&1 || { echo "call $1:"; cat said; return 1; }
		sfdisk -qV "$loop"
		mounted "${loop}p1" cmp mnt/file /etc/hostname
		[ "$(blockdev --getsize64 "${loop}p1")" -gt $(((size - 2) << 20)) ]
		size=$((size + 16))
		loop_grow disk ${size}M
	}
	size=$((size + 16))
	loop_grow disk ${size}M
	each_kill 9 "$guest/extend" -type xfs "$loop"
}

@test "the first free disk is the first: by the order of people, without those that are used" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	loop_new c 16M; c=$loop
	world=(vdaa="$a" vda="$b" nvme0n9="$c")
	in_world "${world[@]}" -- "$guest/format" -wait 0 -verbose
	[ "$(type_of "${c}p1")" = ext4 ]
	in_world "${world[@]}" -- "$guest/format" -wait 0
	[ "$(type_of "${b}p1")" = ext4 ]
	in_world "${world[@]}" -- "$guest/format" -wait 0
	[ "$(type_of "${a}p1")" = ext4 ]
	# a later boot: all are used, and that is as it should be
	run -0 in_world "${world[@]}" -- "$guest/format"
	[[ $output == *'/dev/nvme0n9: ext4 (filesystem): nothing to do' ]]
	# mountie takes them in the same order
	in_world "${world[@]}" -- bash -euc 'mkdir -p /mnt; "$0" /mnt; grep -q "/dev/nvme0n9p1 /mnt " /proc/mounts; "$0" /media; grep -q "/dev/vda1 /media " /proc/mounts' "$guest/mountie"
	fails_with 'no disk is empty' in_world "${world[@]}" -- "$guest/format" -wait 0 -type xfs
	fails_with 'no disk is empty (there is none)' in_world -- "$guest/format" -wait 0
}

@test "two disks by two labels: each boot finds its own, also when the first boot ended between them" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label docker
	# the second boot: the first label is there, and no disk is taken for it again
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label docker
	[ -z "$(blkid -p "$b")" ]
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label foo
	[ "$(label_of "${a}p1") $(label_of "${b}p1")" = 'docker foo' ]
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label foo
	in_world vda="$a" vdb="$b" -- bash -euc 'mkdir -p /mnt; "$0" -label foo /mnt; grep -q "/dev/vdb1 /mnt " /proc/mounts; [ "$(readlink /dev/disk/by-label/docker)" = ../../vda1 ]' "$guest/mountie"
}

@test "a disk that is read-only, in use, or none; a name that LinuxKit's machines have" {
	truncate -s 16M ro.img
	loop=$(losetup -r -f --show ro.img)
	loops+=("$loop")
	fails_with "$loop: the disk is read-only" "$guest/format" "$loop"
	loop_new disk 32M
	"$guest/format" "$loop"
	mkdir -p mnt
	mount "${loop}p1" mnt
	fails_with 'in use' "$guest/format" -force "$loop"
	umount mnt
	fails_with 'not a block device' "$guest/format" /etc/hostname
	# LinuxKit's QEMU has SCSI disks
	in_world vda="$loop" -- bash -euc 'mkdir -p /mnt; "$0" -wait 0 /dev/sda1 /mnt; grep -q "/dev/vda1 /mnt " /proc/mounts' "$guest/mountie"
	run -2 "$guest/format" -type fat "$loop"
	run -2 "$guest/format" -label 12345678901234567 "$loop"
	[[ $output == *'at most 16 bytes'* ]]
	run -2 "$guest/format" a b
}

@test "a disk that comes later is waited for" {
	loop_new disk 16M
	name=/dev/pith-test-$$
	background out "$guest/format" "$name"
	pid=$background
	within 30 watching "$pid"
	ln -s "$loop" "$name"
	within 30 ended "$pid"
	rm "$name"
	[ "$(type_of "${loop}p1")" = ext4 ]
}

@test "with no disk named, too, a disk that comes later is waited for" {
	loop_new disk 320M
	for what in 'format -type xfs' 'mountie /mnt' 'extend -type xfs -wait 60'; do
		# its node comes when the program waits
		in_world vda="$loop" -- bash -euc '. "$0/lib/within.bash"; '"$(declare -f watching)"'
			mkdir -p /mnt /dev/away
			mv /dev/vda /dev/away/
			"$@" &
			within 30 watching $!
			mv /dev/away/vda /dev/
			wait $!' "$root_dir/tests" "$guest/"$what
	done
	[ "$(type_of "${loop}p1")" = xfs ]
	# a machine without a disk, and one whose disk is not for extend
	run -0 in_world -- "$guest/extend" -wait 0
	[[ $output == *'there is no disk' ]]
	blkdiscard -z "$loop"
	run -0 in_world vda="$loop" -- "$guest/extend" -wait 0
	[[ $output == *'no partition table: passed over' ]]
}

# mark_put DEVICE MODE [LABEL]: what dm-crypt writes at a device's end; without a label as one of before
mark_put() {
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
label = b"label".ljust(16, b"\0") + sys.argv[3].encode() if len(sys.argv) > 3 else b""
mark = b"PITH-ENCRYPTED 1" + b"ready".ljust(16, b"\0") + sys.argv[2].encode().ljust(16, b"\0") + label
os.pwrite(fd, mark.ljust(4096, b"\0"), os.lseek(fd, 0, os.SEEK_END) - 4096)' "$@"
}

noise() { dd if=/dev/urandom of="$1" bs=4k seek="$2" count=1 conv=notrunc status=none; }

@test "what is encrypted, or of a kind that nobody knows, is not empty" {
	loop_new disk 16M
	for place in 0 200 3850 4095; do
		noise "$loop" "$place"
		before=$(sha256sum <"$loop")
		fails_with 'there is something that is neither empty nor known on it; -force' "$guest/format" "$loop"
		fails_with 'neither empty nor known' in_world vda="$loop" -- "$guest/format" -wait 0
		[ "$(sha256sum <"$loop")" = "$before" ]
		blkdiscard -z "$loop"
	done
	noise "$loop" 0
	mark_put "$loop" plain
	before=$(sha256sum <"$loop")
	fails_with 'there is an encrypted device (dm-crypt, plain) on it; -force' "$guest/format" "$loop"
	fails_with 'an encrypted device (dm-crypt, plain)' in_world vda="$loop" -- "$guest/format" -wait 0
	[ "$(sha256sum <"$loop")" = "$before" ]
	"$guest/format" -force "$loop"
	[ "$(type_of "${loop}p1")" = ext4 ]
}

@test "a partition that dm-crypt took is what format made: nothing to do, and no other disk is taken" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	"$guest/format" -label secret "$a"
	noise "${a}p1" 0
	mark_put "${a}p1" plain
	before=$(sha256sum <"$a")
	run -0 "$guest/format" -label secret "$a"
	[[ $output == *"$a: an encrypted partition (dm-crypt, plain): nothing to do" ]]
	run -0 in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label secret
	[[ $output == *'/dev/vda: an encrypted partition (dm-crypt, plain): nothing to do' ]]
	run -0 in_world vda="$a" -- "$guest/format" -wait 0
	[[ $output == *'nothing to do' ]]
	[ -z "$(blkid -p "$b")" ]
	# one that is in use belongs to an earlier step, but where there is no other
	held=(python3 -c 'import os, subprocess, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
sys.exit(subprocess.call(sys.argv[2:]))' "${a}p1")
	"${held[@]}" unshare -m -- bash "$root_dir/tests/lib/disks-world.sh" vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label other
	[ "$(label_of "${b}p1")" = other ]
	# one that was begun for this label goes before
	mkdir bin
	printf '#!/bin/sh\nkill -9 $$\n' >bin/mkfs.ext4
	chmod +x bin/mkfs.ext4
	PATH=$T/bin:$PATH fails_with 'killed by signal 9' "$guest/format" -force -label begun "$b"
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label begun
	[ "$(label_of "${b}p1")" = begun ]
	run -0 "${held[@]}" unshare -m -- bash "$root_dir/tests/lib/disks-world.sh" vda="$a" -- "$guest/format" -wait 0 -label other
	[[ $output == *'nothing to do' ]]
	[ "$(sha256sum <"$a")" = "$before" ]
}

@test "an encrypted partition stands for the label that it had, and for no other" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	"$guest/format" -label secret "$a"
	noise "${a}p1" 0
	mark_put "${a}p1" luks secret
	before=$(sha256sum <"$a")
	# it is not open yet, and the other label gets the other disk
	run -0 in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label secret
	[[ $output == *'/dev/vda: an encrypted partition (dm-crypt, luks), which had the label secret: nothing to do' ]]
	[ -z "$(blkid -p "$b")" ]
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label other
	[ "$(label_of "${b}p1")" = other ]
	fails_with 'which had the label secret on it; -force' "$guest/format" -label third "$a"
	run -1 in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label third
	[[ $output == *'no disk is empty'* ]]
	# without a label in the mark, too, where there was none
	mark_put "${a}p1" luks ''
	blkdiscard -z "$b"
	in_world vda="$a" vdb="$b" -- "$guest/format" -wait 0 -label other
	[ "$(label_of "${b}p1")" = other ]
	mark_put "${a}p1" luks secret
	[ "$(sha256sum <"$a")" = "$before" ]
}

@test "a disk by a link in /dev/disk, which is made when the disk has come, and leads elsewhere when its label does" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	"$guest/format" -label one "$a"
	mkfs.ext4 -q -L two "$b"
	in_world vda="$a" vdb="$b" -- bash -euc '. "$0/tests/lib/within.bash"; '"$(declare -f watching)"'
		bin=$0/build/guest
		mkdir -p /mnt /dev/away
		mv /dev/vdb /dev/away/
		"$bin/mountie" -wait 60 /dev/disk/by-label/two /mnt &
		within 30 watching $!
		[ ! -e /dev/disk/by-label/two ]
		[ "$(readlink /dev/disk/by-label/one)" = ../../vda1 ]
		mv /dev/away/vdb /dev/
		wait $!
		grep -q "/dev/vdb /mnt " /proc/mounts
		umount /mnt
		# as after a format: the label is another, and the link of before goes
		e2label /dev/vda1 new
		"$bin/format" -label new /dev/vda
		[ "$(readlink /dev/disk/by-label/new)" = ../../vda1 ]
		rm /dev/vdb
		"$bin/mountie" -device /dev/disk/by-label/new /mnt
		[ ! -L /dev/disk/by-label/two ]
		[ ! -L /dev/disk/by-label/one ]' "$root_dir"
	run -1 in_world vda="$a" -- "$guest/mountie" -wait 0 /dev/disk/by-label/none /mnt
	[[ $output == *'/dev/disk/by-label/none: there is no such device' ]]
}

@test "a key that is missing or short is named, and the disk stays as it is" {
	loop_new disk 32M
	fails_with "the key file $T/nonsense: No such file" "$guest/crypto" -k "$T/nonsense" x "$loop"
	fails_with "the key file $T/nonsense: No such file" "$guest/crypto" -l -k "$T/nonsense" x "$loop"
	fails_with 'the key file /etc/dm-crypt/nonsense' "$guest/crypto" -l -k nonsense x "$loop"
	echo short >key
	fails_with "the key file $T/key has 6 bytes, and 32 are needed" "$guest/crypto" -k "$T/key" x "$loop"
	: >key
	fails_with "the key file $T/key has 0 bytes, and 1 are needed" "$guest/crypto" -l -k "$T/key" x "$loop"
	[ -z "$(blkid -p "$loop")" ]
}

@test "-force is for the disk of that name, and not for one that is taken in its place" {
	loop_new a 32M; a=$loop
	loop_new b 16M; b=$loop
	mkfs.ext4 -q "$a"
	before=$(sha256sum <"$a")
	fails_with '/dev/vda: there is ext4 (filesystem) on it; -force and this name would make' in_world vda="$a" -- "$guest/format" -wait 0 -force /dev/sda
	# the disk of that name goes before
	in_world vda="$a" sda="$b" -- "$guest/format" -wait 0 -force -label named /dev/sda
	[ "$(label_of "${b}p1")" = named ]
	[ "$(sha256sum <"$a")" = "$before" ]
	# an empty one in its place is made
	in_world vdb="$a" vda="$b" -- "$guest/format" -wait 0 -force -label named /dev/sda
	blkdiscard -z "$a"
	run -0 in_world vda="$a" -- "$guest/format" -wait 0 -force -label named /dev/sda
	[[ $output == *'/dev/sda: there is none: /dev/vda is taken'* ]]
	[ "$(label_of "${a}p1")" = named ]
}

@test "no copy of an older ext4's superblock is left for a later repair" {
	loop_new disk 320M
	"$guest/format" "$loop"
	magic() { od -An -tx1 -j $(((8193 << 10) + 0x38)) -N 2 "${loop}p1" | tr -d ' '; }
	[ "$(magic)" = 53ef ]
	# a mkfs that gives nothing back to the disk
	mkdir bin
	printf '#!/bin/sh\nexec %s -K "$@"\n' "$(command -v mkfs.btrfs)" >bin/mkfs.btrfs
	chmod +x bin/mkfs.btrfs
	PATH=$T/bin:$PATH "$guest/format" -force -type btrfs "$loop"
	[ "$(magic)" = 0000 ]
}

@test "a disk that goes while it is formatted is an error, not a wait" {
	loop_new disk 64M
	mkdir bin
	# the disk under mkfs becomes nothing: every access fails
	printf '#!/bin/sh\ntruncate -s 0 %s\nexec %s "$@"\n' "$T/disk.img" "$(command -v mkfs.ext4)" >bin/mkfs.ext4
	chmod +x bin/mkfs.ext4
	PATH=$T/bin:$PATH run -1 "$guest/format" "$loop"
	[[ $output == *error:* ]]
}

# --- mountie -----------------------------------------------------------------------------------------------------

@test "by device, label and UUID, with links by all that is known of a disk" {
	loop_new disk 32M
	"$guest/format" -partition gpt -label 'a b/c' "$loop"
	uuid=$(blkid -p -s UUID -o value "${loop}p1")
	part=$(sfdisk -J "$loop" | jq -r '.partitiontable.partitions[0].uuid | ascii_downcase')
	name=${loop#/dev/}p1
	check="mountpoint -q $T/point; [ \"\$(readlink /dev/disk/by-uuid/$uuid)\" = ../../$name ]; [ \"\$(readlink /dev/disk/by-partuuid/$part)\" = ../../$name ]; [ \"\$(readlink '/dev/disk/by-label/a\\x20b\\x2fc')\" = ../../$name ]"
	mount_and '' "$check" -device "${loop}p1"
	mount_and "${loop}p1" "$check"
	mount_and '' "$check" -label 'a b/c'
	mount_and '' "$check" -uuid "${uuid^^}"
	# where a link leads to one that is gone it is made anew
	mount_and "${loop}p1" 'true'
	run -2 "$guest/mountie"
	run -2 "$guest/mountie" a b c
}

@test "two disks with one label: the first is taken, and both are named" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	mkfs.ext4 -q -L same "$a"
	mkfs.ext4 -q -L same "$b"
	run -0 in_world vda="$a" vdb="$b" -- bash -euc 'mkdir -p /mnt; "$0" -label same /mnt; grep -q "/dev/vda /mnt " /proc/mounts; [ "$(readlink /dev/disk/by-label/same)" = ../../vda ]' "$guest/mountie"
	[[ $output == *'warning: /dev/vdb has the label same, too: /dev/vda is taken'* ]]
}

@test "a disk is found, and has its links, behind one on which there is nothing that is known" {
	loop_new a 16M; a=$loop
	loop_new b 16M; b=$loop
	loop_new c 16M; c=$loop
	noise "$b" 3
	mkfs.ext4 -q -L behind "$c"
	in_world vda="$a" vdb="$b" vdc="$c" -- bash -euc 'mkdir -p /mnt; "$0" -wait 0 -label behind /mnt; grep -q "/dev/vdc /mnt " /proc/mounts; [ "$(readlink /dev/disk/by-label/behind)" = ../../vdc ]' "$guest/mountie"
}

@test "an encrypted partition has its link by the table's UUID, and a label that is too long for a link is in no other's way" {
	loop_new a 16M; a=$loop
	loop_new b 320M; b=$loop
	loop_new c 16M; c=$loop
	"$guest/format" -partition gpt "$a"
	noise "${a}p1" 0
	uuid=$(blkid -p -s PART_ENTRY_UUID -o value "${a}p1")
	mkfs.btrfs -q -K -L "$(printf '/%.0s' {1..100})" "$b" >/dev/null
	mkfs.ext4 -q -L short "$c"
	in_world vda="$a" vdb="$b" vdc="$c" -- bash -euc 'mkdir -p /mnt; "$0" -wait 0 /dev/disk/by-label/short /mnt; grep -q "/dev/vdc /mnt " /proc/mounts' "$guest/mountie"
	run -0 mount_and "$c" "[ \"\$(readlink /dev/disk/by-partuuid/$uuid)\" = ../../${a#/dev/}p1 ]"
	[[ $output != *warning* ]]
}

@test "a damaged superblock is repaired by fsck, which says so; what cannot be is not mounted" {
	loop_new disk 64M
	"$guest/format" "$loop"
	mounted "${loop}p1" cp /etc/hostname mnt/file
	# no magic, no checksum: as if it was never there
	dd if=/dev/zero of="${loop}p1" bs=1024 seek=1 count=1 conv=notrunc status=none
	sync
	run -0 mount_and "${loop}p1" "cmp $T/point/file /etc/hostname"
	[[ $output == *'looking for a copy'* ]]
	[[ $output == *e2fsck:* ]]
	# directories that lead to nothing need an answer that nobody gives
	debugfs -w -R 'clri <2>' "${loop}p1"
	debugfs -w -R 'ssv state 2' "${loop}p1"
	run -1 mount_and "${loop}p1" true
	[[ $output == *'it has to be repaired by hand'* ]]
	loop_new empty 16M
	fails_with 'there is no file system on it' mount_and "$loop" true
	mkswap "$loop" >/dev/null
	fails_with 'but swap' mount_and "$loop" true
}

@test "a read-only disk is mounted read-only" {
	loop_new disk 16M
	"$guest/format" "$loop"
	dd if="${loop}p1" of=part.img bs=1M status=none
	loop=$(losetup -r -f --show part.img)
	loops+=("$loop")
	run -0 mount_and "$loop" "! touch $T/point/x 2>/dev/null"
	[[ $output == *'read-only'* ]]
}

# --- extend ------------------------------------------------------------------------------------------------------

@test "a larger disk: partition and file system grow, UUIDs stay, a second time there is nothing to do" {
	for type in xfs btrfs; do
		loop_new $type 320M
		"$guest/format" -type $type -partition gpt -label $type "$loop"
		mounted "${loop}p1" cp /etc/hostname mnt/file
		uuid=$(sfdisk -J "$loop" | jq -r '.partitiontable | .id, .partitions[0].uuid')
		loop_grow $type 640M
		run -0 "$guest/extend" -type $type "$loop"
		[[ $output == *'has all of the disk now' ]]
		sfdisk -V "$loop"
		[ "$(sfdisk -J "$loop" | jq -r '.partitiontable | .id, .partitions[0].uuid')" = "$uuid" ]
		mounted "${loop}p1" bash -euc 'cmp mnt/file /etc/hostname; [ "$(df --output=size -m mnt | tail -n 1)" -gt 550 ]'
		run -0 "$guest/extend" -type $type "$loop"
		[[ $output == *'has all of the disk' ]]
	done
}

@test "what is not for extend is left alone" {
	loop_new disk 32M
	run -0 "$guest/extend" "$loop"
	[[ $output == *'no partition table: passed over' ]]
	printf 'size=8M,type=83\nsize=8M,type=83\n' | sfdisk -q "$loop"
	run -0 "$guest/extend" "$loop"
	[[ $output == *'2 partitions, not one: passed over' ]]
	sfdisk -q --delete "$loop"
	printf 'size=8M,type=7\n' | sfdisk -q "$loop"
	fails_with 'not a Linux partition' "$guest/extend" "$loop"
	"$guest/format" -force "$loop"
	loop_grow disk 64M
	before=$(sfdisk -d "$loop")
	fails_with 'there is ext4 (filesystem) on it, and not xfs' "$guest/extend" -type xfs "$loop"
	run -1 "$guest/extend" -stop-on-error=false -type xfs "$loop" "$loop"
	[[ $output == *'2 disks could not be extended' ]]
	# nothing was changed before that was known
	[ "$(sfdisk -d "$loop")" = "$before" ]
}

@test "a GPT that a power cut tore is made whole from its backup, and nothing is lost" {
	loop_new disk 320M
	"$guest/format" -type xfs -partition gpt "$loop"
	mounted "${loop}p1" cp /etc/hostname mnt/file
	uuid=$(sfdisk -J "$loop" | jq -r '.partitiontable.partitions[0].uuid')
	dd if=/dev/urandom of="$loop" bs=512 seek=1 count=1 conv=notrunc status=none
	run -0 "$guest/extend" -type xfs "$loop"
	[[ $output == *'made again from the backup'* ]]
	sfdisk -V "$loop"
	[ "$(sfdisk -J "$loop" | jq -r '.partitiontable.partitions[0].uuid')" = "$uuid" ]
	mounted "${loop}p1" cmp mnt/file /etc/hostname
}

# --- swap, loopy, fstrim -----------------------------------------------------------------------------------------

@test "swap: the file is made once, and anew where its size is another" {
	dir=$(mktemp -d /var/tmp/pith.XXXXXX)
	# swapping is the kernel's; here the file is what is looked at
	swap_in() { unshare -m -- "$guest/swap" --path "$dir/swap" "$@"; swapoff "$dir/swap" 2>/dev/null || :; }
	swap_in --size 16M
	[ "$(stat -c '%s %a' "$dir/swap")" = '16777216 600' ]
	[ "$(type_of "$dir/swap")" = swap ]
	uuid=$(blkid -p -s UUID -o value "$dir/swap")
	swap_in --size 16M
	[ "$(blkid -p -s UUID -o value "$dir/swap")" = "$uuid" ]
	swap_in --size 20M
	[ "$(stat -c %s "$dir/swap")" = 20971520 ]
	[ "$(type_of "$dir/swap")" = swap ]
	rm -r "$dir"
}

@test "swap: conditions, and what is wrong" {
	run -0 "$guest/swap" --path /var/x/swap --size 1M --condition part:/var/nonsense
	[[ $output == *'part:/var/nonsense is not met: no swap' ]]
	fails_with 'is not met' "$guest/swap" --path /var/x/swap --size 1M --condition part:/var/nonsense:true
	fails_with 'is not met' "$guest/swap" --path /var/x/swap --size 1M --condition partsize:/:9999999G:true
	fails_with 'below /var' "$guest/swap" --path /tmp/swap --size 1M
	fails_with '--size: a size' "$guest/swap" --path /var/swap
	fails_with 'partsize:PATH:SIZE' "$guest/swap" --path /var/swap --size 1M --condition partsize:/var
	fails_with 'No such file' "$guest/swap" --path /var/nonsense/swap --size 1M
	run -1 "$guest/swap" --nonsense
}

@test "loopy: a file as a device, made where it is wanted" {
	free=$(losetup -f)
	run -2 "$guest/loopy" -d "$free" "$T/file"
	[[ $output == *'--create makes it' ]]
	"$guest/loopy" -c -s 3 -d "$free" "$T/file"
	loops+=("$free")
	[ "$(losetup -n -O BACK-FILE "$free" | tr -d ' ')" = "$T/file" ]
	[ "$(stat -c %s file)" = 3145728 ]
	# again is no error, another file is
	"$guest/loopy" --create --dev "$free" "$T/file"
	run -2 "$guest/loopy" -c -d "$free" "$T/other"
	[[ $output == *'has another file behind it already' ]]
	run -2 "$guest/loopy" -d /dev/nonsense "$T/file"
	run -1 "$guest/loopy"
}

@test "fstrim gives the room of deleted files back" {
	loop_new disk 64M
	mkfs.ext4 -q -E nodiscard "$loop"
	mkdir -p mnt
	mount "$loop" mnt
	dd if=/dev/urandom of=mnt/file bs=1M count=30 status=none
	sync
	full=$(du -k disk.img | cut -f 1)
	rm mnt/file
	sync mnt
	run -0 "$guest/fstrim" -v "$T/mnt"
	[[ $output == *'MiB trimmed' ]]
	umount mnt
	[ "$(du -k disk.img | cut -f 1)" -lt $((full - 20000)) ]
	run -1 "$guest/fstrim" /proc
	[[ $output == *'cannot be trimmed' ]]
	run -2 "$guest/fstrim"
}
