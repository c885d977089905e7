#!/usr/bin/env bats
# The supervisor on hand-made bundles, in namespaces of this machine, with the real runc and containerd. The same tests
# run with containerd, with one that nobody asks for, and without any: services-lazy.bats and services-direct.bats are
# links to this file.

load ../lib/bundles

setup() {
	bundles_setup
	case $BATS_TEST_FILENAME in
	*direct*) export ENGINE=direct ;;
	*lazy*) export ENGINE=lazy ;;
	*) export ENGINE=containerd ;;
	esac
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || cat "$ROOT/console" || true
	bundles_teardown
}

@test "all services are started, listed, and stopped on TERM" {
	service one -- serve
	service two -- serve
	run machine 'supervise && within 20 all_running && "$SERVICE" list && jq -c ".steps[]" /run/pith/boot.json
		"$SERVICE" list --format json | jq -c ".[] | .state, .restarts, .exit, (.pid > 1)" | tr "\n" " "
		a=$(field one 3) b=$(field two 3)
		within 5 grep -qa sleep /proc/$a/cmdline && kill -0 $a && kill -0 $b && finish && ! kill -0 $a 2>/dev/null && ! kill -0 $b 2>/dev/null && echo gone'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^NAME\ +STATE\ +PID\ +RESTARTS\ +UPTIME\ +EXIT$ ]]
	[[ "${lines[1]}" =~ ^one\ +running\ +[0-9]+\ +0\ +[0-9]+\ +-$ ]]
	[[ "$output" == *'"name":"two","program":"services"'*'"running" 0 null true "running" 0 null true'*gone ]]
}

@test "what a service writes is in /var/log under LinuxKit's names, and service logs shows it" {
	service talk -- 'echo to out; echo to err >&2; serve'
	run machine 'supervise && becomes talk running && within 5 grep -q err /var/log/talk.log && within 5 grep -q out /var/log/talk.out.log
		cat /var/log/talk.out.log /var/log/talk.log; "$SERVICE" logs talk | sort -r; "$SERVICE" logs -n 1 nobody; finish'
	echo "$output"
	[ "${lines[0]}|${lines[1]}|${lines[2]}|${lines[3]}" = "to out|to err|to out|to err" ]
	[[ "${lines[4]}" == *"no logs of nobody"* ]]
}

@test "service logs shows both streams in the order written, with times, from a line or a time on, across files that were turned" {
	service talk "$(shared)" -- 'next() { until [ -e /x/$1 ]; do usleep 20000; done; }
		echo one; next a; echo two >&2; next b; printf thr; next c; echo ee; next d; i=0; while [ $i -lt 9000 ]; do echo "filler $i $(printf %0120d 0)"; i=$((i + 1)); done; next e; echo last >&2; next f; echo end; serve'
	run machine 'supervise; logs() { "$SERVICE" logs "$@" talk; }; has() { logs | grep -q "$1"; }
		within 20 has one; logs -f -t >$ROOT/followed 2>/dev/null & f=$!; touch $ROOT/a; within 20 has two; since=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ); touch $ROOT/b; within 20 has thr; touch $ROOT/c; within 20 has ee
		logs | tr "\n" ,; echo; logs -t | sed "s/[0-9]/9/g" | tr "\n" ,; echo; logs --tail 2 | tr "\n" ,; echo; logs -n 0; logs --since $since; logs --since 10m | wc -l; logs --since 1 -n all | wc -l
		[ "$(logs -t | sort)" = "$(logs -t)" ] && echo sorted; logs --since never
		touch $ROOT/d; within 60 has "filler 8999"; touch $ROOT/e; within 20 has last; touch $ROOT/f; within 20 has end; ls /var/log/talk.out.log.1; logs -n 3 | cut -c 1-11; logs --tail 9001 | wc -l; logs --tail 9005 | head -3; [ $(stat -c %s /var/log/talk.order) -gt 0 ] && echo kept
		mkdir -p /run/log/onboot; for k in onboot.000-first onboot.001-talk; do echo "$k says" >/run/log/onboot/$k.out.log; echo "$k fails" >/run/log/onboot/$k.log; done
		for n in 000-first first onboot/first onboot/talk onboot/nobody ../x; do "$SERVICE" logs $n 2>&1 | tr "\n" ,; echo; done
		within 20 grep -q " end$" $ROOT/followed; kill $f; finish'
	echo "$output"
	[ "${lines[0]}" = "one,two,three," ]
	local t=9999-99-99T99:99:99.999999Z
	[ "${lines[1]}" = "$t one,$t two,$t three," ]
	[ "${lines[2]}" = "two,three," ]
	[ "${lines[3]}|${lines[4]}|${lines[5]}|${lines[6]}" = "three|3|3|sorted" ]
	[ "${lines[7]}" = "service: --since: 'never' is neither a time (2026-01-31T12:00:00Z) nor how long ago (10m)" ]
	[ "${lines[8]}" = /var/log/talk.out.log.1 ]
	[ "${lines[9]}|${lines[10]}|${lines[11]}|${lines[12]}" = "filler 8999|last|end|9001" ]
	[ "${lines[13]}|${lines[14]}|${lines[15]}|${lines[16]}" = "one|two|three|kept" ]
	for n in 17 18 19; do [ "${lines[n]}" = "onboot.000-first says,onboot.000-first fails," ] || return 1; done
	[ "${lines[20]}" = "onboot.001-talk says,onboot.001-talk fails," ]
	[[ "${lines[21]}" == *"no logs of onboot/nobody: there are those of first, talk,"* ]]
	[[ "${lines[22]}" == *"service '../x'"* ]]
	grep -qE "^$(sed 's/9/[0-9]/g' <<<"$t") two$" "$ROOT/followed"
}

