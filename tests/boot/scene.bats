#!/usr/bin/env bats
# The host reaches into a running machine, in one boot of examples/vsudd-containerd.yml with a container to work on:
# Debian's ctr over the state directory's socket, standard streams included, and `pith exec`, `logs`, `ps`, `top`,
# `start`, `stop`, `restart`.

load ../lib/common

machine() { patiently "${limit:-60}" "$pith" "$@"; }
guest_ctr() { patiently "${limit:-90}" ctr -a "$state/guest.00000946" -n services.linuxkit "$@"; }
in_shell() { machine exec "$name" shell "$@"; }

setup_file() {
	load ../lib/common
	[ -e "$root_dir/build/kernel/default/kernel" ] || skip "make kernel has not been run"
	name=$BATS_FILE_TMPDIR/vsudd-containerd
	# hog PROCESSES MIB: so many take so much each, and keep it
	cat >"$BATS_FILE_TMPDIR/hog.c" <<-'EOF'
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			int n = argc == 3 ? atoi(argv[1]) : 0;
			size_t size = argc == 3 ? (size_t)atoi(argv[2]) << 20 : 0;
			for (; n > 0; n--)
				if (fork() == 0) {
					volatile char *all = malloc(size);
					for (size_t i = 0; all && i < size; i += 4096)
						all[i] = 1;
					for (;;)
						pause();
				}
			while (wait(NULL) > 0)
				;
			return 0;
		}
	EOF
	musl-gcc -static -Os -o "$BATS_FILE_TMPDIR/hog" "$BATS_FILE_TMPDIR/hog.c"
	cat >"$BATS_FILE_TMPDIR/more.yml" <<-EOF
		files:
		  - {path: usr/bin/peer, source: "$root_dir/build/guest/peer", mode: "0755"}
		  - {path: usr/bin/hog, source: "$BATS_FILE_TMPDIR/hog", mode: "0755"}
		onboot:
		  - name: early
		    image: "@pkg:$root_dir/pkg/busybox"
		    command: [/bin/sh, -c, "echo early words; echo and an error >&2; exit 4"]
		services:
		  - name: admin
		    image: "@pkg:$root_dir/pkg/busybox"
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
		    pid: host
		    capabilities: [all]
		  - name: shell
		    image: "@pkg:$root_dir/pkg/busybox"
		    command: [/bin/sh, -c, "echo tock >&2; trap 'exit 0' TERM; while :; do echo tick; sleep 1; done"]
		  - name: attacker
		    image: "@pkg:$root_dir/pkg/busybox"
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
		    binds: ["/usr/bin:/root"]
		  - name: hogs
		    image: "@pkg:$root_dir/pkg/busybox"
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; until [ -e /go ]; do sleep 0.2; done; /root/hog 110 12 & wait; sleep 100000"]
		    binds: ["/usr/bin:/root"]
	EOF
	"$pith" build --dir "$BATS_FILE_TMPDIR" --name vsudd-containerd "$root_dir/examples/vsudd-containerd.yml" "$BATS_FILE_TMPDIR/more.yml"
	"$pith" run --accel tcg --vsock-ports 2374 --mem 1024 --detached --wait=ready "$name" 3>&- 8>&- 9>&-
	ready() { timeout 10 ctr -a "$name-state/guest.00000946" -n services.linuxkit tasks list 2>/dev/null | grep -q 'shell.*RUNNING'; }
	within 150 ready || {
		cat "$name-state/console.log"
		return 1
	}
}

teardown_file() {
	load ../lib/common
	"$pith" stop --now "$BATS_FILE_TMPDIR/vsudd-containerd" 3>&- || :
}

setup() {
	name=$BATS_FILE_TMPDIR/vsudd-containerd
	state=$name-state
	cd "$BATS_TEST_TMPDIR" || return 1
	exec 8>&- 9>&-
}

field() { machine ps "$name" | awk -v n="$1" -v c="$2" '$1 == n { print $c }'; }

# --- ctr ---------------------------------------------------------------------------------------------------------

