#!/usr/bin/env bats
# memlogd, logread and logwrite as processes of the host: writers, readers, and kills.
load ../lib/common

setup() {
	test_begin
	ln -s "$root_dir/build/guest/memlogd" memlogd
	ln -s memlogd startmemlogd
	ln -s memlogd logread
	ln -s memlogd logwrite
	tool=$root_dir/tests/tools/memlog.py
}

teardown() { test_end; }

started() { # OPTION...: a memlogd on ./log and ./query
	background memlogd.err ./memlogd -socket-log log -socket-query query -quiet "$@"
	memlogd=$background
	within 5 test -S query
	within 5 ./logread -socket query >/dev/null
}

# Without the times.
shown() { ./logread -socket query "$@" | cut -d ';' -f 2-; }
has() { shown | grep -qxF -- "$1"; }

@test "a command's two streams are logged under LinuxKit's names, and its status is passed on" {
	started
	run ./logwrite -socket log sh -c 'echo out; echo err >&2; printf "no newline"; exit 7'
	[ "$status" = 7 ]
	[[ "$output" == *out* && "$output" == *err* ]]
	within 5 has 'sh.out;no newline'
	shown | grep -qxF 'sh.out;out'
	shown | grep -qxF 'sh;err'
	./logwrite -socket log -n 'na;me' true
	./logwrite -socket log -n 'na;me' echo named
	within 5 has 'na\;me.out;named'
	./logread -socket query | grep -Eq '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,9})?Z;'
	run ./logwrite -socket log
	[ "$status" = 1 ]
	[[ "$output" == *"no command"* ]]
}

@test "a reader of LinuxKit's protocol gets an object a line, and follows" {
	started
	./logwrite -socket log -n first echo one
	within 5 has 'first.out;one'
	background both ./logread -socket query -F
	background new ./logread -socket query -f
	within 5 grep -q 'first.out;one' both
	# a follower is there when what it is sent arrives
	within 5 eval './logwrite -socket log -n second echo two; grep -q "second.out;two" new'
	within 5 grep -q 'second.out;two' both
	! grep -q first new
	python3 - <<-'END'
		import json, socket
		s = socket.socket(socket.AF_UNIX)
		s.connect("query")
		s.send(b"\0")
		s.shutdown(socket.SHUT_WR)
		entries = [json.loads(line) for line in s.makefile()]
		assert all({"time", "source", "msg"} <= set(e) for e in entries)
		assert ("first.out", "one") in [(e["source"], e["msg"]) for e in entries]
	END
}

