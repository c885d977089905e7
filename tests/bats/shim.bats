#!/usr/bin/env bats
# The shim under the real containerd, with its own ctr as client and the real runc.

load ../lib/shim

setup() { shim_setup; }
teardown() { shim_teardown; }

@test "run: output, error output, exit status; nothing is left" {
	run world 'containerd_up
		c run --rm $IMAGE one sh -c "echo to out; echo to err >&2; exit 7" 2>$T/err; echo "status $?"; cat $T/err; clean'
	echo "$output"
	[ "${lines[0]}" = "to out" ]
	[ "${lines[1]}" = "status 7" ]
	[ "${lines[2]}" = "to err" ]
	[ "${lines[3]}" = clean ]
}

@test "a signal's number is in the exit status" {
	run world 'containerd_up; c run --rm $IMAGE one sh -c "sleep 9 & kill -9 \$!; wait \$!"; echo "status $?"
		c run -d $IMAGE two sleep 1000; c task kill -s TERM two; c task kill -s KILL two; within 5 stopped two; c task rm two; c c rm two; clean'
	echo "$output"
	[[ "$output" == *"status 137"*"exit code 137"*clean ]]
}

# The container lives on until all has come: on a busy machine ctr may leave the end of what an ended one wrote unread,
# with runc's shim as with this one.
@test "20 MiB through standard input and output" {
	run world 'containerd_up; head -c 20971520 /dev/urandom >$T/data
		c run --rm $IMAGE cat sh -c "cat; exec sleep 1000" <$T/data >$T/out 2>/dev/null & r=$!
		within 60 cmp -s $T/out $T/data && echo same; c task kill -s KILL cat; wait $r; clean'
	echo "$output"
	[ "$output" = "same
clean" ]
}

@test "no byte is lost of what a process writes before it ends at once" {
	run world 'containerd_up; for i in 1 2 3; do
		c run --rm $IMAGE burst-$i dd if=/dev/zero bs=1M count=8 2>/dev/null | wc -c; done; clean'
	echo "$output"
	[ "$output" = "8388608
8388608
8388608
clean" ]
}

@test "exec: output, status, standard input, a terminal; many at once" {
	run world 'containerd_up; c run -d $IMAGE one sleep 1000
		c task exec --exec-id a one echo hello
		c task exec --exec-id b one sh -c "exit 5"; echo "status $?"
		printf "some input" | c task exec --exec-id c one cat; echo
		c task exec --exec-id d one nonexistent 2>$T/err; echo "status $?"; grep -c "\"nonexistent\": executable file not found" $T/err
		for i in $(seq 30); do c task exec --exec-id storm-$i one sh -c "echo $i; exit $i" >$T/out.$i; echo $? >$T/status.$i & pids="$pids $!"; done; wait $pids
		for i in $(seq 30); do [ $(cat $T/out.$i) = $i ] && [ $(cat $T/status.$i) = $i ] || echo "storm $i failed"; done
		c task kill -s KILL one; within 5 stopped one; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[ "$output" = "hello
status 5
some input
status 1
1
clean" ]
}

@test "a terminal: size, resize, input, end" {
	command -v expect >/dev/null
	run world 'containerd_up; export SOCKET NS IMAGE
		cat >$T/tty.exp <<-"EOF"
			set timeout [expr {20 * $env(slowness)}]
			set stty_init "rows 31 columns 97"
			spawn ctr -a $env(SOCKET) -n $env(NS) run --rm -t --runtime io.containerd.pith.v2 $env(IMAGE) tty sh
			expect "# "
			send "until stty size | grep -q \"31 97\"; do sleep 0.1; done; stty size; tty; echo A`echo 2`B\r"
			expect -re {31 97.*/dev/pts/0.*A2B}
			send "until stty size | grep -q \"40 120\"; do sleep 0.1; done; echo B`echo 3`C\r"
			# ctr misses a change that comes before it listens to such
			set patience $timeout
			set timeout 1
			for {set i 0} {$i < $patience} {incr i} {
				stty rows 40 columns 119 < $spawn_out(slave,name)
				stty rows 40 columns 120 < $spawn_out(slave,name)
				expect "B3C" break
			}
			set timeout $patience
			send "exit 3\r"
			expect eof
			exit [lindex [wait] 3]
		EOF
		expect $T/tty.exp; s=$?; echo; echo "status $s"; clean'
	echo "$output"
	[[ "$output" == *"31 97"*"A2B"*"B3C"*"status 3"*clean ]]
}

@test "exec with a terminal ends with its process" {
	run world 'containerd_up; c run -d $IMAGE one sleep 1000
		script -qec "ctr -a $SOCKET -n $NS task exec -t --exec-id t one sh -c \"tty; echo done; exit 4\"" /dev/null </dev/null | tr -d "\r" | sed "s/^\^@//"; echo "status ${PIPESTATUS[0]}"
		c task kill -s KILL one; within 5 stopped one; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[ "$output" = "/dev/pts/0
done
status 4
clean" ]
}

@test "a terminal that its process closes for a while: nothing is lost, and the end is the process's" {
	run world 'containerd_up; script -qec "ctr -a $SOCKET -n $NS run -t --rm --runtime io.containerd.pith.v2 $IMAGE one sh -c \"echo first; exec 0<&- 1>&- 2>&-; sleep 1; exec >/dev/console; echo second; seq 1 100000; exit 7\"" /dev/null </dev/null | tr -d "\r" | sed "s/^\^@//" >$T/said
		echo "status ${PIPESTATUS[0]}"; wc -l <$T/said; head -n 3 $T/said; tail -n 1 $T/said
		c run -d $IMAGE two sleep 1000; script -qec "ctr -a $SOCKET -n $NS task exec -t --exec-id t two sh -c \"t=\\\$(tty); echo first; exec 0<&- 1>&- 2>&-; sleep 1; exec >\\\$t; echo second; exit 4\"" /dev/null </dev/null | tr -d "\r" | sed "s/^\^@//"; echo "status ${PIPESTATUS[0]}"
		c task kill -s KILL two; within 5 stopped two; c task rm two 2>/dev/null; c c rm two; clean'
	echo "$output"
	[ "$output" = "status 7
100002
first
second
1
100000
first
second
status 4
clean" ]
}

# runc gives up freezing a control group of version 1 where programs start all the time, on a busy machine: it is asked again.
@test "pause and resume; a paused container can be killed" {
	run world 'containerd_up; c run -d $IMAGE one sh -c "while :; do date +%s%N >/tmp/t; sleep 0.02; done"
		within 20 c task pause one 2>/dev/null; status_of one; a=$(c task exec --exec-id x one true 2>&1); echo "$a" | grep -c "paused container"
		c task resume one; status_of one; c task exec --exec-id y one echo alive
		within 20 c task pause one 2>/dev/null; c task kill -s KILL one; within 5 stopped one && status_of one; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[ "$output" = "PAUSED
1
RUNNING
alive
STOPPED
clean" ]
}

@test "metrics and processes of a running container" {
	run world 'containerd_up; c run -d --memory-limit 50000000 $IMAGE one sh -c "sleep 1000 & sleep 1000"
		within 5 sh -c "[ \$(ctr -a $SOCKET -n $NS task ps one | wc -l) = 3 ]" && echo "two processes"
		c task metrics one; c task kill -s KILL one; within 5 stopped one; c task metrics one 2>&1; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[[ "$output" == *"two processes"* ]]
	if [ -d /sys/fs/cgroup/memory ]; then
		[[ "$output" =~ memory.limit_in_bytes\ +49999872 ]]
		[[ "$output" =~ memory.usage_in_bytes\ +[1-9][0-9]{5} ]]
		[[ "$output" =~ cpuacct.usage\ +[1-9][0-9]{5} ]]
		[[ "$output" =~ pids.current\ +2 ]]
	fi
	[[ "$output" == *"no metrics received"*clean ]]
}

@test "out of memory: an event, and exit status 137" {
	[ -d /sys/fs/cgroup/memory ] || [ -f /sys/fs/cgroup/memory.stat ]
	run world 'containerd_up; events_start; c run --rm --memory-limit 20000000 $IMAGE hog sh -c "tail /dev/zero"; echo "status $?"
		c run -d --memory-limit 20000000 $IMAGE child sh -c "exec 2>/dev/null; sh -c \"tail /dev/zero\"; sleep 1000"
		within 10 sh -c "[ \$(grep -c /tasks/oom $T/events) = 2 ]"; status_of child
		grep -o "/tasks/.*" $T/events | grep -E "oom|/tasks/exit"; events_stop; c task kill -s KILL child; within 5 stopped child; c task rm child 2>/dev/null; c c rm child; clean'
	echo "$output"
	[ "${lines[0]}" = "status 137" ]
	[ "${lines[1]}" = RUNNING ]
	[[ "${lines[2]}" == '/tasks/oom {"container_id":"hog"}'* ]]
	[[ "${lines[3]}" == '/tasks/exit {"container_id":"hog"'*'"exit_status":137'* ]]
	[[ "${lines[4]}" == '/tasks/oom {"container_id":"child"}'* ]]
	[ "${lines[5]}" = clean ]
}

@test "events come in the order that the protocol demands" {
	run world 'containerd_up; events_start; c run -d $IMAGE one sleep 1000; c task exec --exec-id e one true; within 20 c task pause one 2>/dev/null; c task resume one
		c task kill -s KILL one; within 5 stopped one; c task rm one 2>/dev/null
		within 5 grep -q /tasks/delete $T/events; events_stop; grep -oE "/tasks/[a-z-]+ .*" $T/events | sed -E "s/\"(pid|exited_at|bundle)\":(\"[^\"]*\"|[0-9]*),?//g; s/\"rootfs\".*\"io\"/\"io\"/" | cut -c1-80; c c rm one; clean'
	echo "$output"
	local topics
	topics=$(grep -oE '^/tasks/[a-z-]+' <<<"$output" | tr '\n' ' ')
	[ "$topics" = "/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/paused /tasks/resumed /tasks/exit /tasks/delete " ]
	[[ "${lines[4]}" == *'"id":"e"'* ]]
	[[ "${lines[7]}" == *'"id":"one"'*'"exit_status":137'* ]]
	[ "${lines[9]}" = clean ]
}

@test "a container of a missing executable: the runtime's own words, and nothing is left" {
	run world 'containerd_up; c run --rm $IMAGE one /no/such/thing 2>&1; echo "status $?"; clean'
	echo "$output"
	[[ "$output" == *'OCI runtime create failed'*'/no/such/thing'*'no such file'*"status 1"*clean ]]
}

@test "logging programs and files" {
	run world 'containerd_up
		cat >$T/logger <<-"EOF"
			#!/bin/bash
			echo "args $* id $CONTAINER_ID namespace $CONTAINER_NAMESPACE" >$1
			cat <&3 >>$1.out 5>&- & cat <&4 >>$1.err 5>&- & exec 5>&-
			wait; echo ended >>$1
		EOF
		chmod +x $T/logger
		c run -d --log-uri "binary://$T/logger?$T/log.bin&with=value" $IMAGE bin sh -c "echo out; echo err >&2; dd if=/dev/zero bs=1M count=2 2>/dev/null"
		within 10 stopped bin; c task rm bin; c c rm bin; cat $T/log.bin; head -n 1 $T/log.bin.out; wc -c <$T/log.bin.out; cat $T/log.bin.err
		c run -d --log-uri "file://$T/deep/er/log.txt" $IMAGE file sh -c "echo out; echo err >&2"
		within 10 stopped file; c task rm file; c c rm file; sort $T/deep/er/log.txt
		# one that reads nothing: the end is told all the same
		printf "#!/bin/sh\necho \$\$ >$T/deaf.pid; exec 5>&-; exec sleep 1000\n" >$T/deaf; chmod +x $T/deaf
		c run -d --log-uri binary://$T/deaf $IMAGE deaf echo out
		within 10 stopped deaf; kill $(cat $T/deaf.pid); c task rm deaf; c c rm deaf
		c run -d --log-uri "binary:///nonexistent" $IMAGE none true 2>&1 | grep -c "start /nonexistent: No such file"; c c rm none
		clean' 2>&1
	echo "$output"
	[ "$output" = "args $T/log.bin  with value id bin namespace $NS
ended
out
2097156
err
err
out
1
clean" ]
}

@test "what the runtime says is in the error alone, not in the streams of a container that never ran" {
	run world 'containerd_up
		printf "#!/bin/sh\ncat <&3 >$T/log.out 5>&- & cat <&4 >$T/log.err 5>&- & exec 5>&-; wait\n" >$T/logger; chmod +x $T/logger
		c run -d --log-uri file://$T/log.txt $IMAGE file nosuch 2>&1 | grep -o "\"nosuch\": executable file not found"; wc -c <$T/log.txt; c c rm file
		c run -d --log-uri binary://$T/logger $IMAGE bin nosuch 2>&1 | grep -o "\"nosuch\": executable file not found"; within 5 test -e $T/log.err; wc -c <$T/log.err; c c rm bin
		c run --rm $IMAGE fifo nosuch 2>&1 | grep -c "nosuch"; clean' 2>&1
	echo "$output"
	[ "$output" = "\"nosuch\": executable file not found
0
\"nosuch\": executable file not found
0
1
clean" ]
}

@test "a shim that is killed after its container has ended: subscribers hear the same status and time again" {
	run world 'containerd_up; events_start; c run -d $IMAGE one sh -c "exit 3"; within 5 stopped one; p=$(shim_of one); kill -9 $p; within 10 no_task one; within 5 grep -q /tasks/delete $T/events; events_stop
		grep -oE "/tasks/(exit|delete) .*" $T/events | grep -oE "\"exit_status\":[0-9]+" | uniq -c; grep -E "/tasks/(exit|delete) " $T/events | grep -oE "\"exited_at\":\"[^\"]*\"" | uniq | wc -l; c c rm one
		c run -d $IMAGE two sleep 1000; kill -9 $(shim_of two); within 10 no_task two; c c rm two; rm -r /run/containerd/fifo/*; clean'
	echo "$output"
	# ctr, which made the fifos, was not asked to delete anything
	[ "${lines[0]// /}" = '3"exit_status":3' ]
	[ "${lines[1]}" = 1 ]
	[ "${lines[2]}" = clean ]
}

@test "a Delete whose client goes: the shim ends by itself, and the name can be used again" {
	run world 'containerd_up; c run -d $IMAGE one sleep 1000; exec 7>/proc/$(cat $STATE/one/init.pid)/fd/1; sleep 1000 & h=$!; exec 7>&-; c task kill -s KILL one; within 5 stopped one
		timeout 1 ctr -a $SOCKET -n $NS task rm one; echo "status $?"; gone() { no_task one && [ -z "$(shims)" ]; }; within 40 gone || shims
		c c rm one; c run --rm $IMAGE one echo again; kill $h; wait $h; rm -rf /run/containerd/fifo/*; clean' 2>&1
	echo "$output"
	[ "$(grep -vE "Terminated|DEPRECATION" <<<"$output")" = "status 124
again
clean" ]
}

@test "containerd is killed and started again, many times: containers go on, exec works, the end is seen" {
	run world 'containerd_up; c run -d $IMAGE one sh -c "while :; do sleep 0.1; done"; c run -d $IMAGE two sleep 1000; s=$(shims)
		for i in 1 2 3 4 5; do containerd_kill; containerd_start || exit 1; running one && running two || echo "lost $i"; c task exec --exec-id e$i one true || echo "exec $i"; done
		[ "$(shims)" = "$s" ] && echo "same shims"
		containerd_kill; c_pid=$(pgrep -f "sleep 1000"); kill -9 $c_pid; containerd_start; within 10 stopped two && echo "end seen"
		c task rm two 2>&1 | grep -o "exit code 137"; c c rm two; c task kill -s KILL one; within 5 stopped one; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[ "$output" = "same shims
end seen
exit code 137
clean" ]
}

@test "events of the time without containerd are delivered when it is back" {
	# Nobody can subscribe before they come: its log tells.
	run world 'LOG_LEVEL=debug; containerd_up; c run -d $IMAGE one sh -c "trap \"exit 9\" TERM; while :; do sleep 0.1; done"; p=$(cat $STATE/one/init.pid); containerd_kill; within 10 sh -c "! kill $p 2>/dev/null"
		grep -c "forwarded.*/tasks/exit" $T/containerd.log; containerd_start; within 10 grep -q "forwarded.*/tasks/exit" $T/containerd.log && echo forwarded
		within 5 stopped one; c task rm one 2>&1 | grep -o "exit code 9"; c c rm one; clean'
	echo "$output"
	[ "$output" = "0
forwarded
exit code 9
clean" ]
}

@test "checkpoint: an image where criu works, else the runtime's own words and a container that goes on" {
	run world 'containerd_up; c run -d $IMAGE one sh -c "i=0; while :; do i=\$((i+1)); echo \$i >/tmp/n; sleep 0.05; done"
		within 5 c task exec --exec-id a one sh -c "[ \$(cat /tmp/n) -gt 5 ]"
		if command -v criu >/dev/null && criu check >/dev/null 2>&1; then
			c task checkpoint --image-path $T/image --work-path $T/work --exit one 2>&1; echo "files: $(ls $T/image | grep -c "core-.*img")"
		else
			c task checkpoint --image-path $T/image --work-path $T/work --exit one 2>&1 && echo "no error"
			c task exec --exec-id b one true && echo "goes on"; c task kill -s KILL one
		fi
		within 5 stopped one; c task rm one 2>/dev/null; c c rm one; clean'
	echo "$output"
	[[ $output == *clean ]]
	[[ $output == *"files: "[1-9]* ]] || [[ $output == *criu*"goes on"* && $output != *"no error"* ]]
}
