#!/usr/bin/env bats
# rc and init natively, in namespaces of this machine: what a container sees, and what can be looked at without a boot.
# shellcheck disable=SC2016 # scripts are for the guest's shell

bats_require_minimum_version 1.5.0
load ../lib/initrd

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	tree_make tree
	rcu=$(cat /sys/kernel/rcu_expedited)
	ttl=$(cat /sys/kernel/mm/lru_gen/min_ttl_ms 2>/dev/null) || ttl=''
}

# What steps change of the machine for all namespaces.
teardown() {
	[ "$(cat /sys/kernel/rcu_expedited)" = "$rcu" ] || echo "$rcu" >/sys/kernel/rcu_expedited
	[ -z "$ttl" ] || echo "$ttl" >/sys/kernel/mm/lru_gen/min_ttl_ms
}

# rc_in PROGRAM [proc]: PROGRAM as PID 1 of namespaces of its own, on a tmpfs with the tree; with /proc mounted it is in a
# container, without in what it takes for a machine.
rc_in() {
	# shellcheck disable=SC2086
	timeout -k 5 60 unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child --propagation private sh -ec '
		mkdir -p root && mount -t tmpfs none root && cp -a tree/. root
		cd root
		mknod -m 666 dev/null c 1 3
		[ "$2" != proc ] || mount -t proc proc proc
		exec chroot . $1' sh "$1" "${2:-}"
}

# Replaces rc by the program with sanitizers, and brings the libraries that it needs.
sanitized() {
	local lib
	cp "$root_dir/build/asan/rc" tree/bin/rc.init
	while read -r lib; do
		mkdir -p "tree/${lib%/*}"
		cp -L "$lib" "tree$lib"
	done < <(ldd "$root_dir/build/asan/rc" | grep -oE '/[^ ]+')
}

look='
echo "== mounts"; cat /proc/mounts
echo "== root"; touch /x 2>&1
echo "== var"; ls /var
echo "== dev"; ls /dev; echo x >/dev/null && echo null
echo "== lo"; ip -o addr show lo
echo "== hostname"; hostname
echo "== limits"; ulimit -n
echo "== steps"; cat /run/pith/boot.steps
'

machine_part() {
	hosts_dev=$(find /dev -maxdepth 1 | sort)
	echo native.example >tree/etc/hostname
	tree_script tree 010-look <<<"$look"
	tree_script tree 020-orphan <<<'(sleep 0.3; echo "orphan done" >/run/orphan) &'
	run --separate-stderr rc_in /bin/rc.init
	echo "$output" >out
	echo "$output" "$stderr"
	[ "$status" = 0 ]
	[ -z "$(grep -v 'reading executable name failed' <<<"$stderr")" ]
	[[ "$(section out root)" == *'Read-only file system' ]]
	for m in /proc /run /tmp /var /dev /dev/shm /dev/pts /sys; do [ "$(section out mounts | awk -v m=$m '$2 == m' | wc -l)" = 1 ]; done
	section out mounts | grep -q '^tmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,.*mode=755'
	[ "$(section out var | tr '\n' ' ')" = 'cache empty lib local lock log opt run spool tmp ' ]
	[ "$(section out dev | tail -n 1)" = null ]
	section out lo | grep -q 'inet 127.0.0.1/8'
	[ "$(section out hostname)" = native.example ]
	[ "$(section out limits)" = "$(ulimit -Hn)" ] || [ "$(section out limits)" = 1048576 ]
	section out steps | jq -e -s 'map(.name) == ["mounts", "rcu", "devices", "cgroups", "memory", "control", "coldplug", "hotplug", "clock",
		"loopback", "limits", "hostname", "resolv.conf"] and all(.end_us >= .start_us)'
	[ "$(find /dev -maxdepth 1 | sort)" = "$hosts_dev" ] # the host's devices are not touched
	[ "$(hostname)" != native.example ]
}

@test "the steps of a machine, in namespaces" { machine_part; }

@test "the same with sanitizers" {
	sanitized
	machine_part
}

