# The vsock device behind a real QEMU with a real guest: sockets of the state directory, clients that people use, the
# faults that such devices are known for, pauses and reboots; vsudd in the guest.
# VSOCK_SOAK=SECONDS: how long the soak test runs (10; 600 before a release). VSOCK_DEVICE=asan: the device with
# sanitizers.

load_helpers() {
	cd "$BATS_TEST_DIRNAME/../.."
	. tests/lib/initrd.bash
	. tests/lib/vsock.bash
	device_variant=${VSOCK_DEVICE:-host}
}

setup_file() {
	load_helpers
	[ "$(guest_flavour)" = tuned ] || skip "this needs the tuned kernel"
	dir=$BATS_FILE_TMPDIR
	mkdir -p "$dir/tree.add/usr/bin"
	cp tests/tools/vsock-guest.sh "$dir/tree.add/guest.sh"
	vsock_initrd "$dir/tree" "$dir/initrd"
	state=$dir/state
	vsock_device "$state" --hybrid "$state/hybrid"
	vsock_guest "$state" "$dir/initrd"
	echo "$guest $device" >"$dir/pids"
}

teardown_file() {
	load_helpers
	read -r guest device <"$BATS_FILE_TMPDIR/pids" || return 0
	vsock_stop
}

setup() {
	load_helpers
	dir=$BATS_FILE_TMPDIR
	state=$dir/state
	read -r guest device <"$dir/pids"
	peer=build/host/host-peer
	echo_port=unix:$state/guest.000003e8
	patience=$((10 * ${PITH_TEST_SLOWNESS:-1}))
	# every test finds the device and the guest alive
	kill -0 "$device" "$guest"
}

teardown() {
	[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || :
	rm -f "$state"/00000002.*
}

# CPU time of a process in hundredths of a second.
cpu_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# Two seconds of the device in which what stands still costs nothing; what was on its way may have to come to rest first.
idle() {
	local before
	before=$(cpu_of "$device")
	timeout 2 tail -f /dev/null || :
	used=$(($(cpu_of "$device") - before))
	[ "$used" -le 2 ]
}

# Fails when there is something to read within the second.
silent() { if read -rt 1 line <&"$1"; then echo "got: $line"; return 1; fi; }

# Within $1 seconds the end of file comes, and nothing before it.
end_comes() {
	local line status=0
	read -rt $(($1 * ${PITH_TEST_SLOWNESS:-1})) line <&"$2" || status=$?
	[ "$status" -eq 1 ] || { echo "no end of file, but status $status: $line"; return 1; }
}

# A command of the guest: its output comes back over vsock.
in_guest() { printf '%s\n' "$*" | patiently "${limit:-60}" "$peer" cat "unix:$state/guest.000003ea"; }

@test "a line to the guest and back, with socat, curl and python as clients" {
	run bash -c "printf 'echo\nhello\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = hello ]
	run patiently 20 curl -s --unix-socket "$state/guest.000003eb" http://guest/
	[ "$output" = "served by the guest" ]
	run patiently 20 python3 - "$state/connect" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"%08x.%08x\necho\nvia connect" % (3, 1000))
		s.shutdown(socket.SHUT_WR)
		print(s.makefile().read())
	END
	[ "$output" = "via connect" ]
	run patiently 20 python3 - "$state/hybrid" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"CONNECT 1000\n")
		f = s.makefile("rb")
		assert f.readline().startswith(b"OK ")
		s.sendall(b"echo\nvia hybrid")
		s.shutdown(socket.SHUT_WR)
		print(f.read().decode())
	END
	[ "$output" = "via hybrid" ]
}

@test "the guest reaches programs of the host, by either name of their socket" {
	$peer serve "unix:$state/00000002.00001388" 2>/dev/null &
	server=$!
	wait_until 5 test -S "$state/00000002.00001388"
	run in_guest 'echo from the guest | peer cat vsock:2:5000 echo'
	[ "$output" = "from the guest" ]
	kill "$server"
	$peer serve "unix:$state/hybrid_5001" 2>/dev/null &
	server=$!
	wait_until 5 test -S "$state/hybrid_5001"
	run in_guest 'echo by port | peer cat vsock:2:5001 echo'
	[ "$output" = "by port" ]
	run in_guest 'peer cat vsock:2:5999 echo 2>&1 </dev/null'
	[[ $output == *"Connection reset"* ]]
}

