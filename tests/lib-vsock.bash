# Guests for the vsock tests: our init and rc, a peer in the guest, the device beside QEMU. Sourced after
# BATS_TEST_TMPDIR or another folder in $vsock_dir is set; needs tests/lib-initrd.bash.

# $1: folder to make, $2: initrd. The guest serves what tests/peer does on vsock port 1000, TCP port 1000 and, where the
# kernel has it, vsock seqpacket port 1001; a control shell on vsock port 1002 runs what it is told.
vsock_initrd() {
	tree_make "$1"
	cp "$root_dir"/build/guest/peer "$1/usr/bin/"
	[ ! -e "$root_dir/build/guest/vsudd" ] || cp "$root_dir/build/guest/vsudd" "$1/"
	[ ! -d "$1.add" ] || cp -a "$1.add/." "$1/"
	tree_script "$1" 010-peer <<-'END'
		ulimit -n 65536
		ip link set lo up
		ip link set eth0 up 2>/dev/null && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
		peer serve vsock::1000 tcp::1000 seqpacket-vsock::1001 >/dev/console 2>&1 &
		[ ! -x /guest.sh ] || /guest.sh >/dev/console 2>&1 &
	END
	cpio_make "$1" "$2"
}

# $1: folder of state; further options for the device follow. Its pid is in $device.
vsock_device() {
	local state=$1
	shift
	mkdir -p "$state"
	${device_wrap:-} "$root_dir/build/${device_variant:-host}/pith" vsock --socket "$state/vhost" --state "$state" \
		--ports "${vsock_ports:-1000,1001/seqpacket,1002,2374}" "$@" 2>"$state/device.log" &
	device=$!
	wait_until 10 test -S "$state/vhost"
}

# wait_until SECONDS COMMAND...
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || { echo "not in time: $*" >&2; return 1; }
		read -rt 0.1 <> <(:) || :
	done
}

# $1: state folder, $2: initrd, then kernel arguments. More for the device in QEMU: $vsock_options.
vsock_guest() {
	local state=$1 initrd=$2
	shift 2
	guest_options+=(-object "memory-backend-memfd,id=memory,size=${guest_memory:-512}M,share=on" -machine memory-backend=memory
		-chardev "socket,id=vsock,path=$state/vhost" -device "vhost-user-vsock-pci,chardev=vsock${vsock_options:-}"
		-monitor "unix:$state/monitor,server=on,wait=off"
		-netdev user,id=net,hostfwd="tcp:127.0.0.1:${guest_tcp:-0}-:1000" -device virtio-net-pci,netdev=net)
	guest_start "$state/console" "$initrd" "$@"
	wait_until 120 grep -q 'serving' "$state/console"
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
