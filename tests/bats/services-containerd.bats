#!/usr/bin/env bats
# What the supervisor does about containerd: its deaths, its settings, what it keeps over a boot.

load ../lib/bundles

setup() {
	bundles_setup
	export ENGINE=containerd
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || cat "$ROOT/console" || true
	bundles_teardown
}

@test "containerd is killed: services go on, it is back soon, and a service killed meanwhile is restarted" {
	service stays -- serve
	service dies -- serve
	run machine 'supervise && within 20 all_running; a=$(field stays 3) b=$(field dies 3)
		kill -9 $(pidof containerd) $b; t=$(date +%s%N); within 10 ctr version; t=$((($(date +%s%N) - t) / 1000000)); echo "back after $t ms"
		within 20 restarted dies 1; becomes dies running; [ $(field stays 3) = $a ] && [ $(field dies 3) != $b ] && echo good
		ctr -n services.linuxkit tasks ls 2>/dev/null | grep -cE "(stays +$a|dies +[0-9]+) +RUNNING"
		for i in 1 2 3; do kill -9 $(pidof containerd); within 10 ctr version; done; [ $(field stays 3) = $a ] && echo still; finish && echo fine'
	echo "$output"
	echo "$output" | grep "^back after" >&3 # 2 s on a machine with nothing else to do
	[[ "$output" == *"good
2
still
fine" ]]
}

@test "what a killed containerd left of a task that it was removing is gone before the next one starts" {
	service one -- serve
	run machine 'supervise; becomes one running; p=$(pidof containerd); left=/run/containerd/io.containerd.runtime.v2.task/services.linuxkit/.one
		mkdir $left; echo x >$left/address; kill -9 $p; within 20 eval "[ -n \"\$(pidof containerd)\" ] && ctr version"
		[ -e $left ] || echo gone; "$SERVICE" restart one && echo fine; becomes one running; [ -e $left ] || echo gone; finish; echo $?'
	echo "$output"
	[ "$output" = "gone
fine
gone
0" ]
}

@test "a shim is killed: its service has failed, the others go on" {
	service one -- serve
	service two -- serve
	run machine 'supervise && within 20 all_running; a=$(field one 3) b=$(field two 3); kill -9 $(awk "{print \$4}" /proc/$a/stat)
		within 30 restarted one 1; becomes one running; [ $(field one 3) != $a ] && [ $(field two 3) = $b ] && echo good; within 10 eval "! kill -0 $a" && echo "nothing left"; finish && echo fine; grep -o "one: .*; starting" $ROOT/console'
	echo "$output"
	[[ "$output" == "good
nothing left
fine
one: "* ]]
}

@test "services that end while containerd is away: their exit statuses count" {
	service zero "$(shared)" -- 'while [ ! -e /x/go ]; do usleep 20000; done'
	service three annotation=org.pith.restart:no "$(shared)" -- 'while [ ! -e /x/go ]; do usleep 20000; done; exit 3'
	service stays -- serve
	run machine 'supervise && within 20 all_running; a=$(field zero 3) b=$(field three 3) c=$(field stays 3)
		cp /etc/containerd/config.toml $ROOT/good; echo "version = [" >/etc/containerd/config.toml; kill -9 $(pidof containerd); touch $ROOT/go
		within 10 eval "! kill -0 $a"; within 10 eval "! kill -0 $b"; within 10 says "starting it again"; cp $ROOT/good /etc/containerd/config.toml
		becomes zero ended && becomes three failed && echo "$(field zero 6) $(field three 6)"; [ $(field stays 3) = $c ] && echo stays; finish && echo fine'
	echo "$output"
	[ "$output" = "0 3
stays
fine" ]
}

@test "the supervisor ends although a service ended while containerd was away for good" {
	service one -- serve
	service two -- serve
	run machine 'supervise && within 20 all_running; p=$(field one 3); echo "version = [" >/etc/containerd/config.toml; kill -9 $(pidof containerd)
		within 20 says "containerd: exit"; kill -9 $p; within 10 sh -c "! kill -0 $p 2>/dev/null"; kill -TERM $SUPERVISOR
		within 30 eval "! kill -0 $SUPERVISOR" && wait $SUPERVISOR; echo "status $?"; pgrep -x sleep | wc -l; grep -c "does not end" $ROOT/console'
	echo "$output"
	[ "$output" = "status 0
0
0" ]
}

@test "containerd that cannot start is named and tried again; services come when it does" {
	service one -- serve
	run machine 'containerd_configure; cp /etc/containerd/config.toml $ROOT/good; echo "version = [" >/etc/containerd/config.toml
		supervise; within 10 says "containerd: exit status 1; starting it again"; field one 2
		cp $ROOT/good /etc/containerd/config.toml; becomes one running && finish; grep -m1 -c "containerd|" $ROOT/console'
	echo "$output"
	[ "$output" = "starting
1" ]
}

@test "a kill of containerd in the middle of starting ends in everything running" {
	local i
	for i in 1 2 3 4; do service "s$i" -- serve; done
	run machine 'supervise; for i in 1 2 3 4 5 6; do within 10 pidof containerd; sleep 0.0$((i*i)); kill -9 $(pidof containerd) 2>/dev/null; done
		within 60 all_running && echo up; within 20 ctr version; ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c RUNNING; finish; echo $?; cat $ROOT/console'
	echo "$output"
	[[ "$output" == "up
4
0"* ]]
}

@test "containers of an earlier boot are replaced, those of no service forgotten" {
	service one -- 'echo old; serve'
	service other -- serve
	run machine 'supervise && within 20 all_running; kill -9 $SUPERVISOR $(pidof containerd); true'
	[ "$status" -eq 0 ]
	rm -rf "$ROOT/services"
	service one -- 'echo new; serve'
	run machine 'supervise && becomes one running; within 5 grep -q new /var/log/one.out.log && cat /var/log/one.out.log
		within 10 says "forgetting other"; within 5 eval "! ctr -n services.linuxkit containers ls -q 2>/dev/null | grep -q other"; ctr -n services.linuxkit containers ls -q 2>/dev/null; finish'
	echo "$output"
	[ "$output" = "new
one" ]
}

@test "runtime.json names containerd's namespace; --containerd-namespace the default one" {
	service one -- serve
	service two -- serve
	echo '{"namespace":"special"}' >"$ROOT/services/two/runtime.json"
	run machine 'containerd_configure; "$SERVICE" --containerd-namespace usual supervise --path $ROOT/services 2>$ROOT/console & SUPERVISOR=$!
		within 10 test -S /run/pith/service.sock; within 20 all_running; ctr -n usual tasks ls -q 2>/dev/null; ctr -n special tasks ls -q 2>/dev/null; "$SERVICE" stop two; ctr -n special containers ls -q 2>/dev/null; finish'
	echo "$output"
	[ "$output" = "one
two" ]
}

# A containerd that, while $ROOT/hold is there, waits before it does anything: one that is starting.
held_containerd() {
	printf '#!/bin/sh\necho $$ >>%s/started\nwhile [ -e %s/hold ]; do sleep 0.05; done\nexec %s "$@"\n' "$ROOT" "$ROOT" "$(command -v containerd)" >"$ROOT/held"
	chmod +x "$ROOT/held"
}

@test "the supervisor is killed while containerd starts: the next one waits for that containerd and starts no other" {
	service one -- serve
	held_containerd
	run machine 'alive() { for p in $(cat $ROOT/started); do kill -0 $p 2>/dev/null && echo $p; done; }
		recorded() { awk "{ print \$1 }" /run/pith/containerd.pid; }; starts() { [ $(wc -l <$ROOT/started) = $1 ]; }
		supervise --containerd $ROOT/held; becomes one running; a=$(field one 3); touch $ROOT/hold
		kill -9 $(recorded); within 10 starts 2; supervisor_dies; supervise --containerd $ROOT/held; p=$(recorded)
		supervisor_dies; supervise --containerd $ROOT/held; [ $(recorded) = $p ] && [ "$(alive)" = $p ] && echo "still the same"
		supervisor_dies $p; supervise --containerd $ROOT/held; within 10 starts 3; [ "$(alive)" = "$(recorded)" ] && [ "$(recorded)" != $p ] && echo "another one"
		kill -9 $(recorded); supervisor_dies; supervise --containerd $ROOT/held; within 10 starts 4; rm $ROOT/hold
		within 20 ctr version; [ "$(alive)" = "$(recorded)" ] && [ "$(pidof containerd)" = "$(recorded)" ] && echo "one containerd"
		becomes one running; [ $(field one 3) = $a ] && kill -9 $a && within 20 restarted one 1 && becomes one running && echo "restarted"
		"$SERVICE" restart one && ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c "one .*RUNNING"; finish; echo $?; alive; recorded'
	echo "$output"
	[ "$output" = "still the same
another one
one containerd
restarted
1
0
0" ]
}

@test "a supervisor that is killed while services start leaves no mounts over which the next one mounts" {
	service rw readonly=false -- serve
	bundle_overlay "$ROOT/services/rw"
	held_containerd
	run machine 'mounts() { grep -c " $ROOT/services/rw/" /proc/self/mountinfo; }; twice() { [ $(mounts) = 2 ]; }; touch $ROOT/hold
		for i in 1 2 3; do supervise --containerd $ROOT/held; within 10 is rw starting; within 10 twice; supervisor_dies; done; mounts
		supervise --containerd $ROOT/held; rm $ROOT/hold; becomes rw running; mounts; finish; echo $?; mounts'
	echo "$output"
	[ "$output" = "2
2
0
0" ]
}

@test "containerd that never serves is given up on and replaced" {
	service one -- serve
	held_containerd
	run machine 'containerd_configure; echo "start_timeout = \"500ms\"" >/etc/containerd/runtime-config.toml; touch $ROOT/hold
		supervise --containerd $ROOT/held; within 20 says "containerd: does not serve, killing it"; within 20 says "containerd: killed by signal 9"; rm $ROOT/hold
		becomes one running; pidof containerd | wc -w; "$SERVICE" restart one && echo fine
		echo "start_timeout = \"soon\"" >/etc/containerd/runtime-config.toml; finish; "$SERVICE" supervise --path $ROOT/services --containerd $(command -v containerd); echo $?'
	echo "$output"
	[[ "$output" == "1
fine
"*"/etc/containerd/runtime-config.toml: start_timeout: 'soon' is no duration (500ms, 10s, 2m)
1" ]]
}

@test "a containerd that is stuck is killed and replaced, whoever was its supervisor" {
	service one -- serve
	run machine 'answers() { timeout 20 ctr version; }; containerd_configure; echo "start_timeout = \"2s\"" >/etc/containerd/runtime-config.toml; supervise; becomes one running; a=$(field one 3) p=$(pidof containerd)
		kill -STOP $p; within 20 says "containerd.sock does not answer, killing it"; within 20 answers; [ $(pidof containerd) != $p ] && echo another
		p=$(pidof containerd); kill -STOP $p; supervisor_dies; supervise; within 20 eval "! kill -0 $p"; within 20 answers; pidof containerd | wc -w
		becomes one running; [ $(field one 3) = $a ] && timeout 60 "$SERVICE" restart one && echo fine; finish; echo $?'
	echo "$output"
	[ "$output" = "another
1
fine
0" ]
}

@test "a containerd of before that keeps the database and listens to nobody is ended" {
	service one -- serve
	run machine 'answers() { timeout 20 ctr version; }; supervise; becomes one running; p=$(pidof containerd); a=$(field one 3)
		supervisor_dies; rm /run/pith/containerd.pid /run/containerd/containerd.sock; supervise
		within 30 says "another one \(process $p\) keeps the database of ours"; within 20 answers; pidof containerd | wc -w; [ $(pidof containerd) != $p ] && echo another
		becomes one running; [ $(field one 3) = $a ] && timeout 60 "$SERVICE" restart one && echo fine; finish; echo $?'
	echo "$output"
	[ "$output" = "1
another
fine
0" ]
}

@test "a containerd that serves is taken as it is, also by a supervisor that has no record of it" {
	service one -- serve
	run machine 'supervise; becomes one running; p=$(pidof containerd); supervisor_dies; rm /run/pith/containerd.pid; supervise; becomes one running
		"$SERVICE" restart one; [ "$(pidof containerd)" = $p ] && awk -v p=$p "{ print \$1 == p }" /run/pith/containerd.pid
		echo "$$ 1" >/run/pith/containerd.pid; supervisor_dies $p; supervise; becomes one running; pidof containerd | wc -w; finish; echo $?'
	echo "$output"
	[ "$output" = "1
1
0" ]
}

# The supervisor has one containerd, or none, and the service is sent to another.
other_containerd() {
	service one -- serve
	mkdir -p "$ROOT/more"
	bundle "$ROOT/more/two" -- sh -c 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done'
	run machine 'VERB=keep supervise; becomes one running; "$SERVICE" start --sock /run/second.sock --path $ROOT/more two; "$SERVICE" start --sock second.sock --path $ROOT/more two
		containerd_configure; sed "s|^root.*|root = \"$ROOT/lib2\"|; s|/run/containerd|/run/second|; s|^state.*|state = \"/run/second\"|" /etc/containerd/config.toml >$ROOT/second.toml
		containerd --config $ROOT/second.toml --address /run/second.sock >$ROOT/second.log 2>&1 & second=$!
		within 10 ctr -a /run/second.sock version; "$SERVICE" start --sock /run/second.sock --path $ROOT/more two && ctr -a /run/second.sock -n services.linuxkit tasks ls -q 2>/dev/null
		ctr -n services.linuxkit tasks ls -q 2>/dev/null | grep -c two; kill -9 $(field two 3); within 20 restarted two 1; becomes two running && echo restarted
		"$SERVICE" restart --sock /run/third.sock two; "$SERVICE" restart --sock /run/second.sock two && is two running && echo again; p=$(field two 3)
		kill -9 $(pgrep -P $SUPERVISOR | head -n 1); within 20 "$SERVICE" list; becomes two running; [ $(field two 3) = $p ] && echo "taken over"
		kill -9 $second; wait $second 2>/dev/null; within 5 eval "! ctr -a /run/second.sock version"; containerd --config $ROOT/second.toml --address /run/second.sock >>$ROOT/second.log 2>&1 & second=$!
		kill -9 $p; within 20 restarted two 1; becomes two running && echo "found again"
		"$SERVICE" stop --sock /run/third.sock two; "$SERVICE" stop --sock /run/second.sock two && field two 2; ctr -a /run/second.sock -n services.linuxkit containers ls -q 2>/dev/null
		"$SERVICE" start two && ctr -a /run/second.sock -n services.linuxkit tasks ls -q 2>/dev/null; finish; kill -0 $second && echo alive; kill $second; wait $second; true'
	echo "$output"
	[ "$output" = "service: error: /run/second.sock: No such file or directory
service: error: 'second.sock' is no absolute path of a socket
two
0
restarted
service: error: two runs through /run/second.sock; stop it first
again
taken over
found again
service: error: two runs through /run/second.sock; stop it first
stopped
two
alive" ]
}

@test "--sock: another containerd than the supervisor's, with the same policies" {
	other_containerd
}

@test "--sock: a containerd where the supervisor has none" {
	ENGINE=direct other_containerd
}

@test "runtime-config.toml: options and streams of containerd" {
	service one -- serve
	run machine 'containerd_configure; printf "%s\n" "cliopts = \"--log-level debug\" # more" "stderr = \"$ROOT/ctrd.err\"" >/etc/containerd/runtime-config.toml
		supervise && becomes one running && finish; grep -c level=debug $ROOT/ctrd.err | sed "s/[1-9].*/some/"; ls /var/log | grep -c containerd
		echo "stdout = \"nowhere\"" >/etc/containerd/runtime-config.toml; "$SERVICE" supervise --path $ROOT/services; echo "status $?"'
	echo "$output"
	[[ "$output" == "some
"*"/etc/containerd/runtime-config.toml: stdout: 'nowhere' is none of stdout, stderr, /path
status 1" ]]
}

@test "a peer on containerd's socket that says nothing, half a frame, or nonsense costs nobody else anything" {
	service one -- serve
	cat >"$ROOT/peer.py" <<-'EOF'
		import os, socket, sys, time
		os.makedirs("/run/containerd", exist_ok=True)
		s = socket.socket(socket.AF_UNIX)
		s.bind("/run/containerd/containerd.sock")
		s.listen(16)
		settings = b"\0\0\0\4\0\0\0\0\0"
		talk = {
		    "nothing": b"",
		    "half": settings + b"\0\1\0\0",
		    "huge": b"\xff\xff\xff\0\0\0\0\0\1",
		    "nonsense": b"HTTP/1.1 400 no\r\n\r\n",
		    # the answer to the first call: a message of 4 GiB
		    "message": settings + b"\0\0\1\1\4\0\0\0\1\x88" + b"\0\0\7\0\0\0\0\0\1\0\xff\xff\xff\xffab",
		}[sys.argv[1]]
		held = []
		while True:
		    c, _ = s.accept()
		    held.append(c)
		    try:
		        c.sendall(talk)
		    except OSError:
		        pass
	EOF
	local kind
	for kind in nothing half huge nonsense message; do
		run machine 'python3 $ROOT/peer.py '$kind' & p=$!; disown; within 10 test -S /run/containerd/containerd.sock
			containerd_configure; supervise; for i in 1 2 3 4 5; do timeout $((2 * ${PITH_TEST_SLOWNESS:-1})) "$SERVICE" list >/dev/null || echo hangs; sleep 0.1; done
			field one 2; kill -0 $SUPERVISOR && echo alive; awk "/^Rss/ && \$2 > 1024 {print \"large\"}" /proc/$SUPERVISOR/smaps_rollup
			awk "{print (\$14 + \$15 > 40) ? \"busy\" : \"idle\"}" /proc/$SUPERVISOR/stat
			kill -9 $p; becomes one running; finish && echo fine'
		echo "$kind: $output"
		[[ "$output" =~ ^(starting|backoff)$'\n'alive$'\n'idle$'\n'fine$ ]]
	done
}
