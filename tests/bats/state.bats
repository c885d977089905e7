#!/usr/bin/env bats
# What belongs to the user of the host stays his: the state directory and its files, what a guest writes on its disk,
# and the places that outputs go to. QEMU is real, the guest is 512 bytes.

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

boot() {
	vm_start vm "$@"
	vm_expect 20 'boot ok'
}

power_off() {
	vm_send q
	vm_wait 10
	[ "$status" -eq 0 ]
}

# refused MESSAGE ARGUMENT...: `pith run` ends with status 1 and one line that has the message.
refused() {
	local want=$1
	shift
	run --separate-stderr timeout -k 1 20 "$pith" run --accel tcg "$@" </dev/null
	echo "$stderr"
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$want"* ]]
}

# The drive of a file in QEMU's command line.
drive() { tr '\0' '\n' <"/proc/$(cat "$1/qemu.pid")/cmdline" | grep "^if=none.*$2,"; }

stranger() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# --- disks -------------------------------------------------------------------------------------------------------

@test "a guest that writes another format's header on its raw disk gets its raw disk back" {
	echo secret >secret
	boot --state st --disk file=raw.img,size=1M,format=raw guest.img
	power_off
	qemu-img create -q -f qcow2 -b "$T/secret" -F raw evil.qcow2
	dd if=evil.qcow2 of=raw.img conv=notrunc status=none
	cp raw.img was
	boot --state st --disk raw.img guest.img
	[[ $(drive st raw.img) == *format=raw* ]]
	power_off
	cmp raw.img was
	# under another name it is the same disk, and of a copy nothing is known
	mv raw.img moved.img
	boot --state st --disk file=moved.img guest.img
	[[ $(drive st moved.img) == *format=raw* ]]
	power_off
	cp moved.img copy.img
	refused 'copy.img looks like qcow2' --state st --disk copy.img guest.img
	[[ $stderr == *"$T/secret"* && $stderr == *'say format=qcow2 or format=raw'* ]]
	# the user's own word does not make the guest's header his
	refused 'was a raw disk until now' --state st --disk file=moved.img,format=qcow2 guest.img
	[ "$(cat secret)" = secret ]
}

@test "a disk of which nothing is known is raw, or its format has to be said" {
	for f in qcow2 vmdk vdi; do
		qemu-img create -q -f $f $f.img 1M
		refused "disk $f.img looks like $f" --state st --disk $f.img guest.img
		[[ $stderr == *"say format=$f or format=raw"* ]]
		[ ! -e st ]
	done
	printf 'data_file' >content
	qemu-img create -q -f qcow2 -o data_file=content,data_file_raw=on outside.img 1M
	refused 'outside.img looks like qcow2' --disk outside.img guest.img
	boot --state st --disk file=qcow2.img,format=qcow2 guest.img
	[[ $(drive st qcow2.img) == *format=qcow2* ]]
	power_off
	# what was said once is known
	boot --state st --disk qcow2.img guest.img
	[[ $(drive st qcow2.img) == *format=qcow2* ]]
	power_off
	# the name that the user gave the file is his word, too
	mv vmdk.img named.qcow2
	refused 'named.qcow2 looks like vmdk' --disk named.qcow2 guest.img
	qemu-img create -q -f qcow2 other.qcow2 1M
	boot --state st --disk other.qcow2 --disk 'odd:name,1.img,size=1M' guest.img 2>/dev/null || true
	[[ $(drive st other.qcow2) == *format=qcow2* ]]
	power_off
}

@test "a NAME that is a disk image is looked at as a disk is" {
	qemu-img convert -O qcow2 guest.img system.img
	refused 'disk system.img looks like qcow2: say --format=qcow2 or --format=raw' system.img
	[ ! -e system.img-state ]
	boot --format qcow2 system.img
	[[ $(drive system.img-state system.img) == *format=qcow2* ]]
	power_off
	boot system.img
	power_off
	mv system.img system.qcow2
	boot system.qcow2
	power_off
}

@test "images of the user's below each other work, when each has its format said" {
	qemu-img create -q -f qcow2 -b "$T/guest.img" -F raw top.qcow2
	boot --format qcow2 top.qcow2
	power_off
	# a header without the format of what is below leaves QEMU to guess it
	python3 - <<-'END'
		b = bytearray(open('top.qcow2', 'rb').read())
		at = b.index(b'\xe2\x79\x2a\xca')
		b[at:at + 4] = b'\x12\x34\x56\x78'
		open('top.qcow2', 'wb').write(b)
	END
	rm -r top.qcow2-state
	refused 'below it without a format' --format qcow2 top.qcow2
	refused 'looks like qcow2 over the file' top.qcow2
}

