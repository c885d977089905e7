#!/usr/bin/env bats
# A machine with three disks, booted twice: what the first boot makes the second finds, on a disk that has grown. The first machine
# ends as by a power cut. What needs no kernel of its own is in tests/bats/disks.bats.

load ../lib/common

in_shell() { timeout -k 5 60 "$pith" exec -n "$name" shell /bin/sh -c "$1"; }
logs() { timeout 60 "$pith" logs "$name" "onboot/$1"; }
# all_well: every container of the boot has ended with 0
all_well() {
	timeout 60 "$pith" report --json "$name" >report.json
	[ "$(jq '[.steps[] | select(.program == "onboot" and .status != 0)] | length' report.json)" = 0 ] || {
		jq -c '.steps[] | select(.program == "onboot")' report.json
		for c in extend dm-crypt dm-luks format mount mount-plain mount-luks swap losetup fstrim; do echo "$c: $(logs $c)"; done
		false
	}
}
boot() {
	"$pith" run --accel tcg --mem 512 --disk "file=$BATS_FILE_TMPDIR/a.img,format=raw" --disk "file=$BATS_FILE_TMPDIR/b.img,format=raw" \
		--disk "file=$BATS_FILE_TMPDIR/c.img,format=raw" --detached --wait=ready "$name" 3>&- 8>&- 9>&- || {
		tail -n 60 "$name-state/console.log"
		return 1
	}
}

setup_file() {
	load ../lib/common
	name=$BATS_FILE_TMPDIR/disks
	"$pith" build --dir "$BATS_FILE_TMPDIR" --name disks "$root_dir/tests/boot/disks.yml"
	truncate -s 64M "$BATS_FILE_TMPDIR"/{a,b,c}.img
	boot
}

teardown_file() {
	load ../lib/common
	"$pith" stop --now "$BATS_FILE_TMPDIR/disks" 3>&- || :
}

setup() {
	name=$BATS_FILE_TMPDIR/disks
	cd "$BATS_TEST_TMPDIR" || return 1
	exec 8>&- 9>&-
}

gone() { ! "$pith" ps --json 2>/dev/null | grep -q "$name" && ended "$(cat "$name-state/pith.pid" 2>/dev/null || echo 999999999)"; }

