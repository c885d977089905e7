#!/usr/bin/env bats
# containerd that is started when somebody asks for it: what a client sees of services that run already, and what becomes
# of them, of containerd and of the supervisor when one of them is killed.

load ../lib/bundles

setup() {
	bundles_setup
	export ENGINE=lazy
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || cat "$ROOT/console" || true
	bundles_teardown
}

@test "the first client has containerd started, which finds every service as if it had created it" {
	service one -- 'echo words; serve'
	service two -- serve
	service three annotation=org.pith.restart:no -- 'exit 3'
	run machine 'supervise; becomes one running; becomes two running; becomes three failed; a=$(field one 3) b=$(field two 3)
		c() { ctr -n services.linuxkit "$@" 2>/dev/null; }; pidof containerd || echo "none runs"
		c tasks ls | sed "s/$a/A/; s/$b/B/" | tr -s " " | sort; c containers ls | tr -s " "; pidof containerd | wc -w
		c containers info one | jq -c "[.Runtime.Name, .Spec.root.path == \"$ROOT/services/one/rootfs\", .Labels, .Spec.process.args[0]]"
		c tasks exec --exec-id x one sh -c "echo from inside"; c tasks metrics one | grep -c pids.current
		c events >$ROOT/events & e=$!; within 10 eval "ctr namespaces label services.linuxkit n=\$RANDOM; grep -q namespaces $ROOT/events"
		c tasks kill -s KILL one; within 20 restarted one 1; becomes one running; within 10 grep -q "tasks/delete .*\"one\"" $ROOT/events; grep -o "tasks/[a-z]* .*\"one\"" $ROOT/events | cut -d" " -f1 | sort -u | tr "\n" " "; kill $e
		[ $(field two 3) = $b ] && [ $(field one 3) != $a ] && echo "two goes on"; c tasks ls | grep -c RUNNING
		"$SERVICE" restart two && c tasks ls | grep -c "two .*RUNNING"; "$SERVICE" stop two; c containers ls -q | tr "\n" " "; c run --help >/dev/null; finish; echo $?; within 10 eval "! pgrep containerd" && echo 0'
	echo "$output"
	[ "$output" = "none runs
TASK PID STATUS 
one A RUNNING
two B RUNNING
CONTAINER IMAGE RUNTIME 
one - io.containerd.runc.v2 
three - io.containerd.runc.v2 
two - io.containerd.runc.v2 
1
[\"io.containerd.runc.v2\",true,null,\"sh\"]
from inside
1
tasks/create tasks/delete tasks/exit tasks/start two goes on
2
1
one three 0
0" ]
}

@test "a supervisor that follows another leaves containerd asleep, and knows it when it is awake" {
	service one -- serve
	run machine 'supervise; becomes one running; a=$(field one 3); supervisor_dies; supervise; becomes one running; [ $(field one 3) = $a ] && echo "taken over"; pidof containerd || echo "none runs"
		kill -9 $a; within 20 restarted one 1; becomes one running; pidof containerd || echo "still none"; a=$(field one 3)
		ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c "one *$a *RUNNING"; p=$(pidof containerd)
		supervisor_dies; supervise; becomes one running; [ $(field one 3) = $a ] && [ "$(pidof containerd)" = $p ] && echo "both as before"
		supervisor_dies $p; supervise; within 20 pidof containerd >/dev/null && echo "it is back"; within 20 ctr version >/dev/null; becomes one running; [ $(field one 3) = $a ] && ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c "one *$a *RUNNING"
		kill -9 $(pidof containerd); within 20 ctr version >/dev/null; ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c "one *$a *RUNNING"; "$SERVICE" restart one && echo restarted; finish; echo $?; within 10 eval "! pgrep containerd" && echo 0'
	echo "$output"
	[ "$output" = "taken over
none runs
still none
1
both as before
it is back
1
1
restarted
0
0" ]
}

@test "a shim is killed that no containerd watches: its service has failed, the others go on" {
	service one -- serve
	service two -- serve
	run machine 'supervise && within 20 all_running; a=$(field one 3) b=$(field two 3); kill -9 $(awk "{print \$4}" /proc/$a/stat)
		within 30 restarted one 1; becomes one running; [ $(field one 3) != $a ] && [ $(field two 3) = $b ] && echo good; within 10 eval "! kill -0 $a" && echo "nothing left"
		ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c RUNNING; finish && echo fine; ls -A /run/containerd/io.containerd.runtime.v2.task/services.linuxkit'
	echo "$output"
	[ "$output" = "good
nothing left
2
fine" ]
}

@test "containers of an earlier boot: a service's record is replaced, those of no service are forgotten, before a client sees any" {
	service one -- 'echo old; serve'
	service other -- serve
	run machine 'supervise && within 20 all_running; ctr -n services.linuxkit containers ls -q 2>/dev/null | tr "\n" " "; kill -9 $SUPERVISOR $(pidof containerd); true'
	[ "$output" = "one other " ]
	rm -rf "$ROOT/services"
	service one -- 'echo new; serve'
	run machine 'supervise && becomes one running; pidof containerd; ctr -n services.linuxkit containers ls -q 2>/dev/null; ctr -n services.linuxkit containers info one 2>/dev/null | jq -r ".Spec.process.args[2]" | grep -o "echo new"
		ctr -n services.linuxkit tasks ls 2>/dev/null | grep -c "one *$(field one 3) *RUNNING"; finish; echo $?'
	echo "$output"
	[ "$output" = "one
echo new
1
0" ]
}

@test "services that end and start while containerd is being started; a check of readiness that takes for ever" {
	local i
	for i in 1 2 3 4; do service "s$i" annotation=org.pith.restart:always -- 'usleep 30000'; done
	service slow annotation=org.pith.ready:exec:/x/check annotation=org.pith.ready-timeout:60s "$(shared)" -- serve
	printf '#!/bin/sh\n[ ! -e /x/go ] || exit 0\ntouch /x/checks\nexec sleep 1000\n' >"$ROOT/check"
	chmod +x "$ROOT/check"
	run machine 'supervise; within 20 test -e $ROOT/checks; restarted_all() { for i in 1 2 3 4; do restarted s$i 2 || return; done; }; within 30 restarted_all
		touch $ROOT/go; ctr -n services.linuxkit containers ls -q 2>/dev/null | tr "\n" " "; becomes slow running; "$SERVICE" stop s1; "$SERVICE" stop s2; "$SERVICE" stop s3; "$SERVICE" stop s4
		ctr -n services.linuxkit containers ls -q 2>/dev/null; ctr -n services.linuxkit tasks ls -q 2>/dev/null; finish; echo $?'
	echo "$output"
	[ "$output" = "s1 s2 s3 s4 slow slow
slow
0" ]
}

@test "containerd that nobody has used for a while is stopped, and services go on; the next client has it started again, and sees them as they are" {
	service one -- serve
	service two -- serve
	service three -- serve
	run machine 'supervise --containerd-idle 1 && within 20 all_running; a=$(field one 3); c() { ctr -n services.linuxkit "$@" 2>/dev/null; }; asleep() { ! pidof containerd >/dev/null; }; noted() { [ "$(grep -c "nobody uses it: stopped" $ROOT/console)" -ge $1 ]; }
		c tasks ls -q | sort | tr "\n" " "; within 20 asleep && echo asleep; [ $(field one 3) = $a ] && echo "one goes on"
		kill -9 $a; within 20 restarted one 1; becomes one running; "$SERVICE" stop two; "$SERVICE" restart three && asleep && echo "still asleep"
		c tasks ls | grep -c "\(one *$(field one 3)\|three *$(field three 3)\) *RUNNING"; c containers ls -q | sort | tr "\n" " "; c tasks exec --exec-id x one echo inside; "$SERVICE" start two
		supervisor_dies; supervise --containerd-idle 1; becomes two running; c tasks ls | grep -c RUNNING; within 20 asleep && within 20 noted 2 && echo "asleep again"
		supervisor_dies; supervise --containerd-idle 1; becomes two running; asleep && echo "left asleep"; c tasks ls | grep -c RUNNING; within 20 asleep; finish; echo $?'
	echo "$output"
	[ "$output" = "one three two asleep
one goes on
still asleep
2
one three inside
3
asleep again
left asleep
3
0" ]
}

@test "without our shim, or with options that move containerd's things, containerd is started at once, and says why" {
	service one -- serve
	run machine 'containerd_configure; echo "cliopts = \"--log-level info --root=$ROOT/lib\"" >/etc/containerd/runtime-config.toml; supervise; becomes one running; pidof containerd | wc -w; grep -o "containerd is started at once: .*" $ROOT/console
		finish; rm /etc/containerd/runtime-config.toml; PATH=${PATH#$ROOT/programs:}; ENGINE=containerd supervise --containerd-start lazy; becomes one running; pidof containerd | wc -w; finish; grep -o "at once: the image.*" $ROOT/console; "$SERVICE" supervise --containerd-start never; echo $?'
	echo "$output"
	[ "$output" = "1
containerd is started at once: cliopts has --root
1
at once: the image has no containerd-shim-pith-v2
service: --containerd-start never: it is one of always, lazy
1" ]
}

# storm STRIKES [OPTION...]: kills at random what keeps services running, with a supervisor that has these options, and looks whether
# all is well in the end. With --containerd-idle nobody may have used containerd for long enough at the end.
storm() {
	local i
	for i in 1 2 3 4 5; do service "s$i" annotation=org.pith.restart:always -- serve; done
	export STRIKES=${STRIKES:-$1} STORM_SEED=${STORM_SEED:-$RANDOM} OPTIONS="${*:2}"
	echo "# STRIKES=$STRIKES STORM_SEED=$STORM_SEED" >&3
	run machine 'RANDOM=$STORM_SEED; begin() { supervise $OPTIONS; }; begin; within 20 all_running; calls=0 sleeps=0
		one_of() { shift $((RANDOM % $#)); echo $1; }; with() { [ $ENGINE = lazy ]; }
		for ((n = 1; n <= STRIKES; n++)); do
			case $((RANDOM % 10)) in
			0 | 1) supervisor_dies; begin ;;
			2) supervisor_dies $(pidof containerd); begin ;;
			3) kill -9 $(pidof containerd) ;;
			4) kill -9 $(one_of 0x $(pgrep -x containerd-shim)) ;;
			5) p=$(field s$((RANDOM % 5 + 1)) 3); [ "${p:-0}" -le 1 ] || kill -9 $p ;;
			6) "$SERVICE" restart s$((RANDOM % 5 + 1)) & ;;
			7 | 8) with && ctr version & calls=$((calls + 1)) ;;
			9) p=$(pidof containerd); [ -z "$p" ] || sleeps=$((sleeps + 1)); supervisor_dies $p; rm -f /run/pith/containerd.pid; begin ;;
			esac >/dev/null 2>&1
			sleep 0.0$((RANDOM % 10))
		done
		within 60 all_running || "$SERVICE" list; echo "$calls calls, $sleeps sleeps" >$ROOT/storm
		agree() { all_running && for i in 1 2 3 4 5; do ctr -n services.linuxkit tasks ls 2>/dev/null | grep -q "^s$i *$(field s$i 3) *RUNNING" || return; done; }
		! with || within 30 agree || { "$SERVICE" list; ctr -n services.linuxkit tasks ls; }
		five() { [ "$(pgrep -xc sh)" = 5 ] && [ "$(pgrep -xc containerd-shim)" = 5 ]; }; within 30 five || ps ax; ! with || ctr -n services.linuxkit containers ls -q 2>/dev/null | tr "\n" " "
		case "$(pidof containerd | wc -w),$ENGINE,$OPTIONS" in 1,lazy,* | 0,lazy,*idle* | 0,direct,*) echo "as many containerds as there should be" ;; esac
		finish; echo $?; none() { [ "$(pgrep -xc "sh|containerd|containerd-shim")" = 0 ]; }; within 20 none && echo "nothing left"; grep -c " $ROOT/" /proc/self/mountinfo'
	sed 's/^/# /' "$ROOT/storm" >&3
	echo "$output"
	[ "$output" = "${names}as many containerds as there should be
0
nothing left
0" ]
}

# STRIKES=500 STORM_SEED=7 bats -f storm tests/bats/services-asked.bats
@test "a storm of kills, with containerd asleep and awake: no service is lost, none runs twice, and containerd sees what the supervisor sees" {
	names="s1 s2 s3 s4 s5 " storm 25
}

@test "the same storm with a containerd that is stopped after a second without use" {
	names="s1 s2 s3 s4 s5 " storm 15 --containerd-idle 1
}

@test "the same storm without containerd" {
	ENGINE=direct names="" storm 15
}