@test "ctr: containers, tasks, events, and an image from the host" {
	run -0 guest_ctr containers list
	[[ $output == *vsudd*io.containerd.runc.v2* ]]
	run -0 guest_ctr tasks list
	[[ $output == *vsudd*RUNNING* ]]
	timeout 500 ctr -a "$state/guest.00000946" -n services.linuxkit events >events 3>&- &
	events=$!
	"$pith" cache export --outfile image.tar --name docker.io/pith/busybox:scene pith/busybox:latest
	# again and again: nothing says when the events are listened to
	heard() {
		guest_ctr images import image.tar >/dev/null && grep -q '/images/.*busybox:scene' events
	}
	within 60 heard
	kill "$events"
	run -0 guest_ctr images list
	[[ $output == *docker.io/pith/busybox:scene* ]]
	# containerd's collection of garbage is over then: it would take what the next test has brought, which nothing names
	guest_ctr images rm --sync docker.io/pith/busybox:scene
}

@test "ctr: 48 MB of content to the guest and back, digests equal" {
	head -c 48000000 /dev/urandom >blob
	digest=$(sha256sum <blob | cut -d' ' -f1)
	limit=200
	guest_ctr content ingest --expected-size 48000000 --expected-digest "sha256:$digest" scene <blob
	[ "$(guest_ctr content get "sha256:$digest" | sha256sum | cut -d' ' -f1)" = "$digest" ]
	guest_ctr content rm "sha256:$digest"
}

@test "ctr tasks exec: standard streams of the host, exit status, a terminal" {
	run -7 --separate-stderr guest_ctr tasks exec --exec-id one shell /bin/sh -c 'echo out; echo err >&2; exit 7' </dev/null
	[ "$output" = out ]
	[ "$stderr" = err ]
	head -c 5000000 /dev/urandom >data
	guest_ctr tasks exec --exec-id two shell /bin/cat <data >back
	cmp data back
	# nothing of it is left, on neither side
	run -0 in_shell ps
	[[ $output != */bin/cat* ]]
	[ ! -e /run/containerd/fifo ] || [ -z "$(find /run/containerd/fifo -name 'two-*')" ]
	run -0 python3 "$root_dir/tests/tools/terminal.py" ctr -a "$state/guest.00000946" -n services.linuxkit \
		tasks exec --exec-id three -t shell /bin/sh <<-'END'
		expect #
		send until stty size | grep -q "41 91"; do sleep 0.1; done; echo end-$((1 + 1))
		size 41 91 end-2
		send exit 5
		exit 5
	END
}

@test "ctr run: a container of the guest with the host's streams" {
	cat >spec.json <<-'END'
		{"ociVersion": "1.0.2",
		 "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", "echo in the guest; cat; exit 4"],
		             "env": ["PATH=/bin:/usr/bin"], "cwd": "/"},
		 "root": {"path": "/containers/services/shell/rootfs", "readonly": true},
		 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]}}
	END
	mkfifo in
	guest_ctr run --rm --config spec.json scene-run <in >out 3>&- &
	client=$!
	exec {in}>in
	within 60 grep -q 'in the guest' out
	echo 'and from the host' >&"$in"
	exec {in}>&-
	status=0
	wait "$client" || status=$?
	[ "$status" -eq 4 ]
	grep -q 'and from the host' out
	run -0 guest_ctr containers list -q
	[[ $output != *scene-run* ]]
}

@test "a container of the guest that takes more memory than it may: an event, and status 137" {
	cat >spec.json <<-'END'
		{"ociVersion": "1.0.2",
		 "process": {"user": {"uid": 0, "gid": 0}, "args": ["/usr/bin/tail", "/dev/zero"], "env": ["PATH=/bin"], "cwd": "/"},
		 "root": {"path": "/containers/services/shell/rootfs", "readonly": true},
		 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}],
		           "cgroupsPath": "/scene-oom", "resources": {"memory": {"limit": 16777216}}}}
	END
	timeout 500 ctr -a "$state/guest.00000946" -n services.linuxkit events >events 3>&- &
	events=$!
	# again and again: nothing says when the events are listened to
	killed() {
		status=0
		guest_ctr run --rm --config spec.json scene-oom </dev/null || status=$?
		[ "$status" -eq 137 ] && grep -q '/tasks/oom.*scene-oom' events
	}
	within 90 killed
	kill "$events"
}

