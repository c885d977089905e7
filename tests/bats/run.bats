#!/usr/bin/env bats
# `pith run` with real QEMU and a guest of 512 bytes; no kernel is needed.

load ../lib/common

setup_file() {
	gcc -c -m32 -o "$BATS_FILE_TMPDIR/b.o" "$root_dir/tests/tools/bootsector.S"
	ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$BATS_FILE_TMPDIR/guest.img" "$BATS_FILE_TMPDIR/b.o"
	truncate -s 1M "$BATS_FILE_TMPDIR/guest.img" # firmware takes no disk without a cylinder
}

setup() {
	test_begin
	cp "$BATS_FILE_TMPDIR/guest.img" guest.img
}
teardown() { test_end; }

started() {
	vm_start "$@"
	vm_expect 20 'boot ok'
}

# fails MESSAGE ARGUMENT...: `pith run` fails with status 1, one line that has the message, and leaves nothing.
fails() { fails_with 1 "$@"; }
misused() { fails_with 2 "$@"; }
fails_with() {
	local code=$1 want=$2 before after
	shift 2
	before=$(ls -A)
	run --separate-stderr timeout 60 env PATH="${run_path:-$PATH}" "$pith" run "$@" </dev/null
	after=$(ls -A)
	echo "$stderr"
	[ "$status" -eq "$code" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$want"* ]]
	[ "$before" = "$after" ]
}

@test "the console goes both ways, and a guest that powers off ends with status 0" {
	started vm guest.img
	vm_send hello
	vm_expect 5 hello
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
	[ ! -s vm.err ]
	tr -d '\r' <vm.console | grep -qx 'boot ok'
	cmp vm.console guest.img-state/console.log
	[ "$(ls guest.img-state)" = "console.log
mac-addr" ]
	grep -qE '^[0-9a-f][26ae](:[0-9a-f]{2}){5}$' guest.img-state/mac-addr
}

@test "a file is what its first bytes say: an archive or a bare kernel is refused with what to do, a CD is one by any name" {
	tar -cf disk.tar guest.img
	tar -czf x.img.tar.gz guest.img
	gzip -c guest.img >guest.img.gz
	cp "$root_dir/build/kernel/default/kernel" x-kernel
	fails 'disk.tar is an archive: `tar xf disk.tar`, then run what was in it' disk.tar
	fails 'x.img.tar.gz is compressed: `tar xf x.img.tar.gz`, then run what was in it' x.img.tar.gz
	fails 'guest.img.gz is compressed, not a machine image' guest.img.gz
	fails 'x-kernel is a kernel alone: `pith run x` takes what belongs to it, too' x-kernel
	cp guest.img guest.iso
	fails 'guest.iso: there is no ISO image in it' guest.iso
	fails 'guest.img: there is no ISO image in it' --iso guest.img
	"$pith" metadata create cd.img 'some: data'
	fails '--bus nvme: a CD is attached to scsi, sata or usb (--format=raw: a disk)' --bus nvme cd.img
	touch k-initrd.img
	cp x-kernel k-kernel
	fails '--bus usb is for a disk or an ISO image, and k is a kernel with its root' --bus usb k
	# who says that it is a disk is believed
	started vm --format raw guest.iso
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
}

@test "a disk boots from SATA, SCSI, NVMe and USB, and a fixed VHD, by its name, from where it is" {
	qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on guest.img guest.vhd
	for bus in sata scsi nvme usb; do
		started "$bus" --bus "$bus" guest.img
		vm_send q
		vm_wait 10
		[ "$status" -eq 0 ]
	done
	started vhd guest.vhd
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
	grep -q vpc guest.vhd-state/.disks
}

@test "the end of the input is not the end of the machine" {
	background vm.out "$pith" run --accel tcg guest.img
	vm_console=vm.out
	within 20 console_has 'boot ok'
	kill -TERM "$background"
	within 10 ended "$background"
	console_has button
}

@test "SIGTERM presses the guest's power button" {
	started vm guest.img
	[ "$(cat guest.img-state/pith.pid)" = "$vm_pid" ]
	qemu=$(cat guest.img-state/qemu.pid)
	kill -0 "$qemu"
	kill -TERM "$vm_pid"
	vm_wait 10
	[ "$status" -eq 0 ]
	console_has button
	ended "$qemu"
	[ ! -e guest.img-state/pith.pid ]
	[ ! -e guest.img-state/qemu.pid ]
}

@test "a guest that does not hear the button is stopped when its time is over" {
	started vm --stop-timeout 5 guest.img
	vm_send i
	vm_expect 5 'i'
	kill -TERM "$vm_pid"
	vm_wait 20
	[ "$status" -eq 1 ]
	console_has button
	grep -q 'did not power down within 5 s' vm.err
	grep -q 'stopped before its guest had powered down' vm.err
}

@test "the button is pressed again until the guest is far enough to hear it" {
	vm_start vm guest.img
	within 5 test -d guest.img-state
	kill -TERM "$vm_pid"
	vm_wait 20
	[ "$status" -eq 0 ]
	console_has button
}

@test "a second signal stops the machine at once" {
	started vm guest.img
	vm_send i
	vm_expect 5 'i'
	kill -TERM "$vm_pid"
	vm_expect 5 button
	kill -TERM "$vm_pid"
	vm_wait 5
	[ "$status" -eq 1 ]
}

@test "QEMU ends with its owner, even with one that is killed" {
	started vm guest.img
	qemu=$(cat guest.img-state/qemu.pid)
	kill -KILL "$vm_pid"
	within 10 ended "$qemu"
}

@test "QEMU alone has its ends of the devices' sockets, so that they end when it does" {
	local qemu
	sockets() { find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | sort; }
	started vm guest.img
	qemu=$(cat guest.img-state/qemu.pid)
	[ "$(sockets "$qemu" | wc -l)" -ge 2 ]
	[ "$(sockets "$vm_pid" | wc -l)" -ge 1 ]
	run comm -12 <(sockets "$vm_pid") <(sockets "$qemu")
	[ -z "$output" ]
	vm_send q
	vm_wait 10
}

@test "a guest that resets boots again, and with --no-reboot ends" {
	started vm guest.img
	vm_send r
	within 20 eval '[ "$(grep -c "boot ok" vm.console)" -eq 2 ]'
	vm_send q
	vm_wait 10
	started again --no-reboot guest.img
	vm_send r
	vm_wait 10
	[ "$status" -eq 0 ]
	[ "$(grep -c 'boot ok' again.console)" -eq 1 ]
}

@test "a slow reader loses nothing" {
	local reader
	mkfifo in out
	exec 6<>in 7<>out
	"$pith" run --accel tcg guest.img <in >out 2>err 3>&- 6>&- 7>&- 8>&- 9>&- &
	background_pids+=("$!")
	within 20 grep -q 'boot ok' guest.img-state/console.log
	# more than the pipes on the way hold; nobody reads before the last of them is full
	echo ff >&6
	full() { [ "$(python3 -c 'import array, fcntl, termios; n = array.array("i", [0]); fcntl.ioctl(7, termios.FIONREAD, n); print(n[0])')" -ge 50000 ]; } # the rest is unused ends of pages
	within 30 full
	cat <&7 >got 3>&- &
	reader=$!
	both() { [ "$(grep -ac '^done' got)" -eq 2 ]; }
	within 30 both
	kill "$reader"
	exec 6>&- 7>&-
	[ "$(tr -cd x <got | wc -c)" -eq 131072 ]
}

@test "a reader that goes away powers the guest down" {
	mkfifo out
	"$pith" run --accel tcg guest.img </dev/null >out 2>err 3>&- &
	pid=$!
	background_pids+=("$pid")
	exec 7<out
	within 20 grep -qm1 'boot ok' guest.img-state/console.log
	exec 7<&-
	within 20 ended "$pid"
	grep -q button guest.img-state/console.log
}

@test "on a terminal, Ctrl-C powers the guest down and the terminal is put back" {
	run expect -c '
		set timeout 30
		spawn sh -c "stty -a >before; '"$pith"' run --accel tcg guest.img; echo status=\$?; stty -a >after; echo finished"
		expect_after timeout { puts "nothing came"; exit 1 } eof { puts "ended"; exit 1 }
		expect "Ctrl-C powers the machine down"
		expect "boot ok"
		send "a"
		expect "a"
		send "\001c"
		expect "\003"
		send "\003"
		expect "button"
		expect "status=0"
		expect "finished"'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *status=0* ]]
	cmp before after
}

@test "on a terminal, Ctrl-A X stops the machine, also one that hears nothing" {
	run expect -c '
		set timeout 30
		spawn sh -c "stty -a >before; '"$pith"' run --accel tcg guest.img; echo status=\$?; stty -a >after; echo finished"
		expect_after timeout { puts "nothing came"; exit 1 } eof { puts "ended"; exit 1 }
		expect "boot ok"
		send "i\001x"
		expect "status=1"
		expect "finished"'
	[ "$status" -eq 0 ]
	cmp before after
}

@test "the terminal is put back when QEMU fails and when it is killed" {
	run expect -c '
		set timeout 30
		spawn sh -c "stty -a >before; '"$pith"' run --accel tcg guest.img; echo status=\$?; stty -a >after; echo finished"
		expect_after timeout { puts "nothing came"; exit 1 } eof { puts "ended"; exit 1 }
		expect "boot ok"
		exec sh -c "kill -KILL \$(cat guest.img-state/qemu.pid)"
		expect "QEMU failed (killed by signal 9"
		expect "status=1"
		expect "finished"'
	[ "$status" -eq 0 ]
	cmp before after
}

@test "detached: returns when the machine is there; its process powers it down" {
	run "$pith" run --detached --accel tcg guest.img </dev/null 3>&-
	[ "$status" -eq 0 ]
	pid=$(cat guest.img-state/pith.pid)
	background_pids+=("$pid")
	[ "$(ps -o tty= -p "$pid")" = '?' ]
	[[ $output == *'`pith stop guest.img` powers it down'* ]]
	within 20 grep -q 'boot ok' guest.img-state/console.log
	kill -TERM "$pid"
	within 10 ended "$pid"
	grep -q button guest.img-state/console.log
	[ ! -e guest.img-state/pith.pid ]
}

@test "detached: a failure is told by the process in front" {
	fails 'no-such-device' --detached --accel tcg --device no-such-device guest.img
}

@test "a state directory is one machine's at a time" {
	started vm guest.img
	run "$pith" run --accel tcg guest.img </dev/null
	[ "$status" -eq 1 ]
	[[ $output == *"a machine runs from guest.img-state (process $vm_pid): \`pith stop guest.img\` ends it"* ]]
	[ -e guest.img-state/console.log ]
	vm_send q
	vm_wait 10
}

@test "disks are made at their size, and kept" {
	started vm --disk size=64M --disk file=raw.img,size=1M,format=raw guest.img
	vm_send q
	vm_wait 10
	qemu-img info --output=json guest.img-state/disk.img | jq -e '."virtual-size" == 67108864 and .format == "qcow2"'
	[ "$(stat -c %s raw.img)" -eq 1048576 ]
	printf keep | dd of=raw.img conv=notrunc status=none
	started again --disk raw.img guest.img
	vm_send q
	vm_wait 10
	[ "$(head -c 4 raw.img)" = keep ]
}

@test "a disk grows to the size that is asked for, and never shrinks" {
	head -c 1M /dev/zero >raw.img
	printf keep | dd of=raw.img conv=notrunc status=none
	qemu-img create -q -f qcow2 q.qcow2 1M
	qemu-img create -q -f vmdk v.vmdk 1M
	started vm --disk file=raw.img,size=3M --disk q.qcow2,size=2M --disk file=v.vmdk,size=2M,format=vmdk guest.img
	vm_send q
	vm_wait 10
	[ "$(stat -c %s raw.img)" -eq $((3 << 20)) ]
	[ "$(head -c 4 raw.img)" = keep ]
	qemu-img info --output=json q.qcow2 | jq -e '."virtual-size" == 2097152'
	[ "$(cat vm.err)" = 'pith: disk v.vmdk keeps its size: only raw and qcow2 files grow' ]
	started again --disk file=raw.img,size=1M --disk q.qcow2,size=2M guest.img
	vm_send q
	vm_wait 10
	[ "$(stat -c %s raw.img)" -eq $((3 << 20)) ]
	[ "$(cat again.err)" = 'pith: disk raw.img is larger than size=: it stays as it is, since a disk never shrinks' ]
}

@test "QEMU's own message is shown when it fails, and what was made goes away" {
	fails "'no-such-device' is not a valid device model name" --accel tcg --device no-such-device \
		--disk file=new.img,size=1M --data text guest.img
}

@test "bad input: one line that says what to do, status 1 or 2, nothing left" {
	touch a.yml
	mkdir dir
	touch lone-kernel
	fails 'no machine image nothing: there is neither nothing-kernel nor' nothing
	fails 'a.yml is a YAML file' a.yml
	fails 'no machine image dir' dir
	fails 'lone-kernel has no root beside it' lone
	misused 'which image?'
	misused 'one image at a time' guest.img other
	fails 'back-end "vbox" is not there: qemu is the only one' vbox guest.img
	misused 'unknown option --no-such' --no-such guest.img
	misused 'option --mem needs a value' --mem
	misused '--mem 3Q: not a size' --mem 3Q guest.img
	misused '--cpus 0: not a number from 1' --cpus 0 guest.img
	fails '--accel warp: unknown' --accel warp guest.img
	misused '--arch vax: unknown' --arch vax guest.img
	misused '--networking carrier-pigeon: unknown' --networking carrier-pigeon guest.img
	misused '--publish 80: the guest'"'"'s port is missing' --publish 80 guest.img
	misused '--publish 0:80: the host'"'"'s port' --publish 0:80 guest.img
	misused '--publish 1:2/icmp: the protocol is tcp or udp' --publish 1:2/icmp guest.img
	misused '--publish needs --networking user, vpnkit or none' --publish 1234:80 --networking tap,tap0 guest.img
	misused 'needs the vsock device' --publish 1234:80 --networking none --vsock-ports none guest.img
	misused '--publish 1234:81: port 1234/tcp of the host already leads to port 80' --publish 1234:80 --publish 1234:81 guest.img
	misused 'already leads to port 80' --publish 0.0.0.0:1234:80 --publish 1234:81 guest.img
	misused '--wait is for a machine in the background' --wait guest.img
	misused '--wait=soon: unknown' --detached --wait=soon guest.img
	misused '--wait needs the vsock device' --detached --wait --vsock-ports none guest.img
	misused 'size "lots" is not a size' --disk size=lots guest.img
	fails 'disk none.img does not exist: add a size' --disk none.img guest.img
	misused '"colour" is unknown: file, size, format' --disk a.img,colour=red guest.img
	misused '--data and --data-file' --data x --data-file y guest.img
	fails 'missing.txt' --data-file missing.txt guest.img
	fails '--qemu /no/qemu: there is no such program' --qemu /no/qemu guest.img
	fails 'firmware /no/fw' --fw /no/fw guest.img
	fails '--virtiofs missing: No such file' --virtiofs missing guest.img
	fails '--virtiofs a.yml: Not a directory' --virtiofs a.yml guest.img
	fails '--virtiofsd /no/virtiofsd: No such file' --virtiofs dir --virtiofsd /no/virtiofsd guest.img
	misused '--virtiofsd serves directories: name them with --virtiofs' --virtiofsd /bin/true guest.img
	mkdir st 'a,b'
	echo nonsense >st/mac-addr
	fails 'st/mac-addr: "nonsense" is not a MAC address: remove the file' --state st guest.img
	fails 'takes no path with a comma in it' --virtiofs 'a,b' guest.img
}

@test "a kernel that was cut, or is none, is found before it hangs" {
	# 512 bytes, four sectors of setup code, 16 MiB
	{
		head -c 497 /dev/zero && printf '\4\0\0\0\0\020\0' && head -c 10 /dev/zero && printf HdrS && head -c 100000 /dev/zero
	} >cut-kernel
	head -c 5000 /dev/zero >zero-kernel
	: >empty-kernel
	for name in cut zero empty; do touch $name-initrd.img $name-cmdline; done
	fails "cut-kernel: the kernel is cut: $(stat -c %s cut-kernel) bytes of at least 16779776 are there" cut
	fails 'zero-kernel: this is no kernel that QEMU boots' zero
	fails 'empty-kernel: this is no kernel that QEMU boots' empty
}

@test "QEMU runs in its sandbox, and gets no privileges" {
	started vm guest.img
	grep -qx 'NoNewPrivs:	1' "/proc/$(cat guest.img-state/qemu.pid)/status"
	grep -qx 'Seccomp:	2' "/proc/$(cat guest.img-state/qemu.pid)/status"
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
	# one that was built without
	printf '#!/bin/sh\ncase "$*" in *-sandbox*) echo "qemu: -sandbox on: sandbox support is not there" >&2; exit 1;; esac
		exec %s "$@"\n' "$(command -v qemu-system-x86_64)" >qemu
	chmod +x qemu
	rm -r guest.img-state
	fails '--no-sandbox runs it without' --accel tcg --qemu "$T/qemu" guest.img
	started again --no-sandbox --qemu "$T/qemu" guest.img
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
}

# listens ADDRESS: the machine does there, on port $p
listens() { ss -Hltn "src $1 sport $p" | grep -q .; }

@test "a published port is the host's own, unless an address is given" {
	p=$(free_port)
	started vm --networking user,restrict --publish "$p:80" guest.img
	listens 127.0.0.1
	run ! listens 0.0.0.0
	tr '\0' '\n' <"/proc/$(cat guest.img-state/qemu.pid)/cmdline" | grep -q '^user,.*restrict=on'
	vm_send q
	vm_wait 10
	started vm --publish "0.0.0.0:$p:80" guest.img
	listens 0.0.0.0
	vm_send q
	vm_wait 10
}

@test "a window that cannot be had is told" {
	unset DISPLAY WAYLAND_DISPLAY
	fails gtk --accel tcg --gui guest.img
}

@test "a kernel's own architecture decides, and another one is refused" {
	{ head -c 514 /dev/zero && printf HdrS && head -c 100 /dev/zero; } >pc-kernel
	{ head -c 56 /dev/zero && printf 'ARM\x64' && head -c 600 /dev/zero; } >arm-kernel
	for name in pc arm; do touch $name-initrd.img $name-cmdline; done
	fails '--arch aarch64: pc-kernel is a kernel for x86_64' --arch aarch64 pc
	fails '--arch x86_64: arm-kernel is a kernel for aarch64' --arch amd64 arm
	mkdir bin
	run_path=$T/bin
	fails 'qemu-system-aarch64 is not installed: apt-get install qemu-system-arm' arm
	fails 'qemu-system-aarch64 is not installed: apt-get install qemu-system-arm' --arch arm64 guest.img
}

@test "a virtiofsd that fails is what the machine's failure is told by" {
	mkdir dir
	printf '#!/bin/sh\necho "first words" >&2\necho "no sandbox here" >&2\nexit 3\n' >virtiofsd
	chmod +x virtiofsd
	fails "virtiofs0 ($T/virtiofsd) ended (exit status 3): no sandbox here" --accel tcg --virtiofs dir \
		--virtiofsd "$T/virtiofsd" guest.img
}

@test "a TPM is swtpm's: one that is missing is named, one that fails is what the machine's failure is told by" {
	mkdir bin
	ln -s "$(command -v qemu-system-x86_64)" bin/
	run_path=$T/bin fails '--tpm: swtpm is not installed: apt-get install swtpm' --arch x86_64 --tpm guest.img
	: >cwd
	printf '#!/bin/sh\npwd >"%s/cwd"\necho "no state here" >&2\nexit 3\n' "$T" >bin/swtpm
	chmod +x bin/swtpm
	run_path=$T/bin:$PATH fails 'the TPM (swtpm) ended (exit status 3): no state here' --accel tcg --tpm guest.img
	[ "$(cat cwd)" = "$T/guest.img-state/tpm" ]
	[ ! -e guest.img-state/tpm ]
}

@test "a port in use is found before anything is made" {
	background socat.out socat TCP-LISTEN:0,bind=127.0.0.1,fork,reuseaddr SYSTEM:true
	port() { ss -Hltnp "src 127.0.0.1" | sed -nE "s/.*127.0.0.1:([0-9]+) .*pid=$background,.*/\1/p" | grep .; }
	within 5 port >/dev/null
	p=$(port)
	fails "port $p/tcp of the host is in use: stop what listens there or publish another port" --publish "$p:80" guest.img
	fails "port $p/tcp of the host is in use" --publish "127.0.0.1:$p:80" guest.img
}

@test "QEMU and qemu-img that are not installed are named with their package" {
	mkdir bin
	run_path=$T/bin
	fails 'qemu-system-x86_64 is not installed: apt-get install qemu-system-x86' guest.img
	ln -s "$(command -v qemu-system-x86_64)" bin/
	fails 'qemu-img is not installed: apt-get install qemu-utils' --disk size=1M guest.img
}

@test "a full disk: one line, nothing left" {
	mkdir small
	cp "$pith" guest.img "$BATS_FILE_TMPDIR/"
	run unshare -m sh -c 'mount -t tmpfs -o size=8k none small && cd small && head -c 8192 /dev/zero >fill 2>/dev/null
		"$0" run --accel tcg --state state "$1" </dev/null 2>../err; echo "status $?"; ls' "$pith" "$T/guest.img"
	cat err
	[ "$output" = "status 1
fill" ]
	[ "$(lines err)" -eq 1 ]
	grep -q 'No space left on device' err
}

iso_file() {
	rm -f extracted
	xorriso -osirrox on -indev "$1" -extract "/$2" extracted >/dev/null 2>&1
	cat extracted
}

@test "metadata is an ISO image with the file config; the same data gives the same image" {
	"$pith" metadata create one.iso 'some: data'
	"$pith" metadata create two.iso 'some: data'
	cmp one.iso two.iso
	[ "$(iso_file one.iso config)" = 'some: data' ]
	printf 'from a file' >data.txt
	started vm --data-file data.txt guest.img
	vm_send q
	vm_wait 10
	[ "$(iso_file guest.img-state/data.iso config)" = 'from a file' ]
}

@test "options have one dash or two, and the back-end may be named" {
	started vm -cpus 2 -mem=64 -state here qemu guest.img
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
	[ -e here/console.log ]
}

# The vsock device's arguments, of the machine with its state in guest.img-state.
device_arguments() { pgrep -fa 'vsock --fd=[0-9]+ .*--state=[^ ]*guest.img-state( |$)'; }

@test "the vsock device polls only where the host has a processor more than the machine" {
	local cpus
	cpus=$(nproc)
	started vm --cpus "$cpus" guest.img
	device_arguments | grep -q -- ' --poll=0'
	vm_send q
	vm_wait 10
	((cpus > 1)) || return 0
	started vm --cpus $((cpus - 1)) guest.img
	device_arguments | grep -qv -- ' --poll='
	vm_send q
	vm_wait 10
}

@test "--help lists every option" {
	run "$pith" run --help
	[ "$status" -eq 0 ]
	for o in cpus mem disk publish networking state kernel squashfs iso uefi detached accel arch data vsock-ports; do
		[[ $output == *--$o* ]]
	done
}

@test "KVM that runs no guest is found out once, and TCG is taken" {
	real=$(command -v qemu-system-x86_64)
	cat >qemu <<-EOF
		#!/bin/sh
		case "\$*" in *accel=kvm*) echo probe >>"$T/probes"; exec sleep 1000;; esac
		exec $real "\$@"
	EOF
	chmod +x qemu
	export XDG_CACHE_HOME=$T/cache
	for i in one two; do
		rm -rf guest.img-state
		mkfifo "$i.in"
		"$pith" run --qemu "$T/qemu" guest.img <"$i.in" >"$i.out" 2>"$i.err" 3>&- &
		background_pids+=($!)
		pid=$!
		exec {in}>"$i.in"
		within 30 grep -q 'boot ok' "$i.out"
		printf q >&"$in"
		exec {in}>&-
		within 10 ended "$pid"
		grep -q 'no KVM:' "$i.err"
	done
	if [ -e /dev/kvm ]; then
		[ "$(lines probes)" -eq 1 ]
		grep -q ' no$' cache/pith/kvm
	fi
}

@test "a guest that only resets, without a word, is given up" {
	printf '\xb0\xfe\xe6\x64\xf4' >mute.img # out 0x64, 0xfe: the keyboard controller's reset; hlt
	truncate -s 510 mute.img && printf '\x55\xaa' >>mute.img && truncate -s 1M mute.img
	vm_start vm mute.img
	vm_wait 60
	[ "$status" -eq 1 ]
	grep -q 'the guest resets again and again without a word' vm.err
}

# HyperKit's command line, and what QEMU gets of it.
@test "the back-ends of macOS mean on QEMU what they say: addresses, published ports, raw disks, a console in a file" {
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" >%s/args\nexec %s "$@"\n' "$T" "$(command -v qemu-system-x86_64)" >qemu
	chmod +x qemu
	port=$(free_port)
	background vm.out "$pith" run hyperkit --accel tcg --qemu "$T/qemu" -console-file -ip 192.168.65.10 -publish "$port:22/tcp" \
		-disk size=1M -vsock-ports 2374 -data text -cpus 1 -mem 64 guest.img
	vm_console=guest.img-state/console.log
	within 20 console_has 'boot ok'
	grep -qx "user,id=net0,net=192.168.65.0/24,host=192.168.65.1,dns=192.168.65.2,dhcpstart=192.168.65.10,hostfwd=tcp:127.0.0.1:$port-:22" args
	[ "$(stat -c %s guest.img-state/disk.raw)" -eq 1048576 ]
	grep -q 'driver=raw.*/disk.raw\|/disk.raw.*driver=raw\|format=raw.*/disk.raw\|/disk.raw.*format=raw' args
	[ -S guest.img-state/guest.00000946 ]
	[ -s guest.img-state/data.iso ]
	run ! grep 'boot ok' vm.out
	kill -TERM "$background"
	within 10 ended "$background"
}