# --- the state directory -----------------------------------------------------------------------------------------

@test "what is in a state directory is nobody else's to read" {
	umask 022
	boot --data 'password: secret' --disk size=1M guest.img
	power_off
	[ "$(stat -c %a guest.img-state)" = 700 ]
	for f in data.iso disk.img console.log mac-addr .lock .disks; do
		[ "$(stat -c %a guest.img-state/$f)" = 600 ] || { ls -la guest.img-state; false; }
	done
	# one of an older version is closed to others
	chmod 755 guest.img-state
	chmod 644 guest.img-state/{console.log,disk.img}
	boot guest.img --disk size=1M
	[ "$(stat -c %a guest.img-state)" = 700 ]
	[ "$(stat -c %a guest.img-state/disk.img)" = 600 ]
	[ "$(stat -c %a guest.img-state/console.log)" = 600 ]
	power_off
}

@test "a state directory of somebody else's, or that others can write, is not used" {
	[ "$(id -u)" -eq 0 ] || skip "this needs a second user"
	chmod 755 "$T"
	echo mine >mine
	mkdir -m 777 theirs open
	ln -s "$T/mine" theirs/console.log
	chown -h 65534 theirs theirs/console.log
	refused 'belongs to user 65534, not to you (user 0)' --state theirs guest.img
	touch open/something
	refused 'others may write there (mode 0777)' --state open guest.img
	rm open/something
	# what they left while it was open to them
	echo 02:00:00:00:00:01 >open/mac-addr
	ln -s "$T/mine" open/console.log
	chown -h 65534 open/console.log
	refused 'is a link that user 65534 made' --state open guest.img
	rm open/console.log
	echo other >other
	ln other open/console.log
	refused 'has a second name' --state open guest.img
	[ "$(cat other)" = other ]
	[ "$(cat mine)" = mine ]
	ln -s open link
	chown -h 65534 link
	refused 'is a link that somebody else made' --state link guest.img
	run -1 "$pith" stop theirs
}

@test "a process number counts only with the lock and the time of its start" {
	boot guest.img
	kill -KILL "$vm_pid"
	qemu=$(cat guest.img-state/qemu.pid)
	within 10 ended "$qemu"
	[ -e guest.img-state/pith.pid ]
	background unrelated.out sleep 600
	echo "$background" >guest.img-state/pith.pid
	# the lock of old versions, which anybody could take
	background lock.out flock guest.img-state sleep 600
	run -1 "$pith" stop guest.img
	[[ $output == *'is not running' ]]
	[ ! -e guest.img-state/pith.pid ]
	[ ! -e guest.img-state/qemu.pid ]
	for pid in "${background_pids[@]:1}"; do
		kill -0 "$pid"
	done
	# a process that came later, where the lock is held by something that does not say so
	echo "$background 1" >guest.img-state/.lock
	background held.out python3 -c '
import fcntl, struct, time
f = open("guest.img-state/.lock", "r+")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0)) # F_OFD_SETLK
print("held", flush=True)
time.sleep(600)'
	within 10 grep -q held held.out
	run -1 "$pith" stop guest.img
	[[ $output == *'is not running' ]]
	for pid in "${background_pids[@]:1}"; do
		kill -0 "$pid"
	done
}

@test "process files of a killed machine go with the next command, whichever it is" {
	boot guest.img
	kill -KILL "$vm_pid"
	within 10 ended "$(cat guest.img-state/qemu.pid)"
	run -1 "$pith" ps guest.img
	[ ! -e guest.img-state/pith.pid ]
	[ ! -e guest.img-state/qemu.pid ]
	# and it starts again
	boot guest.img
	[ "$(cat guest.img-state/pith.pid)" = "$vm_pid" ]
	power_off
}