@test "a port where nobody listens is refused at once" {
	run patiently 5 python3 - "$state/guest.00000946" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		print(repr(s.recv(1)))
	END
	[ "$output" = "b''" ]
}

@test "known fault, half-close: whoever waits for the end of file gets it, whichever side is first" {
	# host first: the guest's sink answers only after the end of file
	run bash -c "{ echo 'sink 5 0'; printf 12345; } | patiently 10 $peer cat $echo_port"
	[ "$output" = ok ]
	# guest first: it sends and ends its side, then still reads what the host sends
	run patiently 10 python3 - "$state/guest.000003e8" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"source 100000 0\n")
		n = 0
		while True:
		    b = s.recv(65536)
		    if not b:
		        break
		    n += len(b)
		for i in range(50):
		    s.sendall(b"x" * 10000)
		s.shutdown(socket.SHUT_WR)
		print(n)
	END
	[ "$output" = 100000 ]
}

@test "known fault, large packets stall: not one, nor a stream that is larger than every buffer" {
	run patiently 60 "$peer" bulk "$echo_port" both 67108864
	[ "$status" -eq 0 ]
	[[ $output == *up*down* ]]
}

@test "signals that somebody sends to see what happens do not end the device" {
	local s
	for s in USR1 USR2 ALRM VTALRM PROF 64; do kill -$s "$device"; done
	[ "$(printf 'echo\nthrough' | socat -t "$patience" - "UNIX-CONNECT:${echo_port#unix:}")" = through ]
	kill -0 "$device"
}

@test "messages keep their boundaries on a seqpacket socket" {
	in_guest 'test -e /proc/version' # the guest is there
	run patiently 60 python3 - "$state/guest.000003e9" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		s.settimeout(60)
		try:
		    s.sendall(b"echo\n")
		    for n in (1, 100, 4000, 60000):
		        s.sendall(bytes([n % 251]) * n)
		        b = s.recv(70000)
		        assert b == bytes([n % 251]) * n, (n, len(b))
		    print("whole")
		except (ConnectionError, AssertionError) as e:
		    print(e)
	END
	[ "$output" = whole ]
}

@test "a guest that does not read is not sent more small messages than Linux keeps" {
	run patiently 60 python3 - "$state/guest.000003e9" <<-'END'
		import select, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		s.sendall(b"hold\n")
		s.setblocking(False)
		p = select.poll()
		p.register(s, select.POLLOUT)
		n = 0
		while p.poll(1000) or n <= 300: # until neither side takes any more
		    try:
		        s.send(b"ten bytes.")
		        n += 1
		    except BlockingIOError:
		        continue
		p.modify(s, select.POLLIN)
		print("reset" if p.poll(1000) else "waits")
	END
	echo "$output"
	[ "$output" = waits ]
}

@test "known fault, a busy idle device: connections that stand still cost nothing" {
	# a reader that does not read, a guest that does not, a half-open client
	timeout 70 python3 - "$state" <<-'END' &
		import socket, sys, time
		def conn(name):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1] + "/" + name)
		    return s
		a = conn("guest.000003e8"); a.sendall(b"source 10000000 0\n")
		b = conn("guest.000003e8"); b.sendall(b"hold\n"); b.setblocking(False)
		try:
		    while True:
		        b.send(b"x" * 65536)
		except BlockingIOError:
		    pass
		c = conn("guest.000003e8"); c.sendall(b"hold\n"); c.shutdown(socket.SHUT_WR)
		d = conn("connect"); d.sendall(b"000")
		print("ready", file=open(sys.argv[1] + "/still", "w"), flush=True)
		time.sleep(60)
	END
	server=$!
	wait_until 10 test -s "$state/still"
	wait_until 30 idle || { echo "$used ticks of CPU in two idle seconds"; false; }
	run bash -c "printf 'echo\nbeside\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = beside ]
	rm -f "$state/still"
	# the guest's own polling, where the kernel has it, can be switched off
	[ "$(guest_flavour)" != tuned ] ||
		[ "$(in_guest 'cd /sys/module/vmw_vsock_virtio_transport/parameters; cat rx_poll_us; echo 0 >rx_poll_us; cat rx_poll_us; echo 100 >rx_poll_us' | tr '\n' ' ')" = "100 0 " ]
}