container_part() {
	tree_script tree 010-look <<<"$look"
	# an orphan of an orphan holds the container until it ends
	tree_script tree 020-orphan <<<'(sh -c "sleep 0.5; echo orphan done" &) &'
	run --separate-stderr rc_in /bin/rc.init proc
	echo "$output" >out
	echo "$output" "$stderr"
	[ "$status" = 0 ]
	[ -z "$(grep -v 'reading executable name failed' <<<"$stderr")" ]
	[ "$(section out mounts | awk '{print $2}' | tr '\n' ' ')" = '/ /proc ' ]
	[ "$(section out root)" = '' ]
	[ -z "$(section out lo)" ]
	section out steps | grep '^{' | jq -e -s 'map(.name) == ["limits", "hostname", "resolv.conf"]'
	[ "$(tail -n 1 out)" = 'orphan done' ]
}

@test "in a container only what is the container's own is done, and orphans are waited for" { container_part; }

@test "the same with sanitizers, in a container" {
	sanitized
	container_part
}

@test "as a container's PID 1 it ends the container when it is told to" {
	mkdir -p tree/etc/shutdown.d
	tree_script tree 010-serve <<<'sh -c "trap \"echo stopped; exit 0\" TERM; echo serving; while :; do sleep 0.1; done" &'
	printf '#!/bin/sh\necho "shutdown.d ran"\n' >tree/etc/shutdown.d/010-x && chmod 755 tree/etc/shutdown.d/010-x
	rc_in /bin/rc.init proc >out 2>err 3>&- &
	pid=$!
	console_wait out serving
	# the container's PID 1 is the grandchild: timeout, unshare, then it
	for ((i = 0; i < 100; i++)); do
		p=$(pgrep -P "$(pgrep -P "$(pgrep -P $pid)")") && [ -n "$p" ] && break
		sleep 0.05
	done
	kill -TERM "$p"
	wait $pid
	cat out err
	[ "$(cat out)" = 'serving
shutdown.d ran
stopped' ]
}

@test "a step that fails is said, and the boot goes on" {
	rmdir tree/var && touch tree/var
	tree_script tree 010-after <<<'echo after'
	run --separate-stderr rc_in /bin/rc.init
	echo "$output" "$stderr"
	[ "$status" = 1 ]
	[[ "$stderr" == *'mount tmpfs on /var: Not a directory'* ]]
	[ "$output" = after ]
}

@test "the banner: /etc/issue in front of what /etc/init.d says, unless a script there prints it" {
	printf 'Welcome to here\n' >tree/etc/issue
	tree_script tree 010-after <<<'echo after'
	run rc_in /bin/rc.init
	[[ $output == *$'Welcome to here\nafter'* ]]
	tree_script tree 000-issue <<<'echo script; cat /etc/issue'
	run rc_in /bin/rc.init
	[[ $output == *$'script\nWelcome to here\nafter'* ]]
	[ "$(grep -c Welcome <<<"$output")" -eq 1 ]
	rm tree/etc/init.d/000-issue
	head -c 100000 /dev/zero >tree/etc/issue
	run rc_in /bin/rc.init
	[[ $output == *'more than 65536 bytes'*after* ]]
}

@test "it knows its names" {
	cp "$root_dir/build/guest/rc" nonsense
	run ./nonsense
	[ "$status" = 1 ]
	[[ "$output" == *'not a name that I know: rc.init, rc.shutdown'* ]]
	ln -s nonsense modprobe && ln -s nonsense initctl && ln -s nonsense poweroff
	run ./modprobe
	[ "$status" = 1 ]
	[[ "$output" == *'usage: modprobe'* ]]
	run ./modprobe -q overlay x=1 second
	[ "$status" = 1 ]
	[[ "$output" == *'usage: modprobe'* ]]
	run ./initctl list
	[ "$status" = 1 ]
	[[ "$output" == *'/run/pith/init.sock'* ]]
	run ./poweroff --now
	[ "$status" = 1 ]
	[[ "$output" == *'usage: poweroff'* ]]
}

# --- PID 1

@test "init as a container's PID 1: rc.init, orphans, requests, the end" {
	tree_script tree 010-look <<-'X'
		initctl respawn sleeper 1 /bin/sleep 1000
		initctl list | sed 's/ [0-9]* / PID /'
		i=0; while [ $i -lt 500 ]; do (true &) ; i=$((i + 1)); done
		i=0; while ps -o stat | grep -q Z && [ $i -lt 300 ]; do i=$((i + 1)); sleep 0.1; done
		echo "zombies $(ps -o stat | grep -c Z)"
		kill -USR2 1
		sleep 100
	X
	run rc_in /init
	echo "$output"
	# the kernel ends a namespace whose init powers off
	[ "$status" -ne 0 ]
	[[ "$output" == *'sleeper PID 1'* ]]
	[[ "$output" == *'zombies 0'* ]]
	[[ "$output" == *'init: shutting down: poweroff'* ]]
	[[ "$output" == *'init: poweroff'* ]]
}

# ends COMMAND STATUS WORD: how the namespace ends whose init gets this from a script. Where a machine restarts the kernel
# takes SIGHUP, where it halts or powers off SIGINT; what real machines do is in init.bats.
ends() {
	tree_script tree 010-ask <<<"$1; sleep 100"
	run rc_in /init
	echo "$output"
	[ "$status" -eq $((128 + $2)) ]
	[[ $output == *"init: shutting down: $3"*"init: $3"* ]]
}

@test "init ends its machine as its signals and the commands say" {
	ends 'kill -TERM 1' 1 reboot
	ends 'kill -INT 1' 1 reboot
	ends reboot 1 reboot
	ends 'kill -USR1 1' 2 halt
	ends halt 2 halt
	ends 'kill -USR2 1' 2 poweroff
	ends poweroff 2 poweroff
}

@test "without a working rc.shutdown init still ends its machine" {
	rm tree/bin/rc.shutdown && printf '#!/bin/sh\nexit 5\n' >tree/bin/rc.shutdown && chmod 755 tree/bin/rc.shutdown
	ends poweroff 2 poweroff
	[[ $output == *'rc.shutdown failed; killing what is left'* ]]
	rm tree/bin/rc.shutdown
	ends reboot 1 reboot
	[[ $output == *'cannot start /bin/rc.shutdown: No such file or directory'* ]]
}

@test "without rc.init init says so, and powers off" {
	rm tree/bin/rc.init
	run rc_in /init
	echo "$output"
	[ "$status" -eq 130 ]
	[[ $output == *'init: this machine is not set up: /bin/rc.init: No such file or directory'* ]]
	[[ $output != *shell* ]]
}

@test "init is only ever PID 1" {
	run "$root_dir/build/guest/init"
	[ "$status" = 1 ]
}

@test "what is not a request is refused, and PID 1 goes on" {
	cat >ask.c <<-'X'
		#include <stdio.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		static int ask(const void *message, size_t n)
		{
			struct sockaddr_un to = { AF_UNIX, "/run/pith/init.sock" };
			char reply[2048];
			int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
			ssize_t r;
			if (bind(fd, (void *)&to, sizeof(sa_family_t)) < 0 || connect(fd, (void *)&to, sizeof(to)) < 0 || send(fd, message, n, 0) < 0)
				return -1;
			r = recv(fd, reply, sizeof(reply) - 1, 0);
			close(fd);
			if (r < 0)
				return -1;
			reply[r] = 0;
			printf("%s", reply);
			return 0;
		}
		int main(void)
		{
			char big[60000];
			memset(big, 'x', sizeof(big));
			int r = ask(big, sizeof(big)) | ask("", 0) | ask("list", 4) | ask("nonsense\0x", 11) | ask("respawn\0a\0005\0/x\0", 15) | ask("list", 5);
			/* nobody to answer to */
			struct sockaddr_un to = { AF_UNIX, "/run/pith/init.sock" };
			int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
			sendto(fd, "list", 5, 0, (void *)&to, sizeof(to));
			return r != 0;
		}
	X
	musl-gcc -static -Os -o tree/bin/ask ask.c
	tree_script tree 010-look <<<'ask || echo failed; initctl stop a; echo "list: $(initctl list)"; kill -USR2 1; sleep 100'
	run rc_in /init
	echo "$output"
	[ "$(grep -c '^error: malformed message' <<<"$output")" = 3 ]
	[ "$(grep -c '^error: unknown request' <<<"$output")" = 1 ]
	[[ "$output" != *failed* ]]
	[[ "$output" == *'list: '* ]]
	[[ "$output" == *'init: poweroff'* ]]
}
