#!/usr/bin/env bats
# Roots that are checked, and firmware that checks what it starts: machines that boot, and that do not where something was
# changed. All of them run before the first test, two at a time. What is in the files is in tests/bats/verity.bats.

load ../lib/common

# machine NAME OPTION...: `pith run` to the machine's end; console, messages and status are in NAME.console, .err, .status
machine() {
	local name=$1 status=0
	shift
	timeout $((120 * ${PITH_TEST_SLOWNESS:-4})) "$pith" run --accel tcg --mem 192 --networking none --vsock-ports none \
		--state "$name-state" "$@" >"$name.console" 2>"$name.err" </dev/null || status=$?
	echo "$status" >"$name.status"
}

# copy NAME: the machine x as files of its own
copy() {
	local f
	for f in kernel cmdline verity.img; do ln "x-$f" "$1-$f"; done
	cp x-erofs.img "$1-erofs.img"
}

# flip FILE OFFSET: one bit
flip() {
	python3 - "$@" <<-'X'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    f.seek(int(sys.argv[2])); byte = f.read(1)[0]
		    f.seek(int(sys.argv[2])); f.write(bytes([byte ^ 0x10]))
	X
}

# secure NAME DISK: UEFI with Secure Boot on, which knows one certificate, until the console says that it is over. The
# firmware trusts its own variables only in system management mode.
secure() {
	local name=$1 disk=$2 end=$((SECONDS + 120 * ${PITH_TEST_SLOWNESS:-4})) vm
	cp /usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd "$name.vars"
	qemu-system-x86_64 -machine q35,smm=on -accel tcg,thread=multi -cpu max -m 256 -nodefaults -display none -no-reboot \
		-global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1 \
		-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd \
		-drive "if=pflash,unit=1,format=raw,file=$name.vars" -drive "if=virtio,format=raw,file=$disk" \
		-serial "file:$name.console" </dev/null >"$name.err" 2>&1 &
	vm=$!
	until ended $vm || grep -q 'Access Denied' "$name.console" 2>/dev/null || ((SECONDS > end)); do sleep 0.1; done
	kill -9 $vm 2>/dev/null || :
	wait $vm 2>/dev/null || :
}

# late NAME: the machine x, whose disk comes when PID 1 waits for it
late() {
	local name=$1 end=$((SECONDS + 120 * ${PITH_TEST_SLOWNESS:-4})) vm come=
	qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -m 192 -nodefaults -display none -no-reboot \
		-kernel x-kernel -initrd x-verity.img -append "$(cat x-cmdline) panic=-1" -device virtio-scsi-pci,id=bus \
		-monitor "unix:$name.monitor,server=on,wait=off" -serial "file:$name.console" </dev/null >"$name.err" 2>&1 &
	vm=$!
	until ended $vm || ((SECONDS > end)); do
		sleep 0.1
		[ -z "$come" ] && grep -q 'waiting for the disk with the root' "$name.console" 2>/dev/null || continue
		come=1
		printf '%s\n' 'drive_add 0 if=none,id=late,format=raw,readonly=on,file=x-erofs.img' 'device_add scsi-hd,drive=late,bus=bus.0' |
			socat -t 1 - "UNIX-CONNECT:$name.monitor" >>"$name.err"
	done
	kill -9 $vm 2>/dev/null || :
	wait $vm 2>/dev/null || :
}