@test "known fault, sibling deadlock: ends that write much before they read do not wait for each other" {
	# beside a program of the host that does not read, and one of the guest: what is to the guest must not wait for what is
	# from it, nor one connection for another
	run patiently 60 python3 - "$state/guest.000003e8" <<-'END'
		import socket, sys, threading
		def stuck(line):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    s.sendall(line)
		    return s
		source, hold = stuck(b"source 10000000 0\n"), stuck(b"hold\n")
		hold.setblocking(False)
		try:
		    while True:
		        hold.send(bytes(65536))
		except BlockingIOError:
		    pass
		def one(i):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    s.sendall(b"echo\n")
		    data = bytes([i]) * 3000000
		    t = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
		    t.start()
		    n = 0
		    while True:
		        b = s.recv(65536)
		        if not b:
		            break
		        assert b == bytes([i]) * len(b)
		        n += len(b)
		    t.join()
		    assert n == len(data), n
		    done.append(i)
		done = []
		ts = [threading.Thread(target=one, args=(i,)) for i in range(8)]
		[t.start() for t in ts]
		[t.join() for t in ts]
		print(len(done))
	END
	[ "$output" = 8 ]
}

@test "known fault, SIGPIPE: a client that is killed while the guest writes, or a guest's while the host does, harms nobody" {
	for _ in 1 2 3 4 5; do
		timeout -s KILL 0.2 "$peer" bulk "$echo_port" down 1000000000 || :
	done
	in_guest 'peer serve vsock::1009 </dev/null >/dev/null 2>&1 & echo $! >/run/victim' >/dev/null
	served() { [ "$(printf '00000003.%08x\necho\nup' 1009 | timeout 5 socat -t 3 - "UNIX-CONNECT:$state/connect")" = up ]; }
	wait_until 20 served
	timeout 60 python3 - "$state/connect" "$state/piped" <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"%08x.%08x\nsink 1000000000 0\n" % (3, 1009))
		n = 0
		try:
		    while True:
		        n += s.send(bytes(65536))
		        if n > 1000000:
		            open(sys.argv[2], "w").write("writing")
		except (BrokenPipeError, ConnectionResetError):
		    open(sys.argv[2], "w").write("told")
	END
	server=$!
	wait_until 20 grep -q writing "$state/piped"
	in_guest 'kill -9 $(cat /run/victim)' >/dev/null
	wait_until 20 grep -q told "$state/piped"
	rm -f "$state/piped"
	kill -0 "$device"
	run bash -c "printf 'echo\nalive\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = alive ]
}

@test "known fault, credit lost after an idle time: it comes back" {
	# written until nothing is taken for a while, then read: each time it has all been used up
	run patiently 60 python3 - "$state/guest.000003e8" <<-'END'
		import select, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(b"echo\n")
		s.setblocking(False)
		room = select.poll()
		room.register(s, select.POLLOUT)
		both = select.poll()
		for i in range(4):
		    data = memoryview(bytes([i]) * 16000000)
		    while room.poll(1500):
		        data = data[s.send(data):]
		    assert len(data) > 0
		    got = 0
		    while got < 16000000:
		        both.register(s, select.POLLIN | (select.POLLOUT if data else 0))
		        for _, events in both.poll():
		            if events & select.POLLOUT:
		                data = data[s.send(data):]
		            if events & ~select.POLLOUT:
		                part = s.recv(65536)
		                assert part == bytes([i]) * len(part) and part
		                got += len(part)
		print("four times")
	END
	[ "$output" = "four times" ]
}

@test "known fault, a full backlog: it keeps nobody else waiting" {
	timeout 120 python3 - "$state" <<-'END' &
		import socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1] + "/00000002.00001389")
		s.listen(0)
		time.sleep(110)
	END
	server=$!
	wait_until 5 test -S "$state/00000002.00001389"
	in_guest 'for i in 1 2 3 4; do peer cat vsock:2:5001 echo </dev/zero >/dev/null 2>&1 & done; echo' >/dev/null
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		run bash -c "printf 'echo\nquick\n' | timeout $patience socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
		[ "$output" = quick ]
	done
	in_guest 'for p in /proc/[0-9]*; do grep -q "vsock:2:5001" $p/cmdline 2>/dev/null && kill ${p#/proc/}; done; echo' >/dev/null
}