@test "fifos of the host that the guest may not have" {
	mkfifo "$state/mine" elsewhere
	touch "$state/file"
	ln -s mine "$state/link"
	timeout 500 cat "$state/mine" >got 3>&- &
	reader=$!
	# whoever asks without the secret makes the machine have it
	run -0 patiently 20 socat -t 20 - "UNIX-CONNECT:$state/00000002.00000944" <<<"read $state/mine"
	[ "$output" = again ]
	secret=$(machine exec -n "$name" admin cat /proc/1/root/run/pith/exec/host.secret)
	[[ $secret =~ ^[0-9a-f]{32}$ ]]
	python3 - "$state" "$PWD" "$secret" <<-'END'
		import os, socket, sys
		state, here, secret = os.path.realpath(sys.argv[1]), sys.argv[2], sys.argv[3]
		def ask(line):
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(100)
		    s.connect(state + "/00000002.00000944")
		    s.sendall(line.encode())
		    return s, s.makefile().readline()
		for path in here + "/elsewhere", state + "/file", state + "/link", state + "/none", state + "/x/../mine", "/etc/passwd", state:
		    _, answer = ask("read " + secret + " " + path + "\n")
		    assert answer.startswith("error "), (path, answer)
		_, answer = ask("x" * 5000)
		assert answer.startswith("error "), answer
		for wrong in "", "0" * 32 + " ", secret[:-1] + " ", secret.upper() + " ":
		    _, answer = ask("write " + wrong + state + "/mine\n")
		    assert answer == "again\n" or answer.startswith("error "), (wrong, answer)
		s, answer = ask("write " + secret + " " + state + "/mine\n")
		assert answer == "ok\n", answer
		s.sendall(b"hello")
		s.close()
	END
	wait "$reader"
	[ "$(cat got)" = hello ]
	rm "$state/mine" "$state/file" "$state/link"
}

# --- the machine and its boot ------------------------------------------------------------------------------------

@test "pith ps without a machine lists those that run, wherever they are" {
	run -0 machine ps
	[ "$(awk -v m="$name" '$1 == m { print $2 }' <<<"$output")" = "$(cat "$state/pith.pid")" ]
	cd "$BATS_FILE_TMPDIR"
	run -0 machine ps
	[[ $output == *$'\nvsudd-containerd '* ]]
}

