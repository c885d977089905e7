#!/usr/bin/env bats
# `pith run` with a real guest, for what only a guest can tell.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

virtiofsd() { ls /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd 2>/dev/null | grep .; }

@test "a disk for UEFI: the firmware is found out; directories of the host by virtiofs, metadata on a CD, vsock beside them" {
	virtiofsd || skip "no virtiofsd"
	mkdir shared 'read only'
	echo from-host >shared/file
	echo untouched >'read only/file'
	build_image guest --format raw-efi <<-'END'
		kernel:
		  image: pith/kernel
		  cmdline: "console=ttyS0 quiet linuxkit.runc_console=1 clearcpuid=141 no_timer_check"
		init: [pith/init, pith/runc]
		onboot:
		  - name: look
		    image: pith/busybox
		    capabilities: [all]
		    pid: host
		    binds: ["/sys:/sys", "/run:/run"]
		    mounts:
		      - {type: virtiofs, source: virtiofs0, destination: /shared, options: [rw]}
		      - {type: virtiofs, source: virtiofs1, destination: /other, options: [ro]}
		      - {type: iso9660, source: /dev/sr0, destination: /cd, options: [ro]}
		    command:
		      - /bin/sh
		      - -c
		      - |
		        echo; cat /shared/file
		        echo from-guest >/shared/new
		        echo changed >/other/file
		        echo "other: $(cat /other/file)"
		        echo "config: $(ls /cd) $(cat /cd/config)"
		        [ -d /sys/firmware/efi ] && echo through UEFI
		        [ -e /sys/bus/virtio/drivers/vmw_vsock_virtio_transport ] && echo has vsock
		        kill -USR2 1
	END
	vm_start guest --accel tcg --virtiofs shared --virtiofs 'read only' --data 'some: data' --vsock-cid 7 --state guest-state guest-efi.img
	vm_wait 180
	[ "$status" -eq 0 ]
	for line in from-host 'other: untouched' 'config: config some: data' 'through UEFI' 'has vsock'; do
		console | grep -qx "$line" || { echo "no \"$line\""; console; false; }
	done
	[ "$(cat shared/new)" = from-guest ]
	[ "$(cat 'read only/file')" = untouched ]
	# nothing of it stays behind but what is the machine's own
	[ "$(ls guest-state)" = "console.log
data.iso
mac-addr
uefi-vars.fd" ]
	if pgrep -f "virtiofsd.*$T"; then return 1; fi
}