@test "the device has given its rights up" {
	[ "$device_variant" = host ] || skip "sanitizers need theirs"
	run awk '/^(NoNewPrivs|Seccomp):/ { printf "%s%s ", $1, $2 }' "/proc/$device/status"
	[ "$output" = "NoNewPrivs:1 Seccomp:2 " ]
}

@test "the device's sockets are its user's alone" {
	for name in vhost connect hybrid guest.000003e8 guest.00000946; do
		[ -S "$state/$name" ]
		[ "$(stat -c %A "$state/$name" | cut -c 5-)" = ------ ] || { stat "$state/$name"; false; }
	done
}

@test "a full backlog of the guest: 200 and 2,000 clients at once are all taken" {
	for clients in 200 2000; do
		run patiently 120 "$peer" load "unix:$state/guest.000003ec" "$clients" 1 64 0
		[ "$status" -eq 0 ] || { echo "$output"; false; }
		[[ $output == "$clients connections, "*", 0 failed"* ]]
	done
	# a port where nobody ever was refuses sooner than a full backlog is given up on
	at_once() { timeout 2 socat -t 30 - "UNIX-CONNECT:$state/connect" <<<"00000003.0000edcb" || [ $? -ne 124 ]; }
	wait_until 20 at_once
}

@test "a paused machine keeps its connections" {
	coproc pair { socat -t 30 - "UNIX-CONNECT:$state/guest.000003e8"; }
	printf 'echo\nbefore\n' >&"${pair[1]}"
	read -rt "$patience" line <&"${pair[0]}"
	[ "$line" = before ]
	echo stop | socat - "UNIX-CONNECT:$state/monitor" >/dev/null
	printf 'meanwhile\n' >&"${pair[1]}"
	silent "${pair[0]}"
	echo cont | socat - "UNIX-CONNECT:$state/monitor" >/dev/null
	read -rt "$patience" line <&"${pair[0]}"
	[ "$line" = meanwhile ]
	printf 'after\n' >&"${pair[1]}"
	read -rt "$patience" line <&"${pair[0]}"
	[ "$line" = after ]
	eval "exec ${pair[1]}>&-"
	wait "$pair_PID" || :
}

@test "vsudd: the guest's Unix sockets from the host, and the host's from the guest" {
	run patiently 20 "$peer" bulk "unix:$state/guest.00000946" both 1048576
	[ "$status" -ne 0 ] # nobody listens yet
	in_guest 'peer serve unix:/run/target </dev/null >/dev/null 2>&1 & /vsudd -inport 2374:unix:/run/target -outport unix:/run/out:2:5002 -user 0 </dev/null >/dev/console 2>&1 & echo' >/dev/null
	wait_until 10 bash -c "printf 'echo\nx' | timeout 2 socat -t 1 - UNIX-CONNECT:$state/guest.00000946 | grep -q x"
	run patiently 60 "$peer" load "unix:$state/guest.00000946" 20 1 300000 5
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	# the host alone, unless it is told otherwise
	for cid in 1 3; do
		run in_guest "echo inside | peer cat vsock:$cid:2374 echo"
		[[ $output != *inside* ]]
	done
	run in_guest '/vsudd -from any -inport 2381:unix:/run/target </dev/null >/dev/null 2>&1 & any=$!; until echo inside | peer cat vsock:1:2381 echo; do sleep 0.1; done; kill $any; wait $any'
	[[ $output == *inside* ]]
	$peer serve "unix:$state/00000002.0000138a" 2>/dev/null &
	server=$!
	wait_until 5 test -S "$state/00000002.0000138a"
	run in_guest 'echo outward | peer cat unix:/run/out echo'
	[ "$output" = outward ]
	run in_guest 'grep -E "^(CapEff|CapPrm|NoNewPrivs)" /proc/$(pidof vsudd)/status | tr -s "\t\n" "  "'
	[ "$output" = "CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1 " ]
}