@test "what ran at the boot is seen without a shell: its steps and its words" {
	run -0 machine report "$name"
	[[ ${lines[0]} == *START*TOOK*STATUS*PROGRAM*STEP ]]
	[[ $output =~ \ s\ \ 4\ +onboot\ +000-early ]]
	machine report --json "$name" >report.json
	[ "$(jq '.steps[] | select(.name == "000-early").status' report.json)" = 4 ]
	# two streams that pass through runc may change places when they are written at once
	run -0 machine logs "$name" onboot/early
	[ "$(sort <<<"$output")" = $'and an error\nearly words' ]
	run -0 machine logs -n 1 "$name" onboot/000-early
	[ ${#lines[@]} -eq 1 ]
	[[ $output == 'early words' || $output == 'and an error' ]]
	run -1 machine logs "$name" onboot/late
	[ "$output" = 'service: error: no logs of onboot/late: there are those of early' ]
}

# --- pith exec ---------------------------------------------------------------------------------------------------

@test "pith exec: output, errors, exit status, environment, user, folder" {
	run -3 --separate-stderr in_shell sh -c 'echo out; echo err >&2; exit 3'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -137 in_shell sh -c 'kill -9 $$'
	run -0 machine exec -e A=b -e 'C=d e' -u 1000:5 -w /tmp "$name" shell sh -c 'echo "$A/$C/$PWD/$(id -u):$(id -g)"'
	[ "$output" = "b/d e//tmp/1000:5" ]
	run -0 machine exec -u root "$name" shell sh -c 'echo $HOME; grep Cap /proc/self/status | wc -l'
	[ "${lines[0]}" = /root ]
	run -0 machine exec -u 1000 "$name" shell grep CapEff /proc/self/status
	[[ $output == *0000000000000000 ]]
	# in the state directory's own name, too, and in the machine itself
	run -0 machine exec "$state" shell hostname
	run -0 machine exec --guest "$name" service list
	[[ $output == *vsudd* ]]
}

@test "pith exec: 20 MiB through standard input and output, from a file and through pipes" {
	head -c 20971520 /dev/urandom >data
	in_shell cat <data >back
	cmp data back
	# shellcheck disable=SC2002 # a pipe is what is tested
	[ "$(cat data | in_shell cat | sha256sum)" = "$(sha256sum <data)" ]
	# a command that does not read, and one whose reader leaves
	run -0 in_shell true <data
	in_shell yes | head -n 1 >line
	[ "$(cat line)" = y ]
	run -0 machine exec -n "$name" shell wc -c <data
	[ "$output" = 0 ]
}

@test "pith exec -t: a shell, its size as it changes, Ctrl-C, exit status; the terminal as it was" {
	run -0 python3 "$root_dir/tests/tools/terminal.py" "$pith" exec -t "$name" shell sh <<-'END'
		expect #
		send stty size; echo $TERM-end
		expect 33 101\s+\S+-end
		size 40 90
		send until stty size | grep -q "40 90"; do sleep 0.1; done; echo end-$((1 + 1))
		expect end-2
		send sh -c 'echo go-$((1 + 1)); sleep 1000'
		expect go-2
		key 3
		expect #
		send exit 5
		exit 5
	END
	# two different ones: the same would count once when they come together
	for signal in TERM HUP; do
		run -0 python3 "$root_dir/tests/tools/terminal.py" "$pith" exec -t "$name" shell sh -c 'trap "" TERM; echo go; sleep 7654' <<-END
			expect go
			signal $signal
			signal INT
			exit any
		END
	done
	gone() { in_shell ps >processes && ! grep -q '[7]654' processes; }
	within 30 gone
}

@test "pith exec -t: a terminal that its process closes for a while, with input that waits meanwhile" {
	run -0 python3 "$root_dir/tests/tools/terminal.py" "$pith" exec -t "$name" shell sh -c \
		't=$(tty); stty -echo; echo fir""st; exec 0<&- 1>&- 2>&-; sleep 2; exec <$t >$t; read x; echo got-$x; exit 6' <<-'END'
		expect first
		send typed
		expect got-typed
		exit 6
	END
}

@test "pith exec: signals reach the command; a host that vanishes ends its streams" {
	"$pith" exec -n "$name" shell sh -c 'trap "echo caught; exit 9" TERM; echo go; while :; do sleep 1; done' >out 3>&- &
	client=$!
	within 30 grep -q go out
	kill -TERM "$client"
	status=0
	wait "$client" || status=$?
	grep -q caught out
	[ "$status" -eq 9 ]
	mkfifo in
	"$pith" exec "$name" shell sh -c 'echo go; cat; echo end >/tmp/ended' >second 3>&- <>in &
	client=$!
	within 30 grep -q go second
	kill -KILL "$client"
	wait "$client" || :
	within 30 in_shell test -e /tmp/ended
	in_shell rm /tmp/ended
}

@test "pith exec: what is wrong is one line, and the status of docker's" {
	check() {
		local want=$1 text=$2
		shift 2
		run "-$want" --separate-stderr machine "$@"
		[[ $stderr == *"$text"* ]] || { echo "$stderr"; return 1; }
		[ "${#stderr_lines[@]}" -eq 1 ]
	}
	check 127 'not found' exec "$name" shell no-such-program
	check 127 'no such file' exec "$name" shell /no/such/program
	check 126 'ermission denied' exec "$name" shell /etc/passwd
	check 127 'No such file' exec -g "$name" /no/such/program
	check 1 "no user 'nobody-here'" exec -u nobody-here "$name" shell true
	check 1 "no service 'nothing'" exec "$name" nothing true
	check 1 'no machine' exec no-such-machine shell true
	check 1 "no service 'nothing'" restart "$name" nothing
	check 2 'either the service or the command is missing' exec "$name" shell
	check 2 'unknown option' exec --no-such-option "$name" shell true
	mkdir stopped-state
	echo 02:00:00:00:00:01 >stopped-state/mac-addr
	check 1 'is not running' exec stopped shell true
	check 1 'is not running' stop stopped
}

@test "the agent lets nobody in but the host" {
	machine exec -n -g "$name" peer cat vsock:1:2373 echo || :
	within 20 grep -q 'agent: warning: refused a connection from cid 1' "$state/console.log"
}

# What containerd answers to a client's first bytes.
hello='PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0'

@test "a container without a capability gets to no service of the machine over vsock, nor on its ports" {
	attacker() { machine exec -n "$name" attacker "$@"; }
	run -0 attacker grep CapEff /proc/self/status
	[[ $output == *0000000000000000 ]]
	# shellcheck disable=SC2059 # a format
	[ -n "$(printf "$hello" | timeout 20 socat -t 5 - "UNIX-CONNECT:$state/guest.00000946" | head -c 9 | od -An -tx1)" ]
	run attacker sh -c "for cid in 1 2 3; do printf '$hello' | timeout 20 /root/peer cat vsock:\$cid:2374 2>&1 | cat -v; echo cid \$cid; done"
	echo "$output"
	[[ $output != *'^@'* && $output == *'cid 1'*'cid 2'*'cid 3' ]]
	grep -q 'vsudd.*refused a connection from cid 1' <(machine logs "$name" vsudd 2>&1)
	run attacker sh -c 'for port in 2373 2374 2375 2376; do for type in "" seqpacket-; do
		echo "$type$port: $(timeout 20 /root/peer serve ${type}vsock::$port 2>&1 || echo refused)"; done; done'
	echo "$output"
	[ "$(grep -c 'in use' <<<"$output")" -eq 8 ]
	[ "$(grep -c refused <<<"$output")" -eq 8 ]
	# others are its own
	run attacker timeout 2 /root/peer serve vsock::2377
	[[ $output == *serving* ]] || { echo "$output"; false; }
}

@test "Unix sockets of the machine are root's alone, and nothing listens on the network" {
	run -0 machine exec -n "$name" admin sh -c '
		for path in $(awk "\$8 ~ /^\// { print \$8 }" /proc/1/net/unix | sort -u); do
			[ ! -S "/proc/1/root$path" ] || stat -c "%u %a $path" "/proc/1/root$path"
		done
		echo "network: $(cat /proc/1/net/tcp /proc/1/net/tcp6 2>/dev/null | awk "\$4 == \"0A\"" | wc -l)"'
	for path in /run/pith/init.sock /run/pith/service.sock /run/pith/vsock/ports /run/containerd/containerd.sock; do
		[[ $output == *" $path"* ]] || { echo "$output"; false; }
	done
	# nobody but their owner, or root's group, may write to them
	[ "$(awk '$1 != "network:" && ($1 != 0 || $2 % 10 >= 2) { n++ } END { print n + 0 }' <<<"$output")" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"network: 0"* ]]
}