@test "a service that fails is named with its status and its last lines, and started again after growing delays" {
	service bad -- 'echo first; echo last words >&2; exit 3'
	run machine 'supervise && within 20 restarted bad 4; "$SERVICE" list; finish; cat $ROOT/console'
	echo "$output"
	[[ "$output" =~ bad\ +(backoff|starting|running)\ +[0-9-]+\ +[4-9] ]]
	[[ "$output" == *"bad: exit status 3; starting it again in 0.1 s"*"bad| last words"*"in 0.2 s"*"in 0.4 s"* ]]
}

@test "services that end at once have their true exit status, with crun too" {
	local i
	for i in {1..20}; do service s$i annotation=org.pith.restart:no -- "exit $i"; done
	service again -- 'exit 3'
	[ "$ENGINE" != direct ] || export RUNTIME=/usr/bin/crun
	run machine 'supervise; within 40 restarted again 5; for i in {1..20}; do becomes s$i failed; echo $i $(field s$i 6); done | awk "\$1 != \$2"; field again 6; finish; grep "again: .*status" $ROOT/console | grep -v "exit status 3;"'
	echo "$output"
	[ "$output" = 3 ]
}

@test "what the kernel kills for want of memory is seen in the list and named once a second at most, also where the service goes on" {
	[ -d /sys/fs/cgroup/memory ] || [ -f /sys/fs/cgroup/memory.stat ]
	local s
	service calm -- serve
	# it waits until the supervisor knows of it: whose group has gone by then is not looked at
	service hog annotation=org.pith.restart:no "$(shared)" -- 'while [ ! -e /x/go ]; do usleep 20000; done; exec tail /dev/zero'
	service parent "$(shared)" -- 'i=0; while [ $i -lt 20 ]; do sh -c "exec tail /dev/zero" 2>/dev/null; i=$((i + 1)); done; >/x/done; serve'
	for s in hog parent; do sed -i 's/"resources":{}/"resources":{"memory":{"limit":16777216}}/' "$ROOT/services/$s/config.json"; done
	run machine 'supervise; becomes hog running; touch $ROOT/go; becomes hog failed; becomes parent running; within 60 test -e $ROOT/done
		kills() { "$SERVICE" list --format json | jq -r ".[] | select(.name == \"$1\").oom_kills"; }; counted() { [ "$(kills parent)" = 20 ]; }
		named() { sed -n "s/.*parent: out of memory: \(a\|[0-9]*\) process.* killed (limit 16.0 MiB)$/\1/p" $ROOT/console | sed "s/a/1/"; }; all_named() { [ "$(named | awk "{ n += \$1 } END { print n }")" = 20 ]; }
		within 20 counted; within 20 all_named; "$SERVICE" list; "$SERVICE" ps | sed "s/  */ /g"; kills hog; kills calm; [ "$(named | wc -l)" -lt 20 ] && echo together
		supervisor_dies; rm -f /run/pith/service.sock; supervise; becomes parent running; kills parent; "$SERVICE" restart calm; kills calm; finish'
	echo "$output"
	[[ "${lines[1]}" =~ ^calm\ +running\ .*\ -$ ]]
	[[ "${lines[2]}" =~ ^hog\ +failed\ +-\ +0\ +-\ +137\ +\(oom\)$ ]]
	[[ "${lines[3]}" =~ ^parent\ +running\ .*\ -\ +\(oom\)$ ]]
	[[ "${lines[6]}" =~ ^hog\ failed\ -\ 0\ -\ -\ 137\ \(oom\)$ ]]
	[[ "${lines[7]}" =~ ^parent\ .*\ -\ \(oom\)$ ]]
	[ "${lines[8]}|${lines[9]}|${lines[10]}" = "1|0|together" ]
	[ "${lines[11]}" = 20 ]
}

