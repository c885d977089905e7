#!/usr/bin/env bats
# rngd with this machine's kernel, whose generator takes what it is given.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

rngd=$root_dir/build/guest/rngd

@test "-1: one pass of whatever there is, with and without the processor's instructions" {
	run -0 timeout 30 "$rngd" -1
	[[ $output =~ ^'rngd: wrote '([0-9]+)' bytes of entropy, exiting as oneshot'$ ]]
	[ "${BASH_REMATCH[1]}" -ge 64 ]
	# the clock alone: its whole sample
	run -0 timeout 30 "$rngd" -1 -disable-rdrand --disable-rdseed -hwrng "$T/none"
	[ "$output" = 'rngd: wrote 4096 bytes of entropy, exiting as oneshot' ]
}

@test "a device that has nothing holds nobody up, and one that has is used" {
	mkfifo device
	exec {writer}<>device
	run -0 timeout 30 "$rngd" -1 -disable-rdrand -disable-rdseed -hwrng device
	[ "$output" = 'rngd: wrote 4096 bytes of entropy, exiting as oneshot' ]
	head -c 200 /dev/urandom >&"$writer"
	run -0 timeout 30 "$rngd" -1 -disable-rdrand -disable-rdseed -hwrng device
	[ "$output" = 'rngd: wrote 64 bytes of entropy, exiting as oneshot' ]
	exec {writer}>&-
}

@test "a seed is made, read, and never there twice; as a daemon also at the end" {
	run -0 timeout 30 "$rngd" -1 -seed seed -hwrng /none
	[ "$(stat -c '%a %s' seed)" = '600 512' ]
	cp seed first
	run -0 timeout 30 "$rngd" -1 -seed seed -hwrng /none -disable-rdrand -disable-rdseed
	[ "$output" = 'rngd: wrote 4608 bytes of entropy, exiting as oneshot' ]
	run ! cmp -s seed first
	cp seed second
	changed() { ! cmp -s seed "$1"; }
	background said "$rngd" -seed seed
	within 10 changed second
	cp seed third
	kill -HUP "$background"
	kill -TERM "$background"
	wait "$background"
	changed third
	run ! grep . said
	# one that cannot be kept is said, and no more
	run -0 timeout 30 "$rngd" -1 -seed /proc/none/seed
	[[ $output == *'warning: '*'/proc/none/seed'*exiting* ]]
}

@test "without the right to say what counts: one line, and status 1" {
	run timeout 30 setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$rngd" -1
	[ "$status" -eq 1 ]
	[ "$output" = 'rngd: error: give the kernel entropy: Operation not permitted' ]
}

@test "killed at every fifth of its system calls it leaves a whole seed, or the one before" {
	patiently 300 "$root_dir/tests/tools/kill-companions" 10/5 rngd
}
