#!/usr/bin/env bats
# `pith exec` with an agent that does what a real one only does when its machine goes down.

load ../lib/common

setup() {
	test_begin
	mkdir vm-state
	echo 02:00:00:00:00:01 >vm-state/mac-addr
}
teardown() { test_end; }

# agent COMMAND: answers one connection with its output.
agent() {
	background agent.out socat -u "SYSTEM:$1" UNIX-LISTEN:vm-state/guest.00000945
	within 5 test -S vm-state/guest.00000945
}

@test "output that has come before the connection ends is written, however slowly it is read" {
	# STARTED, and four times 50000 bytes of OUTPUT
	printf '\0\0\0\0\020\0\0\0' >frames
	for _ in 1 2 3 4; do
		printf '\0\0\303\120\021\0\0\0'
		head -c 50000 /dev/zero
	done >>frames
	agent 'cat frames'
	mkfifo out
	"$pith" exec vm service true >out 2>err 3>&- &
	client=$!
	background_pids+=("$client")
	exec 7<out
	within 10 ended "$background"
	[ "$(wc -c <&7)" -eq 200000 ]
	run -1 wait "$client"
	grep -q 'the connection to the machine has ended' err
}