@test "vsudd: a target that is not there refuses one connection, and the next one finds it" {
	in_guest '/vsudd -inport 2377:unix:/run/later </dev/null >/dev/null 2>&1 & echo' >/dev/null
	reach() {
		timeout 5 python3 - "$state/connect" <<-'END'
			import socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.connect(sys.argv[1])
			s.sendall(b"%08x.%08x\necho\nfound" % (3, 2377))
			s.shutdown(socket.SHUT_WR)
			try:
			    print(s.makefile().read())
			except ConnectionError:
			    print()
		END
	}
	run reach
	[ "$output" = "" ]
	in_guest 'peer serve unix:/run/later </dev/null >/dev/null 2>&1 & echo' >/dev/null
	wait_until 10 bash -c "$(declare -f reach); state=$state; [ \"\$(reach)\" = found ]"
}

@test "vsudd: a thousand connections, few pages each; idle it is small" {
	in_guest 'peer serve unix:/run/many </dev/null >/dev/null 2>&1 & /vsudd -inport 2378:unix:/run/many </dev/null >/dev/null 2>&1 & echo $! >/run/vsudd.pid' >/dev/null
	idle=$(in_guest 'awk "/^Pss:/ { print \$2 }" /proc/$(cat /run/vsudd.pid)/smaps_rollup')
	[ "$idle" -lt 300 ] || { echo "idle: $idle KiB"; false; }
	timeout 300 python3 - "$state" <<-'END' &
		import os, resource, socket, sys, time
		resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
		socks = []
		for i in range(1000):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1] + "/connect")
		    s.sendall(b"%08x.%08x\necho\nx" % (3, 2378))
		    socks.append(s)
		for s in socks:
		    assert s.recv(1) == b"x"
		print("open", file=open(sys.argv[1] + "/open", "w"), flush=True)
		while not os.path.exists(sys.argv[1] + "/measured"):
		    time.sleep(0.1)
		full = []
		for i in range(50):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1] + "/connect")
		    s.sendall(b"%08x.%08x\nhold\n" % (3, 2378))
		    s.setblocking(False)
		    full.append(s)
		still = 0
		while still < 20:
		    still += 1
		    for s in full:
		        try:
		            while True:
		                s.send(b"x" * 65536)
		                still = 0
		        except BlockingIOError:
		            pass
		    time.sleep(0.1)
		print("full", file=open(sys.argv[1] + "/open", "w"), flush=True)
		time.sleep(60)
	END
	server=$!
	pss() { in_guest 'awk "/^Pss:/ { print \$2 }" /proc/$(cat /run/vsudd.pid)/smaps_rollup'; }
	wait_until 60 grep -q open "$state/open"
	many=$(pss)
	: >"$state/measured"
	wait_until 180 grep -q full "$state/open"
	busy=$(pss)
	rm -f "$state/open" "$state/measured"
	echo "vsudd: idle $idle KiB, with 1000 connections $many KiB, with 50 more that stand full $busy KiB" >&3
	[ "$many" -lt 2000 ]
	[ $((busy - many)) -lt $((50 * 64)) ]
}

