#!/usr/bin/env bats
# Programs of the packages that a machine's boot does not show, in the roots of their images.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

# root_of PACKAGE: the files of its image, in ./PACKAGE
root_of() {
	skopeo copy -q "oci:$root_dir/build/cache:docker.io/pith/$1:latest" "dir:$1.image"
	mkdir "$1"
	jq -r '.layers[].digest' "$1.image/manifest.json" | cut -d: -f2 | while read -r d; do tar -xpf "$1.image/$d" -C "$1"; done
}

@test "qemu-ga and open-vm-tools: shutdown, as the host has it called, is a signal to PID 1" {
	root_of qemu-ga
	root_of open-vm-tools
	# called ARGUMENT...: the signal that PID 1 of a machine gets
	called() {
		unshare --fork --pid --mount-proc bash -c 'for s in USR1 USR2 TERM; do trap "echo $s; exit" $s; done
			root=$1; shift; chroot "$root" /sbin/shutdown "$@" & wait; wait' bash "$@"
	}
	[ "$(called qemu-ga -h -P +0 'hypervisor initiated shutdown')" = USR2 ]
	[ "$(called qemu-ga -h -r +0 'hypervisor initiated shutdown')" = TERM ]
	[ "$(called qemu-ga -h -H +0 'hypervisor initiated shutdown')" = USR1 ]
	[ "$(called open-vm-tools -h now)" = USR2 ]
	[ "$(called open-vm-tools -r now)" = TERM ]
}

@test "tss: tcsd has a TPM of version 1.2, and its tools reach it by 127.0.0.1:30003" {
	root_of tss
	mkdir state
	# in a network of its own: nobody else has these ports
	cat >serve <<-END
		. "$root_dir/tests/lib/within.bash"
		listens() { ss -Hltn | grep -q ":\$1 "; }
		ip link set lo up
		swtpm socket --tpmstate dir=state --server type=tcp,port=6545,disconnect --ctrl type=tcp,port=6546 --flags not-need-init,startup-clear &
		mount --bind /dev tss/dev
		within 30 listens 6545
		chroot tss /usr/sbin/tcsd -e -f &
		within 30 listens 30003
		ss -Hltn
		chroot tss /usr/sbin/tpm_version
		grep -h '^Uid:' /proc/\$!/status
	END
	run timeout 120 unshare --net --mount --pid --fork --mount-proc bash ./serve 3>&-
	echo "$output"
	[[ $output == *'TPM 1.2 Version Info'* ]]
	[[ $output == *'127.0.0.1:30003'* ]]
	[[ $output == *$'Uid:\t100\t100\t100\t100'* ]]
}