# what both boots have to show
all_there() {
	all_well
	[ "$(in_shell "awk '\$2 ~ \"^/var/(data|plain|luks)\$\" {print \$1, \$2, \$3}' /proc/mounts | sort")" = "/dev/mapper/luks /var/luks ext4
/dev/mapper/plain /var/plain ext4
/dev/vda1 /var/data ext4" ]
	[ "$(in_shell 'readlink /dev/disk/by-label/data')" = ../../vda1 ]
	# by a mapping, whose name is as whoever reads it sees its folder
	in_shell 'grep -q "dm-[0-9]* .*partition" /proc/swaps'
	[[ $(in_shell 'cat /sys/block/loop7/loop/backing_file') == */loop.img ]]
	[[ $(logs fstrim) == *'MiB trimmed' ]]
}

@test "the first boot makes a table, file systems, encrypted disks, swap and a loop device" {
	all_there
	[[ $(logs extend) == *'no partition table: passed over'* ]]
	[[ $(logs format) == *'/dev/vda: ext4 in /dev/vda1, label data' ]]
	[[ $(logs dm-crypt) == *'/dev/mapper/plain: plain, with an ext4, on /dev/vdb' ]]
	[[ $(logs dm-luks) == *'/dev/mapper/luks: LUKS2, with an ext4, on /dev/vdc' ]]
	in_shell 'for d in data plain luks; do echo kept in $d >/var/$d/file; done; sync'
	# nothing of it can be read on the encrypted ones
	run -1 grep -q 'kept in' "$BATS_FILE_TMPDIR/b.img"
	run -1 grep -q 'kept in' "$BATS_FILE_TMPDIR/c.img"
	grep -q 'kept in data' "$BATS_FILE_TMPDIR/a.img"
}

@test "a power cut and a larger disk later, the second boot has everything, and formats nothing" {
	acknowledged() { tr -d '\r' <"$name-state/console.log" | grep -q '^ack [0-9]*$'; }
	within 60 acknowledged
	kill -9 "$(cat "$name-state/qemu.pid")"
	within 30 gone
	ack=$(tr -d '\r' <"$name-state/console.log" | sed -n 's/^ack \([0-9]*\)$/\1/p' | tail -n 1)
	truncate -s 160M "$BATS_FILE_TMPDIR/a.img"
	boot
	all_there
	[[ $(logs extend) == *'/dev/vda: /dev/vda1 has all of the disk now'* ]]
	[[ $(logs format) == *'nothing to do' ]]
	[[ $(logs dm-crypt) == *'/dev/mapper/plain: ext4 (filesystem) on /dev/vdb' ]]
	[[ $(logs dm-luks) == *'/dev/mapper/luks: ext4 (filesystem) on /dev/vdc' ]]
	[ "$(in_shell 'cat /var/data/file /var/plain/file /var/luks/file')" = "kept in data
kept in plain
kept in luks" ]
	# what was acknowledged is there
	in_shell "grep -qx $ack /var/data/acks"
	[ "$(in_shell "df -m /var/data | awk 'END {print (\$2 > 120)}'")" = 1 ]
}

@test "a file system that is a module is loaded when it is mounted" {
	in_shell 'for t in xfs btrfs; do
			! grep -qw $t /proc/filesystems || exit 1
			mount -t $t /dev/vda1 /tmp 2>/dev/null
			grep -qw $t /proc/filesystems || { dmesg | tail -n 5; exit 2; }
		done'
}

@test "with another key nothing is shown and nothing is formatted; a disk that goes is an error" {
	# in the machine's own mounts, by the programs of the image
	patiently 60 "$pith" exec -n "$name" shell nsenter -t 1 -m -- /containers/services/shell/lower/usr/bin/busybox sh -c '
		b=/containers/services/shell/lower/usr/bin/busybox root=$(echo /containers/onboot/*-dm-crypt/lower)
		$b umount /var/plain && $b umount /var/luks || exit
		for d in dev proc run sys; do $b mkdir -p $root/$d; $b mount --bind /$d $root/$d; done
		in_image() { $b chroot $root "$@"; }
		for n in plain luks; do in_image /usr/sbin/cryptsetup close --disable-locks $n; done
		printf ABCDEFGHijklmnopqrstuvwxyz123456 >/run/key
		in_image /usr/bin/crypto -k /run/key plain /dev/vdb
		echo status $?
		in_image /usr/bin/crypto -k /run/key -l luks /dev/vdc
		echo status $?
		printf abcdefghijklmnopqrstuvwxyz123456 >/run/key
		in_image /usr/bin/crypto -k /run/key plain /dev/vdb && in_image /usr/bin/crypto -k /run/key -l luks /dev/vdc
		$b mount /dev/mapper/plain /var/plain && $b mount /dev/mapper/luks /var/luks
		$b cat /var/plain/file /var/luks/file' >said 2>&1 || { cat said; false; }
	cat said
	[ "$(grep -c '^status 1$' said)" = 2 ]
	grep -q 'it is the wrong key, or the disk is damaged' said
	grep -q '/dev/vdc: cryptsetup ended with status 2: No key available with this passphrase' said
	[ "$(grep 'kept in' said)" = "kept in plain
kept in luks" ]
	# a disk that goes while it is formatted is an error, and nothing waits for it; when it is back it is begun anew
	patiently 60 "$pith" exec -n "$name" shell nsenter -t 1 -m -- /containers/services/shell/lower/usr/bin/busybox sh -c '
		b=/containers/services/shell/lower/usr/bin/busybox root=$(echo /containers/onboot/*-format/lower)
		$b umount /var/luks || exit
		$b chroot $(echo /containers/onboot/*-dm-crypt/lower) /usr/sbin/cryptsetup close --disable-locks luks || exit
		for d in dev proc sys; do $b mount --rbind /$d $root/$d || exit; done
		device=$($b readlink -f /sys/block/vdc/device) driver=/sys/bus/virtio/drivers/virtio_blk
		device=${device##*/}
		# programs run from there, and not from /dev
		$b mount -t tmpfs etc $root/etc || exit
		echo "#!/bin/sh
			echo $device >$driver/unbind
			exec /usr/sbin/mkfs.ext4 \"\$@\"" >$root/etc/mkfs.ext4
		$b chmod 755 $root/etc/mkfs.ext4
		PATH=/etc:/usr/sbin $b chroot $root /usr/bin/format -force -label again /dev/vdc
		echo status $?
		echo $device >$driver/bind
		PATH=/usr/sbin $b chroot $root /usr/bin/format -label again /dev/vdc
		echo status $?
		$b readlink /dev/disk/by-label/again' >said 2>&1 || { cat said; false; }
	cat said
	[ "$(grep '^status' said)" = $'status 1\nstatus 0' ]
	grep -q 'format: error: /dev/vdc1: mkfs.ext4 ended with status 1' said
	grep -q '/dev/vdc: ext4 in /dev/vdc1, label again' said
	[ "$(tail -n 1 said)" = ../../vdc1 ]
	"$pith" stop --now "$name" 3>&-
	sfdisk -V "$BATS_FILE_TMPDIR/a.img"
}
