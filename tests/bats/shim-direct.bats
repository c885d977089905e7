#!/usr/bin/env bats
# The shim without containerd: how it is started and deleted, what it answers, and what goes wrong around it.
# SHIM_CYCLES=NUMBER: how many containers one shim has one after another (200; 1000 before a release).

load ../lib/shim

setup() { shim_setup; }
teardown() { shim_teardown; }

# --- the command line --------------------------------------------------------------------------------------------

@test "start answers in the form that is asked for; the address is in the bundle" {
	run world 'box one -- true; cd $T/bundles/one
		go() { "$@" $SHIM -namespace $NS -id one -address /a start </dev/null; echo; }
		go env -u MAX_SHIM_VERSION; cat address; echo; go env MAX_SHIM_VERSION=2; go env MAX_SHIM_VERSION=3; shims | wc -w
		A=$(cat address); call Shutdown id=one; clean'
	echo "$output"
	[[ "${lines[0]}" =~ ^unix:///run/containerd/s/[0-9a-f]{64}$ ]]
	[ "${lines[1]}" = "${lines[0]}" ]
	[ "${lines[2]}" = "{\"version\":2,\"address\":\"${lines[0]}\",\"protocol\":\"ttrpc\"}" ]
	[ "${lines[3]}" = "{\"version\":3,\"address\":\"${lines[0]}\",\"protocol\":\"ttrpc\"}" ]
	[ "${lines[4]}" = 1 ]
	[ "${lines[5]}" = clean ]
}

@test "bootstrap parameters on standard input are answered with a message; legacy options are not taken for them" {
	cat >"$T/encode.py" <<-'EOF'
		import sys
		def field(n, b): b = b.encode() if isinstance(b, str) else b; return bytes([n << 3 | 2, len(b)]) + b
		kind, id, ns, dir = sys.argv[1:]
		options = field(1, "containerd.runc.v1.Options") + field(2, field(6, "runc"))
		if kind == "options": out = options
		else: out = field(1, id) + field(2, ns) + b"\x18\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x01" + field(4, "2.3.0") + field(5, dir + "/ttrpc") + \
		    field(6, dir + "/grpc") + field(8, field(1, options)) + field(9, dir)
		sys.stdout.buffer.write(out)
	EOF
	run world 'box one -- true; cd $T/bundles/one; mkdir $T/s; mkfifo log
		python3 $T/encode.py bootstrap one $NS $T/s >$T/in; $SHIM -namespace $NS -id one start <$T/in >$T/answer; python3 -c "print(open(\"$T/answer\",\"rb\").read())"
		A=$(cat address); echo "$A"; create one >/dev/null && start one >/dev/null && call Wait id=one && finish one; clean
		python3 $T/encode.py bootstrap other $NS $T/s | $SHIM -namespace $NS -id one start; echo " status $?"; A=$(cat address); call Shutdown id=one
		python3 $T/encode.py options one $NS $T/s | env -u MAX_SHIM_VERSION $SHIM -namespace $NS -id one start | cut -c1-24; A=$(cat address); call Shutdown id=one
		echo junk | $SHIM -namespace $NS -id one start; echo "status $?"; $SHIM -id one start </dev/null; echo "status $?"; clean' 2>&1
	echo "$output"
	[[ "${lines[0]}" =~ ^b\'.x08.x03.x12.*unix://$T/s/[0-9a-f]{64}.x1a.x05ttrpc\'$ ]]
	[[ "${lines[1]}" =~ ^unix://$T/s/[0-9a-f]{64}$ ]]
	[[ "${lines[2]}" =~ ^exited_at ]]
	[ "${lines[3]}" = clean ]
	[[ "${lines[4]}" == "unix:///run/containerd/s/"*" status 0" ]] # what names another is no parameters for us
	[ "${lines[5]}" = "unix:///run/containerd/s" ]
	[[ "${lines[6]}" == *"standard input is neither"* ]]
	[ "${lines[7]}" = "status 1" ]
	[[ "${lines[8]}" == *"no -namespace"* ]]
	[ "${lines[10]}" = clean ]
}

@test "-v, -info, an unknown option, no action" {
	run world '$SHIM -v | head -n 1; ln -s $SHIM $T/bin/containerd-shim-runc-v2; $T/bin/containerd-shim-runc-v2 -info </dev/null | grep -aoE "io.containerd.runc.v2|types.containerd.io/[a-zA-Z0-9/.-]*|ociVersionMin"
		$SHIM -nonsense; echo "status $?"; $SHIM; echo "status $?"; $SHIM -info </bin/sh >/dev/null; echo "status $?"' 2>&1
	echo "$output"
	[ "${lines[0]}" = "containerd-shim-pith-v2:" ]
	[ "${lines[1]}" = io.containerd.runc.v2 ]
	[ "${lines[2]}" = types.containerd.io/opencontainers/runtime-spec/1/features/Features ]
	[ "${lines[3]}" = ociVersionMin ]
	[[ "${lines[4]}" == *"unknown option -nonsense"* ]]
	[ "${lines[5]}${lines[7]}${lines[9]}" = "status 1status 1status 1" ]
}

@test "a runtime's options as TOML, in the message or in a file: the runtime, its root, its flags; -info asks that runtime" {
	run world 'printf "#!/bin/sh\necho \"\$@\" >>$T/args\nexec runc \"\$@\"\n" >$T/bin/other; chmod +x $T/bin/other; box one -- true; box two -- true
		printf "BinaryName = \"%s\"\nRoot = \"%s\"\nNoPivotRoot = true\nNoNewKeyring = true\nUnknown = [1]\n" $T/bin/other $T/state >$T/table
		shim one; call Create id=one bundle=$T/bundles/one options.config_body=@$T/table >/dev/null && start one >/dev/null && call Wait id=one >/dev/null; finish one; clean
		grep -c -- "--root $T/state/$NS .*create .*--no-pivot --no-new-keyring one" $T/args
		shim two; call Create id=two bundle=$T/bundles/two options.config_path=$T/table >/dev/null && start two >/dev/null && call Wait id=two >/dev/null; finish two; clean
		grep -c -- "--root $T/state/$NS .*create .*--no-pivot --no-new-keyring two" $T/args
		shim one; call Create id=one bundle=$T/bundles/one "options.config_body=BinaryName = runc"; call Create id=one bundle=$T/bundles/one options.config_path=runtime.toml
		call Create id=one bundle=$T/bundles/one "options.config_body=IoUid = -1"; call Shutdown id=one; clean' 2>&1
	echo "$output"
	[ "$output" = "clean
1
clean
1
error: status 2: runtime options: line 1: a text needs quotation marks
error: status 2: runtime options: config_path \"runtime.toml\" is not absolute
error: status 2: runtime options: line 1: IoUid is no number from 0 to 4294967295
clean" ]
	cat >"$T/encode.py" <<-'EOF'
		import sys
		def field(n, b): b = b.encode(); return bytes([n << 3 | 2, len(b)]) + b
		table = field(3, "BinaryName = '%s'" % sys.argv[1])
		sys.stdout.buffer.write(field(1, "runtimeoptions.v1.Options") + bytes([18, len(table)]) + table)
	EOF
	run world 'python3 $T/encode.py $T/bin/other >$T/in; echo "{\"ociVersionMin\":\"from other\"}" >$T/features; printf "#!/bin/sh\ncat $T/features" >$T/bin/other; chmod +x $T/bin/other
		$SHIM -info <$T/in | grep -aoE "from other|runtimeoptions.v1.Options"
		box one -- true; cd $T/bundles/one; python3 $T/encode.py "
" | $SHIM -namespace $NS -id one -address /a start; echo "status $?"; clean' 2>&1
	echo "$output"
	[[ "$output" == "runtimeoptions.v1.Options
from other
containerd-shim-pith-v2: error: runtime options: line 1: a string without its end, or with a control character
status 1
clean" ]]
}

@test "containers of a group share a shim, which ends with the last of them" {
	run world 'for n in a b c; do box $n annotation=io.kubernetes.cri.sandbox-id:pod -- sleep 1000; done; box d -- sleep 1000
		shim a; first=$A; shim b; [ $A = $first ] && shim c; [ $A = $first ] && echo shared; shim d; [ $A != $first ] && echo apart; call Shutdown id=d
		A=$first; for n in a b c; do create $n >/dev/null; start $n >/dev/null; done; shims | wc -w; call Shutdown id=a; shims | wc -w
		finish a; state b; state c; call State id=a; finish b; finish c; clean' 2>&1
	echo "$output"
	[ "$output" = "shared
apart
1
1
2
2
error: status 5: container a not found
clean" ]
}

# --- answers -------------------------------------------------------------------------------------------------------

@test "errors are those that containerd's clients know, by both of the service's names" {
	run world 'box one -- sleep 1000; shim one
		for v in v2 v3; do call $v:State id=none; call $v:Start id=none; done
		create one >/dev/null; create one; call Delete id=one exec_id=x; call Pause id=one; call Resume id=one; start one >/dev/null; start one; call Delete id=one
		call Kill id=one signal=99; call Kill id=one exec_id=x signal=9; add one e true >/dev/null; add one e true; call Resume id=one
		call Exec id=one exec_id=../x spec={}; call Exec id=one exec_id=y spec=junk; call Create id=two bundle=relative; call Create id=a/b bundle=/x
		call Create id=two bundle=/nonexistent; call Create id=two bundle=$T/bundles/one options.binary_name=/no/runtime; call Create id=two bundle=$T/bundles/one options.binary_name=no-runtime; call Checkpoint id=one path=x
		call Kill id=one signal=9; call Wait id=one | grep status; call Kill id=one signal=9; call Exec id=one exec_id=z spec={}; start one; call Delete id=one | grep status; call Wait id=one; call Shutdown id=one; clean' 2>&1
	echo "$output"
	grep -oE '^error: status [0-9]+' <<<"$output" | grep -oE '[0-9]+$' | tr '\n' ' ' >"$T/codes"
	[ "$(cat "$T/codes")" = "5 5 5 5 6 5 9 9 9 9 3 5 6 9 3 3 3 3 2 2 2 3 5 9 9 5 " ]
	[[ "$output" == *"exit_status=137"*"exit_status=137"*clean ]]
	[[ "$output" == *"OCI runtime create failed: start /no/runtime: No such file"* ]]
	[[ "$output" == *'OCI runtime create failed: exec: "no-runtime": executable file not found in $PATH'* ]]
}

@test "what a peer sends costs nobody else anything: half a frame, 4 GiB announced, junk, nothing" {
	cat >"$T/abuse.py" <<-'EOF'
		import socket, struct, sys
		path, held = sys.argv[1], []
		def conn():
		    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(path); return s
		def frame(data, stream=1, kind=1, flags=0, length=None):
		    return struct.pack(">IIBB", len(data) if length is None else length, stream, kind, flags) + data
		def answer(s):
		    h = s.recv(10, socket.MSG_WAITALL); n, stream, kind, flags = struct.unpack(">IIBB", h)
		    d = s.recv(n, socket.MSG_WAITALL); return stream, kind, d
		for data in [b"", frame(b"x" * 100)[:40], b"\0\0", frame(b"", length=0xffffffff), frame(b"", length=4 << 20)]:
		    s = conn(); s.send(data); held.append(s)
		s = conn(); s.send(frame(b"", length=0xffffffff)); print("long", answer(s)[:2])
		s = conn(); s.send(frame(b"\xff" * 50)); print("junk", b"no ttrpc.Request" in answer(s)[2])
		s = conn(); s.send(frame(b"", stream=2)); print("even", b"odd number" in answer(s)[2])
		s = conn(); s.send(frame(b"", kind=77) + frame(b"\x0a\x01x\x12\x01y", stream=3)); print("unknown", answer(s)[0])
		s = conn(); s.send(frame(b"\x0a\x01x\x12\x01y", stream=5) + frame(b"", stream=3)); print("order", answer(s)[0], b"have to grow" in answer(s)[2])
		s = conn(); s.send(frame(b"", kind=3)); print("data", b"takes no data" in answer(s)[2])
		# a request of 4 MiB that would unpack to many times its size
		def field(n, b): 
		    l = len(b); v = b""
		    while l > 127: v += bytes([l & 127 | 128]); l >>= 7
		    return bytes([n << 3 | 2]) + v + bytes([l]) + b
		s = conn(); s.settimeout(20); s.sendall(frame(field(1, b"containerd.task.v2.Task") + field(2, b"Create") + field(3, b"\x1a\x00" * 2000000))); print("bomb", answer(s)[0])
		# many requests, no reading
		s = conn(); s.setblocking(False); n = 0; i = 1
		state = field(1, b"containerd.task.v2.Task") + field(2, b"State") + field(3, field(1, b"none"))
		try:
		    while n < 200000: s.send(frame(state, stream=i)); i += 2; n += 1
		except BlockingIOError: pass
		print("deaf", n < 200000); held.append(s)
		# a half-closed connection is still answered
		s = conn(); s.send(frame(state)); s.shutdown(socket.SHUT_WR); print("half", answer(s)[0], s.recv(1))
		if len(sys.argv) > 2: input()
	EOF
	run world 'box one -- sleep 1000; shim one; p=$(shim_pid); mkfifo $T/hold; sleep 1000 >$T/hold & h=$!; python3 $T/abuse.py ${A#unix://} hold <$T/hold >$T/abuse 2>&1 & r=$!
		within 30 grep -qs half $T/abuse; cat $T/abuse; create one >/dev/null && start one >/dev/null && state one
		awk "/VmHWM/ { print (\$2 < 60000) ? \"small\" : \$0 }" /proc/$p/status; finish one; kill $h $r; wait; clean' 2>&1
	echo "$output"
	[ "$(grep -vE 'Terminated|Killed' <<<"$output")" = "long (1, 2)
junk True
even True
unknown 3
order 5 True
data True
bomb 1
deaf True
half 1 b''
2
small
clean" ]
}

# --- streams -----------------------------------------------------------------------------------------------------------

@test "standard input: clients come and go, CloseIO is its only end, and it takes what was written before" {
	run world 'box one -- cat; shim one; fifos in out; cat $T/out >$T/got & r=$!; create one stdin=$T/in stdout=$T/out >/dev/null; start one >/dev/null
		printf first >$T/in; within 5 grep -q first $T/got; printf second >$T/in; within 5 grep -q second $T/got; state one
		exec 5>$T/in; printf third >&5; call CloseIO id=one stdin=1; printf fourth >&5; exec 5>&-; call Wait id=one | grep -c exited; wait $r; cat $T/got; echo; finish one; clean' 2>&1
	echo "$output"
	[ "$output" = "2
1
firstsecondthirdfourth
clean" ]
}

@test "CloseIO before start; output without a reader waits for one; a reader that leaves comes back" {
	run world 'box one -- sh -c "cat; echo done"; shim one; fifos in out; create one stdin=$T/in stdout=$T/out >/dev/null; call CloseIO id=one stdin=1; start one >/dev/null; call Wait id=one | grep -c exited
		timeout 5 head -n 1 $T/out; call Delete id=one >/dev/null; call Shutdown id=one; clean; rm $T/in $T/out
		box two -- sh -c "i=0; while [ \$i -lt 40000 ]; do i=\$((i+1)); echo line \$i; done"; shim two; fifos out; create two stdout=$T/out >/dev/null
		head -n 1 $T/out & r=$!; start two >/dev/null; wait $r; cat $T/out >$T/rest & r=$!; call Wait id=two >/dev/null; wait $r; tail -n 1 $T/rest; finish two; clean' 2>&1
	echo "$output"
	[ "$output" = "1
done
clean
line 1
line 40000
clean" ]
}

@test "output goes on behind a reader that is slow; Delete waits for it, but not for ever" {
	run world 'box one -- sh -c "dd if=/dev/zero bs=1M count=4 2>/dev/null"; shim one; fifos out; (sleep 0.5; for i in 1 2 3 4 5 6 7 8; do head -c 500000; sleep 0.05; done; cat) <$T/out | wc -c >$T/count & r=$!
		create one stdout=$T/out >/dev/null; start one >/dev/null; call Wait id=one >/dev/null; call Delete id=one >/dev/null; wait $r; cat $T/count; call Shutdown id=one; clean' 2>&1
	echo "$output"
	[ "$output" = "4194304
clean" ]
}

@test "a terminal in a bundle of a very long path" {
	run world 'long=$(printf "%0100d" 0); mkdir -p $T/bundles; box $long "mount={\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"newinstance\",\"ptmxmode=0666\"]}" -- sh -c "tty; read x; echo got \$x; stty size"; sed -i "s/\"args\"/\"terminal\":true,\"args\"/" $T/bundles/$long/config.json
		shim $long; fifos in out; cat $T/out >$T/got & r=$!; create $long terminal=1 stdin=$T/in stdout=$T/out >/dev/null; call ResizePty id=$long width=99 height=33; start $long >/dev/null
		within 5 grep -q pts $T/got; echo hello >$T/in; call Wait id=$long >/dev/null; wait $r; tr -d "\r" <$T/got; finish $long; clean' 2>&1
	echo "$output"
	[ "$output" = "/dev/pts/0
hello
got hello
33 99
clean" ]
}

# --- the runtime ---------------------------------------------------------------------------------------------------------

@test "the runtime is called once for a container that needs no more, and for everything where it does" {
	[ "$RUNTIME" = runc ] || skip "only runc's containers are started and deleted without it"
	run world 'runtime_wrap
		box plain -- true; shim plain; create plain >/dev/null; start plain >/dev/null; call Wait id=plain >/dev/null; finish plain; calls; : >$T/calls
		box hooks -- true; sed -i "s#\"linux\"#\"hooks\":{\"poststop\":[{\"path\":\"/bin/touch\",\"args\":[\"touch\",\"$T/poststop\"]}]},\"linux\"#" $T/bundles/hooks/config.json
		shim hooks; create hooks >/dev/null; start hooks >/dev/null; call Wait id=hooks >/dev/null; finish hooks; calls; ls $T/poststop; : >$T/calls
		box shared ns=mount,ipc,uts -- sh -c "sleep 1000 & exit 3"; shim shared; create shared >/dev/null; start shared >/dev/null; call Wait id=shared | grep status; finish shared; calls; pgrep -x sleep; clean' 2>&1
	echo "$output"
	[ "$output" = "create create start delete $T/poststop
exit_status=3
create kill delete clean" ]
}

@test "after Start the container's program is there: it gets signals, not the runtime's process" {
	run world 'for i in 1 2 3 4 5 6; do box t$i -- sleep 1000; shim t$i; create t$i >/dev/null; start t$i >/dev/null; basename $(readlink /proc/$(cat $T/bundles/t$i/init.pid)/exe); finish t$i; done | sort | uniq -c; clean' 2>&1
	echo "$output"
	[ "$output" = "      6 busybox
clean" ]
}

@test "the runtime is not told of containerd's own notification socket" {
	run world 'runtime_wrap; sed -i "2i env >>$T/environment" $T/bin/wrapped; box one -- sleep 1000; NOTIFY_SOCKET=/run/notify SHIM_SEES=yes shim one
		create one >/dev/null; start one >/dev/null; finish one; grep -c SHIM_SEES $T/environment; grep NOTIFY $T/environment; clean' 2>&1
	echo "$output"
	[[ "$output" == [1-9]*"
clean" && "$output" != *NOTIFY* ]]
}

@test "in a shared PID namespace added processes end before the first one's end is told" {
	run world 'box one ns=mount,ipc,uts -- sleep 1000; $CLIENT events $T/events.sock >$T/events & r=$!; within 5 test -S $T/events.sock; TTRPC_ADDRESS=$T/events.sock; shim one
		create one >/dev/null; start one >/dev/null; add one e "sleep 1000" >/dev/null; add one f "sleep 1000" >/dev/null; call Kill id=one signal=9; call Wait id=one | grep status; call Delete id=one exec_id=e | grep status; finish one
		within 5 grep -q tasks/delete $T/events; kill $r; grep -A3 tasks/exit $T/events | grep -oE "event.id=.*"; clean' 2>&1
	echo "$output"
	[[ "$output" == "exit_status=137
exit_status=137
"*"event.id=one
clean" ]]
}

@test "a runtime that hangs holds up nobody else, and a call with a time limit ends in time" {
	run world 'runtime_wrap; for n in a b; do box $n annotation=io.containerd.runc.v2.group:g -- sleep 1000; done; shim a
		touch $T/hang-create; create a & r=$!; within 5 test -s $T/hung; rm $T/hang-create; create b >/dev/null && start b >/dev/null && state b; call State id=a
		kill $(cat $T/hung); wait $r; : >$T/hung; touch $T/hang-create; create a --timeout 500; rm $T/hang-create
		create a >/dev/null; start a >/dev/null; touch $T/hang-exec; : >$T/hung; process_json true >$T/p; call Exec id=a exec_id=e spec=@$T/p; call Start --timeout 300 id=a exec_id=e; state a
		touch $T/hang-pause; call Pause --timeout 300 id=a; state a; rm $T/hang-*; add a f "exit 4" >/dev/null; call Wait id=a exec_id=f | grep status; touch $T/hang-update
		: >$T/hung; call Update id=a resources={} & r=$!; within 5 test -s $T/hung; call Kill id=a signal=9; call Wait id=a | grep status; wait $r; rm $T/hang-*; finish a; finish b; clean' 2>&1
	echo "$output"
	# C libraries have different words for ETIMEDOUT
	[ "$(grep -v '^Terminated' <<<"$output" | sed 's/Connection timed out/Operation timed out/')" = "2
error: status 5: container a not found
error: status 2: OCI runtime create failed: the runtime ended with killed by signal 15 (Terminated)
error: status 4: OCI runtime create failed: the runtime was stopped: Operation timed out
error: status 4: OCI runtime exec failed: the runtime was stopped: Operation timed out
2
error: status 4: OCI runtime pause failed: the runtime was stopped: Operation timed out
2
exit_status=4
exit_status=137
error: status 2: OCI runtime update failed: the runtime was stopped: Operation timed out
clean" ]
}

@test "a container that ends while processes are added: until its end is public, calls find it running" {
	run world 'runtime_wrap; box one -- sleep 1000; shim one; create one >/dev/null; start one >/dev/null; process_json true >$T/p; call Exec id=one exec_id=e spec=@$T/p; touch $T/hang-exec
		call Start id=one exec_id=e & r=$!; within 5 test -s $T/hung; i=$(cat $T/bundles/one/init.pid); kill -9 $i; within 5 sh -c "! kill -0 $i 2>/dev/null"; state one; call Exec id=one exec_id=f spec=@$T/p && echo added; call Start id=one exec_id=f 2>&1 | cut -c1-15; kill -9 $(cat $T/hung); wait $r
		call Wait id=one | grep status; state one; call State id=one exec_id=e | grep ^status; call Wait id=one exec_id=e | grep status; call Delete id=one exec_id=e >/dev/null && echo deleted; call Exec id=one exec_id=g spec=@$T/p; rm $T/hang-exec; finish one; clean' 2>&1
	echo "$output"
	[ "$output" = "2
added
error: status 9
error: status 2: OCI runtime exec failed: the runtime ended with killed by signal 9 (Killed)
exit_status=137
3
status=1
exit_status=255
deleted
error: status 9: cannot exec in a stopped container
clean" ]
}

@test "a runtime that prints garbage, says nothing, or lies about the process" {
	run world 'runtime_wrap; box one -- sleep 1000; shim one
		try() { echo "$1" >$T/garbage-create; create one 2>&1 | tr -cd "[:print:]\n" | cut -c1-150; rm $T/garbage-create; }
		try "head -c 30000000 /dev/urandom >&3; exit 1" | wc -l; try "exit 3"; try "exit 0"; try "kill -9 \$\$"
		try "echo not json >&3; echo {\\\"level\\\":\\\"error\\\",\\\"msg\\\":\\\"its reason\\\"} >&3; echo later >&3; exit 1"
		try "echo 1 >$T/bundles/one/init.pid; exit 0"; try "echo junk >$T/bundles/one/init.pid; exit 0"; try "echo 99999 >$T/bundles/one/init.pid; exit 0"; rm $T/bundles/one/init.pid
		create one >/dev/null && start one >/dev/null; echo "echo nonsense; exit 1" >$T/garbage-exec; add one e true; rm $T/garbage-exec; state one; finish one; clean' 2>&1
	echo "$output"
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" = "error: status 2: OCI runtime create failed: the runtime ended with exit status 3" ]
	[[ "${lines[2]}" == *"process id from the runtime: $T/bundles/one/init.pid: No such file or directory" ]]
	[[ "${lines[3]}" == *"killed by signal 9"* ]]
	[ "${lines[4]}" = "error: status 2: OCI runtime create failed: its reason" ]
	[[ "${lines[5]}" == *"no process id" ]]
	[[ "${lines[6]}" == *"no process id" ]]
	[[ "${lines[7]}" == *"what the runtime started: process 99999: No such process" ]]
	[[ "${lines[8]}" == *"OCI runtime exec failed"* ]]
	[ "${lines[9]}" = 2 ]
	[ "${lines[10]}" = clean ]
}

@test "the runtime's own words: not in the container's output, and the reason of a call that came to nothing" {
	run world 'runtime_wrap; box one -- sh -c "echo out; echo err >&2; sleep 1000"; shim one; fifos out err; cat $T/out >$T/got.out & cat $T/err >$T/got.err &
		echo "echo to out; echo a warning >&2; head -c 200000 /dev/zero >&2" >$T/garbage-create; create one stdout=$T/out stderr=$T/err >/dev/null; start one >/dev/null; within 5 grep -q err $T/got.err; cat $T/got.out $T/got.err
		fifos e.out e.err; cat $T/e.out >$T/got.exec & cat $T/e.err >>$T/got.exec & echo "echo its reason >&2; exit 1" >$T/garbage-exec; add one e "echo never" stdout=$T/e.out stderr=$T/e.err; rm $T/garbage-exec; wc -c <$T/got.exec
		box two -- true; shim two; fifos two; cat $T/two >$T/got.two & echo "echo another reason >&2; exit 1" >$T/garbage-create; create two stderr=$T/two; within 5 test -e $T/got.two; wc -c <$T/got.two; call Shutdown id=two; A=$(cat $T/bundles/one/address); finish one; clean' 2>&1
	echo "$output"
	[ "$output" = "out
err
error: status 2: OCI runtime exec failed: its reason
0
error: status 2: OCI runtime create failed: another reason
0
clean" ]
}

# --- being killed -----------------------------------------------------------------------------------------------------------

@test "kill -9 of the shim at every step: delete leaves nothing" {
	run world 'runtime_wrap; box one -- sleep 1000
		gone() { kill -9 $p; within 5 sh -c "! kill -0 $p 2>/dev/null"; shim_delete one; clean; }
		begin() { rm -f $T/hang-* $T/hung; shim one; p=$(shim_pid); }
		begin; gone
		begin; touch $T/hang-create; create one >/dev/null 2>&1 & within 5 test -s $T/hung; gone
		begin; create one >/dev/null; gone
		begin; create one >/dev/null; start one >/dev/null; gone
		begin; create one >/dev/null; start one >/dev/null; add one e "sleep 999" >/dev/null; gone
		begin; create one >/dev/null; start one >/dev/null; call Pause id=one; gone
		begin; create one >/dev/null; start one >/dev/null; touch $T/hang-exec; add one f true >/dev/null 2>&1 & within 5 test -s $T/hung; gone
		begin; create one >/dev/null; start one >/dev/null; call Kill id=one signal=9; call Wait id=one >/dev/null; gone' 2>&1
	echo "$output"
	[ "$(grep -c '^clean$' <<<"$output")" = 8 ]
	[ "$(sort -u <<<"$output" | grep -vE '^clean$|^[0-9]+$|Terminated')" = "" ]
}

@test "kill -9 of the shim and of its runtime in the middle of create, at random moments: delete leaves nothing" {
	run world 'box one -- sleep 1000
		for i in $(seq 12); do shim one; p=$(shim_pid); create one >/dev/null 2>&1 & sleep 0.00$((i * 3)); kill -9 $p; wait $!; shim_delete one >/dev/null; clean; done' 2>&1
	echo "$output"
	[ "$(grep -c '^clean$' <<<"$output")" = 12 ]
}

@test "delete ends a shim that lives, but not what others have in it; its socket goes" {
	run world 'for n in a b; do box $n annotation=io.containerd.runc.v2.group:g -- sleep 1000; done; shim a; shim b; for n in a b; do create $n >/dev/null; start $n >/dev/null; done
		shim_delete a >/dev/null; call State id=a; state b; shims | wc -w; shim_delete b >/dev/null; clean
		shim a; kill -9 $(shim_pid); ls /run/containerd/s | wc -l; shim_delete a >/dev/null; ls /run/containerd/s | wc -l' 2>&1
	echo "$output"
	[ "$output" = "error: status 5: container a not found
2
1
clean
1
0" ]
}

@test "a shim that goes, and still has events to send, is in nobody's way: the next one for its container is another" {
	# a containerd that has gone: its socket is there, and nobody listens
	run world 'box one -- sleep 1000; export TTRPC_ADDRESS=$T/nobody.sock; python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" $TTRPC_ADDRESS
		shim one; old=$(shim_pid); create one >/dev/null; finish one
		kill -0 $old && echo "still there"; shim one; p=$(shim_pid); [ $p != $old ] && echo another; create one >/dev/null && start one >/dev/null && state one
		within 20 sh -c "! kill -0 $old 2>/dev/null"; state one; finish one; clean' 2>&1
	echo "$output"
	[ "$output" = "still there
another
2
2
clean" ]
}

@test "without Shutdown a shim ends after its last container, and not before" {
	run world 'for n in a b; do box $n annotation=io.containerd.runc.v2.group:g -- sleep 1000; done; shim a; shim b; p=$(shim_pid); for n in a b; do create $n >/dev/null; start $n >/dev/null; done
		for n in a b; do call Kill id=$n signal=9; call Wait id=$n >/dev/null; done; call Delete id=a >/dev/null; create a >/dev/null; call Delete id=b >/dev/null; start a >/dev/null; state a
		call Kill id=a signal=9; call Wait id=a >/dev/null; call Delete id=a >/dev/null; within 20 sh -c "! kill -0 $p 2>/dev/null" && echo ended
		shim a; create a options.binary_name=/nonexistent 2>/dev/null || echo refused; create a >/dev/null && start a >/dev/null; state a; finish a; clean' 2>&1
	echo "$output"
	[ "$output" = "2
ended
refused
2
clean" ]
}

@test "only TERM, INT, QUIT and KILL end a shim; USR1 writes into its log what it does" {
	run world 'box one -- sleep 1000; touch $T/bundles/one/log; shim one; p=$(shim_pid); create one >/dev/null; start one >/dev/null
		for s in $(seq 64); do case $s in 2 | 3 | 9 | 15 | 19 | 32 | 33) ;; *) kill -$s $p || echo "cannot send $s" ;; esac; done; state one; [ "$(shim_pid)" = $p ] && echo "same shim"
		within 5 grep -o "container one: bundle $T/bundles/one, runtime runc" $T/bundles/one/log; grep -c "process one: pid [0-9]*, running, 0 waiting" $T/bundles/one/log; finish one
		for s in TERM INT QUIT; do shim one; p=$(shim_pid); kill -$s $p; within 5 sh -c "! kill -0 $p 2>/dev/null" && echo ended; done; clean' 2>&1
	echo "$output"
	[ "$output" = "2
same shim
container one: bundle $T/bundles/one, runtime runc
1
ended
ended
ended
clean" ]
}

# --- events -------------------------------------------------------------------------------------------------------------------

@test "events wait for a receiver that comes late, is slow, or goes and comes back" {
	run world 'box one -- sleep 1000; TTRPC_ADDRESS=$T/events.sock; shim one; create one >/dev/null; start one >/dev/null; sleep 0.3
		$CLIENT events $T/events.sock 50 >$T/events & r=$!; within 10 grep -q tasks/start $T/events; kill -9 $r; wait $r 2>/dev/null; rm $T/events.sock
		add one e true >/dev/null; call Kill id=one signal=9; call Wait id=one >/dev/null; call Delete id=one >/dev/null
		$CLIENT events $T/events.sock >>$T/events & r=$!; within 10 grep -q tasks/delete $T/events; call Shutdown id=one; kill $r; grep -oE "^$NS /tasks/[a-z-]*" $T/events | uniq | cut -d" " -f2 | tr "\n" " "; clean' 2>&1
	echo "$output"
	[[ "$output" == *"/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/delete clean" ]]
}

@test "without containerd's ttrpc socket its program publishes" {
	run world 'printf "#!/bin/bash\n[ -e $T/refuse ] && rm $T/refuse && exit 1\necho \"\$*\" >>$T/published; cat >>$T/payload\n" >$T/bin/publisher; chmod +x $T/bin/publisher; box one -- true; shim one -publish-binary $T/bin/publisher
		create one >/dev/null; touch $T/refuse; start one >/dev/null; call Wait id=one >/dev/null; finish one; within 10 sh -c "[ \$(cat $T/published 2>/dev/null | wc -l) = 4 ]"; cat $T/published; grep -aoc containerd.events.Task $T/payload; clean' 2>&1
	echo "$output"
	for i in 0:create 1:start 2:exit 3:delete; do
		[ "${lines[${i%:*}]}" = "--address /nonexistent publish --topic /tasks/${i#*:} --namespace $NS" ]
	done
	[ "${lines[5]}" = clean ]
}

# --- mounts ---------------------------------------------------------------------------------------------------------------------

@test "root file systems: overlay of 200 layers, bind, loop device, a mount that fails; nothing is left" {
	run world 'box one readonly=false -- sh -c "cat /base; ls /added | wc -l; touch /new && echo writable"; rm -rf $T/bundles/one/rootfs; mkdir $T/bundles/one/rootfs
		L=$T/layers/io.containerd.snapshotter.v1.overlayfs/snapshots; lower=$L/1000/fs; mkdir -p $T/layers/up $T/layers/work $lower/added; cp -a $T/rootfs/. $lower; echo base >$lower/base
		for i in $(seq 200); do d=$L/$i/fs; mkdir -p $d/added; touch $d/added/$i; lower=$d:$lower; done; [ ${#lower} -gt 8000 ] && echo long
		shim one; fifos out; cat $T/out & r=$!; create one stdout=$T/out rootfs=overlay:overlay::lowerdir=$lower,upperdir=$T/layers/up,workdir=$T/layers/work 2>$T/err >/dev/null || cat $T/err
		start one >/dev/null; call Wait id=one >/dev/null; wait $r; finish one; clean' 2>&1
	echo "$output"
	[[ "$output" == "long
base
200
writable
clean" ]]
	run world 'truncate -s 16M $T/image; mkfs.ext4 -qd $T/rootfs $T/image; box two -- sh -c "echo from the image; touch /x || echo read-only"; rm -rf $T/bundles/two/rootfs; shim two; fifos two.out; cat $T/two.out & r=$!; create two stdout=$T/two.out rootfs=ext4:$T/image::loop,ro >/dev/null
		start two >/dev/null; call Wait id=two >/dev/null; wait $r; finish two; clean
		box three -- true; shim three; create three rootfs=bind:$T/rootfs::rbind,ro rootfs=nosuchtype:x::; call State id=three; call Shutdown id=three; clean' 2>&1
	echo "$output"
	[[ "$output" == "from the image"*"read-only"*"clean"*"failed to mount rootfs component: mount nosuchtype x"*"not found"*clean ]]
}

@test "root file systems with mapped owners, for a user namespace: overlay of many layers, bind; what cannot be mapped; nothing is left" {
	run world 'chmod 755 $T $T/bundles; lower=$T/layers/base; mkdir -p $lower $T/layers/up $T/layers/work; cp -a $T/rootfs/. $lower; echo >$lower/low; chown 1000:2000 $lower/low; chown 100000:200000 $T/layers/up
		for i in $(seq 200); do mkdir -p $T/layers/$i/added; touch $T/layers/$i/added/$i; chown 5:6 $T/layers/$i/added/$i; lower=$T/layers/$i:$lower; done; map=uidmap=0:100000:65536,gidmap=0:200000:65536
		user() { box $1 ns=pid,mount,ipc,uts,user "${@:2}"; chmod 755 $T/bundles/$1; rm -rf $T/bundles/$1/rootfs; mkdir -m 755 $T/bundles/$1/rootfs
			jq ".linux.uidMappings=[{containerID:0,hostID:100000,size:65536}]|.linux.gidMappings=[{containerID:0,hostID:200000,size:65536}]" $T/bundles/$1/config.json >$T/c && cp $T/c $T/bundles/$1/config.json; }
		go() { shim $1; fifos $1.out; cat $T/$1.out & r=$!; create $1 stdout=$T/$1.out "${@:2}" >/dev/null && start $1 >/dev/null && call Wait id=$1 >/dev/null; wait $r; finish $1; ls $T/bundles/$1 | grep rootfs; clean; }
		user one readonly=false -- sh -c "stat -c %u:%g / /bin/busybox /low /added/1; ls /added | wc -l; touch /new && stat -c %u:%g /new; cat /proc/self/uid_map"
		go one rootfs=overlay:overlay::$map,lowerdir=$lower,upperdir=$T/layers/up,workdir=$T/layers/work; stat -c %u:%g $T/layers/up/new; stat -c %u:%g $T/layers/base/low
		user two -- sh -c "stat -c %u:%g /low; touch /x 2>&1"; go two rootfs=bind:$T/layers/base::rbind,ro,$map' 2>&1
	echo "$output"
	[ "$(sed 's/  */ /g' <<<"$output")" = "0:0
0:0
1000:2000
5:6
200
0:0
 0 100000 65536
rootfs
clean
100000:200000
1000:2000
1000:2000
touch: /x: Read-only file system
rootfs
clean" ]
	run world 'box one -- true; shim one; try() { create one "$@"; ls $T/bundles/one | grep rootfs; leftovers | grep ^mount; }; map=uidmap=0:1:9,gidmap=0:1:9
		try rootfs=bind:$T/rootfs::rbind,uidmap=0:1:9; try rootfs=bind:$T/rootfs::rbind,uidmap=0:1,gidmap=0:1:9; try rootfs=bind:$T/rootfs::rbind,uidmap=0:1:9,gidmap=0:4294967290:9
		try rootfs=overlay:overlay::$map,upperdir=/x; try rootfs=overlay:overlay::$map,lowerdir=$T/rootfs:$T/none; try rootfs=bind:/sys/kernel::bind,$map; call Shutdown id=one; clean' 2>&1
	echo "$output"
	[[ "${output//$T/T}" == "error: status 2: failed to mount rootfs component: mount option uidmap= without the other's
rootfs
error: status 2: failed to mount rootfs component: mapped owners: \"0:1\" is no mapping INSIDE:OUTSIDE:COUNT,...
rootfs
error: status 2: failed to mount rootfs component: mapped owners: \"0:4294967290:9\" is no mapping INSIDE:OUTSIDE:COUNT,...
rootfs
error: status 2: failed to mount rootfs component: an overlay with mapped owners and no lowerdir=
rootfs
error: status 2: failed to mount rootfs component: copy the mount of T/none: No such file or directory
rootfs
error: status 2: failed to mount rootfs component: map the owners of T/bundles/one/rootfs (can its file system do that?): Invalid argument
rootfs
clean" ]]
}

# --- many -------------------------------------------------------------------------------------------------------------------------

@test "root file systems that are made of others: images stacked by an overlay, directories for it; nothing is left" {
	run world 'mkdir -p $T/a/added; cp -a $T/rootfs/. $T/a; echo low >$T/a/file; for i in $(seq 40); do mkdir -p $T/l$i/added; echo $i >$T/l$i/added/$i; mkfs.ext4 -qd $T/l$i $T/l$i.img 1M >/dev/null 2>&1; done
		truncate -s 24M $T/base.img; mkfs.ext4 -qd $T/a $T/base.img; truncate -s 8M $T/upper.img; mkfs.ext4 -q $T/upper.img
		box one readonly=false -- sh -c "cat /file; ls /added | wc -l; echo new >/file && cat /file"; rm -rf $T/bundles/one/rootfs; mkdir $T/bundles/one/rootfs; shim one; fifos out; cat $T/out & r=$!
		parts=(); for i in $(seq 40); do parts+=(rootfs=ext4:$T/l$i.img::ro,loop); done; up="{{ mount 0 }}"
		over() { echo "rootfs=format/mkdir/overlay:overlay::X-containerd.mkdir.path=$up/upper:0755,X-containerd.mkdir.path=$up/work:0755,workdir=$up/work,upperdir=$up/upper,lowerdir=$1"; }
		create one stdout=$T/out rootfs=ext4:$T/upper.img::rw,loop "${parts[@]}" rootfs=ext4:$T/base.img::ro,loop "$(over "{{ overlay 1 41 }}")" >/dev/null; start one >/dev/null; call Wait id=one >/dev/null; wait $r; finish one; clean
		box two -- true; rm -rf $T/bundles/two/rootfs; mkdir $T/bundles/two/rootfs; shim two; create two rootfs=ext4:$T/upper.img::rw,loop rootfs=ext4:$T/base.img::ro,loop "$(over "{{ mount 2 }}")"; ls $T/bundles/two | grep rootfs; call Shutdown id=two; clean
		shim two; create two rootfs=ext4:$T/upper.img::rw,loop rootfs=ext4:$T/base.img::ro,loop "$(over "{{ mount 1 }}")" >/dev/null; ls $T/bundles/two/rootfs.parts; kill -9 $(shim_pid); shim_delete two >/dev/null; ls $T/bundles/two | grep rootfs; clean' 2>&1
	echo "$output"
	[ "$output" = "low
40
new
clean
error: status 2: failed to mount rootfs component: mount value: index 2 of 2 mounts: Invalid argument
rootfs
clean
0
1
rootfs
clean" ]
}

@test "hundreds of containers, one after another, in one shim: no descriptor, memory, file, mount, group or process is left" {
	export CYCLES=${SHIM_CYCLES:-200}
	run world 'box keep -- sleep 1000; shim keep; create keep >/dev/null; start keep >/dev/null; p=$(shim_pid); box one -- true
		sed -i "s#\"annotations\":{#\"annotations\":{\"io.containerd.runc.v2.group\":\"keep\"#" $T/bundles/one/config.json
		sed "s#X#$A#" >$T/fake <<<"#!/bin/sh
			echo X"; chmod +x $T/fake; once() { $CLIENT cycle -k $T/fake $T/bundles/one $NS /a $1 $RUNTIME; }
		fds() { for i in $(seq 20); do ls /proc/$p/fd | wc -l; sleep 0.05; done | sort -n | head -n 1; } # without what is on its way
		once 20 >/dev/null; before="$(fds) $(awk "/^Pss:/ { print \$2 }" /proc/$p/smaps_rollup)"; once $CYCLES | wc -l; after="$(fds) $(awk "/^Pss:/ { print \$2 }" /proc/$p/smaps_rollup)"; echo "$before then $after"; state keep; finish keep; clean' 2>&1
	echo "$output"
	[[ "${lines[1]}" =~ ^([0-9]+)\ ([0-9]+)\ then\ ([0-9]+)\ ([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[3]}" ]
	# a sanitizer keeps what was freed for a while
	[ -n "$SANITIZED" ] || [ "${BASH_REMATCH[4]}" -le $((BASH_REMATCH[2] + 40)) ]
	[ "${lines[2]}${lines[3]}" = 2clean ]
}

# --- sandboxes ------------------------------------------------------------------------------------------------------------------------

@test "a sandbox: states, namespaces that containers join, stop, wait, shutdown" {
	run world 'mkdir $T/bundles/pod; echo "{}" >$T/bundles/pod/config.json; shim pod; S="$CLIENT $A"
		$S sandbox:StartSandbox sandbox_id=pod; $S sandbox:SandboxStatus sandbox_id=pod; $S sandbox:CreateSandbox sandbox_id=pod bundle_path=$T/bundles/pod; $S sandbox:CreateSandbox sandbox_id=two
		$S sandbox:SandboxStatus sandbox_id=pod | grep -E "^state"; $S sandbox:StartSandbox sandbox_id=pod >$T/started; p=$(sed -n "s/^pid=//p" $T/started); [ $p -gt 1 ] && echo started; $S sandbox:SandboxStatus sandbox_id=pod | grep -E "^state"; $S sandbox:PingSandbox sandbox_id=pod && $S sandbox:Platform sandbox_id=pod
		for k in ipc uts pid; do [ $(readlink /proc/$p/ns/$k) != $(readlink /proc/self/ns/$k) ] || echo "$k is ours"; done
		box m ns=mount,ipc:/proc/$p/ns/ipc,uts:/proc/$p/ns/uts,pid:/proc/$p/ns/pid -- sleep 1000; create m >/dev/null; start m >/dev/null; i=$(cat $T/bundles/m/init.pid); [ $(readlink /proc/$i/ns/uts) = $(readlink /proc/$p/ns/uts) ] && echo joined
		call Shutdown id=m; $S sandbox:WaitSandbox sandbox_id=pod >$T/waited & r=$!; $S sandbox:StopSandbox sandbox_id=pod; wait $r; cut -d= -f1 $T/waited; $S sandbox:SandboxStatus sandbox_id=pod | grep -E "^state"; $S sandbox:StopSandbox sandbox_id=pod && echo again
		call Wait id=m | grep status; call Delete id=m >/dev/null; call Shutdown id=m; $S sandbox:PingSandbox sandbox_id=pod && echo stays; $S sandbox:ShutdownSandbox sandbox_id=pod; clean' 2>&1
	echo "$output"
	[ "$output" = "error: status 9: failed precondition: sandbox pod is not created
error: status 5: sandbox pod not found
error: status 6: sandbox pod already exists
state=SANDBOX_NOTREADY
started
state=SANDBOX_READY
platform.os=linux
platform.architecture=$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac)
joined
exit_status
exited_at
state=SANDBOX_NOTREADY
again
exit_status=137
stays
clean" ]
}

@test "a sandbox as CRI makes one, without a configuration: host name, namespaces, users, sysctls of the pod's; it ends with nothing left" {
	cat >"$T/encode.py" <<-'EOF'
		import sys
		def number(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + number(n >> 7)
		def field(n, v):
		    if isinstance(v, int): return number(n << 3) + number(v)
		    v = v.encode() if isinstance(v, str) else v
		    return number(n << 3 | 2) + number(len(v)) + v
		# encode.py HOSTNAME NETWORK PID IPC HOST-ID SYSCTL=VALUE...
		host, net, pid, ipc, ids = sys.argv[1], *map(int, sys.argv[2:6])
		map_ = field(1, ids) + field(3, 65536)
		users = field(5, field(2, map_) + field(3, map_)) if ids else b""
		linux = field(2, field(1, field(1, net) + field(2, pid) + field(3, ipc) + users))
		for s in sys.argv[6:]: linux += field(3, field(1, s.split("=")[0]) + field(2, s.split("=")[1]))
		sys.stdout.buffer.write(field(2, host) + field(8, linux))
	EOF
	run world 'mkdir $T/bundles/pod; S() { $CLIENT $A sandbox:"$1" sandbox_id=pod "${@:2}"; }; at() { nsenter -t $p "$@"; }; down() { S ShutdownSandbox; within 5 sh -c "! kill -0 $p 2>/dev/null" && clean; }
		up() { python3 $T/encode.py "$@" >$T/pod; shim pod; S CreateSandbox bundle_path=$T/bundles/pod options=@$T/pod netns_path=${NETNS:-} && p=$(S StartSandbox | sed -n "s/^pid=//p") && [ "$p" ]; }
		apart() { [ "$(readlink /proc/$q/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
		own() { for k in ipc uts pid user net; do [ $(readlink /proc/$p/ns/$k) = $(readlink /proc/self/ns/$k) ] || printf "$k "; done; echo; }
		up myhost 0 0 0 0 kernel.shmmni=77 kernel.msgmax=4000; own; at -u hostname; at -i cat /proc/sys/kernel/shmmni /proc/sys/kernel/msgmax; down
		up "" 2 2 2 0; own; down
		unshare -U -n sleep 100 & q=$!; within 5 apart; for m in uid gid; do echo "0 200000 65536" >/proc/$q/${m}_map; done; touch $T/netns; mount --bind /proc/$q/ns/net $T/netns
		NETNS=$T/netns up userhost 0 1 0 200000 net.ipv4.ip_forward=1 kernel.shmmni=78; own; at -u hostname; at -n cat /proc/sys/net/ipv4/ip_forward; at -i cat /proc/sys/kernel/shmmni; cat /proc/$p/uid_map; grep ^Uid /proc/$p/status
		[ $(readlink /proc/$p/ns/user) = $(readlink /proc/$q/ns/user) ] && echo "users of the network"; umount -l $T/netns; kill -9 $q; wait $q 2>/dev/null; down
		up alone 2 0 0 300000; own; cat /proc/$p/gid_map; down
		up x 0 0 0 0 kernel.panic=5; call Shutdown id=pod; up x 0 0 2 0 kernel.shmmni=5; call Shutdown id=pod; up x 0 0 0 0 kernel.shmmni=junk; call Shutdown id=pod; clean' 2>&1
	echo "$output"
	[ "$(sed 's/[[:space:]][[:space:]]*/ /g' <<<"$output")" = "ipc uts pid 
myhost
77
4000
clean

clean
ipc uts pid user net 
userhost
1
78
 0 200000 65536
Uid: 200000 200000 200000 200000
users of the network
clean
ipc pid user 
 0 300000 65536
clean
error: status 3: sysctl kernel.panic is not in a namespace of the pod's own
error: status 3: sysctl kernel.shmmni is not in a namespace of the pod's own
error: status 2: sandbox: write /proc/sys/kernel/shmmni: Invalid argument
clean" ]
}

@test "a sandbox's shim answers ShutdownSandbox, and ends when the peer has closed, or a moment later" {
	cat >"$T/shutdown.py" <<-'EOF'
		import socket, struct, sys
		body = b"\x0a\x25containerd.runtime.sandbox.v1.Sandbox\x12\x0fShutdownSandbox\x1a\x05\x0a\x03pod"
		s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1].removeprefix("unix://"))
		s.send(struct.pack(">IIBB", len(body), 1, 1, 0) + body)
		n = struct.unpack(">IIBB", s.recv(10, socket.MSG_WAITALL))[0]
		s.recv(n, socket.MSG_WAITALL)
		s.setblocking(False)
		try: print("ended at once" if s.recv(1) == b"" else "more")
		except BlockingIOError: print("open")
		s.settimeout(10)
		print("ended" if s.recv(1) == b"" else "more")
	EOF
	run world 'mkdir $T/bundles/pod; shim pod; $CLIENT $A sandbox:CreateSandbox sandbox_id=pod; $CLIENT $A sandbox:StartSandbox sandbox_id=pod >/dev/null; python3 $T/shutdown.py $A; clean' 2>&1
	echo "$output"
	[ "$output" = "open
ended
clean" ]
}

@test "a sandbox that ends holds up nobody: calls are answered while the runtime hangs in the removal of a container" {
	run world 'runtime_wrap; mkdir $T/bundles/pod; echo "{}" >$T/bundles/pod/config.json; box m -- sleep 1000; box n -- sleep 1000; shim pod; S="$CLIENT $A"; p=$(shim_pid)
		$S sandbox:CreateSandbox sandbox_id=pod; $S sandbox:StartSandbox sandbox_id=pod >/dev/null; create m rootfs=bind:$T/rootfs::rbind,ro >/dev/null; start m >/dev/null; echo "touch $T/hung; while [ ! -e $T/go ]; do sleep 0.05; done" >$T/garbage-delete
		$S sandbox:ShutdownSandbox sandbox_id=pod & r=$!; within 5 test -e $T/hung; call State --timeout 5000 id=m | grep -E "^(exit_)?status"; create n --timeout 5000; $S sandbox:PingSandbox --timeout 5000 sandbox_id=pod && echo there
		touch $T/go; wait $r && echo over; within 5 sh -c "! kill -0 $p 2>/dev/null"; grep -c $T/bundles /proc/self/mountinfo; clean' 2>&1
	echo "$output"
	[ "$output" = "status=3
exit_status=137
error: status 14: the shim is shutting down
there
over
0
clean" ]
}

@test "a sandbox's network: containers and added processes are in it; delete and shutdown take them away" {
	run world 'ip netns add pod; ip netns exec pod ip link set lo up; mkdir $T/bundles/pod; echo "{}" >$T/bundles/pod/config.json; S="$CLIENT $A"
		begin() { shim pod; S="$CLIENT $A"; $S sandbox:CreateSandbox sandbox_id=pod netns_path=/run/netns/pod; $S sandbox:StartSandbox sandbox_id=pod >/dev/null; create $1 rootfs=bind:$T/rootfs::rbind,ro >/dev/null; start $1 >/dev/null; }
		box m -- sleep 1000; box n -- sleep 1000; begin m; i=$(cat $T/bundles/m/init.pid); [ $(readlink /proc/$i/ns/net) != $(readlink /proc/self/ns/net) ] && echo apart; [ $(readlink /proc/$i/ns/net) = $(ip netns exec pod readlink /proc/self/ns/net) ] && echo joined
		[ $(readlink /proc/$(add m e "sleep 555" | sed -n s/^pid=//p)/ns/net) = $(readlink /proc/$i/ns/net) ] && echo added
		p=$(shim_pid); [ $(readlink /proc/$p/ns/net) = $(readlink /proc/self/ns/net) ] && echo back; $S sandbox:ShutdownSandbox sandbox_id=pod; within 5 sh -c "! kill -0 $p 2>/dev/null"; grep -c $T/bundles /proc/self/mountinfo
		begin n; p=$(shim_pid); shim_delete pod >/dev/null; within 5 sh -c "! kill -0 $p 2>/dev/null"; grep -c $T/bundles /proc/self/mountinfo; ip netns del pod; clean' 2>&1
	echo "$output"
	[ "$output" = "apart
joined
added
back
0
0
clean" ]
}
