#!/usr/bin/env bats
# Whole machines: examples, and images built for the purpose, booted with QEMU. Few boots, many assertions.

load lib

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

boot() { vm_start "$1" --mem 512 --stop-timeout 20 "$T/$1"; }
power_off() {
	kill -TERM "$vm_pid"
	vm_wait 40
	[ "$status" -eq 0 ]
}

@test "examples/hello.yml: one container prints a line; the power button ends it" {
	"$pith" build --dir "$T" --name hello "$root_dir/examples/hello.yml"
	boot hello
	vm_expect 60 '^Hello from a container on Linux 6\.12'
	power_off
	grep -q 'Power down' hello.console
}

@test "cgroup version 1 by a switch of the command line" {
	{
		head_of crun linuxkit.unified_cgroup_hierarchy=0
		cat <<-EOF
			onboot:
			  - name: look
			    image: "@pkg:$root_dir/pkg/busybox"
			    binds: ["/sys/fs/cgroup:/cg"]
			    command: [/bin/sh, -c, "ls -d /cg/memory /cg/pids && echo cgroups: \$(awk '\$3 == \"cgroup\"' /proc/mounts | wc -l)"]
		EOF
	} | build_image v1
	boot v1
	vm_expect 60 '^cgroups: '
	power_off
	console | grep -qx /cg/memory
	console | grep -qx /cg/pids
}

@test "a veth pair made for one container, its network namespace bound and used by a later one" {
	{
		head_of runc
		cat <<-EOF
			onboot:
			  - name: maker
			    image: "@pkg:$root_dir/pkg/busybox"
			    net: new
			    capabilities: [all]
			    command: [/bin/sh, -c, "ip link set in0 up && ip addr add 10.9.9.1/24 dev in0 && echo made: \$(ls /sys/class/net | tr '\\\\n' ' ')"]
			    runtime:
			      interfaces: [{name: in0, add: veth, peer: out0}]
			      bindNS: {net: /run/netns/apart}
			  - name: user
			    image: "@pkg:$root_dir/pkg/busybox"
			    net: /run/netns/apart
			    command: [/bin/sh, -c, "ip addr show in0 | grep -q 10.9.9.1 && echo used: in0"]
			  - name: outside
			    image: "@pkg:$root_dir/pkg/busybox"
			    command: [/bin/sh, -c, "ip link show out0 >/dev/null && echo peer: out0; ip link show in0 2>/dev/null || echo apart: in0"]
		EOF
	} | build_image veth
	boot veth
	vm_expect 90 '^apart: in0'
	power_off
	console >c
	grep -qE '^made: .*in0' c
	grep -qx 'used: in0' c
	grep -qx 'peer: out0' c
}

@test "onfail: poweroff ends a machine whose onboot container fails" {
	{
		head_of crun
		cat <<-EOF
			onboot:
			  - name: broken
			    image: "@pkg:$root_dir/pkg/busybox"
			    command: [/bin/sh, -c, "echo last words; exit 7"]
			    annotations: {org.pith.onfail: poweroff}
			  - name: after
			    image: "@pkg:$root_dir/pkg/hello"
		EOF
	} | build_image onfail
	boot onfail
	vm_wait 90
	[ "$status" -eq 0 ]
	console >c
	grep -q 'broken.*7' c
	! grep -q '^Hello' c
}

@test "a plain cpio initrd made by another tool boots the same" {
	head_of crun >p.yml
	printf 'onboot:\n  - name: hello\n    image: "@pkg:%s/pkg/hello"\n' "$root_dir" >>p.yml
	"$pith" build --format tar --dir "$T" --name plain p.yml
	mkdir tree
	tar -xpf plain.tar -C tree
	cp tree/boot/kernel plain-kernel
	head -n1 tree/boot/cmdline >plain-cmdline
	rm -rf tree/boot
	(cd tree && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -1) >plain-initrd.img
	boot plain
	vm_expect 90 '^Hello from a container'
	power_off
}
