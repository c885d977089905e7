#!/usr/bin/env bats
# Whole machines: the smallest example, roots of every kind, control groups of version 1, failure policies. What one
# ordinary machine shows of onboot is in boot-onboot.bats, the other examples in examples.bats.

load ../lib/common
load ../lib/initrd

setup() { test_begin; }
teardown() { test_end; }

# The head of a YAML whose packages are those of this tree. $1: runtime, $2: more of the command line
head_of() {
	cat <<-EOF
		kernel:
		  image: "@pkg:$root_dir/pkg/kernel"
		  cmdline: "console=ttyS0 quiet linuxkit.runc_console=1 ${2:-}"
		init:
		  - "@pkg:$root_dir/pkg/init"
		  - "@pkg:$root_dir/pkg/${1:-crun}"
	EOF
}

boot() { vm_start "$1" --mem 512 --stop-timeout $((20 * ${PITH_TEST_SLOWNESS:-1})) "$T/$1"; }
power_off() {
	kill -TERM "$vm_pid"
	vm_wait 40
	[ "$status" -eq 0 ]
}

@test "examples/hello.yml: one container prints a line in 48 MiB; the power button ends it; less is refused in one line" {
	local memory=48
	[ "$(guest_flavour)" = tuned ] || memory=112
	"$pith" build --dir "$T" --name hello "$root_dir/examples/hello.yml"
	vm_start hello --mem "$memory" --stop-timeout $((20 * ${PITH_TEST_SLOWNESS:-1})) "$T/hello"
	vm_expect 60 '^Hello from a container on Linux 6\.'
	power_off
	grep -q 'Power down' hello.console
	run --separate-stderr "$pith" run --accel tcg --mem 40 "$T/hello"
	echo "$stderr"
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *'--mem 40M: '*'hello needs at least '*'M (its kernel takes '* ]]
	# against that advice it ends, too
	vm_start hello --mem 24 --low-memory "$T/hello"
	vm_wait 60
	[ "$status" -eq 1 ]
	[ "$(lines hello.err)" = 1 ]
}

# not_set_up NAME MESSAGE: a machine of the tree NAME fails with that message, and takes the console's last words along
not_set_up() {
	cp "$root_dir/build/kernel/$(guest_flavour)/kernel" "$1-kernel"
	echo 'console=ttyS0 quiet' >"$1-cmdline"
	cpio_make "$1" "$1-initrd.img"
	vm_start "$1" --mem 256 "$T/$1"
	vm_wait 60
	cat "$1.err"
	[ "$status" -eq 1 ]
	[ "$(lines "$1.err")" = 1 ]
	grep -qF "$2" "$1.err"
}

@test "a machine that is not set up ends, and pith run says why: no rc.init, a root that cannot be mounted, no init" {
	mkdir -p no-rc no-root no-init/bin
	cp "$root_dir/build/guest/init" no-rc/
	not_set_up no-rc 'the machine was not set up: /bin/rc.init: No such file or directory'
	cp "$root_dir/build/guest/init" no-root/ && echo garbage >no-root/rootfs.squashfs
	not_set_up no-root 'the machine was not set up: cannot mount /rootfs.squashfs: '
	not_set_up no-init "the guest's kernel panicked: "
}