@test "vsudd: syslog, GUIDs for ports, pidfile, detached, as another user, with its own system calls only" {
	socat -u "UNIX-LISTEN:$state/00000002.00001392,fork" "OPEN:$state/messages,creat,append" &
	server=$!
	wait_until 5 test -S "$state/00000002.00001392"
	in_guest 'peer serve unix:/run/world </dev/null >/dev/null 2>&1 & while [ ! -S /run/world ]; do sleep 0.1; done; busybox chmod 666 /run/world; /vsudd -detach -pidfile=/run/v.pid --user 65534:65534 -syslog 00001392-facb-11e6-bd58-64006a7986d3 -inport 0000094B-FACB-11E6-BD58-64006A7986D3:unix:/run/world -inport 2380:unix:/run/nothing </dev/null >/dev/console 2>&1 & echo' >/dev/null
	reach() { printf '00000003.%08x\necho\nthrough' "$1" | timeout 5 socat -t 3 - "UNIX-CONNECT:$state/connect"; }
	through() { [ "$(reach 2379)" = through ]; }
	wait_until 20 through
	in_guest 'busybox logger -t test hello from the guest'
	wait_until 10 grep -q 'test: hello from the guest' "$state/messages"
	# its own messages, too
	reach 2380 || :
	wait_until 10 grep -q 'vsock port 2380: /run/nothing: No such file' "$state/messages"
	# each with its length in front
	run python3 - "$state/messages" <<-'END'
		import sys
		data = open(sys.argv[1], "rb").read()
		n = 0
		while data:
		    length, rest = data.split(b" ", 1)
		    assert len(rest) >= int(length) > 0
		    data = rest[int(length):]
		    n += 1
		print(n >= 2)
	END
	[ "$output" = True ]
	rm -f "$state/messages"
	run in_guest 'p=$(cat /run/v.pid); grep -E "^(Uid|CapPrm|CapEff|NoNewPrivs|Seccomp):" /proc/$p/status | tr -s "\t\n" "  "; for i in 0 1 2; do busybox readlink /proc/$p/fd/$i; done; echo $(pidof vsudd)'
	[[ ${lines[0]} == "Uid: 65534 65534 65534 65534 CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 /dev/null" ]] || { echo "$output"; false; }
	[ "${lines[1]}${lines[2]}" = /dev/null/dev/null ]
}

@test "a thousand connections at once, a MiB each way" {
	limit=600
	fds=$(ls "/proc/$device/fd" | wc -l)
	run patiently 600 "$peer" load "$echo_port" 1000 1048576 1048576 0
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == "1000 connections, 1000 at once, 0 failed"* ]]
	echo "$output" >&3
	gone() { [ "$(ls "/proc/$device/fd" | wc -l)" -le "$fds" ]; }
	wait_until 60 gone
}

@test "ten thousand connections stand open, in few pages and at no cost" {
	fds=$(ls "/proc/$device/fd" | wc -l)
	mkfifo "$state/hold"
	"$peer" many "$echo_port" 10000 <"$state/hold" >"$state/many" 2>&1 &
	server=$!
	exec 7>"$state/hold"
	wait_until 240 grep -q . "$state/many"
	[ "$(cat "$state/many")" = open ]
	now=$(ls "/proc/$device/fd" | wc -l)
	memory=$(awk '/^RssAnon/ { print $2 }' "/proc/$device/status")
	echo "10000 connections: $memory KiB in the device" >&3
	# one each, and those of the device itself; some of the test before may have been there at the start
	((now >= 10000 && now < 10100)) || { echo "$fds, then $now descriptors"; false; }
	[ "${VSOCK_DEVICE:-}" = asan ] || [ "$memory" -lt 10000 ] # a KiB each
	run bash -c "printf 'echo\nbeside\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = beside ]
	wait_until 30 idle || { echo "$used ticks of CPU in two idle seconds"; false; }
	exec 7>&-
	wait "$server"
	gone() { [ "$(ls "/proc/$device/fd" | wc -l)" -le "$fds" ]; }
	wait_until 60 gone
	rm -f "$state/hold" "$state/many"
}

# The most that the device's own memory came to while $1 runs.
most_memory() {
	local most=0 now
	while kill -0 "$1" 2>/dev/null; do
		now=$(awk '/^RssAnon/ { print $2 }' "/proc/$device/status")
		((now <= most)) || most=$now
		read -rt 0.5 <> <(:) || :
	done
	echo "$most"
}

@test "soak: 24 bytes to 1 GiB, random directions, half-closes and clients that vanish; every byte checked, memory bounded" {
	soak=${VSOCK_SOAK:-10}
	fds=$(ls "/proc/$device/fd" | wc -l)
	timeout $((soak + 300)) "$peer" load "$echo_port" 64 24 1073741824 "$soak" "$RANDOM" >"$state/soak" 2>&1 &
	server=$!
	memory=$(most_memory "$server")
	status=0
	wait "$server" || status=$?
	server=
	cat "$state/soak"
	[ "$status" -eq 0 ]
	echo "$(tail -n 1 "$state/soak"); at most $memory KiB in the device" >&3
	gone() { [ "$(ls "/proc/$device/fd" | wc -l)" -le "$fds" ]; }
	wait_until 60 gone
	# 256 KiB for each stream whose reader is slow, and what the program itself needs
	[ "${VSOCK_DEVICE:-}" = asan ] || [ "$memory" -lt $((64 * 256 + 4096)) ]
	if grep -E 'ERROR: (Address|Undefined|Leak)Sanitizer|runtime error' "$state/device.log"; then return 1; fi
}

