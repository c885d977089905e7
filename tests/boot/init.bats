#!/usr/bin/env bats
# PID 1 and rc.init in a real kernel: roots, mounts, supervision, trouble, shutdown. Trees are made by hand.
# shellcheck disable=SC2016 # scripts are for the guest's shell

bats_require_minimum_version 1.5.0
load ../lib/initrd
load ../lib/mounts

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	guest_options=() guest_limit=90
	tree_make tree
}

teardown() { guest_kill; }

# What most boots look at.
look='
echo "== mounts"; cat /proc/mounts
echo "== write"; touch /x 2>&1
echo "== memory"; grep -E "MemTotal|MemAvailable|Shmem:" /proc/meminfo
echo "== pss"; grep ^Pss: /proc/1/smaps_rollup
echo "== end"
poweroff'

mounts() { section console.txt mounts | awk '{print $1, $2, $3}'; }
field() { section console.txt memory | awk -v f="$1:" '$1 == f {print $2}'; }

# --- roots

@test "a plain initramfs becomes a read-only root with a parent mount, without a copy; mounts are those of docs/boot.md" {
	head -c 8M /dev/urandom >tree/ballast
	# runc's first step: a root that can be pivoted away from
	tree_script tree 010-look <<-X
		echo "== pivot"; unshare -m sh -c 'mount -t tmpfs none /tmp && mkdir /tmp/old && pivot_root /tmp /tmp/old && /old/bin/ls /old/ballast'
		$look
	X
	ln -s busybox tree/bin/unshare && ln -s busybox tree/bin/pivot_root
	cpio_make tree initrd
	guest_boot console initrd
	[ "$(section console.txt pivot)" = /old/ballast ]
	section console.txt mounts | grep -qE '^rootfs / rootfs ro,'
	[ "$(mounts | awk '$2 == "/"' | wc -l)" = 1 ]
	section console.txt write | grep -q 'Read-only file system'
	[ "$(field Shmem)" -lt $(($(du -sk tree | cut -f1) + 1024)) ]
	[ "$(section console.txt pss | awk '{print $2}')" -lt 200 ]
	section console.txt mounts >got
	mounts_documented got "$(field MemTotal)"
}

# $1: type. The image, less what was compressed away, is all that stays of the initramfs.
image_root() {
	head -c 4M /dev/urandom >tree/ballast
	tree_script tree 010-look <<<"$look"
	image_initrd_make tree initrd "$1" "$(guest_flavour)"
	size=$(stat -c %s initrd)
	mkdir extra && head -c 6M /dev/urandom >extra/freed
	cpio_make extra extra.cpio # a second archive behind the first, as for microcode or early modules
	cat extra.cpio >>initrd
	guest_boot console initrd
	section console.txt mounts | grep -qE "^/dev/loop0 / $1 ro,"
	section console.txt write | grep -q 'Read-only file system'
	[ "$(field Shmem)" -lt $((size / 1024 + 512)) ]
	[ "$(field Shmem)" -ge 4096 ]
	[ "$(section console.txt pss | awk '{print $2}')" -lt 200 ]
}

@test "an erofs image in the initramfs becomes the root, the rest is freed" { image_root erofs; }
@test "a squashfs image in the initramfs becomes the root, the rest is freed" { image_root squashfs; }

@test "erofs is mounted straight from its file where the initramfs allows it" {
	tree_script tree 010-look <<<"$look"
	image_initrd_make tree initrd erofs "$(guest_flavour)"
	guest_boot console initrd rootfstype=ramfs
	section console.txt mounts | grep -qE '^/rootfs.erofs / erofs ro,'
	[ "$(section console.txt mounts | grep -c loop)" = 0 ]
}

