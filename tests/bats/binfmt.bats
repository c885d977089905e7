#!/usr/bin/env bats
# binfmt with this machine's kernel, in user namespaces, each of which has rules of its own.

load ../lib/common

setup() {
	test_begin
	mkdir rules
	hello=$root_dir/build/guest/hello
}
teardown() { test_end; }

binfmt=$root_dir/build/guest/binfmt

# in_namespace SCRIPT: rules stay for as long as they are mounted somewhere, as in a machine; where the kernel has no rules for a namespace (Linux 6.7) there is nothing to test
in_namespace() {
	unshare --user --map-root-user --mount true || skip 'no user namespaces'
	binfmt=$binfmt hello=$hello timeout 30 unshare --user --map-root-user --mount --fork bash -ec \
		"mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 77; $1"
}

@test "rules are registered, replace those of their name, and run programs; one that is wrong keeps no other away" {
	printf '# a comment\n:first:M:0:PITHTEST::%s:F\n\n:wrong:X\n:../up:M:0:a::/x:\n:gone:M:0:abc::/none:F\n:second:E::pith::%s:F' "$hello" "$hello" >rules/10-some.conf
	printf 'PITHTEST and more' >program
	printf 'anything' >other.pith
	chmod 755 program other.pith
	# shellcheck disable=SC2016
	run in_namespace '
		"$binfmt" -dir rules || echo "status $?"
		"$binfmt" -dir rules >/dev/null 2>&1 || echo "again $?"
		grep -c "^none.*binfmt_misc" /proc/self/mounts
		mkdir elsewhere; "$binfmt" -dir rules -mount elsewhere >/dev/null 2>&1 || grep -c elsewhere /proc/self/mounts || :
		./program x; ./other.pith
		ls /proc/sys/fs/binfmt_misc'
	[ "$status" -ne 77 ] || skip 'no rules of a namespace'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'binfmt: error: 10-some.conf: register wrong: Invalid argument' ]
	[ "${lines[1]}" = 'binfmt: error: 10-some.conf: ../up: not a name of a rule' ]
	[ "${lines[2]}" = 'binfmt: error: 10-some.conf: register gone: its interpreter: No such file or directory' ]
	[ "${lines[3]}" = 'status 1' ]
	[ "${lines[4]}" = 'again 1' ]
	# what was mounted stays, and what it mounts itself is not there any more
	[ "${lines[5]} ${lines[6]}" = '1 0' ]
	[[ ${lines[7]} == 'Hello, ./program from a container'* ]]
	[[ ${lines[8]} == 'Hello, ./other.pith from a container'* ]]
	[ "${lines[*]:9}" = 'first register second status' ]
}

@test "the package's rules know programs of their architectures, and no other" {
	sed "s#:/usr/bin/qemu-[a-z0-9]*:#:$hello:#" "$root_dir/pkg/binfmt/00-pith.conf" >rules/00.conf
	python3 - <<-'END'
		import struct
		for name, bits, order, machine, kind in [("aarch64", 2, "<", 183, 2), ("aarch64-pie", 2, "<", 183, 3), ("arm", 1, "<", 40, 2), ("ppc64le", 2, "<", 21, 2),
		        ("riscv64", 2, "<", 243, 3), ("s390x", 2, ">", 22, 2), ("loongarch64", 2, "<", 258, 2), ("mips", 1, ">", 8, 2), ("aarch64-object", 2, "<", 183, 1)]:
		    with open(name, "wb") as f:
		        f.write(b"\x7fELF" + bytes([bits, 1 if order == "<" else 2, 1, 3]) + bytes(8) + struct.pack(order + "HH", kind, machine) + bytes(200))
	END
	chmod 755 aarch64* arm mips ppc64le riscv64 s390x loongarch64
	# shellcheck disable=SC2016
	run in_namespace '
		"$binfmt" -dir rules
		for p in aarch64 aarch64-pie arm ppc64le riscv64 s390x loongarch64; do ./$p; done
		! ./mips 2>/dev/null; ! ./aarch64-object 2>/dev/null'
	[ "$status" -ne 77 ] || skip 'no rules of a namespace'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^Hello, \./' <<<"$output")" -eq 7 ]
}

@test "a folder that is not there, a fifo among the rules, no right to mount: one line, and status 1" {
	run -1 timeout 10 "$binfmt" -dir none
	[ "$output" = 'binfmt: error: none: No such file or directory' ]
	run -1 timeout 10 "$binfmt" --dir=rules --mount="$T/none"
	[ "$output" = "binfmt: error: mount binfmt_misc on $T/none: No such file or directory" ]
	mkfifo rules/10.conf
	run in_namespace '"$binfmt" -dir rules || echo "status $?"'
	[ "$status" -ne 77 ] || skip 'no rules of a namespace'
	[ "$output" = $'binfmt: error: 10.conf: this is no file\nstatus 1' ]
}