setup_file() {
	load ../lib/common
	needs_tuned_kernel
	cd "$BATS_FILE_TMPDIR"
	cat >x.yml <<-'END'
		kernel: {image: pith/kernel, cmdline: "console=ttyS0 quiet linuxkit.runc_console=1 clearcpuid=141 no_timer_check"}
		init: [pith/init, pith/crun]
		onboot:
		  - name: look
		    image: pith/busybox
		    capabilities: [all]
		    pid: host
		    binds: ["/sys:/sys"]
		    command:
		      - /bin/sh
		      - -c
		      - |
		        echo
		        echo "root: $(awk '$2 == "/" {print $1, $3}' /proc/1/mounts)"
		        mount -t efivarfs none /sys/firmware/efi/efivars 2>/dev/null
		        echo "secure: $(tail -c 1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 2>/dev/null | od -An -tu1)"
		        echo it runs
		        kill -USR2 1
	END
	openssl rsa -passin pass:snakeoil -in /usr/share/ovmf/PkKek-1-snakeoil.key -out known.key 2>/dev/null
	openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 3650 -subj /CN=other 2>/dev/null
	"$pith" build --format kernel+erofs,raw-efi --verity --sign known.key --cert /usr/share/ovmf/PkKek-1-snakeoil.pem x.yml
	"$pith" build --format raw-efi --name other --verity --sign other.key --cert other.pem x.yml
	IFS=: read -r blocks salt root <<<"$(sed 's/.*pith.verity=//' x-cmdline)"
	echo "$blocks" >blocks
	# one that is not checked by its own PID 1, which is told to; what rc.shutdown is here would be complained of
	printf 'files: [{path: bin/rc.shutdown, contents: no program, mode: "0755"}]\n' >end.yml
	"$pith" build --initrd plain --name plain x.yml end.yml
	sed -i "s/\$/ pith.debug=1 pith.verity=1:$(printf %0200d 0)/" plain-cmdline
	for m in data tree superblock forged read; do copy $m; done
	flip data-erofs.img $((blocks * 4096 - 4096 * 7 - 1))
	flip tree-erofs.img $((blocks * 4096 + 4096 + 77))
	flip superblock-erofs.img $((blocks * 4096 + 90))
	# another root in its place, with a tree of its own that says it is this one
	flip forged-erofs.img $((blocks * 4096 / 2))
	uuid=$(veritysetup dump x-erofs.img --hash-offset=$((blocks * 4096)) | awk '/^UUID:/ {print $2}')
	veritysetup format forged-erofs.img forged-erofs.img --hash-offset=$((blocks * 4096)) --data-blocks="$blocks" --salt="$salt" --uuid="$uuid" >forged.log
	# where rc.init is, which is read in any case
	rm read-cmdline && sed 's/$/ pith.verity.check=read/' x-cmdline >read-cmdline
	flip read-erofs.img "$(grep -abo 'rc\.shutdown' read-erofs.img | head -n 1 | cut -d: -f1)"
	{
		machine good x
		machine data data
		machine tree tree
		machine read read
		machine superblock superblock
		machine forged forged
		machine plain plain
	} 3>&- 8>&- 9>&- &
	{
		secure known x-efi.img
		secure other other-efi.img
		late late
	} 3>&- 8>&- 9>&- &
	wait
}

setup() { cd "$BATS_FILE_TMPDIR" || return 1; }

# shown NAME: what there is of a machine, for a test that fails
shown() { echo "--- $1: status $(cat "$1.status" 2>/dev/null)" && cat "$1.err" && tail -n 40 "$1.console" | tr -d '\r'; }

# ended_with NAME REASON: nothing of the root has run, and both console and `pith run` say why
ended_with() {
	shown "$1"
	[ "$(cat "$1.status")" = 1 ]
	[ "$(grep -c 'init: this machine is not set up: ' "$1.console")" = 1 ]
	grep -qE "init: this machine is not set up: $2" "$1.console"
	grep -qE "$2" "$1.err"
	run ! grep -qE 'it runs|rc\.init|onboot' "$1.console"
	grep -q 'reboot: Power down' "$1.console" || grep -q 'init: poweroff' "$1.console"
}

@test "a root that is as it was built is mounted from a mapping that checks it" {
	shown good
	[ "$(cat good.status)" = 0 ]
	tr -d '\r' <good.console >said
	grep -qx 'root: /dev/dm-0 erofs' said
	grep -qx 'it runs' said
}

@test "a disk that comes late is waited for" {
	shown late
	grep -q 'init: waiting for the disk with the root' late.console
	tr -d '\r' <late.console >said
	grep -qx 'root: /dev/dm-0 erofs' said
	grep -qx 'it runs' said
}

@test "a changed bit of a file system, of its tree or of the superblock ends the machine before anything of it runs" {
	ended_with data "the root is damaged: block $(($(cat blocks) - 8)) of $(cat blocks) is not what was built"
	ended_with tree 'the root is damaged: block [0-9]+ of [0-9]+ is not what was built'
	ended_with superblock 'the root is damaged: the superblock of its hash tree, on /dev/vda'
}

@test "another root with a good tree of its own, and this one's superblock, is not taken for it" {
	ended_with forged 'the root is damaged: block [0-9]+ of [0-9]+ is not what was built'
}

@test "a word that is too long for a digest does not mean none, and of that root not even rc.shutdown runs" {
	ended_with plain "pith.verity= on the kernel's command line is not what .pith build --verity. writes"
	run ! grep -q 'rc\.shutdown' plain.console
	grep -q 'pith.debug=1: no shell' plain.console
}

@test "with --verity-check read a changed bit stops the kernel when it is read" {
	shown read
	[ "$(cat read.status)" = 1 ]
	grep -q 'Kernel panic - not syncing: .*dm-verity' read.console
	grep -q 'kernel panicked: .*dm-verity' read.err
	run ! grep -q 'it runs' read.console
}

@test "firmware with Secure Boot on starts a disk that is signed with a key that it knows" {
	shown known
	tr -d '\r' <known.console >said
	grep -qx 'root: /dev/dm-0 erofs' said
	grep -qE '^secure: +1$' said
	grep -qx 'it runs' said
}

@test "and refuses one that is signed with another" {
	shown other
	grep -q 'Access Denied' other.console
	run ! grep -qE 'it runs|init: ' other.console
}
