#!/usr/bin/env bats
# A machine of another architecture ($PITH_TEST_ARCH), built here and run under emulation: one boot that shows PID 1, onboot,
# a service, the agent over vsock, the clock, and the end by the power button; and how its programs were linked.

load lib/common

setup_file() {
	load lib/common
	export arch=${PITH_TEST_ARCH:-arm64}
	name=$BATS_FILE_TMPDIR/machine
	cat >"$name.yml" <<-EOF
		kernel:
		  image: "@pkg:$root_dir/pkg/kernel"
		  cmdline: "console=ttyS0 console=ttyAMA0 quiet linuxkit.runc_console=1"
		init:
		  - "@pkg:$root_dir/pkg/init"
		  - "@pkg:$root_dir/pkg/runc"
		onboot:
		  - name: sysctl
		    image: "@pkg:$root_dir/pkg/sysctl"
		  - name: hello
		    image: "@pkg:$root_dir/pkg/hello"
		services:
		  - name: rngd
		    image: "@pkg:$root_dir/pkg/rngd"
		  - name: shell
		    image: "@pkg:$root_dir/pkg/busybox"
		    pid: host
		    capabilities: [all]
		    command: [/bin/sh, -c, "echo it runs; trap 'exit 0' TERM; sleep 100000 & wait"]
	EOF
	"$pith" build --arch "$arch" --dir "$BATS_FILE_TMPDIR" --name machine "$name.yml"
	"$pith" run --detached --wait=ready "$name" 3>&- 8>&- 9>&- 2>"$BATS_FILE_TMPDIR/err" || {
		cat "$BATS_FILE_TMPDIR/err" "$name-state/console.log"
		return 1
	}
}

teardown_file() {
	load lib/common
	"$pith" stop --now "$BATS_FILE_TMPDIR/machine" 3>&- || :
}

setup() {
	name=$BATS_FILE_TMPDIR/machine
	cd "$BATS_TEST_TMPDIR" || return 1
	exec 8>&- 9>&-
}

machine() { patiently 60 "$pith" "$@"; }
in_shell() { machine exec "$name" shell "$@"; }

@test "pith says that the machine is emulated" {
	grep -q 'no KVM: the image is for aarch64, and this machine is not; QEMU translates' "$BATS_FILE_TMPDIR/err"
}

@test "onboot has run, and services run" {
	grep -q 'Hello from a container on Linux 6\.' "$name-state/console.log"
	run -0 machine ps "$name"
	echo "$output"
	[[ $output == *rngd* && $output == *shell* ]]
	run -0 machine logs "$name" shell
	[[ $output == *"it runs"* ]]
}

@test "exec: the architecture, a status, and bytes that come back as they went" {
	[ "$(in_shell uname -m)" = aarch64 ]
	run -7 in_shell sh -c 'exit 7'
	head -c 1000000 /dev/urandom >data
	in_shell cat <data >back
	cmp data back
}

@test "the clock is the host's" {
	local before guest
	before=$(date +%s)
	guest=$(in_shell date +%s)
	[ "$guest" -ge $((before - 2)) ]
	[ "$guest" -le $(($(date +%s) + 2)) ]
}

@test "every guest program is static, position independent, and marked for branch targets; PID 1 runs so" {
	for p in "$root_dir/build/$arch"/guest/*; do
		[[ $p != *.crt ]] || continue
		echo "$p"
		readelf -hW "$p" | grep -q 'Type:.*DYN'
		readelf -hW "$p" | grep -q 'Machine:.*AArch64'
		if readelf -lW "$p" | grep -q INTERP; then return 1; fi
		if readelf -dW "$p" | grep -q NEEDED; then return 1; fi
		readelf -lW "$p" | grep -q GNU_RELRO
		readelf -nW "$p" 2>/dev/null | grep -q 'AArch64 feature:.*BTI'
	done
	run -0 in_shell cat /proc/1/smaps
	grep -q '^VmFlags:.* ex .*bt' <<<"$output"
}

@test "the power button ends it" {
	run -0 machine stop "$name"
	grep -q 'Power down' "$name-state/console.log"
}
