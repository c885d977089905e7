# Guests for the vsock tests: our init and rc, a peer in the guest, the device beside QEMU. Sourced after
# BATS_TEST_TMPDIR or another folder in $vsock_dir is set; needs tests/lib/initrd.bash.

. "${BASH_SOURCE[0]%/*}/within.bash"

# $1: folder to make, $2: initrd. The guest serves what tests/peer does on vsock port 1000, TCP port 1000 and, where the
# kernel has it, vsock seqpacket port 1001; a control shell on vsock port 1002 runs what it is told.
vsock_initrd() {
	tree_make "$1"
	cp "$root_dir"/build/guest/peer "$1/usr/bin/"
	[ ! -e "$root_dir/build/guest/vsudd" ] || cp "$root_dir/build/guest/vsudd" "$1/"
	[ ! -d "$1.add" ] || cp -a "$1.add/." "$1/"
	ln -s busybox "$1/bin/pidof"
	ln -s busybox "$1/bin/tr"
	tree_script "$1" 010-peer <<-'END'
		ulimit -n 65536
		ip link set lo up
		ip link set eth0 up 2>/dev/null && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
		peer serve vsock::1000 tcp::1000 seqpacket-vsock::1001 >/dev/console 2>&1 &
		[ ! -x /guest.sh ] || /guest.sh >/dev/console 2>&1 &
	END
	cpio_make "$1" "$2"
}

# A command without the descriptors of whoever starts it, who would wait for their end.
apart() {
	local fd
	for fd in /proc/$BASHPID/fd/*; do
		fd=${fd##*/}
		((fd > 2)) && eval "exec $fd>&-"
	done
	exec "$@"
}

# $1: folder of state; further options for the device follow. Its pid is in $device.
vsock_device() {
	local state=$1
	shift
	mkdir -p "$state"
	# sanitizers read /proc and make calls of their own
	[ "${device_variant:-host}" = host ] || set -- "$@" --unconfined
	# shellcheck disable=SC2086 # a command with options, or nothing
	apart ${device_wrap:-} "${device_program:-$root_dir/build/${device_variant:-host}/pith}" vsock --socket "$state/vhost" --state "$state" \
		--ports "${vsock_ports:-1000,1001/seqpacket,1002,1003,1004,2374}" "$@" </dev/null >/dev/null 2>"$state/device.log" &
	device=$!
	wait_until 10 test -S "$state/vhost"
}

# wait_until SECONDS COMMAND...
wait_until() {
	local end=$((SECONDS + $1 * ${PITH_TEST_SLOWNESS:-1}))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || { echo "not in time: $*" >&2; return 1; }
		read -rt 0.1 <> <(:) || :
	done
}

# $1: state folder, $2: initrd, then kernel arguments. QEMU beside the device; returns when the guest serves. Options:
# $guest_memory (MiB), $guest_cpus, $guest_cpu (as `pith run` has it), $guest_tcp (port of the host to the guest's TCP
# port 1000), $guest_reboot (reset: it boots again), $vsock_options (of the device in QEMU, with a comma in front).
vsock_guest() {
	local state=$1 initrd=$2 memory=${guest_memory:-512}
	shift 2
	rm -f "$state/console"
	apart qemu-system-x86_64 -accel tcg,thread=multi -cpu "${guest_cpu:-max,-erms,-fsrm}" -smp "${guest_cpus:-1}" -m "$memory" -nodefaults -display none \
		-action "reboot=${guest_reboot:-shutdown}" -serial "file:$state/console" -kernel "$root_dir/build/kernel/$(guest_flavour)/kernel" -initrd "$initrd" \
		-append "clearcpuid=141 no_timer_check console=ttyS0 panic=-1 quiet $*" \
		-object "memory-backend-memfd,id=memory,size=${memory}M,share=on" -machine memory-backend=memory \
		-chardev "socket,id=vsock,path=$state/vhost" -device "vhost-user-vsock-pci,chardev=vsock${vsock_options:-}" \
		-monitor "unix:$state/monitor,server=on,wait=off" \
		-netdev user,id=net,hostfwd="tcp:127.0.0.1:${guest_tcp:-0}-:1000" -device virtio-net-pci,netdev=net \
		</dev/null >"$state/qemu.log" 2>&1 &
	guest=$!
	wait_until 120 grep -q serving "$state/console" || { cat "$state/qemu.log" "$state/console"; return 1; }
}

vsock_stop() {
	local p
	for p in "${guest:-}" "${device:-}"; do
		[ -z "$p" ] || kill "$p" 2>/dev/null || :
	done
	for p in "${guest:-}" "${device:-}"; do
		[ -z "$p" ] || wait "$p" 2>/dev/null || :
	done
	guest= device=
}