@test "what is kept has bounds in lines, bytes and a line's length" {
	started -max-lines 10 -max-line-len 20
	./logwrite -socket log -n n sh -c 'for i in $(seq 100); do echo "line $i"; done; echo 0123456789012345678901234567; echo 01234567890123456789; echo last' >/dev/null
	within 5 has 'n.out;last'
	[ "$(shown | wc -l)" = 10 ]
	[ "$(shown | tail -n 3)" = "n.out;01234567890123456789
n.out;01234567890123456789
n.out;last" ]
	kill "$memlogd"
	within 5 test ! -e query
	started -max-bytes 4096
	./logwrite -socket log -n n sh -c 'for i in $(seq 1000); do echo "line $i"; done' >/dev/null
	within 5 has 'n.out;line 1000'
	[ "$(shown | wc -l)" -lt 200 ]
	# every one that there is follows the one before
	[ "$(shown | sed 's/.* //' | head -n 1)" = "$((1000 - $(shown | wc -l) + 1))" ]
}

@test "a slow reader is told how much it has missed" {
	started
	run python3 "$tool" slow query log
	echo "$output"
	[ "$output" = "in order nothing lost silently" ]
}

@test "no descriptor holds memlogd up: directories, devices, epoll, files, stolen pipes" {
	started
	timeout 60 python3 "$tool" hostile log
	within 10 has 'good;still read'
	shown >all
	grep -qF 'a descriptor of "a directory" is not read: it is a directory' all
	grep -qF 'a descriptor of "zeroes" is not read: it is a device' all
	grep -qF 'a descriptor of "a file" is not read: it is a file' all
	grep -qF 'a descriptor of "epoll" is not read: it is no pipe and no socket' all
	grep -qF 'a descriptor of "the wrong end" is not read: it cannot be read from' all
	grep -qF 'a descriptor of "tcp" is not read' all
	grep -qxF 'long;after' all
	[ "$(grep -xE 'long;y+' all | wc -c)" = $((5 + 1024 + 1)) ]
	[ "$(ls "/proc/$memlogd/fd" | wc -l)" -lt 30 ]
	! grep -q "$(printf '\033')" <(grep -v '^long' all)
}

@test "900 writers at once, and little memory before and after" {
	started
	mkfifo hold
	background sources.out sh -c 'exec python3 "$0" sources log 900 <hold' "$tool"
	exec {hold}>hold
	within 20 has 'many;line 899'
	[ "$(shown | grep -c '^many;line')" = 900 ]
	exec {hold}>&-
	few() { [ "$(ls "/proc/$memlogd/fd" | wc -l)" -lt 30 ]; }
	within 20 few
	size() { awk '/^Pss:/ {print $2}' "/proc/$memlogd/smaps_rollup"; }
	echo "# $(size) KiB" >&3
	[ "$(size)" -lt 600 ]
}

@test "memlogd is killed 1,000 times: each line of each writer is there once, in order" {
	timeout 300 python3 "$tool" storm ./memlogd 1000
}

@test "where PID 1 is not ours a keeper starts it again, and logread goes on" {
	./startmemlogd -socket-log log -socket-query query -pid-file pid -bundle /containers/init/memlogd
	within 5 test -s pid
	background_pids+=("$(awk '{print $4}' "/proc/$(cat pid)/stat")")
	background followed ./logread -socket query -F
	./logwrite -socket log -n w sh -c 'echo before; read -r _; echo after' < <(
		within 5 has 'w.out;before'
		kill -9 "$(cat pid)"
		echo go
	)
	within 10 grep -q 'w.out;after' followed
	[ "$(grep -c 'w.out;before' followed)" = 1 ]
	grep -q 'memlogd;memlogd started again' followed
}

@test "bad options are named" {
	run ./memlogd -max-lines none
	[ "$status" = 2 ]
	[[ "$output" == *'--max-lines none: not a number'* ]]
	run ./memlogd -nonsense
	[ "$status" = 2 ]
	run ./memlogd -socket-log /nowhere/log -socket-query query
	[ "$status" = 1 ]
	[[ "$output" == */nowhere/log* ]]
	run ./logread -socket nowhere
	[ "$status" = 1 ]
	[[ "$output" == *nowhere* ]]
}

# --- logwrite, the package: files --------------------------------------------------------------------------------

filed() { grep -qF -- "$2" "files/$1" 2>/dev/null; }

@test "files: one for each source, in LinuxKit's form, across a memlogd and a logwrite that were killed" {
	mkdir files
	./startmemlogd -socket-log log -socket-query query -pid-file pid
	within 5 test -s pid
	background_pids+=("$(awk '{print $4}' "/proc/$(cat pid)/stat")")
	background lw.err "$root_dir/build/guest/logwrite" -socket query -log-dir files -sync 1
	lw=$background
	./logwrite -socket log -n svc sh -c 'echo one; echo error >&2'
	./logwrite -socket log -n '../climbs' echo up
	within 10 filed svc.out.log 'svc.out one'
	within 10 filed svc.log 'svc error'
	within 10 filed _._climbs.out.log '../climbs.out up'
	[ ! -e climbs.out.log ]
	grep -Eq '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z svc.out one$' files/svc.out.log
	kill -9 "$(cat pid)"
	./logwrite -socket log -n svc echo two
	within 10 filed svc.out.log 'svc.out two'
	kill -TERM "$lw"
	within 10 ended "$lw"
	./logwrite -socket log -n svc echo three
	background lw.err "$root_dir/build/guest/logwrite" -socket query -log-dir files
	within 10 filed svc.out.log 'svc.out three'
	[ "$(cut -d ' ' -f 3 files/svc.out.log | tr '\n' ' ')" = 'one two three ' ]
}

@test "files: rotated as LinuxKit's, and no processor time while memlogd is not there" {
	mkdir files
	background lw.err "$root_dir/build/guest/logwrite" -socket query -log-dir files -max-log-size 1024 -max-log-files 3
	lw=$background
	within 5 grep -q 'trying again' lw.err
	started
	./logwrite -socket log -n fill sh -c 'for i in $(seq 400); do echo "hello $i"; done' >/dev/null
	within 15 filed fill.out.log 'hello 400' || within 5 filed fill.out.log.0 'hello 400'
	[ -e files/fill.out.log.2 ]
	[ ! -e files/fill.out.log.3 ]
	[ "$(stat -c %s files/fill.out.log.0)" -lt 1200 ]
	kill "$memlogd"
	within 10 ended "$memlogd"
	within 10 eval '[ "$(grep -c "trying again" lw.err)" = 2 ]'
	ticks() { awk '{print $14 + $15}' "/proc/$lw/stat"; }
	[ "$(ticks)" -lt 50 ]
}

@test "the kernel's messages: number, time, text, without an empty line" {
	[ -r /dev/kmsg ] || skip "no /dev/kmsg"
	echo "kmsg test $$" >/dev/kmsg
	background k "$root_dir/build/guest/kmsg"
	within 10 grep -qE "^\([0-9]+\) - [0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]+Z: kmsg test $$\$" k
	echo "kmsg again $$" >/dev/kmsg
	within 10 grep -q "kmsg again $$" k
	kill -TERM "$background"
	within 10 ended "$background"
}