@test "stop and stop --now end the machine that runs" {
	boot guest.img
	run "$pith" ps
	echo "$output"
	[[ ${lines[0]} =~ ^MACHINE\ +PID\ +UPTIME$ ]]
	grep -qE "guest.img +$vm_pid +[0-9]+$" <<<"$output"
	timeout 20 "$pith" stop guest.img
	run ! grep -q " $vm_pid " <("$pith" ps)
	vm_wait 10
	console_has button
	"$pith" run --detached --accel tcg guest.img </dev/null 3>&-
	pid=$(cat guest.img-state/pith.pid)
	background_pids+=("$pid")
	timeout 20 "$pith" stop --now guest.img
	within 10 ended "$pid"
}

@test "a fifo, device or link among the state files is kept, and holds nothing up" {
	[ "$(id -u)" -eq 0 ] || skip "this needs mknod"
	mkdir -m 700 st
	mkfifo st/mac-addr
	refused 'mac-addr: a regular file is wanted, this is a fifo' --state st guest.img
	[ -p st/mac-addr ]
	rm st/mac-addr
	mknod st/pith.pid c 1 3
	mkfifo st/qemu.pid
	: >target
	ln -s ../target st/console.log
	boot --state st guest.img
	[ -c st/pith.pid ]
	[ -p st/qemu.pid ]
	within 5 grep -q 'boot ok' target
	power_off
	[ -c st/pith.pid ]
	[ -p st/qemu.pid ]
	[ -L st/console.log ]
}

@test "SIGTERM ends pith run while it waits for what the user named" {
	mkfifo data
	background run.out "$pith" run --accel tcg --data-file data guest.img
	opened() { grep -q wait_for_partner "/proc/$background/wchan"; } # it waits for a writer
	within 10 opened
	kill -TERM "$background"
	within 10 ended "$background"
	[ ! -e guest.img-state ]
}

# --- descriptors -------------------------------------------------------------------------------------------------

@test "a machine started with descriptors 0, 1 or 2 closed is found and ends as any other" {
	local closed
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&- 2>&-'; do
		(eval "exec 3>&- $closed" && exec "$pith" run --detached --accel tcg guest.img)
		pid=$(cat guest.img-state/pith.pid)
		background_pids+=("$pid")
		for fd in 0 1 2; do
			[ "$(readlink "/proc/$pid/fd/$fd")" = /dev/null ]
		done
		within 20 grep -q 'boot ok' guest.img-state/console.log
		! grep -q pith guest.img-state/console.log
		PITH_WAIT=1 run -1 "$pith" ps guest.img # the guest has no agent
		[[ $output == *'no agent answers'* ]]
		timeout 20 "$pith" stop guest.img
		within 10 ended "$pid"
	done
}

@test "a machine in the background keeps nothing open of what started it" {
	mkfifo reader
	exec 7<>reader 8>lock
	flock -n 8
	"$pith" run --detached --accel tcg guest.img </dev/null 3>&-
	pid=$(cat guest.img-state/pith.pid)
	background_pids+=("$pid")
	exec 7<&- 8>&-
	flock -n lock true
	for p in "$pid" $(pgrep -P "$pid"); do
		if ls -l "/proc/$p/fd" | grep -E "$T/(reader|lock)"; then false; fi
	done
	"$pith" stop guest.img
}

# --- the machine's devices ---------------------------------------------------------------------------------------

@test "the forwarder of ports goes with its machine, and a machine whose forwarder is ended fails" {
	port=$(free_port)
	boot --networking vpnkit --publish "$port:80" guest.img
	[ "$("$pith" ports --json guest.img | jq -c '.[] | [.out_ip, .out_port, .in_port]')" = "[\"127.0.0.1\",$port,80]" ]
	power_off
	[ -z "$(find guest.img-state -name '*.sock' -o -name '0000*')" ]
	boot --networking none --publish "$port:80" guest.img
	kill -KILL "$(pgrep -f 'forward .*--state=guest.img-state( |$)' -P "$vm_pid")"
	vm_wait 20
	[ "$status" -eq 1 ]
	grep -q 'error: the forwarder of ports ended' vm.err
	console_has button
	boot --networking vpnkit --publish "$port:80" guest.img
	power_off
}

@test "a vsock device that is ended makes the machine fail" {
	for signal in KILL TERM; do
		boot guest.img
		kill -$signal "$(pgrep -f 'vsock --fd=[0-9]+ .*--state=guest.img-state( |$)' -P "$vm_pid")"
		vm_wait 20
		[ "$status" -eq 1 ]
		grep -q 'error: the vsock device ended' vm.err
		console_has button
	done
}