@test "the guest's driver is taken away and comes again: old connections end, new ones work" {
	coproc pair { socat -t 0.1 - "UNIX-CONNECT:$state/guest.000003e8"; }
	printf 'echo\nbefore\n' >&"${pair[1]}"
	read -rt "$patience" line <&"${pair[0]}"
	[ "$line" = before ]
	in_guest 'cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport && (d=$(echo virtio*); sleep 1; echo $d >unbind; echo $d >bind) </dev/null >/dev/console 2>&1 & echo' >/dev/null
	end_comes 60 "${pair[0]}"
	wait "$pair_PID" || :
	again() { [ "$(printf 'echo\nagain\n' | timeout 5 socat -t 5 - "UNIX-CONNECT:$state/guest.000003e8")" = again ]; }
	wait_until 60 again
	run patiently 60 "$peer" bulk "$echo_port" both 4194304
	[ "$status" -eq 0 ]
}

@test "a guest that boots again, and a QEMU that comes again, find the device as new" {
	coproc pair { socat -t 0.1 - "UNIX-CONNECT:$state/guest.000003e8"; }
	printf 'echo\nbefore\n' >&"${pair[1]}"
	read -rt "$patience" line <&"${pair[0]}"
	[ "$line" = before ]
	kill "$guest"
	end_comes 10 "${pair[0]}"
	wait "$pair_PID" || :
	kill -0 "$device"
	guest_reboot=reset vsock_guest "$state" "$dir/initrd"
	echo "$guest $device" >"$dir/pids"
	run bash -c "printf 'echo\nagain\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = again ]
	# the same QEMU, and the machine is reset
	coproc pair { socat -t 0.1 - "UNIX-CONNECT:$state/guest.000003e8"; }
	printf 'echo\nbefore\n' >&"${pair[1]}"
	read -rt "$patience" line <&"${pair[0]}"
	echo system_reset | socat - "UNIX-CONNECT:$state/monitor" >/dev/null
	end_comes 120 "${pair[0]}"
	wait "$pair_PID" || :
	again() { [ "$(grep -c serving "$state/console")" -eq 2 ]; }
	wait_until 120 again
	run bash -c "printf 'echo\nreset\n' | socat -t $patience - UNIX-CONNECT:$state/guest.000003e8"
	[ "$output" = reset ]
}

@test "with a packed ring, and a device that is nobody and has no capability" {
	state=$BATS_TEST_TMPDIR/packed
	mkdir -p "$state"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	if [ "$(id -u)" -eq 0 ]; then
		# a copy, where nobody may read it
		cp build/host/pith "$BATS_TEST_TMPDIR/pith"
		chown 65534:65534 "$state"
		device_program=$BATS_TEST_TMPDIR/pith
		device_wrap="setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs"
	fi
	vsock_device "$state"
	run grep -E '^Cap(Prm|Eff|Bnd)' "/proc/$device/status"
	[ "$(grep -c 0000000000000000 <<<"$output")" -eq 3 ] || [ "$(id -u)" -ne 0 ]
	vsock_options=,packed=on
	vsock_guest "$state" "$dir/initrd"
	run patiently 60 build/host/host-peer load "unix:$state/guest.000003e8" 50 1 200000 5
	vsock_stop
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "the device under a sanitizer or valgrind, through a whole boot" {
	state=$BATS_TEST_TMPDIR/checked
	device_wrap="valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"
	device_variant=host
	vsock_device "$state" --unconfined # valgrind's own calls
	vsock_guest "$state" "$dir/initrd"
	run patiently 120 build/host/host-peer load "unix:$state/guest.000003e8" 20 1 100000 5
	[ "$status" -eq 0 ]
	kill "$guest"
	wait "$guest" 2>/dev/null || :
	kill "$device"
	status=0
	wait "$device" || status=$?
	guest='' device=''
	cat "$state/device.log"
	[ "$status" -eq 0 ]
}
