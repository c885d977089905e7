#!/usr/bin/env bats
# acpid with events as lines of a fifo; input devices are in the tests that boot machines.

load ../lib/common

setup() {
	test_begin
	mkdir hooks
	mkfifo events
}
# unshare waits for its child whoever asks it to end, and its child is a PID 1.
teardown() {
	[ ${#background_pids[@]} -eq 0 ] || kill -KILL "${background_pids[@]}" 2>/dev/null || :
	test_end
}

acpid=$root_dir/build/guest/acpid

# hook PATH <SCRIPT
hook() {
	mkdir -p "$(dirname "hooks/$1")"
	{ echo '#!/bin/sh' && cat; } >"hooks/$1"
	chmod 755 "hooks/$1"
}

# start [OPTION...]: acpid in namespaces of its own, as PID 2: its PID 1 writes which signal it got
start() {
	# shellcheck disable=SC2016
	background said unshare --mount --pid --fork --kill-child --mount-proc sh -c '
		trap "echo the machine powers off" USR2
		"$@" &
		while kill -0 $!; do wait; done 2>/dev/null; echo the end' sh "$acpid" -f -d -c "$T/hooks" -e "$T/events" "$@"
}
press() { echo "button/power PWRF 00000080 00000001" >events; }
heard() { within 10 grep -q "$1" said; }

@test "the hook of an event is run, and only that; it is in the folder of hooks" {
	hook PWRF/00000080 <<<'echo hook in $(pwd); exit 3'
	start
	press
	heard 'hook in .*/hooks$'
	heard 'PWRF/00000080: exit status 3'
	echo 'ac_adapter AC 00000080 00000001' >events
	echo 'button/lid LID0 00000080 00000001' >events
	heard 'no hook was run: .*hooks/LID/00000080: No such file'
	run ! grep 'powers off' said
}

@test "a directory of hooks: programs in the order of their names, one after another" {
	hook PWRF/00000080/20-second <<<'echo second after $(cat first)'
	hook PWRF/00000080/10-first <<<'sleep 0.2; echo first >first; echo first'
	hook PWRF/00000080/30-not <<<'echo not'
	chmod 644 hooks/PWRF/00000080/30-not
	start
	press
	heard 'second after first'
	run ! grep -x not said
}

@test "without a hook, and where it cannot be started, a power button powers the machine off" {
	start
	press
	heard 'the machine powers off'
	hook PWRF/00000080 </dev/null
	echo '#!/no/such/shell' >hooks/PWRF/00000080
	press
	twice() { [ "$(grep -c 'the machine powers off' said)" -eq 2 ]; }
	within 10 twice
	grep -q 'error: .*PWRF/00000080: No such file' said
}

@test "a hook that hangs keeps no later press from being heard; their number is bounded" {
	hook PWRF/00000080 <<<'echo run; exec sleep 1000'
	start
	for ((i = 0; i < 17; i++)); do press; done
	heard '16 hooks run already'
	[ "$(grep -c '^run$' said)" -eq 16 ]
}

@test "map and action files say which events there are and what is run" {
	hook mine <<<'echo my own hook'
	echo 'EV_KEY 0x01 KEY_POWER 116 1 special thing' >map
	echo 'thing mine' >actions
	start -M "$T/map" -a "$T/actions"
	echo 'special thing 1' >events
	heard 'my own hook'
	for text in 'EV_KEY 99 x 1 1 x' 'EV_KEY'; do
		echo "$text" >map
		run timeout 10 "$acpid" -f -d -M "$T/map" -e "$T/events"
		[ "$status" -eq 1 ]
		[[ $output == "acpid: error: $T/map: line 1: "* ]]
	done
}

@test "it ends by TERM with status 0, takes its process id away, and writes its log where it is told" {
	"$acpid" -l "$T/log" -p "$T/pid" -c "$T/hooks" -e "$T/events" 3>&- 8>&- 9>&-
	within 10 test -s pid
	pid=$(cat pid)
	background_pids+=("$pid")
	echo 'button/lid LID0 00000080 00000001' >events
	within 10 grep -q 'acpid: button/lid LID0 00000080' log
	kill "$pid"
	within 10 ended "$pid"
	[ ! -e pid ]
}

@test "options as busybox has them, letters together and those that mean nothing too; a wrong one is misuse" {
	run -2 timeout 10 "$acpid" -z
	[ "$output" = 'acpid: error: unknown option -z: `acpid --help` lists them' ]
	run -2 timeout 10 "$acpid" -f more
	run -0 timeout 10 "$acpid" --help
	[[ $output == 'usage: acpid [-d] [-f] [-c DIR] '* ]]
	background said "$acpid" -fdvm 0660 -g adm -s /x "-e$T/events" -c "$T/hooks"
	press
	heard 'button/power'
	kill "$background"
	wait "$background"
}

@test "killed at some of its system calls either process takes the other along, and the next start hears the next press" {
	patiently 300 "$root_dir/tests/tools/kill-companions" 6/8 acpid acpid-reader
}