@test "cgroup version 1 by a switch of the command line, with limits in it" {
	needs_tuned_kernel
	{
		head_of runc linuxkit.unified_cgroup_hierarchy=0
		cat <<-EOF
			onboot:
			  - name: look
			    image: "@pkg:$root_dir/pkg/busybox"
			    binds: ["/sys/fs/cgroup:/cg"]
			    resources: {memory: {limit: 33554432}, pids: {limit: 77}}
			    command: [/bin/sh, -c, "ls -d /cg/memory /cg/pids; cd /cg/pids\$(sed -n 's/.*:pids://p' /proc/self/cgroup) && echo pids: \$(cat pids.max);
			      cd /cg/memory\$(sed -n 's/.*:memory://p' /proc/self/cgroup) && echo memory: \$(cat memory.limit_in_bytes);
			      echo cgroups: \$(awk '\$3 == \"cgroup\"' /proc/mounts | wc -l)"]
			    runtime: {cgroups: [kept]}
			  - name: kept
			    image: "@pkg:$root_dir/pkg/busybox"
			    binds: ["/sys/fs/cgroup:/cg"]
			    command: [/bin/sh, -c, "ls -d /cg/cpu/kept /cg/memory/kept /cg/systemd/kept"]
		EOF
	} | build_image v1
	boot v1
	vm_expect 60 '^/cg/systemd/kept'
	power_off
	console >c
	grep -qx /cg/memory c
	grep -qx /cg/pids c
	grep -qx 'pids: 77' c
	grep -qx 'memory: 33554432' c
	grep -qxE 'cgroups: [1-9][0-9]?' c
	grep -qx /cg/cpu/kept c
	grep -qx /cg/memory/kept c
}

# onfail POLICY: a machine whose first container fails; its end is the caller's
onfail() {
	{
		head_of crun
		cat <<-EOF
			onboot:
			  - name: broken
			    image: "@pkg:$root_dir/pkg/busybox"
			    command: [/bin/sh, -c, "echo last words; exit 7"]
			    annotations: {org.pith.onfail: $1}
			  - name: after
			    image: "@pkg:$root_dir/pkg/hello"
			onshutdown:
			  - name: bye
			    image: "@pkg:$root_dir/pkg/busybox"
			    command: [/bin/echo, bye]
		EOF
	} | build_image "$1"
	vm_start "$1" --mem 512 --stop-timeout 1 --no-reboot "$T/$1"
	vm_expect 90 "reboot: $2"
	console >c
	grep -qx 'last words' c
	grep -qE 'onboot: .*000-broken: exit status 7' c
	grep -qE "onboot: .*000-broken: org.pith.onfail: $1" c
	grep -qx bye c
	[ "$(grep -c '^Hello' c)" -eq 0 ]
}

@test "onfail: poweroff, reboot and halt end a machine whose onboot container fails, after onshutdown" {
	onfail poweroff 'Power down'
	vm_wait 30
	[ "$status" -eq 0 ]
	onfail reboot 'Restarting system'
	vm_wait 30
	onfail halt 'System halted'
	kill -0 "$vm_pid" # halted, not off
	kill -TERM "$vm_pid"
	vm_wait 30
}

@test "getty asks for a password; sysctl sets what its files say; redis keeps its data where it is told to" {
	port=$(free_port)
	{
		head_of crun
		cat <<-EOF
			onboot:
			  - name: sysctl
			    image: "@pkg:$root_dir/pkg/sysctl"
			    readonly: false
			    binds.add: ["/etc/sysctl.d/10-mine.conf:/etc/sysctl.d/10-mine.conf"]
			  - name: dhcpcd
			    image: "@pkg:$root_dir/pkg/dhcpcd"
			    command: [/sbin/dhcpcd, --nobackground, -f, /dhcpcd.conf, "-1"]
			services:
			  - name: getty
			    image: "@pkg:$root_dir/pkg/getty"
			  - name: redis
			    image: "@pkg:$root_dir/pkg/redis"
			    uid: 0
			    gid: 0
			    binds: ["/var/redis:/data"]
			    command: [/usr/bin/redis-server, --bind, "* -::*", --protected-mode, "no", --save, "60 1"]
			    runtime: {mkdir: [/var/redis]}
			files:
			  - path: etc/getty.shadow
			    mode: "0600"
			    contents: 'root:$(busybox mkpasswd -m sha512 correct):19000:0:::::'
			  - path: etc/sysctl.d/10-mine.conf
			    contents: "net.core.somaxconn = 4321"
		EOF
	} | build_image services
	vm_start services --mem 512 --stop-timeout $((35 * ${PITH_TEST_SLOWNESS:-1})) --publish "$port:6379" "$T/services"
	vm_expect 90 'login: '
	vm_send $'root\n'
	vm_expect 30 'Password: '
	vm_send $'wrong\n'
	vm_expect 30 'Login incorrect'
	login_again() { [ "$(grep -c 'login: ' "$vm_console")" -ge 2 ]; }
	within 60 login_again
	vm_send $'root\n'
	password_again() { [ "$(grep -c 'Password: ' "$vm_console")" -ge 2 ]; }
	within 30 password_again
	vm_send $'correct\n'
	vm_expect 30 '\(ns: getty\)'
	answers() { [ "$(timeout 2 redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; }
	within 60 answers
	[ "$(redis-cli -p "$port" set key kept)" = OK ]
	[ "$(redis-cli -p "$port" save)" = OK ]
	vm_send $'cat /proc/sys/net/core/somaxconn /proc/sys/kernel/kptr_restrict; nsenter -t 1 -m -- ls -l /var/redis; id; echo seen-$((1 + 1))\n'
	vm_expect 30 '^seen-2'
	power_off
	console >c
	grep -qx 4321 c
	grep -qx 2 c
	grep -qE '^-rw.* dump\.rdb' c
	grep -qE '^uid=0' c
}

# disk FORMAT: the root on a disk, with nothing said about it on the command line
disk() {
	{
		head_of crun
		cat <<-EOF
			onboot:
			  - name: look
			    image: "@pkg:$root_dir/pkg/busybox"
			    binds: ["/:/host"]
			    pid: host
			    command: [/bin/sh, -c, "exec 2>&1; grep ' / ' /proc/1/mounts; echo x >/host/x; echo wrote: \$?; grep -qw cx16 /proc/cpuinfo || echo without cx16; [ -e /host/dev/initrd ] || echo ran: look"]
		EOF
	} | build_image "$1" --format "kernel+$1"
	[ ! -e "$1-initrd.img" ]
	[ -s "$1-$1.img" ]
	boot "$1"
	vm_expect 60 '^ran: look'
	power_off
	console >c
	grep -qE "^/dev/root / $1 ro," c
	grep -qx 'wrote: 1' c
	grep -qx 'without cx16' c # the kernel is told not to use what QEMU is slow at
}

@test "the root on a disk: kernel+squashfs and kernel+erofs" {
	needs_tuned_kernel
	disk squashfs
	disk erofs
}

@test "a plain cpio initrd made by another tool boots the same" {
	truncate -s 48M ballast # nothing in the archive, and once in memory
	{
		head_of crun
		cat <<-EOF
			onboot:
			  - name: hello
			    image: "@pkg:$root_dir/pkg/hello"
			  - name: look
			    image: "@pkg:$root_dir/pkg/busybox"
			    binds: ["/:/host"]
			    pid: host
			    command: [/bin/sh, -c, "exec 2>&1; grep ' / ' /proc/1/mounts; echo x >/host/x; echo wrote: \$?; grep -E '^(Shmem|Unevictable):' /proc/meminfo; echo ran: look"]
			files: [{path: ballast, source: $T/ballast}]
		EOF
	} >p.yml
	"$pith" build --format tar --dir "$T" --name plain p.yml
	mkdir tree
	tar -xpf plain.tar -C tree
	cp tree/boot/kernel plain-kernel
	head -n1 tree/boot/cmdline >plain-cmdline
	rm -rf tree/boot
	rm ballast
	(cd tree && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -1) >plain-initrd.img
	size=$(du -sk --apparent-size tree | cut -f1)
	boot plain
	vm_expect 90 '^ran: look'
	power_off
	console >c
	grep -q '^Hello from a container' c
	grep -qE '^rootfs / rootfs ro[, ]' c
	grep -qx 'wrote: 1' c
	# the tree is there once: of a ramfs it is what cannot be evicted
	there=$(awk '$1 == "Shmem:" || $1 == "Unevictable:" {n += $2} END {print n}' c)
	[ "$there" -ge 49152 ]
	[ "$there" -lt $((size + 8192)) ]
}
