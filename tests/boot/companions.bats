#!/usr/bin/env bats
# The packages that stand beside a machine's own containers, all of them in one machine: each has its piece of the YAML,
# tests/boot/companions/NAME.yml, and its tests in a section below. Whoever adds a package adds a piece and a section.
#
# `pith exec` leads into the containers: `shell` has the machine's processes, files and every capability, and works for
# those whose container ends or has no shell. A piece that is wrong ends the build; a container that fails is in `report`.

load ../lib/common

# inside NAME COMMAND...: in the container of that service
inside() { patiently 60 "$pith" exec -n "$name" "$@"; }
# in_shell SCRIPT: by the shell of a container that has everything of the machine
in_shell() { inside shell /bin/sh -c "$1"; }
# logs NAME: what the container said; onboot/NAME for those that have ended
logs() { patiently 60 "$pith" logs "$name" "$1"; }
# ended_well NAME: the onboot container has ended, with status 0
ended_well() {
	patiently 60 "$pith" report --json "$name" >report.json
	[ "$(jq "[.steps[] | select(.program == \"onboot\" and (.name | test(\"^[0-9]+-$1\$\"))) | .status] == [0]" report.json)" = true ] ||
		{ logs "onboot/$1"; jq .steps report.json; false; }
}

setup_file() {
	load ../lib/common
	needs_tuned_kernel
	name=$BATS_FILE_TMPDIR/companions
	# pieces name packages by ../../../pkg/NAME, and files beside them
	"$pith" build --dir "$BATS_FILE_TMPDIR" --name companions "$root_dir"/tests/boot/companions/*.yml "$root_dir/examples/tpm.yml"
	# with a second control socket of QEMU, by which a test has the machine stand still; and a port for the guest's agent
	cd "$BATS_FILE_TMPDIR" || return 1
	cat >qemu <<-END
		#!/bin/sh
		cd "$BATS_FILE_TMPDIR"
		exec qemu-system-$(uname -m) "\$@" -qmp unix:qmp,server=on,wait=off \\
			-device virtio-serial-pci -chardev socket,id=agent,path=agent.sock,server=on,wait=off \\
			-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0
	END
	chmod +x qemu
	ssh-keygen -q -t ed25519 -N '' -f key
	free_port >ssh.port
	"$pith" run --tpm --publish "$(cat ssh.port):22" --qemu "$BATS_FILE_TMPDIR/qemu" --accel tcg --vsock-ports 62373 --mem 768 --data '{"from": {"content": "the CD"}, "ssh": {"entries": {"authorized_keys": {"perm": "0600", "content": "'"$(cat key.pub)"'"}}}}' --stop-timeout 600 --detached --wait=ready "$name" 3>&- 8>&- 9>&- || {
		tail -n 60 "$name-state/console.log"
		return 1
	}
}

teardown_file() {
	load ../lib/common
	"$pith" stop --now "$BATS_FILE_TMPDIR/companions" 3>&- || :
}

setup() {
	name=$BATS_FILE_TMPDIR/companions
	console=$name-state/console.log
	cd "$BATS_TEST_TMPDIR" || return 1
	exec 8>&- 9>&-
}

# --- the banner --------------------------------------------------------------------------------------------------

@test "the console has the image's banner, once, in front of the first container" {
	tr -d '\r' <"$console" >c
	[ "$(grep -c '^Welcome to pith$' c)" -eq 1 ]
}

# --- sysfs -------------------------------------------------------------------------------------------------------

@test "sysfs: settings of a bound file are written; one that cannot be is said, and the status is 1" {
	[ "$(in_shell 'cat /sys/kernel/mm/lru_gen/min_ttl_ms')" = 900 ]
	logs onboot/sysfs >said
	cat said
	[ "$(cat said)" = 'sysfs: error: 10-test.conf: kernel/mm/none/run = 1: No such file or directory' ]
	patiently 60 "$pith" report --json "$name" >report.json
	[ "$(jq '.steps[] | select(.name | endswith("-sysfs")) | .status' report.json)" = 1 ]
}

# --- modprobe ----------------------------------------------------------------------------------------------------

@test "modprobe: what is built in is there, what nobody knows is said" {
	ended_well modprobe
	[[ $(logs onboot/modprobe-none) == *'modprobe: error: no module nonsense' ]]
}

# --- metadata ----------------------------------------------------------------------------------------------------

@test "metadata: userdata of pith run --data is in /run/config; no machine but VMware's is taken for one" {
	ended_well metadata
	[ "$(in_shell 'cat /run/config/from')" = 'the CD' ]
	[[ $(in_shell 'cat /run/config/provider') == 'CDROM /dev/'* ]]
	[ "$(in_shell 'ls -A /run/config | grep -c pith-' || :)" = 0 ]
}

# --- memlogd, logread, logwrite, kmsg ----------------------------------------------------------------------------

@test "memlogd has what ran at the boot, the console too, and services go on while it is killed" {
	[ "$(logs onboot/log-onboot | sort)" = 'and as an error
said at the boot' ]
	tr -d '\r' <"$console" | grep -qx 'said at the boot'
	in_shell 'chroot /host /usr/bin/logread' >all
	grep -q ';onboot.[0-9]*-log-onboot.out;said at the boot$' all
	grep -q ';onboot.[0-9]*-log-onboot;and as an error$' all
	[ "$(in_shell 'chroot /host /sbin/initctl list' | grep -c '^memlogd ')" = 1 ]
	in_shell 'kill -9 $(chroot /host /sbin/initctl list | sed -n "s/^memlogd \([0-9]*\) .*/\1/p")'
	again() { in_shell 'chroot /host /usr/bin/logread' >again && sed -n '/memlogd started again/,$p' again | grep -q 'log-writer.out;line'; }
	within 30 again
	grep -q ';onboot.[0-9]*-log-onboot.out;said at the boot$' again
	# one after the other, none missing
	logs log-writer | awk '$2 != NR {print "line " NR " is: " $0; bad = 1} END {exit bad}'
	# it is small, and no file has what it has
	[ "$(in_shell 'awk "/^Pss:/ {print \$2}" /proc/$(chroot /host /sbin/initctl list | sed -n "s/^memlogd \([0-9]*\) .*/\1/p")/smaps_rollup')" -lt 1500 ]
	[ "$(in_shell 'ls /host/var/log | grep -c log-writer')" = 0 ]
}

@test "logwrite has the log in files, kmsg the kernel's messages in it" {
	written() { in_shell 'grep -c "log-writer.out line" /host/var/logs/log-writer.out.log && grep "Linux version" /host/var/logs/kmsg.log' >w; }
	within 30 written
	grep -qE '^[0-9T:-]*Z kmsg \([0-9]+\) - [0-9T:.-]*Z: Linux version' w
}

# --- time --------------------------------------------------------------------------------------------------------

# right: the guest's clock shows, to a second, a time between the question and the answer
right() {
	local before now
	before=$(date +%s)
	now=$(in_shell 'date +%s') && ((now >= before - 1 && now <= $(date +%s) + 1))
}

@test "a clock that is wrong in the guest is right again: the host asks the agent" {
	in_shell 'date -s @1000000000'
	# asked every 20 s
	within 60 right
	in_shell "date -s @$(($(date +%s) + 30000))"
	within 60 right
}

@test "a machine that has stood still has the right clock as soon as it goes on" {
	cat >qmp.py <<-'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(60)
		s.connect(sys.argv[1])
		f = s.makefile("rw")
		for command in "qmp_capabilities", *sys.argv[2:]:
		    print(json.dumps({"execute": command}), file=f, flush=True)
		    while "return" not in json.loads(f.readline()):
		        pass
	END
	# By itself it is asked 20 s after the last time: two rounds that take less together were not waited for.
	local before=0
	sooner() {
		local from=${EPOCHREALTIME//[!0-9]/} last=$before
		before=$from
		in_shell 'date -s @1000000000' && python3 qmp.py "$BATS_FILE_TMPDIR/qmp" stop cont && within 60 right &&
			((${EPOCHREALTIME//[!0-9]/} - last < 20000000))
	}
	within 60 sooner
	# Eight hours, as of a host that slept, are made up for at once. The guest notes when it is right for the first time,
	# by its own clock, which is the host's from then on.
	cat >watch.sh <<-'END'
		rm -f /tmp/right
		date -s "@$1" >/dev/null
		(
			while [ "$(date +%s)" -lt "$(($1 + 3600))" ]; do usleep 10000; done
			touch /tmp/right
		) </dev/null >/dev/null 2>&1 &
	END
	local on late
	at_once() {
		in_shell "set -- $(($(date +%s) - 8 * 3600)); $(cat watch.sh)"
		python3 qmp.py "$BATS_FILE_TMPDIR/qmp" stop
		on=$(date +%s%3N)
		python3 qmp.py "$BATS_FILE_TMPDIR/qmp" cont
		within 60 in_shell 'test -e /tmp/right'
		late=$(($(date -u -d "$(in_shell 'stat -c %y /tmp/right')" +%s%3N) - on))
		echo "right $late ms after it went on"
		# less than none: it was asked just before it was stopped
		((late >= 0 && late <= 1000 * ${PITH_TEST_SLOWNESS:-1}))
	}
	within 60 at_once
}

@test "host-timesync-daemon: the host's connection sets the clock from the hardware clock" {
	cat >connect.py <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(60)
		s.connect(sys.argv[1])
		s.sendall(b"00000003.0000f3a4\n")
		assert s.recv(1) == b""  # it ends when the clock is set
	END
	# the agent may have set it in between
	local before=0
	set_by_it() {
		in_shell "date -s @$(($(date +%s) - 8 * 3600))"
		python3 connect.py "$name-state/connect" && right && [ "$(logs host-timesync-daemon | grep -c 'the clock was set by +28')" -gt $before ]
	}
	within 60 set_by_it || { logs host-timesync-daemon | tail; false; }
	# one that is killed comes back
	before=$(logs host-timesync-daemon | grep -c 'the clock was set by +28')
	in_shell 'kill -9 $(pidof host-timesync-daemon)'
	within 60 set_by_it || { logs host-timesync-daemon | tail; false; }
}

# --- vpnkit ------------------------------------------------------------------------------------------------------

# --- rngd, openntpd, ca-certificates ----------------------------------------------------------------------------

@test "rngd: one pass at boot, and a service that stays and is small" {
	ended_well rngd
	[[ $(logs onboot/rngd) =~ 'rngd: wrote '[0-9]+' bytes of entropy, exiting as oneshot' ]]
	pss=$(in_shell 'awk "/^Pss:/ { print \$2 }" /proc/$(pidof rngd)/smaps_rollup')
	[ "$pss" -lt 400 ] || { echo "$pss KiB"; false; }
	[ "$(in_shell 'sed -n "s/^\(CapEff\|Seccomp\):\t//p" /proc/$(pidof rngd)/status')" = $'0000000000200000\n2' ]
}

@test "openntpd: runs with the image's rights, and has taken its privileges apart; the authorities' certificates are there" {
	started() { logs ntpd | grep -q 'ntp engine ready'; }
	within 60 started || { logs ntpd; false; }
	[ "$(in_shell 'stat -c %u /proc/[0-9]*/cwd/.. /proc/[0-9]* 2>/dev/null | grep -cx 100')" -ge 1 ]
	inside ntpd /usr/sbin/ntpctl -s status
	[ "$(in_shell 'grep -c BEGIN /host/etc/ssl/certs/ca-certificates.crt')" -gt 100 ]
}

# --- acpid -------------------------------------------------------------------------------------------------------

@test "acpid: it alone hears the power button: its hook runs, and the machine stays; killed, it comes back" {
	logs acpid >said
	grep -q '/dev/input/event0: listening' said
	in_shell 'for p in $(pidof acpid); do if grep -qx acpid-reader /proc/$p/comm; then cat /proc/$p/status; fi; done' >reader
	grep -qx 'CapEff:	0000000000000000' reader
	grep -qx 'Seccomp:	2' reader
	locked() { in_shell 'grep "FLOCK .*:$(stat -c %i /dev/input/event0) " /proc/locks'; }
	locked
	in_shell 'kill -9 $(pidof acpid) 2>/dev/null || :' # the one ends with the other
	back() { [ "$(logs acpid | grep -c listening)" -eq 2 ]; }
	within 60 back
	locked
	# the host presses until the machine is off
	kill -TERM "$(cat "$name-state/pith.pid")"
	pressed() { logs acpid | grep -q 'the button was pressed'; }
	within 60 pressed
	run ! grep -a 'shutting down' "$console"
}

# --- vpnkit-port-dir ---------------------------------------------------------------------------------------------

@test "vpnkit-port-dir: scripts that make folders in /port have ports of the host, which close with ctl and with the machine's program" {
	"$root_dir/tests/tools/vpnkit-control.py" "$name-state/00000002.00001002" log >control.err 2>&1 3>&- &
	control=$!
	within 30 test -S "$name-state/00000002.00001002"
	# the directory is the container's own: it is reached by way of its process
	in_shell 'for p in $(pidof vpnkit-port-dir); do [ ! -d /proc/$p/root/port ] || ln -sfn /proc/$p/root/port /tmp/port; done
		cat /tmp/port/README >/tmp/readme && mkdir /tmp/port/web && exec 3<>/tmp/port/web/ctl &&
		printf tcp:0.0.0.0:8080:tcp:127.0.0.1:80 >&3 && cat /tmp/port/web/ctl; ls /tmp/port' >said
	cat said
	[ "$(cat said)" = $'OK tcp:0.0.0.0:8080:tcp:127.0.0.1:80\nREADME\nweb' ]
	closed() { grep -q '^DELETE /forwards/unexpose/port .*"/port#1"' log; }
	within 30 closed
	[ "$(in_shell 'ls /tmp/port')" = README ]
	# killed, it comes back, and closes what it has left
	in_shell 'mkdir /tmp/port/again && exec 3<>/tmp/port/again/ctl && printf tcp:0.0.0.0:8081:tcp:127.0.0.1:80 >&3 && cat /tmp/port/again/ctl
		kill -9 $(pidof vpnkit-port-dir)'
	swept() { grep -q '^DELETE /forwards/unexpose/port .*8081' log; }
	within 60 swept
	kill "$control"
}

# --- vpnkit-forwarder --------------------------------------------------------------------------------------------

@test "vpnkit-forwarder: the host reaches a TCP port of the machine in each generation; it is small and has no capability" {
	in_shell 'mkdir -p /tmp/www; echo from the machine >/tmp/www/x; busybox httpd -p 127.0.0.1:8099 -h /tmp/www'
	for generation in 1 2 3; do
		printf 'GET /x HTTP/1.0\r\n\r\n' |
			timeout 120 "$root_dir/tests/tools/vpnkit-peer.py" "$generation" "$name-state/guest.0000f3a5" tcp:127.0.0.1:8099 >answer
		tail -n 1 answer
		[ "$(tail -n 1 answer)" = 'from the machine' ]
	done
	# idle again, it is small, and has no capability
	in_shell 'for p in /proc/[0-9]*; do if grep -qsx vpnkit-forwarde "$p/comm"; then cat "$p/smaps_rollup" "$p/status"; fi; done' >forwarder
	[ "$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' forwarder)" -lt 400 ]
	grep -qx 'CapEff:	0000000000000000' forwarder
	grep -qx 'Seccomp:	2' forwarder
}

# --- ip ----------------------------------------------------------------------------------------------------------

@test "ip: an address by hand, filters and bridges; WireGuard joins two networks, by files of wg-quick's form" {
	ended_well ip
	[[ $(in_shell 'ip -4 -o address show eth0; ip route') == *'inet 10.0.2.15/24 '*'default via 10.0.2.2 dev eth0'* ]]
	ended_well ip-tools
	logs onboot/ip-tools >tools
	grep -qxF -- '-A OUTPUT -d 192.0.2.1/32 -p tcp -m tcp --dport 9 -j REJECT --reject-with icmp-port-unreachable' tools
	grep -q '^br9 ' tools
	ended_well wg0
	ended_well wg1
	logs onboot/wg1 >wg1
	cat wg1
	[ "$(grep -c 'wg1 is up' wg1)" = 2 ]
	grep -q 'warning: /etc/wireguard/wg1.conf: DNS is passed over' wg1
	grep -qx '198.51.100.0/24 dev wg1 scope link *' wg1
	[ "$(grep -c '^192.168.2.0/24 ' wg1)" = 1 ]
	grep -q '192.168.2.2/24 fd00:2::2/64' wg1
	[[ $(in_shell 'nsenter --net=/run/netns/wg1 ip link show wg1') == *' mtu 1400 '* ]]
	through() { [ "$(in_shell 'nsenter --net=/run/netns/wg1 wget -q -O - http://192.168.2.1/group')" = root:x:0: ]; }
	within 60 through
	[[ $(logs onboot/wg-none) == 'lk-wg-config: error: there is no interface wg9:'* ]]
}

# --- the shelf ---------------------------------------------------------------------------------------------------

@test "sshd: a key of the metadata is root's, another one and a password are not" {
	guest() {
		timeout 60 ssh -p "$(cat "$BATS_FILE_TMPDIR/ssh.port")" -F none -i "$1" -o BatchMode=yes -o UserKnownHostsFile=/dev/null \
			-o StrictHostKeyChecking=no -o IdentitiesOnly=yes root@localhost "${@:2}" </dev/null
	}
	enters() { [ "$(guest "$BATS_FILE_TMPDIR/key" 'id -u; cat /run/config/from' 2>err)" = $'0\nthe CD' ]; }
	within 60 enters || { cat err; false; }
	ssh-keygen -q -t ed25519 -N '' -f other
	run -255 guest ./other true
	[[ $output == *'Permission denied (publickey).'* ]]
}

@test "node_exporter: figures of the machine, read as nobody, without a capability" {
	figures() { in_shell 'wget -q -O - http://127.0.0.1:9100/metrics' >figures; }
	within 60 figures
	grep -q '^node_uname_info{.*sysname="Linux"' figures
	grep -q '^node_memory_MemTotal_bytes ' figures
	grep -qE '^node_network_up\{device="eth0"\} 1' figures
	grep -q '^node_filesystem_size_bytes{.*mountpoint="/"} ' figures
	in_shell 'cat /proc/$(pidof node_exporter)/status' >status
	grep -qx 'CapEff:	0000000000000000' status
	grep -qx 'Uid:	65534	65534	65534	65534' status
}

@test "qemu-ga: the host asks for addresses, and for a file" {
	cat >ask.py <<-'END'
		import base64, json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(120)
		s.connect(sys.argv[1])
		f = s.makefile("rw")
		def ask(command, **arguments):
		    print(json.dumps({"execute": command, "arguments": arguments}), file=f, flush=True)
		    return json.loads(f.readline())["return"]
		ask("guest-sync", id=4711)
		for link in ask("guest-network-get-interfaces"):
		    for address in link.get("ip-addresses", []):
		        print(link["name"], address["ip-address"])
		handle = ask("guest-file-open", path="/proc/version", mode="r")
		print(base64.b64decode(ask("guest-file-read", handle=handle)["buf-b64"]).decode(), end="")
		ask("guest-file-close", handle=handle)
	END
	asked() { python3 ask.py "$BATS_FILE_TMPDIR/agent.sock" >said 2>err; }
	within 60 asked || { cat err; logs qemu-ga; false; }
	grep -qx 'eth0 10.0.2.15' said
	grep -qxF "$(in_shell 'cat /proc/version')" said
}

@test "tss, by examples/tpm.yml: a TPM of version 2.0 measures, and needs no daemon" {
	ended_well pcrs
	[ "$(logs onboot/pcrs | grep -cE '^ *[0-7] *: 0x[0-9A-F]{64}$')" = 8 ]
	ended_well tpm-extend
	# what a register of zeros is after the extension
	want=$(python3 -c 'import hashlib; print(hashlib.sha256(bytes(32) + bytes.fromhex("00112233445566778899aabbccddeeff" * 2)).hexdigest().upper())')
	logs onboot/tpm-extend >extended
	grep -qE "^ *16 *: 0x$want\$" extended
	over() { logs tss | grep -qx 'tss: the TPM is of version 2.0: programs use /dev/tpmrm0 (tpm2), no daemon is needed'; }
	within 60 over
	[ "$(inside tpm /usr/bin/tpm2 getrandom --hex 8 | wc -c)" -ge 16 ]
}

@test "auditd: what a rule asks for is in the log, which is root's" {
	ready() { logs auditd | grep -q 'Init complete'; }
	within 60 ready || { logs auditd; false; }
	in_shell 'date -s @$(date +%s)'
	recorded() { in_shell 'grep "type=SYSCALL .* key=.clock" /var/log/audit/audit.log' | grep -q 'comm="date"'; }
	within 60 recorded || { logs auditd; in_shell 'cat /var/log/audit/audit.log'; false; }
	in_shell 'grep type=DAEMON_START /var/log/audit/audit.log'
	[ "$(in_shell 'stat -c "%a %u" /var/log/audit/audit.log')" = '600 0' ]
}

@test "open-vm-tools: on a hypervisor that is not VMware's it says so, and ends" {
	ended_well vmware
	[ "$(logs onboot/vmware)" = "open-vm-tools: the hypervisor is not VMware's: there is nothing to do" ]
}

@test "firmware and dummy: their files are the machine's; the machine's /etc can be written to in a container, and stays as it is" {
	in_shell 'test -s /host/lib/firmware/carl9170-1.fw'
	[ "$(in_shell 'cat /host/infile')" = 'A file for tests.' ]
	inside hostmount /bin/sh -c 'echo changed >/writeable-host-etc/issue && cat /writeable-host-etc/issue'
	[ "$(in_shell 'cat /run/hostetc/upper/issue')" = changed ]
	[[ $(in_shell 'cat /host/etc/issue') == *'Welcome to pith'* ]]
}

# --- the end -----------------------------------------------------------------------------------------------------

@test "poweroff: powers the machine off in an orderly way, as the image's defaults let it" {
	inside poweroff /poweroff.sh 0 || :
	off() { [ ! -e "$name-state/pith.pid" ]; }
	within 60 off
	tr -d '\r' <"$console" >c
	grep -q 'reboot: Power down' c
	grep -q 'stopping all services' c
}