@test "a container gets no fifo of the host, whatever path it knows" {
	mkfifo "$state/private"
	exec {private}<>"$state/private"
	echo "a secret line" >&"$private"
	path=$(realpath "$state")/private
	for secret in '' 00000000000000000000000000000000' '; do
		run machine exec -n "$name" attacker sh -c "sleep 1 | timeout 20 /root/peer cat vsock:2:2372 'read $secret$path'"
		[[ $output != *"a secret line"* ]]
		[[ $output == *again* || $output == *error* ]] || { echo "$output"; false; }
	done
	read -rt 60 line <&"$private"
	[ "$line" = "a secret line" ]
	exec {private}>&-
	rm "$state/private"
}

# --- the rest ----------------------------------------------------------------------------------------------------

@test "pith ps, logs, top, restart, stop, start" {
	[ "$(field shell 2)" = running ]
	[[ $(field shell 6) == *M ]]
	run -0 machine logs "$name" shell
	[[ $output == *tick* && $output == *tock* ]]
	run -0 machine logs -n 2 "$name" shell
	[ "${#lines[@]}" -eq 2 ]
	[[ $output == *tick ]] # the last ones, of whichever stream
	"$pith" logs -f -n 1 "$name" shell >out 3>&- &
	follow=$!
	three() { [ "$(grep -c tick out)" -ge 3 ]; }
	within 60 three
	kill "$follow"
	wait "$follow" || :
	run -0 machine top -d 0.5 "$name"
	[[ $output == *"CPU%"* && $output == *shell* && $output == *"memory "* ]]
	run -0 python3 "$root_dir/tests/tools/terminal.py" "$pith" top -d 0.3 "$name" <<-'END'
		expect CPU%
		expect shell
		expect CPU%
		type q
		exit 0
	END
	pid=$(field shell 3)
	machine restart "$name" shell
	[ "$(field shell 3)" != "$pid" ]
	machine stop "$name" shell
	[ "$(field shell 2)" = stopped ]
	run -1 --separate-stderr in_shell true
	[[ $stderr == *"is not running"* ]]
	machine start "$name" shell
	[ "$(field shell 2)" = running ]
}