@test "a root on a disk is left as it is; what is built in needs no module" {
	needs_tuned
	tar -xf "$root_dir/build/kernel/tuned/kernel.tar" -C tree
	tree_script tree 010-look <<-X
		for m in overlay fs-ext4 fs-nothing; do /sbin/modprobe \$m; echo "\$m \$?" >>/run/result; done
		echo "== result"; cat /run/result
		$look
	X
	mksquashfs tree disk -quiet -no-progress -all-root
	truncate -s %4096 disk
	guest_options=(-drive "file=disk,if=virtio,format=raw,readonly=on")
	flavour=tuned guest_boot console - root=/dev/vda rootfstype=squashfs init=/init
	section console.txt mounts | grep -qE '^/dev/root / squashfs ro,'
	[ "$(section console.txt result)" = 'overlay 0
fs-ext4 0
fs-nothing 1' ]
}

@test "an image that cannot be mounted is said, and the machine ends as pith.failure= says" {
	mkdir stage && cp tree/init stage/ && echo garbage >stage/rootfs.erofs
	cpio_make stage initrd
	guest_boot console initrd pith.failure=reboot
	[ "$(grep -cE 'init: this machine is not set up: cannot mount /rootfs.erofs: [A-Z]' console.txt)" = 1 ]
	grep -q 'reboot: Restarting system' console.txt
}

# --- rc.init

@test "/var, /dev, names, limits and loopback are set up" {
	mkdir -p tree/etc && ln -s /run/resolvconf/resolv.conf tree/etc/resolv.conf
	tree_script tree 010-look <<-'X'
		echo "== var"; cd /var; stat -c '%a %F %n' *; readlink run
		echo "== tmp"; stat -c '%a %n' /tmp /run /dev/shm /dev/mqueue
		echo "== dev"; for f in fd stdin stdout stderr kcore; do readlink /dev/$f; done; stat -c '%a %t %T' /dev/null /dev/tty
		echo "== hostname"; hostname
		echo "== limits"; ulimit -n; ulimit -u; grep -E 'open files|processes' /proc/1/limits
		echo "== lo"; ip -o addr show lo
		echo "== resolv"; stat -c '%a %s' /run/resolvconf/resolv.conf; echo nameserver 10.0.2.3 >/etc/resolv.conf && cat /run/resolvconf/resolv.conf
		echo "== rcu"; cat /sys/kernel/rcu_expedited
		echo "== memory"; cat /sys/kernel/mm/lru_gen/min_ttl_ms /proc/1/cgroup /proc/self/cgroup
		echo "== share"; awk 'NR == FNR { min = $1; next } /MemTotal/ { print int($2 * 64 / min + 0.5) }' /sys/fs/cgroup/@machine/memory.min /proc/meminfo
		echo "== year"; date +%Y
		echo "== end"
		poweroff
	X
	cpio_make tree initrd
	guest_options=(-nic user,model=virtio-net-pci,mac=52:54:00:ab:cd:ef -rtc base=2031-02-03T04:05:06)
	guest_boot console initrd
	[ "$(section console.txt var)" = '755 directory cache
555 directory empty
755 directory lib
755 directory local
755 directory lock
755 directory log
755 directory opt
777 symbolic link run
755 directory spool
1777 directory tmp
/run' ]
	[ "$(section console.txt tmp)" = '1777 /tmp
755 /run
1777 /dev/shm
1777 /dev/mqueue' ]
	[ "$(section console.txt dev)" = '/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
/proc/kcore
666 1 3
666 5 0' ]
	[ "$(section console.txt hostname)" = linuxkit-525400abcdef ]
	[ "$(section console.txt limits | head -n 2)" = '1048576
unlimited' ]
	[ "$(section console.txt limits | grep -cE 'open files +1048576 +1048576|processes +unlimited +unlimited')" = 2 ]
	section console.txt lo | grep -qE 'inet 127.0.0.1/8 scope host lo'
	section console.txt lo | grep -qE 'inet6 ::1/128'
	[ "$(section console.txt resolv)" = '644 0
nameserver 10.0.2.3' ]
	[ "$(section console.txt rcu)" = 1 ]
	[ "$(section console.txt memory)" = '1000
0::/@machine
0::/@machine' ]
	[ "$(section console.txt share)" = 1 ]
	[ "$(section console.txt year)" = 2031 ]
}

@test "init.d runs in the order of names; a failure is said and reported; /etc/hostname goes before the network address" {
	printf 'box.example\n' >tree/etc/hostname
	tree_script tree 020-second <<<'echo "ran second"; exit 3'
	tree_script tree 010-first <<<'echo "ran first"; readlink /proc/self/fd/0'
	tree_script tree 030-killed <<<'kill -9 $$'
	tree_script tree 099-last <<-'X'
		echo "ran last"
		(while ! [ -e /run/pith/boot.json ]; do sleep 0.05; done; echo "== report"; cat /run/pith/boot.json; echo "== hostname"; hostname; echo "== end"; poweroff) &
	X
	printf 'exit 1\n' >tree/etc/init.d/015-text && mkdir tree/etc/init.d/016-dir
	ln -s ../../bin/true tree/etc/init.d/017-link && ln -s busybox tree/bin/true
	cpio_make tree initrd
	guest_options=(-nic user,model=virtio-net-pci)
	guest_boot console initrd pith.timing=1
	[ "$(section console.txt hostname)" = box.example ]
	[ "$(grep -E '^ran |^/dev/null' console.txt | tr '\n' ' ')" = 'ran first /dev/null ran second ran last ' ]
	grep -q '/etc/init.d/020-second: exit status 3' console.txt
	grep -q '/etc/init.d/030-killed: killed by signal 9' console.txt
	grep -q '/etc/init.d/015-text is not executable: left out' console.txt
	section console.txt report >report.json
	[ "$(jq -r '.version' report.json)" = 1 ]
	[ "$(jq -r '.steps[] | select(.status != null) | "\(.program) \(.name) \(.status)"' report.json)" = 'rc 010-first 0
rc 017-link 127
rc 020-second 3
rc 030-killed 137
rc 099-last 0' ]
	# every step of rc.init, in time, one line each on the console
	[ "$(jq -r '[.steps[].start_us] == ([.steps[].start_us] | sort)' report.json)" = true ]
	for step in "init kernel" "init root" "rc mounts" "rc rcu" "rc devices" "rc cgroups" "rc control" "rc coldplug" "rc hotplug" "rc clock" \
		"rc loopback" "rc limits" "rc hostname" "rc resolv.conf" "rc 020-second"; do
		[ "$(jq -r '.steps[] | "\(.program) \(.name)"' report.json | grep -cx "$step")" = 1 ]
		grep -qE "timing: $step [0-9]+ us" console.txt
	done
}

@test "control groups of version 1 on request" {
	tree_script tree 010-look <<-X
		echo "== enabled"; awk '\$4 == 1 {print \$1}' /proc/cgroups
		$look
	X
	cpio_make tree initrd
	guest_boot console initrd linuxkit.unified_cgroup_hierarchy=0
	[ -n "$(section console.txt enabled)" ]
	for c in $(section console.txt enabled); do
		[ "$(mounts | grep -cx "$c /sys/fs/cgroup/$c cgroup")" = 1 ]
	done
	[ "$(mounts | grep -cx 'cgroup /sys/fs/cgroup/systemd cgroup')" = 1 ]
	[ "$(mounts | grep -cx 'cgroup_root /sys/fs/cgroup tmpfs')" = 1 ]
	[ "$(section console.txt mounts | grep -c cgroup2)" = 0 ]
}

@test "PID 1 to init.d takes less than 10 ms of virtual time; nothing waits at shutdown when nobody has to be waited for" {
	tree_script tree 010-look <<<'echo "== steps"; cat /run/pith/boot.steps; echo "== end"; sleep 100 & poweroff; sleep 100'
	image_initrd_make tree initrd erofs "$(guest_flavour)"
	guest_accel="-accel tcg,thread=single -icount shift=1,sleep=off" guest_memory=2048 guest_boot console initrd
	section console.txt steps | jq -s '.[] | select(.name == "kernel") | .end_us' >from
	section console.txt steps | jq -s '.[] | select(.name == "resolv.conf") | .end_us' >to
	echo "PID 1 to init.d: $(($(cat to) - $(cat from))) us" | tee /dev/fd/3
	[ "$(guest_flavour)" != tuned ] || [ $(($(cat to) - $(cat from))) -lt 10000 ]
	from=$(sed -nE 's/^\[ *([0-9.]+)\] init: shutting down.*/\1/p' console.txt)
	to=$(sed -nE 's/^\[ *([0-9.]+)\] init: poweroff$/\1/p' console.txt)
	awk -v a="$from" -v b="$to" 'BEGIN { exit !(a > 0 && b - a < 2) }'
}

# --- supervision

@test "a program handed to PID 1 is started again with a back-off, and stopped when asked" {
	mkdir -p tree/usr/lib
	printf '#!/bin/sh\nread up rest </proc/uptime; echo $up >>/run/starts\n' >tree/usr/lib/short
	printf '#!/bin/sh\nsleep 1000\n' >tree/usr/lib/long
	chmod 755 tree/usr/lib/*
	tree_script tree 010-look <<-'X'
		initctl respawn short 1 /usr/lib/short a b
		initctl respawn long 1 /usr/lib/long
		initctl respawn long 1 /usr/lib/long
		set -- $(initctl list | grep long); kill -9 $2
		while [ $(wc -l </run/starts) -lt 4 ]; do sleep 0.05; done
		set -- $(initctl list | grep long)
		echo "== scores"; cat /proc/$2/oom_score_adj /proc/self/oom_score_adj /proc/$(initctl list | sed -n 's/hotplug \([0-9]*\).*/\1/p')/oom_score_adj
		echo "== starts"; cat /run/starts
		echo "== list"; initctl list
		initctl stop short; initctl stop long
		while initctl list | grep -q long; do sleep 0.05; done
		echo "== stopped"; initctl list; ps | grep -c 'lib/lon[g]'
		echo "== refused"; initctl stop nobody 2>&1; initctl respawn x/y 1 /bin/true 2>&1; initctl respawn x 1 relative 2>&1
		echo "== end"
		poweroff
	X
	cpio_make tree initrd
	guest_boot console initrd
	# the kernel takes memory from them last, and from init.d's scripts as from others
	[ "$(section console.txt scores | tr '\n' ' ')" = '-999 0 -999 ' ]
	section console.txt starts | awk 'NR > 1 { d = $1 - last; if (d < 0.09 * 2 ^ (NR - 2)) exit 1 } { last = $1 } END { exit NR < 4 }'
	[ "$(section console.txt list | awk '{print $1, $3}')" = 'hotplug 1
short 1
long 1' ]
	[ "$(section console.txt stopped | awk 'NF == 3 {print $1}')" = hotplug ]
	[ "$(section console.txt stopped | tail -n 1)" = 0 ]
	[ "$(grep -c 'initctl: error: PID 1: ' console.txt)" = 3 ]
	grep -q 'init: short ended with status 0; starting it again' console.txt
	grep -q 'init: long was killed by signal 9; starting it again' console.txt
}

@test "a fault in PID 1 does not end the machine: it goes on with what it kept alive" {
	tree_script tree 010-look <<-'X'
		echo "== before"; initctl list
		kill -SEGV 1; sleep 0.2; kill -BUS 1; sleep 0.2
		echo "== after"; initctl list
		set -- $(initctl list); old=$2; kill -9 $old
		i=0; until set -- $(initctl list); [ $2 != $old ] && [ $2 -gt 1 ] || [ $i -eq 300 ]; do i=$((i + 1)); sleep 0.1; done
		echo "== again"; initctl list
		(sleep 0.1 & echo $! >/run/orphan)
		i=0; while [ -e /proc/$(cat /run/orphan) ] && [ $i -lt 300 ]; do i=$((i + 1)); sleep 0.1; done
		echo "== zombies"; ps -o stat | grep -c Z
		echo "== end"
		poweroff
	X
	image_initrd_make tree initrd erofs "$(guest_flavour)"
	guest_boot console initrd
	[ "$(grep -c 'in PID 1; it went on' console.txt)" = 2 ]
	[ -n "$(section console.txt before)" ]
	[ "$(section console.txt before)" = "$(section console.txt after)" ]
	section console.txt again | awk -v old="$(section console.txt before)" '$1 == "hotplug" && $0 != old && $2 > 1 {ok = 1} END {exit !ok}'
	[ "$(section console.txt zombies)" = 0 ]
	grep -q 'init: poweroff' console.txt
}

@test "a fork that fails is tried again" {
	tree_script tree 010-look <<-'X'
		before=$(cat /proc/sys/kernel/threads-max)
		set -- $(initctl list)
		echo 20 >/proc/sys/kernel/threads-max # fewer than there are: nobody can fork
		kill -9 $2
		while [ -e /proc/$2 ]; do :; done; n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done # builtins only
		echo $before >/proc/sys/kernel/threads-max
		while :; do set -- $(initctl list); [ $2 = 0 ] || break; sleep 0.1; done
		echo "== list"; initctl list
		echo "== end"
		poweroff
	X
	cpio_make tree initrd
	guest_boot console initrd
	grep -q 'cannot start hotplug: Resource temporarily unavailable; trying again' console.txt
	section console.txt list | grep -q '^hotplug [1-9]'
}

@test "a full /run and 10,000 orphans at once are lived through" {
	cat >storm.c <<-'X'
		/* 10000 children wait; their parent ends; then all end together. */
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			int p[2], n = 0;
			char c;
			if (pipe(p) < 0)
				return 1;
			while (n < atoi(argv[argc - 1])) {
				pid_t pid = fork();
				if (pid == 0) {
					close(p[1]);
					_exit(read(p[0], &c, 1) < 0);
				}
				if (pid < 0)
					return 2;
				n++;
			}
			printf("forked %d\n", n);
			return 0;
		}
	X
	musl-gcc -static -Os -o tree/bin/storm storm.c
	tree_script tree 010-look <<-'X'
		cat /dev/zero >/run/fill 2>/dev/null
		echo "== full"; echo x >/run/y
		echo "== storm"; storm 10000
		until read a b c of rest </proc/loadavg && [ ${of#*/} -lt 1000 ]; do sleep 0.1; done
		while [ $(ps | grep -c '[s]torm') -gt 0 ]; do sleep 0.1; done
		echo "== left"; ps | grep -c '[s]torm'; initctl list
		echo "== end"
		poweroff
	X
	cpio_make tree initrd
	guest_memory=2048 guest_boot console initrd
	[ "$(section console.txt storm)" = 'forked 10000' ]
	[ "$(section console.txt left | head -n 1)" = 0 ]
	section console.txt left | grep -q ^hotplug
	grep -q 'No space left on device' console.txt
	grep -q 'init: poweroff' console.txt
}

@test "a console that is hung up or not read does not stop PID 1" {
	ln -s busybox tree/bin/setsid
	mkdir -p tree/usr/lib && printf '#!/bin/sh\necho >>/run/short\n' >tree/usr/lib/short && chmod 755 tree/usr/lib/short
	cat >hangup.c <<-'X'
		#include <fcntl.h>
		#include <sys/ioctl.h>
		#include <unistd.h>
		/* Takes the console as its terminal and hangs it up: everybody's descriptors of it are dead. */
		int main(void)
		{
			setsid();
			int fd = open("/dev/ttyS0", O_RDWR);
			return fd < 0 || ioctl(fd, TIOCSCTTY, 1) < 0 || vhangup() < 0;
		}
	X
	musl-gcc -static -Os -D_GNU_SOURCE -o tree/bin/hangup hangup.c
	tree_script tree 010-look <<-'X'
		trap '' HUP
		hangup
		initctl respawn short 1 /usr/lib/short # PID 1 has something to say, before it starts it again
		until [ "$(wc -l </run/short)" -ge 2 ]; do sleep 0.1; done
		exec >/dev/console 2>&1
		echo "== list"; initctl list
		echo "== end"
		poweroff
	X
	cpio_make tree initrd
	guest_boot console initrd
	section console.txt list | grep -q ^short
	grep -q 'init: short ended with status 0' console.txt
	grep -q 'init: poweroff' console.txt
}

# --- failure

@test "when rc.init fails the console says so, and the machine powers off" {
	printf '#!/bin/sh\nexit 7\n' >rc && chmod 755 rc && mv rc tree/bin/rc.init
	cpio_make tree initrd
	guest_boot console initrd pith.debug=0
	grep -q 'init: this machine is not set up: rc.init failed, exit status 7' console.txt
	grep -q 'reboot: Power down' console.txt
	[ "$(grep -c shell console.txt)" = 0 ]
}

@test "with pith.debug=1 there is a shell when rc.init fails, again and again" {
	cat >rc <<-'X'
		#!/bin/sh
		mount -t proc proc /proc; mount -t devtmpfs dev /dev
		exit 7
	X
	chmod 755 rc && mv rc tree/bin/rc.init
	cpio_make tree initrd
	mkfifo serial.in serial.out
	guest_serial=pipe:serial guest_start console initrd pith.debug=1 &
	cat serial.out >out &
	reader=$!
	guest_serial=pipe:serial
	exec 8<>serial.in
	console_wait out 'pith.debug=1: a shell on the console'
	printf 'echo shell-$((6 * 7)); exit\n' >&8
	console_wait out shell-42
	console_wait out 'debug-shell ended with status 0; starting it again'
	printf 'kill -USR2 1\n' >&8
	console_wait out 'init: poweroff'
	exec 8>&-
	wait $reader
}

# --- the end

@test "shutdown: kept programs first, then shutdown.d, then everybody; the disk is left clean" {
	needs_tuned
	mkfs.ext4 -q disk 16M
	mkdir -p tree/usr/lib tree/etc/shutdown.d
	for p in one two; do
		printf '#!/bin/sh\ntrap "echo stopped %s; exit 0" TERM\necho up %s\n: >/run/up-%s\nwhile :; do sleep 0.1; done\n' $p $p $p >tree/usr/lib/$p
	done
	printf '#!/bin/sh\ntrap "" TERM\n: >/run/up-stubborn\nwhile :; do sleep 1; done\n' >tree/usr/lib/stubborn
	chmod 755 tree/usr/lib/*
	mkdir tree/data
	printf '#!/bin/sh\necho "shutdown.d first"; echo more >/data/more\n' >tree/etc/shutdown.d/010-first
	printf '#!/bin/sh\necho "shutdown.d second"\n' >tree/etc/shutdown.d/020-second
	chmod 755 tree/etc/shutdown.d/*
	tree_script tree 010-look <<-'X'
		mkdir /run/share && mount -t 9p -o trans=virtio,version=9p2000.L share /run/share && echo hosts >/run/share/file
		mount -t ext4 /dev/vda /var/lib && mkdir /var/lib/data && mount -o bind /var/lib/data /data && echo some >/data/some
		initctl respawn one 5 /usr/lib/one; initctl respawn two 5 /usr/lib/two
		/usr/lib/stubborn >/data/log 2>&1 &
		sh -c 'trap "echo stopped polite; exit 0" TERM; : >/run/up-polite; while :; do sleep 0.1; done' &
		for p in one two stubborn polite; do until [ -e /run/up-$p ]; do sleep 0.05; done; done
		poweroff
	X
	cpio_make tree initrd
	mkdir share
	guest_options=(-drive file=disk,if=virtio,format=raw -virtfs "local,path=share,mount_tag=share,security_model=none")
	flavour=tuned guest_boot console initrd
	[ "$(cat share/file)" = hosts ]
	[ "$(grep -cE 'rc.shutdown: (warning: )?(detach|ext4 on)' console.txt)" = 0 ]
	[ "$(grep -E '^(stopped|shutdown.d)' console.txt)" = 'stopped two
stopped one
shutdown.d first
shutdown.d second
stopped polite' ]
	grep -qE 'rc.shutdown: warning: stubborn \(process [0-9]+\) does not end: killing it' console.txt
	dumpe2fs -h disk 2>/dev/null | grep -qE 'Filesystem state: +clean'
	[ "$(dumpe2fs -h disk 2>/dev/null | grep -c needs_recovery)" = 0 ]
	[ "$(debugfs -R 'cat data/more' disk 2>/dev/null)" = more ]
}

# ends_with COMMAND WORDS: what the kernel says when a script has asked for it. The other signals and commands, and a broken
# rc.shutdown, are in rc.bats.
ends_with() {
	tree_script tree 010-look <<<"$1; sleep 100"
	cpio_make tree initrd
	guest_start console initrd
	console_wait console "$2"
	guest_kill
}

@test "a machine restarts, halts and powers off" {
	ends_with 'kill -INT 1' 'reboot: Restarting system'
	ends_with halt 'reboot: System halted'
	ends_with 'poweroff -f' 'reboot: Power down'
}

# --- modules and hotplug: the distribution's kernel has its drivers in modules

@test "drivers are loaded by alias, by list and on demand; later devices and the power button are heard" {
	[ -e "$root_dir/build/kernel/debian/kernel" ] || make -s -C "$root_dir" build/kernel/debian/kernel >&2
	flavour=debian guest_memory=512
	tar -xf "$root_dir/build/kernel/debian/kernel.tar" -C tree
	mkdir -p tree/etc/modules-load.d tree/lib/modules-load.d tree/etc/modprobe.d tree/usr/lib/modules-load.d
	printf '# by name\noverlay\n\n; twice\nveth\nno-such-module\n' >tree/etc/modules-load.d/50-list.conf
	echo dm_mod >tree/lib/modules-load.d/50-list.conf # hidden by the one above
	printf 'blacklist evdev_other\noptions loop max_loop=3\n' >tree/etc/modprobe.d/x.conf
	tree_script tree 010-look <<-'X'
		echo "== modules"; awk '{print $1}' /proc/modules
		echo "== hostname"; hostname
		echo "== demand"; mkdir /tmp/m; mount -t ext4 /dev/vda /tmp/m && grep -c 'ext4' /proc/mounts; ip link add type dummy && echo dummy
		echo "== modprobe"; /sbin/modprobe nonsense; echo "status $?"; /sbin/modprobe -q -- nonsense; echo "quiet $?"; /sbin/modprobe bridge; grep -c '^bridge ' /proc/modules
		echo "== cgroups"; for d in /sys/fs/cgroup/*/; do grep -c " ${d%/} cgroup " /proc/mounts; done | sort -u
		echo "== ready"
		while ! grep -q virtio_rng /proc/modules; do sleep 0.1; done
		echo "== hotplugged"
		sleep 1000
	X
	image_initrd_make tree initrd erofs debian
	mkfs.ext4 -q disk 8M
	guest_options=(-drive file=disk,if=virtio,format=raw -nic user,model=virtio-net-pci,mac=52:54:00:00:00:07
		-monitor unix:monitor,server=on,wait=off)
	guest_start console initrd linuxkit.unified_cgroup_hierarchy=0
	console_wait console '== ready' 90
	echo 'device_add virtio-rng-pci' | socat - UNIX-CONNECT:monitor >/dev/null
	console_wait console '== hotplugged'
	echo system_powerdown | socat - UNIX-CONNECT:monitor >/dev/null
	guest_wait 60
	tr -d '\r' <console | tee console.txt
	for m in virtio_net overlay veth evdev button; do section console.txt modules | grep -qx "$m"; done
	[ "$(section console.txt modules | grep -cx dm_mod)" = 0 ]
	[ "$(section console.txt hostname)" = linuxkit-525400000007 ]
	[ "$(section console.txt demand)" = '1
dummy' ]
	section console.txt modprobe | grep -qx 'status 1'
	section console.txt modprobe | grep -qx 'quiet 1'
	[ "$(section console.txt modprobe | tail -n 1)" = 1 ]
	grep -q '50-list.conf: no module no_such_module' console.txt
	# version 1 of control groups, of which this kernel lacks some: what has a folder is mounted
	[ "$(section console.txt cgroups)" = 1 ]
	grep -q 'cgroup memory: this kernel has it in version 2 only' console.txt
	grep -q 'rc.hotplug: power button pressed' console.txt
	grep -q 'init: shutting down: poweroff' console.txt
}

@test "rc.init and rc.shutdown work for another PID 1, busybox's init" {
	rm tree/init && ln -s bin/busybox tree/init && mkdir -p tree/etc/shutdown.d
	printf '#!/bin/sh\necho "shutdown.d ran"\n' >tree/etc/shutdown.d/010-x && chmod 755 tree/etc/shutdown.d/010-x
	cat >tree/etc/inittab <<-X
		::sysinit:/bin/rc.init
		::ctrlaltdel:/bin/rc.shutdown reboot
		::shutdown:/bin/rc.shutdown noop
	X
	tree_script tree 010-look <<-'X'
		echo "== daemon"; while ! ps | grep -q '[r]c.hotplug'; do sleep 0.05; done; echo runs
		echo "== control"; initctl list 2>&1 | grep -c init.sock
		echo "== end"
		(sleep 1; poweroff) &
	X
	cpio_make tree initrd
	guest_boot console initrd rdinit=/init
	[ "$(section console.txt daemon)" = runs ]
	[ "$(section console.txt control)" = 1 ]
	grep -q 'shutdown.d ran' console.txt
	grep -q 'reboot: Power down' console.txt
}

# --- the programs themselves

@test "init and rc are small, static and hardened" {
	[ "$(stat -c %s "$root_dir/build/guest/init")" -le 61440 ]
	for p in init rc; do
		readelf -lW "$root_dir/build/guest/$p" >elf
		[ "$(grep -c INTERP elf)" = 0 ]
		grep -q GNU_RELRO elf
		grep -qE 'GNU_STACK .* RW ' elf
	done
}
