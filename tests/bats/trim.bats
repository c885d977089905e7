#!/usr/bin/env bats
# trim-after-delete with a server that answers as Docker's does.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

trim=$root_dir/build/guest/trim-after-delete

# server NAME: Docker's events on the socket `docker`, by the lines of the fifo `events`; "end" ends an answer
server() {
	[ -p events ] || mkfifo events
	cat >server.py <<-'END'
		import os, socket, sys
		try: os.unlink("docker")
		except FileNotFoundError: pass
		s = socket.socket(socket.AF_UNIX); s.bind("docker"); s.listen()
		lines = os.fdopen(os.open("events", os.O_RDWR))
		while True:
		    c, _ = s.accept()
		    asked = c.recv(4096).decode()
		    print("asked", asked.split("\r\n")[0], flush=True)
		    c.sendall(("HTTP/1.1 200 OK\r\nServer: " + sys.argv[1] + "\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
		    for line in lines:
		        if line == "end\n": break
		        data = line.encode()
		        # two chunks, in three writes
		        half = len(data) // 2
		        for part in data[:half], data[half:]:
		            c.sendall(b"%x\r\n" % len(part)); c.sendall(part + b"\r\n")
		    c.close()
	END
	background server.out python3 server.py "$1"
}
event() { echo "{\"Type\":\"$1\",\"Action\":\"$2\",\"Actor\":{\"ID\":\"x\"}}" >events; }
runs() { [ -e ran ] && [ "$(lines ran)" -eq "$1" ]; }

@test "what is deleted within the delay is one run; what deletes nothing is none; Docker may come and go" {
	background said "$trim" -docker-socket "$T/docker" -delay 300ms -- /bin/sh -c "echo ran >>$T/ran; exit 3"
	actor=$background
	within 10 grep -q 'connect to .*docker: No such file' said
	server 'Docker/24.0.7 (linux)'
	within 20 grep -q "listening to Docker's events" said
	grep -q 'asked GET /events HTTP/1.1' server.out
	reader=$(pgrep -P "$actor" -x trim-reader)
	grep -qx 'CapPrm:	0000000000000000' "/proc/$reader/status"
	grep -qx 'Seccomp:	2' "/proc/$reader/status"
	event image pull
	event image delete
	event container destroy
	event volume prune
	within 10 runs 1
	within 10 grep -q 'exit status 3' said
	[ "$(grep -c 'Docker has deleted' said)" -eq 1 ]
	echo end >events
	within 10 grep -q 'trying again' said
	twice() { [ "$(grep -c 'listening to' said)" -eq 2 ]; }
	within 20 twice
	event builder prune
	within 10 runs 2
	kill -TERM "$background" 2>/dev/null || :
}

@test "a deletion while the command runs has it run once more; a request to end ends it" {
	server Docker/1
	mkfifo go
	exec 7<>go # held open, so that no run sees its end before
	background said "$trim" --docker-socket="$T/docker" --delay=0 /bin/sh -c "echo ran >>$T/ran; read x <$T/go" 7>&-
	pid=$background
	within 20 grep -q 'listening to' said
	event image delete
	within 10 runs 1
	event image delete
	event image delete
	within 10 eval '[ "$(grep -c "Docker has deleted" said)" -ge 2 ]'
	echo >&7
	within 10 runs 2
	echo >&7
	kill -TERM "$pid"
	wait "$pid"
	exec 7>&-
}

@test "when one of its two processes is killed the other one ends" {
	server Docker
	for victim in actor reader; do
		background said "$trim" -docker-socket "$T/docker" -- true
		actor=$background
		within 20 grep -q 'listening to' said
		reader=$(pgrep -P "$actor" -x trim-reader)
		kill -KILL "${!victim}"
		within 10 ended "$reader"
		within 10 ended "$actor"
		status=0
		wait "$actor" || status=$?
		[ $victim = actor ] || { [ "$status" -eq 1 ] && grep -q 'killed by signal 9' said; }
		echo end >events
	done
}

@test "who is not Docker, and what is no event: said" {
	server nginx
	run -1 timeout 20 "$trim" -docker-socket "$T/docker" -- true
	[[ $output == *"the server calls itself nginx, and not Docker" ]]
	kill "$background"
	within 10 ended "$background"
	server Docker
	background said "$trim" -docker-socket "$T/docker" -- true
	within 20 grep -q 'listening to' said
	echo nonsense >events
	within 10 grep -q 'warning: .*docker: .*trying again' said
	run -2 timeout 10 "$trim" -docker-socket x
	[[ $output == *"a command is wanted"* ]]
	run -2 timeout 10 "$trim" -delay 5 -- true
	[[ $output == *"--delay 5: a time such as 10s or 1m30s is wanted"* ]]
}

@test "killed at some of its system calls it leaves nothing, and the next start hears the next deletion" {
	patiently 300 "$root_dir/tests/tools/kill-companions" 6/4 trim-reader
}
