#!/usr/bin/env bats
# docker-start on this machine, in a mount and PID namespace with an /etc, /run and /var/lib of its own and a dockerd that says what it
# was given: its settings, its files, its messages.

load ../lib/common

setup() {
	[ "$(id -u)" -eq 0 ] || skip "namespaces need root"
	test_begin
}
teardown() { test_end; }

# in_machine SCRIPT: a shell that is PID 1 of the namespaces; $start is the program
in_machine() {
	start=$root_dir/build/guest/docker-start patiently 30 unshare --mount --pid --fork --mount-proc /bin/bash -euc '
		for d in /etc /run /var/lib /usr/sbin; do mount -t tmpfs -o mode=0755 none $d; done
		mkdir /etc/docker
		printf "#!/bin/sh\necho args: \"\$@\"\ncat /run/dockerd/daemon.json\n" >/usr/sbin/dockerd
		chmod +x /usr/sbin/dockerd
		'"$1"'
		true' 3>&- 8>&- 9>&-
}

@test "dockerd gets the machine's settings, the user's go first, and those of the metadata before the image's" {
	in_machine '"$start" -- --debug --storage-driver=vfs 2>log' >out
	head -n 1 out | grep -qx 'args: --config-file=/run/dockerd/daemon.json --debug --storage-driver=vfs'
	tail -n +2 out | jq -e '.hosts == ["unix:///run/docker.sock", "unix:///run/dockerd/docker.sock"] and
		.containerd == "/run/containerd/containerd.sock" and ."cgroup-parent" == "/moby" and (has("storage-driver") | not)'
	in_machine 'echo "{\"labels\": [\"image\"]}" >/etc/docker/daemon.json; "$start" 2>log; cat log
		mkdir -p /run/config/docker; echo "{\"labels\": [\"metadata\"]}" >/run/config/docker/daemon.json; "$start" 2>&1' >out
	[ "$(grep -c '"labels": \["image"\]' out)" = 1 ]
	[ "$(grep -c '"labels": \["metadata"\]' out)" = 1 ]
	grep -q 'docker-start: settings of /run/config/docker/daemon.json' out
}

@test "what is written to /etc/docker on a read-only root is kept with the data, and the image's files stay" {
	in_machine 'echo image >/etc/docker/file; mount -o remount,ro /etc; "$start" >/dev/null 2>&1
		echo key >/etc/docker/key.json; cat /etc/docker/file /var/lib/docker/machine/etc/key.json
		"$start" >/dev/null; grep -c " /etc/docker overlay " /proc/mounts
		echo 1 >/run/dockerd/docker.pid; "$start" >/dev/null 2>&1; ls /run/dockerd' >out
	[ "$(cat out)" = $'image\nkey\n1\ndaemon.json' ]
}

@test "settings that are wrong, and those that others may write, are said in one line" {
	run -1 in_machine 'echo "{\"debug\": yes}" >/etc/docker/daemon.json; "$start"'
	[ "${lines[-1]}" = 'docker-start: error: /etc/docker/daemon.json: line 1: bad JSON at byte 10' ]
	run -1 in_machine 'echo "{}" >/etc/docker/daemon.json; chmod 0666 /etc/docker/daemon.json; "$start"'
	[[ ${lines[-1]} == 'docker-start: '*'/etc/docker/daemon.json'* ]]
	run -1 in_machine '"$start" -config /none.json'
	[[ ${lines[-1]} == 'docker-start: '*'/none.json: No such file or directory' ]]
	run -1 in_machine 'exec "$start"'
	[[ $output == *'the service needs "pid: host"' ]]
	run -2 "$root_dir/build/guest/docker-start" -confg x
	[[ $output == *'-config'* ]]
}

@test "-ready says whether dockerd serves: not that it listens" {
	cat >serve.py <<-'END'
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind("/run/dockerd/docker.sock")
		s.listen()
		print("listens", flush=True)
		if os.fork() == 0:
		    os.dup2(2, 1)
		else:
		    os._exit(0)
		c, _ = s.accept()
		c.recv(1000)
		c.sendall(sys.argv[1].encode())
	END
	in_machine 'mkdir /run/dockerd; status() { local r=0; "$start" -ready 2>/dev/null || r=$?; echo $r; }
		status
		for answer in "HTTP/1.0 200 OK" "HTTP/1.1 500 no" "HTTP/1"; do
			rm -f /run/dockerd/docker.sock
			python3 serve.py "$answer" 3<&- | grep -q listens
			status
		done' >out
	[ "$(cat out)" = $'1\n0\n1\n1' ]
}