# Each of the hogs is smaller than containerd, which the kernel would take first if it went by size alone.
@test "containers that take all of the memory: the machine answers, and the kernel kills none but them" {
	programs='for n in init rc.hotplug pith-agent vsudd service containerd containerd-shim-runc-v2; do echo "$n $(pidof $n)"; done'
	run -0 machine exec -n "$name" admin sh -c "$programs"
	before=$output
	limit=100 machine exec -n "$name" hogs touch /go
	killed() { [ "$(grep -ac 'Killed process' "$state/console.log")" -ge 5 ]; }
	limit=100
	until killed; do
		in_shell true
		[ "$(field shell 2)" = running ]
	done
	in_shell true
	machine exec -n "$name" hogs sh -c "killall hog; :" # some have just been killed
	run -0 machine exec -n "$name" admin sh -c "$programs"
	[ "$output" = "$before" ]
	[ -z "$(grep -a 'Killed process' "$state/console.log" | grep -avE '\((hog|tail)\)')" ]
	machine stop "$name" hogs
}

@test "signals that somebody sends to see what happens end no daemon of the machine" {
	in_admin() { machine exec -n "$name" admin sh -c "$1"; }
	daemons='for n in pith-agent vsudd service containerd-shim-runc-v2; do echo "$n $(pidof $n)"; done'
	run -0 in_admin "$daemons"
	before=$output
	[[ $before != *" "$'\n'* ]]
	in_admin 'for p in $(pidof pith-agent) $(pidof vsudd) $(pidof service) $(pidof containerd-shim-runc-v2); do for s in HUP USR1 USR2 ALRM VTALRM PROF 64; do kill -$s $p || exit; done; done'
	run -0 in_admin "$daemons"
	[ "$output" = "$before" ]
}

@test "the agent comes back when it is killed, and containerd's socket leads to the new containerd" {
	# a container that waits for its port, and PID 1 anew in between
	"$pith" exec -n "$name" attacker sh -c 'i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); /root/peer serve vsock::2373 vsock::2374 2>/dev/null; done' 3>&- &
	attack=$!
	run machine exec -n "$name" admin sh -c 'kill -9 $(pidof pith-agent)'
	[ "$status" -ne 0 ]
	within 30 in_shell true
	machine exec -n "$name" admin kill -SEGV 1
	for _ in 1 2 3; do
		run machine exec -n "$name" admin sh -c 'kill -9 $(pidof pith-agent)'
		within 60 in_shell true
	done
	grep -q 'in PID 1; it went on' "$state/console.log"
	kill "$attack" 2>/dev/null || :
	in_vsudd() { timeout 10 ctr -a "$state/guest.00000946" -n services.linuxkit tasks list | grep -q vsudd; }
	machine exec -n "$name" admin sh -c 'kill -9 $(pidof vsudd)'
	within 90 in_vsudd
	in_admin() { machine exec -n "$name" admin "$@"; }
	within 30 in_admin sh -c 'kill -9 $(pidof containerd)'
	answers() { timeout -k 1 10 ctr -a "$state/guest.00000946" -n services.linuxkit tasks list | grep -q vsudd; }
	within 90 answers
}

@test "pith stop powers the machine down" {
	limit=120 machine stop "$name"
	grep -q 'Power down' "$state/console.log"
	[ ! -e "$state/pith.pid" ]
	[ ! -e "$state/guest.00000946" ]
	run -1 --separate-stderr machine ps "$name"
	[[ $stderr == *"is not running"* ]]
}