@test "restart policies" {
	local p
	for p in no on-failure always; do
		service "$p-good" annotation=org.pith.restart:$p -- true
		service "$p-bad" annotation=org.pith.restart:$p -- 'exit 9'
	done
	run machine 'supervise && within 30 restarted always-good 2 && within 30 restarted always-bad 2 && within 30 restarted on-failure-bad 2
		becomes no-good ended && becomes no-bad failed && becomes on-failure-good ended
		for n in no-good no-bad on-failure-good on-failure-bad always-good always-bad; do
			echo "$n $(field $n 4 | tr 2-9 +) $(field $n 6)"; done; finish'
	echo "$output"
	[ "$output" = "no-good 0 0
no-bad 0 9
on-failure-good 0 0
on-failure-bad + 9
always-good + 0
always-bad + 9" ]
}

@test "org.pith.after: a chain starts in its order, each when the one before is ready, and stops in reverse" {
	local serve='trap "echo $n stops >>/x/order; exit 0" TERM; echo open; while :; do sleep 1000 & wait; done' open=annotation=org.pith.ready:log:open
	service a annotation=org.pith.after:b $open "$(shared)" -- "n=a; echo a starts >>/x/order; $serve"
	service b annotation=org.pith.after:c $open "$(shared)" -- "n=b; sleep 0.3; echo b starts >>/x/order; $serve"
	service c $open "$(shared)" -- "n=c; echo c starts >>/x/order; $serve"
	run machine 'supervise && becomes a running && finish; cat $ROOT/order'
	[ "$output" = "c starts
b starts
a starts
a stops
b stops
c stops" ]
}

@test "a service is not started while one that it is after has failed" {
	service broken annotation=org.pith.restart:no annotation=org.pith.ready:log:up -- 'exit 1'
	service waits annotation=org.pith.after:broken -- serve
	service free annotation=org.pith.after:nobody -- serve
	run machine 'supervise && becomes broken failed && becomes free running && field waits 2
		sed -i "s/exit 1/echo up; serve/" $ROOT/services/broken/config.json; "$SERVICE" stop broken; "$SERVICE" start broken && becomes waits running && finish && echo fine'
	echo "$output"
	[ "$output" = "waiting
fine" ]
}

@test "services that are after each other are all started, and the circle is named" {
	service x annotation=org.pith.after:y -- serve
	service y annotation=org.pith.after:x -- serve
	run machine 'supervise && within 20 all_running && finish; cat $ROOT/console'
	[ "$status" -eq 0 ]
	[[ "$output" == *"org.pith.after: cycle: x -> y -> x"* ]]
}

@test "readiness: a port on the service's own network, a command, a text" {
	service tcp ns=pid,mount,network caps=CAP_NET_ADMIN annotation=org.pith.ready:tcp:4321 "$(shared)" -- 'ifconfig lo up; while [ ! -e /x/go ]; do usleep 20000; done; nc -l -p 4321; serve'
	service exec 'annotation=org.pith.ready:exec:test -e /x/go' "$(shared)" -- serve
	service log annotation=org.pith.ready:log:gone "$(shared)" -- 'while [ ! -e /x/go ]; do usleep 20000; done; printf go; usleep 50000; echo ne; serve'
	run machine 'supervise
		for n in tcp exec log; do becomes $n checking; done; sleep 0.3; for n in tcp exec log; do field $n 2; done
		touch $ROOT/go; for n in tcp exec log; do becomes $n running; done; finish && echo fine'
	echo "$output"
	[ "$output" = "checking
checking
checking
fine" ]
}

@test "readiness of a unix socket is seen inside the container" {
	cp "$(command -v socat)" "$ROOT/socat" 2>/dev/null || skip "no socat"
	service unix annotation=org.pith.ready:unix:/tmp/s 'mount={"destination":"/tmp","type":"tmpfs","source":"tmpfs"}' \
		'mount={"destination":"/lib64","type":"bind","source":"/lib64","options":["rbind","ro"]}' \
		'mount={"destination":"/lib","type":"bind","source":"/lib","options":["rbind","ro"]}' \
		'mount={"destination":"/usr","type":"bind","source":"/usr","options":["rbind","ro"]}' "$(shared)" -- \
		'while [ ! -e /x/go ]; do usleep 20000; done; /x/socat UNIX-LISTEN:/tmp/s,fork /dev/null & serve'
	mkdir -p "$ROOT/services/unix/rootfs"/{lib,lib64,usr}
	run machine 'supervise && becomes unix checking && touch $ROOT/go && becomes unix running && finish && echo fine'
	echo "$output"
	[ "$output" = fine ]
}

@test "readiness of a unix socket: a link in the container leads to a place in the container" {
	cp "$(command -v socat)" "$ROOT/socat" 2>/dev/null || skip "no socat"
	local name root=("$(shared)" 'mount={"destination":"/lib64","type":"bind","source":"/lib64","options":["rbind","ro"]}' \
		'mount={"destination":"/lib","type":"bind","source":"/lib","options":["rbind","ro"]}' \
		'mount={"destination":"/usr","type":"bind","source":"/usr","options":["rbind","ro"]}' \
		'mount={"destination":"/run","type":"tmpfs","source":"tmpfs"}')
	service out annotation=org.pith.ready:unix:/link annotation=org.pith.ready-timeout:1s annotation=org.pith.restart:no -- serve
	service in annotation=org.pith.ready:unix:/link "${root[@]}" -- 'mkdir -p /run/pith; /x/socat UNIX-LISTEN:/run/pith/service.sock,fork /dev/null & serve'
	for name in in out; do
		mkdir -p "$ROOT/services/$name/rootfs"/{lib,lib64,usr}
		ln -s /run/pith/service.sock "$ROOT/services/$name/rootfs/link"
	done
	run machine 'supervise && becomes in running && becomes out failed && finish && grep -o "out: not ready.*" $ROOT/console'
	echo "$output"
	[ "$output" = "out: not ready within 1.0 s" ]
}

@test "a service that is not ready in time has failed: its restart policy decides, and those after it wait" {
	service late annotation=org.pith.ready:log:never annotation=org.pith.ready-timeout:300ms annotation=org.pith.restart:no -- serve
	service again annotation=org.pith.ready:tcp:1 annotation=org.pith.ready-timeout:300ms -- serve
	service waits annotation=org.pith.after:late -- serve
	run machine 'supervise && "$SERVICE" wait --started late && echo started && becomes late failed && within 20 restarted again 2; field waits 2; finish; cat $ROOT/console'
	echo "$output"
	[[ "$output" == started*waiting*"late: not ready within 0.3 s"* ]]
}

@test "stop: the signal and the grace period of the service, then KILL" {
	service polite annotation=org.pith.ready:log:up annotation=org.pith.stop-signal:USR1 "$(shared)" -- 'trap "echo usr1 >>/x/got; exit 5" USR1; echo up; while :; do sleep 1000 & wait; done'
	service deaf annotation=org.pith.ready:log:up annotation=org.pith.stop-timeout:300ms -- 'trap "" TERM; echo up; while :; do sleep 1000; done'
	service deafer annotation=org.pith.ready:log:up annotation=org.pith.stop-timeout:3s -- 'trap "" TERM; echo up; while :; do sleep 1000; done'
	run machine 'supervise && within 20 all_running
		time "$SERVICE" stop polite; field polite 2; field polite 6; cat $ROOT/got
		"$SERVICE" stop deaf; field deaf 2; field deaf 6; "$SERVICE" stop deaf && finish; grep -c "deaf: does not end, killing it" $ROOT/console
		grep -o "waiting for.*" $ROOT/console' 2>/dev/null
	echo "$output"
	[ "$(sed '/^$/d;/^real/d;/^user/d;/^sys/d' <<<"$output")" = "stopped
5
usr1
stopped
137
1
waiting for deafer to end: it is killed 3.0 s after its stop signal" ]
}

@test "restart is idempotent: a running service anew, a stopped one started, with a fresh writable layer" {
	service rw readonly=false annotation=org.pith.ready:log:up -- 'ls /etc/mark 2>/dev/null && echo old; touch /etc/mark; echo up; serve'
	bundle_overlay "$ROOT/services/rw"
	run machine 'supervise && becomes rw running; p=$(field rw 3)
		"$SERVICE" restart rw && "$SERVICE" restart rw && [ $(field rw 3) != $p ] && is rw running && echo anew
		"$SERVICE" stop rw && grep -c " $ROOT/" /proc/self/mountinfo; "$SERVICE" restart rw && is rw running && echo started; "$SERVICE" start rw && echo again
		within 5 eval "[ \$(wc -l </var/log/rw.out.log) = 4 ]"; cat /var/log/rw.out.log; finish; grep -c " $ROOT/" /proc/self/mountinfo'
	echo "$output"
	[ "$output" = "anew
0
started
again
up
up
up
up
0" ]
}

@test "requests that make no sense, and peers that make none either" {
	service one -- serve
	run machine 'supervise && becomes one running
		"$SERVICE" start nobody; "$SERVICE" start ../one; "$SERVICE" frob one; "$SERVICE" stop; "$SERVICE" -q -v list
		head -c 100000 /dev/zero | socat -t30 - UNIX:/run/pith/service.sock; printf "list" | socat -t30 - UNIX:/run/pith/service.sock
		printf "a\0b\0c\0d\0e\0" | socat -t30 - UNIX:/run/pith/service.sock
		for i in $(seq 40); do (exec 3<>/dev/null; socat -u OPEN:/dev/null UNIX:/run/pith/service.sock) & done; wait $(jobs -p | grep -v "^$SUPERVISOR$")
		cat >$ROOT/silent.py <<-EOF
			import socket, sys, time
			held = []
			for i in range(200):
			    s = socket.socket(socket.AF_UNIX); s.connect("/run/pith/service.sock"); s.sendall(b"" if i % 2 else b"list"); held.append(s)
			print("held", flush=True); time.sleep(1000)
		EOF
		python3 $ROOT/silent.py >$ROOT/silent & p=$!; within 10 grep -q held $ROOT/silent; "$SERVICE" list | grep -c "one *running"; "$SERVICE" restart one && echo restarted; kill $p
		is one running && finish && echo fine'
	echo "$output"
	[[ "$output" == *"no service 'nobody' in $ROOT/services"*"no service '../one'"*"'frob' is no command"*"name one service"*"either -q or -v"* ]]
	[[ "$output" == *"error: broken request"*"error: unknown request"*"1
restarted
fine" ]]
}

@test "a service that writes without end fills no disk" {
	service chatty -- 'yes 0123456789abcde | head -c 5000000; echo the end; serve'
	run machine 'supervise && within 20 grep -q "the end" /var/log/chatty.out.log; stat -c %s /var/log/chatty.out.log /var/log/chatty.out.log.1; ls /var/log | grep -c chatty.out
		"$SERVICE" logs -n 1 chatty; finish'
	echo "$output"
	[ "${lines[0]}" -le 1048576 ]
	[ "${lines[1]}" -le 1048576 ]
	[ "${lines[1]}" -gt 1000000 ]
	[ "${lines[2]}" = 2 ]
	[ "${lines[3]}" = "the end" ]
}

# The logs' directory of the machine, as log daemons have it.
logs_bound() { echo 'mount={"destination":"/l","type":"bind","source":"/var/log","options":["bind"]}'; }

@test "a container that has /var/log does not bend its log, whatever it puts in its place" {
	service evil "$(logs_bound)" "$(shared)" -- 'cd /l; await() { while [ ! -e /x/$1 ]; do usleep 20000; done; }
		n=0; for what in "ln -s /run/victim evil.out.log" "mkfifo evil.out.log" "mkdir evil.out.log" "mkdir -p evil.out.log/full" "ln other evil.out.log" "ln -s /run/victim evil.out.log.1" "mkdir -p evil.out.log.1/full"; do
			await go$n; n=$((n + 1)); rm -rf evil.out.log evil.out.log.1; $what; yes | head -c 1200000; echo "round $n"; done; serve'
	run machine 'echo other >/var/log/other; supervise; becomes evil running
		for n in 1 2 3 4 5 6 7; do touch $ROOT/go$((n - 1)); within 20 grep -qsx "round $n" /var/log/evil.out.log || echo "round $n: no"; [ -f /var/log/evil.out.log ] && [ ! -L /var/log/evil.out.log ] || echo "round $n: no file"
			[ "$("$SERVICE" logs -n 1 evil)" = "round $n" ] || echo "round $n: not shown"; is evil running || echo "round $n: down"; done
		cat /var/log/other; ls /run/victim 2>/dev/null; ls -d /var/log/*aside*; finish; echo $?'
	echo "$output"
	[ "$output" = "other
/var/log/evil.out.log.1.aside.1
/var/log/evil.out.log.aside.1
0" ]
}

@test "a supervisor that follows another, last words and service logs follow no link in /var/log and wait for no fifo" {
	service one -- 'echo to err >&2; serve'
	service two annotation=org.pith.restart:no "$(shared)" -- 'echo last words >&2; while [ ! -e /x/end ]; do usleep 20000; done; exit 3'
	run machine 'supervise; becomes one running; becomes two running; cd /var/log; within 5 grep -q words two.log; rm one.log two.log; echo secret >/run/secret; ln -s /run/secret two.log; mkfifo one.log
		timeout 10 "$SERVICE" logs one; echo $?; timeout 10 "$SERVICE" logs two; echo $?
		touch $ROOT/end; becomes two failed; ln -sf /run/secret one.out.log; touch containerd.log; [ $ENGINE != containerd ] || ln -sf /run/secret containerd.log; supervisor_dies; supervise; becomes one running; ls -l one.log one.out.log containerd.log | cut -c1; cat /run/secret; finish; echo $?; sed -n "s/.*\(error: two| \)/\1/p" $ROOT/console'
	echo "$output"
	[ "$output" = "service: error: /var/log/one.log: a regular file is wanted, this is a fifo
1
service: error: /var/log/two.log: Symbolic link loop
1
-
-
-
secret
0
error: two| last words" ]
}

@test "a log file that was removed, moved away or emptied is made anew at the next line; a follower gets each line once, also when it looks late" {
	service talk "$(shared)" -- 'trap "exit 0" TERM; n=0; while :; do while [ ! -e /x/line$n ]; do usleep 20000; done; echo "line $n"; n=$((n + 1)); done'
	run machine 'supervise; becomes talk running; log=/var/log/talk.out.log; "$SERVICE" logs -f talk >$ROOT/followed & f=$!
		say() { touch $ROOT/line$1; within 5 grep -qx "line $1" $log; }; shown() { within 20 grep -qx "line $1" $ROOT/followed; }
		say 0; shown 0; kill -STOP $f; say 1; rm $log; say 2; mv $log $log.moved; say 3; say 4; kill -CONT $f; shown 4; rm $log; say 5; shown 5
		kill -STOP $f; say 6; : >$log; say 7; kill -CONT $f; shown 7; rm -r /var/log/*; say 8; cat $log; shown 8; kill $f; wait $f 2>/dev/null; tr "\n" , <$ROOT/followed; echo; finish; echo $?'
	echo "$output"
	# Line 2 was moved away and line 6 emptied before the follower looked.
	[ "$output" = "line 8
line 0,line 1,line 3,line 4,line 5,line 7,line 8,
0" ]
}

@test "/var/log that is a link before the first service leads where the image wants it, and nowhere else later" {
	service one "$(shared)" -- 'echo first; while [ ! -e /x/go ]; do usleep 20000; done; echo second; serve'
	run machine 'umount /var/log; mount -t tmpfs tmpfs /var; mkdir -p /var/persist/log /run/elsewhere; ln -s persist/log /var/log; supervise; becomes one running; within 5 grep -qx first /var/persist/log/one.out.log
		ln -sfn /run/elsewhere /var/log; supervisor_dies; supervise; becomes one running; touch $ROOT/go; within 5 grep -qx second /var/persist/log/one.out.log; "$SERVICE" logs one; ls /run/elsewhere; finish; echo $?'
	echo "$output"
	[ "$output" = "first
second
0" ]
}

@test "service logs -f goes on with what comes" {
	service tick -- 'trap "exit 0" TERM; i=0; while :; do i=$((i+1)); echo tick $i; usleep 50000; done'
	run machine 'supervise && becomes tick running; "$SERVICE" logs -n 1 -f tick >$ROOT/f & l=$!; within 20 eval "[ \$(sort -u $ROOT/f | wc -l) -ge 10 ]" && echo enough; kill $l; finish; head -c 4 $ROOT/f'
	echo "$output"
	[ "${lines[0]}" = enough ]
	[ "${lines[1]}" = tick ]
}

@test "with a memory log daemon its socket gets the output, under LinuxKit's names" {
	service talk -- 'echo to out; echo to err >&2; echo more >&2; exit 4'
	cat >"$ROOT/memlogd.py" <<-'EOF'
		import array, os, socket, sys, threading
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("/run/linuxkit-external-logging.sock")
		lock = threading.Lock()
		def read(name, fd):
		    for line in os.fdopen(fd):
		        with lock:
		            print(name, line, end="", flush=True)
		while True:
		    data, anc, flags, addr = s.recvmsg(512, socket.CMSG_SPACE(64))
		    for level, kind, payload in anc:
		        for fd in array.array("i", payload[:len(payload) // 4 * 4]):
		            threading.Thread(target=read, args=(data.decode(), fd), daemon=True).start()
	EOF
	run machine 'python3 $ROOT/memlogd.py >$ROOT/got & m=$!; within 10 test -S /run/linuxkit-external-logging.sock; supervise
		within 20 grep -q "talk more" $ROOT/got; within 20 grep -q "talk.out to out" $ROOT/got; within 10 says "talk. more"; ls /var/log; kill $m; rm /run/linuxkit-external-logging.sock
		within 20 grep -q "more" /var/log/talk.log && echo "then files"; finish; grep ^talk $ROOT/got | sort -u'
	echo "$output"
	[ "$(grep -v ^containerd <<<"$output")" = "then files
talk more
talk to err
talk.out to out" ]
}

@test "fifty services at once" {
	local i
	for i in $(seq 50); do
		service "s$i" -- 'trap "exit 0" TERM; sleep 1000 & wait'
	done
	run machine 'supervise && within 90 all_running; "$SERVICE" list | grep -c running; awk "/^Rss/ {print \$2}" /proc/$SUPERVISOR/smaps_rollup; finish && echo fine'
	echo "$output"
	[ "${lines[0]}" = 50 ]
	[ "${lines[2]}" = fine ]
	echo "# resident: ${lines[1]} KiB with 50 services" >&3
	[ "${lines[1]}" -lt 1024 ]
}

@test "a supervisor that was killed is followed by one that takes the services over" {
	service one -- 'trap "exit 0" TERM; while :; do echo x; usleep 20000; done'
	service gone -- serve
	run machine 'supervise && within 20 all_running; a=$(field one 3) b=$(field gone 3)
		kill -9 $SUPERVISOR; wait $SUPERVISOR 2>/dev/null; kill -0 $a || exit 7; kill -9 $b; rm -f /run/pith/service.sock
		touch /run/pith/services/.state.aaaaaa.tmp /run/pith/services/one/.state.aaaaaa.tmp
		supervise && becomes one running && [ $(field one 3) = $a ] && echo the same
		find /run/pith -name ".*.tmp"
		within 20 restarted gone 1 && becomes gone running && [ $(field gone 3) != $b ] && echo a new one
		n=$(wc -l </var/log/one.out.log); within 5 eval "[ \$(wc -l </var/log/one.out.log) -gt $n ]" && echo still writes
		kill -9 $a; within 20 restarted one 1 && becomes one running && echo restarted; finish; kill -0 $a 2>&1 | grep -c "No such"'
	echo "$output"
	[[ "$output" == "the same
a new one
still writes
restarted
1" ]]
}

@test "the supervisor after a killed one knows how services ended meanwhile, and what was asked for" {
	local wait='trap "exit 0" TERM; while [ ! -e /x/$n ]; do usleep 20000; done'
	service three annotation=org.pith.restart:no "$(shared)" -- "n=three; $wait; exit 3"
	service zero "$(shared)" -- "n=zero; $wait"
	service five annotation=org.pith.restart:no "$(shared)" -- "n=five; $wait; exit 5"
	service again "$(shared)" -- "rm /x/six; n=six; $wait; exit 6"
	service stopped -- serve
	service over annotation=org.pith.restart:no -- 'exit 4'
	service crash -- 'exit 1'
	service late 'annotation=org.pith.ready:exec:test -e /x/ready' "$(shared)" -- serve
	service rw readonly=false -- serve
	bundle_overlay "$ROOT/services/rw"
	run machine 'VERB=keep supervise; for n in three zero five again stopped rw; do becomes $n running; done; becomes late checking; becomes over failed
		"$SERVICE" stop stopped; within 20 restarted crash 3; a=$(field five 3) u=$(field five 5) p=$(field three 3) z=$(field zero 3) c=$(field crash 4) m=$(grep -c " $ROOT/" /proc/self/mountinfo)
		kill -STOP $SUPERVISOR; kill -9 $(pgrep -P $SUPERVISOR | head -n 1); touch $ROOT/three $ROOT/zero
		for i in $p $z; do within 10 eval "! grep -q \"^State:.[RSD]\" /proc/$i/status"; done; kill -CONT $SUPERVISOR
		within 20 "$SERVICE" list; for n in three over; do becomes $n failed; echo $n $(field $n 6); done; becomes zero ended; echo zero $(field zero 6)
		becomes five running; [ $(field five 3) = $a ] && [ $(field five 5) -ge $u ] && echo "the same"; field stopped 2; restarted crash $c && echo "counts on"
		[ $m = $(grep -c " $ROOT/" /proc/self/mountinfo) ] && echo "mounted once"
		field late 2; touch $ROOT/ready; becomes late running; touch $ROOT/five $ROOT/six; becomes five failed; echo five $(field five 6); within 20 restarted again 1; echo again $(field again 6)
		"$SERVICE" start stopped && is stopped running && echo started; finish; ls /run/pith/services/*/state 2>/dev/null; grep -c " $ROOT/" /proc/self/mountinfo'
	echo "$output"
	[ "$output" = "three 3
over 4
zero 0
the same
stopped
counts on
mounted once
checking
five 5
again 6
started
0" ]
}

@test "interfaces and namespace binds, again at each restart" {
	service net ns=pid,mount,network 'mount={"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}' -- 'ls /sys/class/net; echo listed; serve'
	echo '{"interfaces":[{"name":"v0","peer":"v0peer"}],"bindNS":{"net":"/run/b/net","mnt":"/run/b/mnt"}}' >"$ROOT/services/net/runtime.json"
	PIN=1 run machine -n 'ip link set lo up; supervise && becomes net running; within 5 grep -q listed /var/log/net.out.log; grep -x v0 /var/log/net.out.log; ip -o link show v0peer | grep -o v0peer
		same() { [ "net:[$(stat -c %i /run/b/net)]" = "$(readlink /proc/$(field net 3)/ns/net)" ] && [ "mnt:[$(stat -c %i /run/b/mnt)]" = "$(readlink /proc/$(field net 3)/ns/mnt)" ]; }
		same && echo bound; "$SERVICE" restart net; becomes net running; same && echo bound again; kill -9 $(field net 3); within 20 restarted net 1; becomes net running; same && echo and again
		finish; grep -c " /run/b" /proc/self/mountinfo'
	echo "$output"
	[ "$output" = "v0
v0peer
bound
bound again
and again
0" ]
}

@test "a broken bundle is named, the others start, and it can be started when it has been mended" {
	service good -- serve
	service bad annotation=org.pith.restart:sometimes -- serve
	mkdir -p "$ROOT/services/empty"
	run machine 'supervise && becomes good running; "$SERVICE" list | awk "{print \$1, \$2}"; "$SERVICE" start bad
		sed -i s/sometimes/always/ $ROOT/services/bad/config.json; "$SERVICE" start bad && is bad running && finish; cat $ROOT/console'
	echo "$output"
	[[ "$output" == "NAME STATE
bad failed
empty failed
good running"*"bad: could not be started"* ]]
	[[ "$output" == *"bad: org.pith.restart: 'sometimes' is none of no, on-failure, always"* ]]
	[[ "$output" == *"empty: $ROOT/services/empty/config.json: No such file"* ]]
}

@test "what cannot be started is named with the reason" {
	service none annotation=org.pith.restart:no -- serve
	sed -i 's|"args":\["sh"|"args":["/no/such/program"|' "$ROOT/services/none/config.json"
	service nomount annotation=org.pith.restart:no -- serve
	echo '{"mounts":[{"destination":"x","type":"nosuchfs","source":"y"}]}' >"$ROOT/services/nomount/runtime.json"
	service good -- serve
	run machine 'supervise && becomes good running; becomes none failed; becomes nomount failed; "$SERVICE" start none; finish && echo fine; cat $ROOT/console; zombies'
	echo "$output"
	[[ "$output" == *"none: could not be started"*fine* ]]
	[[ "$output" == *"none: cannot be started: "*"/no/such/program"* ]]
	[[ "$output" == *"nomount: cannot be started: mount nosuchfs y on"* ]]
	[ "${lines[-1]}" = 0 ]
}

@test "a service that came after the start, from this directory or another" {
	service one -- serve
	run machine 'supervise && becomes one running; cp -a $ROOT/services/one $ROOT/services/two; mkdir $ROOT/more; cp -a $ROOT/services/one $ROOT/more/three
		sed -i "s|/one\"|/two\"|" $ROOT/services/two/config.json; sed -i "s|/one\"|/three\"|" $ROOT/more/three/config.json
		"$SERVICE" start two && "$SERVICE" start --path $ROOT/more --dump-spec $ROOT/spec three && within 5 all_running; "$SERVICE" list | wc -l; jq -r .root.path $ROOT/spec; finish'
	echo "$output"
	[ "$output" = "4
$ROOT/more/three/rootfs" ]
}

@test "orphans of a container in the host's PID namespace are reaped" {
	service host ns=mount,ipc -- 'for i in 1 2 3 4 5; do (sleep 0.2 & exit 0) ; done; sleep 0.5; echo over; serve'
	run machine 'supervise && within 20 grep -q over /var/log/host.out.log; within 5 eval "[ \$(zombies) = 0 ]" && echo none; finish'
	echo "$output"
	[ "$output" = none ]
}

@test "system-init starts a supervisor in the background, once; without services and containerd it does nothing" {
	run machine '"$SERVICE" system-init --path $ROOT/nothing --containerd /nonexistent; echo "status $?"; ls /run/pith 2>/dev/null'
	[ "$output" = "status 0" ]
	service one -- serve
	run machine 'engine="--containerd /nonexistent --runtime $(command -v runc)"; if [ $ENGINE = containerd ]; then containerd_configure; engine=; else shim_first; fi
		ln -s "$SERVICE" $ROOT/020-containerd; $ROOT/020-containerd --path $ROOT/services $engine 2>$ROOT/console </dev/null; echo "status $?"
		within 10 test -S /run/pith/service.sock; becomes one running; "$SERVICE" system-init --path $ROOT/services $engine; echo "status $?"
		p=$(field one 3); kill -TERM $(pgrep -f " supervise "); within 10 eval "! kill -0 $p" && echo stopped'
	echo "$output"
	[[ "$output" == "status 0
"*"a supervisor runs already
status 1
stopped" ]]
}
