#!/usr/bin/env bats
# Every guest program that an image ships is one hardened static binary; sizes that are promised hold.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	shopt -s nullglob
	programs=()
	for p in build/guest/*; do
		[[ $p == *.crt ]] || programs+=("$p") # the data of a package lies beside them
	done
	[ ${#programs[@]} -ge 5 ]
}

@test "guest programs are static, position independent, without an interpreter" {
	for p in "${programs[@]}"; do
		echo "$p"
		readelf -hW "$p" | grep -q 'Type:.*DYN'
		if readelf -lW "$p" | grep -q INTERP; then return 1; fi
		if readelf -dW "$p" | grep -q NEEDED; then return 1; fi
	done
}

@test "guest programs have read-only relocations, no executable stack, no writable code" {
	for p in "${programs[@]}"; do
		echo "$p"
		readelf -lW "$p" | grep -q GNU_RELRO
		readelf -dW "$p" | grep -qE 'FLAGS.*NOW'
		readelf -lW "$p" | awk '$1 == "GNU_STACK" { print $7 }' | grep -qx RW
		if readelf -lW "$p" | awk '$1 == "LOAD"' | grep -q 'RWE'; then return 1; fi
	done
}

@test "guest programs are built with the stack protector" {
	for p in "${programs[@]}"; do
		echo "$p"
		[ -e "build/obj/guest/$(basename "$p").debug" ]
		nm "build/obj/guest/$(basename "$p").debug" | grep -q __stack_chk_fail
	done
}

@test "guest programs are stripped" {
	for p in "${programs[@]}"; do
		echo "$p"
		if readelf -SW "$p" | grep -qE '\.(symtab|debug_info)'; then return 1; fi
	done
}

@test "--help of a guest program prints how it is called on standard output, and is no failure" {
	T=$(mktemp -d)
	for name in modprobe initctl poweroff reboot halt; do ln -s "$PWD/build/guest/rc" "$T/$name"; done
	for name in service pith-agent containerd-shim-pith-v2 sysctl sysfs vsudd; do ln -s "$PWD/build/guest/$name" "$T/$name"; done
	for p in "$T"/*; do
		run --separate-stderr -0 "$p" --help
		[ -z "$stderr" ]
		[[ $output == "usage: ${p##*/} "* ]] || { echo "$output"; false; }
	done
	for name in list ps top start stop restart wait logs report system-init supervise onboot onshutdown volumes; do
		run --separate-stderr -0 "$T/service" "$name" --help
		[ -z "$stderr" ]
		[[ $output == "usage: service $name"*'--help'* ]] || { echo "$output"; false; }
		[ "$output" = "$("$T/service" help "$name")" ]
		[[ $("$T/service" --help) == *"$name"* ]]
	done
	rm -rf "$T"
}

@test "a wrong option of a guest program is named, with the one that was meant" {
	for call in 'service logs --folow x' 'service --quite list' 'sysctl -configDri x' 'pith-agent --lisen x' 'containerd-shim-pith-v2 -adress x'; do
		run --separate-stderr build/guest/$call
		[ "$status" -ne 0 ]
		[ -z "$output" ]
		[[ $stderr == *'unknown option'*': did you mean --'* ]] || { echo "$call: $stderr"; false; }
	done
}

@test "init stays below 60 KiB" {
	[ "$(stat -c %s build/guest/init)" -lt $((60 * 1024)) ]
}

@test "pith is position independent with read-only relocations" {
	readelf -hW build/host/pith | grep -q 'Type:.*DYN'
	readelf -lW build/host/pith | grep -q GNU_RELRO
	readelf -dW build/host/pith | grep -qE 'FLAGS.*NOW'
	readelf -lW build/host/pith | awk '$1 == "GNU_STACK" { print $7 }' | grep -qx RW
}
