# vpnkit-expose-port and its other names, with a host's control API on a Unix socket.

load ../lib/common.bash

program=$root_dir/build/guest/vpnkit-expose-port

setup() {
	test_begin
	background control.err "$root_dir/tests/tools/vpnkit-control.py" control log
	within 10 test -S control
	mkdir bin
	ln -s "$program" bin/vpnkit-expose-port
	ln -s "$program" bin/vpnkit-list-ports
	ln -s "$program" bin/vpnkit-iptables-wrapper
	PATH=$T/bin:$PATH
}
teardown() {
	test_end
}

# expose OPTION...: as dockerd starts it, with a pipe on descriptor 3, whose bytes go to "answer".
expose() {
	: >answer
	vpnkit-expose-port -control control "$@" 3>answer >expose.err 2>&1 </dev/null &
	expose_pid=$!
	background_pids+=("$expose_pid")
}
answered() { [ "$(cat answer)" = "$1" ]; }
list() { vpnkit-list-ports -control control; }
list_is() {
	local now
	now=$(list) && [ "$now" = "$1" ]
}

@test "dockerd's proxy: the port opens, dockerd is told on descriptor 3, and the port closes with the program" {
	for signal in TERM INT; do
		expose -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80 -no-local-ip
		within 20 answered 0
		list_is "tcp forward from 0.0.0.0:8080 to 172.17.0.2:80"
		# job control is off: the shell has the others ignore INT, so that it comes by TERM there
		kill -$signal "$expose_pid"
		[ $signal = INT ] || wait "$expose_pid"
		[ $signal = TERM ] || { within 10 list_is "" && wait "$expose_pid"; }
		list_is ""
	done
}

@test "killed, it leaves no port open" {
	for _ in 1 2 3 4 5; do
		expose -proto udp -host-ip 127.0.0.1 -host-port 53 -container-ip 172.17.0.2 -container-port 5353
		within 20 answered 0
		list_is "udp forward from 127.0.0.1:53 to 172.17.0.2:5353"
		kill -KILL "$expose_pid"
		within 10 list_is ""
	done
}

@test "killed before the host has opened the port, it leaves none open either" {
	expose -host-ip 127.0.0.1 -host-port 6 -container-ip 172.17.0.2 -container-port 80 -local-bind never
	within 20 grep -q '^PUT' log
	kill -KILL "$expose_pid"
	within 20 grep -q '^done PUT' log
	within 20 list_is ""
}

@test "what the host refuses is said to dockerd in its own words, with status 1" {
	expose -host-ip 0.0.0.0 -host-port 7 -container-ip 172.17.0.2 -container-port 80 -local-bind never
	local status=0
	wait "$expose_pid" || status=$?
	[ "$status" = 1 ]
	[ "$(cat answer)" = $'1\nBind for 0.0.0.0:7 failed: port is already allocated' ]
	expose -host-ip 0.0.0.0 -host-port 8 -container-ip 172.17.0.2 -container-port 80 -local-bind never
	wait "$expose_pid" || true
	[ "$(cat answer)" = $'1\nexposed ports can only be TCP or UDP' ]
	expose -host-ip 0.0.0.0 -host-port 9 -container-ip 172.17.0.2 -container-port 80 -local-bind never
	wait "$expose_pid" || true
	[[ $(cat answer) == $'1\n'*"status 500"* ]]
	expose -control nowhere -host-ip 0.0.0.0 -host-port 1 -container-ip 172.17.0.2 -container-port 80 -local-bind never
	wait "$expose_pid" || true
	[[ $(cat answer) == $'1\n'*"No such file"* ]]
}

@test "a socket is exposed by its path; -i says so itself" {
	vpnkit-expose-port --control=control -proto unix -host-path /run/a -container-path /run/b -i >out 2>&1 3>&- &
	background_pids+=($!)
	within 10 grep -q 'the port is open' out
	list_is "unix forward from /run/a to /run/b"
	grep -q '^PUT /forwards/expose/pipe ' log
}

@test "the port is there in the machine as well" {
	background echo.err "$root_dir/tests/tools/echo-server.py" port tcp
	within 10 test -e port
	background held.err "$root_dir/tests/tools/echo-server.py" held tcp
	within 10 test -e held
	local free=$((20000 + RANDOM % 10000))
	expose -host-ip 127.0.0.1 -host-port "$free" -container-ip 127.0.0.1 -container-port "$(cat port)" -local-bind always
	within 20 answered 0
	[ "$(echo hello | timeout 20 socat -t 10 - "TCP:127.0.0.1:$free")" = hello ]
	# dockerd may listen already, and hand that over as descriptor 4
	timeout 20 vpnkit-expose-port -control control -host-ip 127.0.0.1 -host-port 5 -container-ip 127.0.0.1 -use-listen-fd \
		-container-port "$(cat port)" 3>answer >expose.err 2>&1 4< <(:) </dev/null || true
	[[ $(cat answer) == $'1\n'* ]] # that is no socket
	# one that is taken is an error where it has to be bound, and none where it may be
	expose -host-ip 127.0.0.1 -host-port "$(cat held)" -container-ip 127.0.0.1 -container-port "$(cat port)" -local-bind always
	wait "$expose_pid" || true
	[[ $(cat answer) == $'1\n'*"in use"* ]]
	expose -host-ip 127.0.0.1 -host-port "$(cat held)" -container-ip 127.0.0.1 -container-port "$(cat port)"
	within 20 answered 0
	# an address that only the host has
	expose -host-ip 192.0.2.1 -host-port 80 -container-ip 127.0.0.1 -container-port "$(cat port)" -local-bind always
	within 20 answered 0
}

@test "a UDP port is there in the machine as well, and each client has its own answers" {
	background echo.err "$root_dir/tests/tools/echo-server.py" port udp
	within 10 test -e port
	local free=$((20000 + RANDOM % 10000))
	expose -proto udp -host-ip 127.0.0.1 -host-port "$free" -container-ip 127.0.0.1 -container-port "$(cat port)" -local-bind always
	within 20 answered 0
	timeout 60 python3 - "$free" <<-'END'
		import socket, sys
		clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
		for n, c in enumerate(clients):
		    c.settimeout(30)
		    c.connect(("127.0.0.1", int(sys.argv[1])))
		    c.send(b"client %d" % n)
		sources = set()
		for n, c in enumerate(clients):
		    source, said = c.recv(100).split(b":")
		    sources.add(source)
		    assert said == b"client %d" % n
		assert len(sources) == len(clients)
	END
	# one that is taken is an error where it has to be bound
	expose -proto udp -host-ip 127.0.0.1 -host-port "$(cat port)" -container-ip 127.0.0.1 -container-port "$free" -local-bind always
	wait "$expose_pid" || true
	[[ $(cat answer) == $'1\n'*"in use"* ]]
}

@test "the list says what the host says, and with -debug what it has to tell" {
	list_is ""
	run --separate-stderr vpnkit-list-ports -control control -debug
	[[ $status -eq 0 && $stderr == *"what there is"* ]]
	run -1 vpnkit-list-ports -control nowhere
	run -2 vpnkit-list-ports
	[[ $output == *"-control is needed"* ]]
}

@test "iptables as dockerd calls it: the rule of an ingress port opens it, its removal closes it, all else is iptables'" {
	cat >iptables <<-'END'
		#!/bin/sh
		echo "$@" >>"$T/rules"
		exit 3
	END
	chmod +x iptables
	export T VPNKIT_IPTABLES=$T/iptables VPNKIT_PID_DIR=$T/pids VPNKIT_NATIVE_FILE=$T/native
	# the started program finds its control socket in its configuration only: this one passes it on
	rm bin/vpnkit-expose-port
	printf '#!/bin/sh\nexec %s "$@" -control %s/control\n' "$program" "$T" >bin/vpnkit-expose-port
	chmod +x bin/vpnkit-expose-port
	local rule="--wait -t nat -I DOCKER-INGRESS -p tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80"
	# shellcheck disable=SC2086
	run -3 vpnkit-iptables-wrapper $rule
	within 10 list_is "tcp forward from 0.0.0.0:8080 to 172.18.0.2:80"
	[ -s pids/tcp.8080.172.18.0.2.80.pid ]
	# shellcheck disable=SC2086
	run -3 vpnkit-iptables-wrapper ${rule/-I/-D}
	within 10 list_is ""
	[ ! -e pids/tcp.8080.172.18.0.2.80.pid ]
	run -3 vpnkit-iptables-wrapper -L
	[ "$(tail -n 1 rules)" = -L ]
	# names that climb are no ports
	run -3 vpnkit-iptables-wrapper --wait -t nat -I DOCKER-INGRESS -p ../x --dport 1 -j DNAT --to-destination 1.2.3.4:5
	echo true >native
	# shellcheck disable=SC2086
	run -3 vpnkit-iptables-wrapper $rule
	list_is ""
	[ "$(wc -l <rules)" = 5 ]
}

# --- the directory of ports ---------------------------------------------------------------------------------------

# dir_do: what tests/tools/port-dir.py does by the lines of standard input, with a directory called "/ports"
dir_do() { timeout 120 "$root_dir/tests/tools/port-dir.py" "$T/bin/vpnkit-port-dir" -control control -dir /ports; }
# for lines "sh": the list becomes this, in the end
cat_list='becomes() { timeout 20 sh -c "until [ \"\$(vpnkit-list-ports -control control)\" = \"$1\" ]; do sleep 0.05; done"; };'

@test "a folder in the directory is a port: its ctl opens it and says so, and closing that closes it" {
	ln -s "$program" bin/vpnkit-port-dir
	dir_do >said <<-END
		ls
		mkdir web
		open web
		read web
		write web tcp:0.0.0.0:8080:tcp:172.17.0.2:80
		read web
		sh vpnkit-list-ports -control control >open
		ls
		close web
		sh $cat_list becomes ""
		ls
		mkdir pipe
		open pipe
		write pipe unix:L3RtcC94:unix:L3RtcC95
		read pipe
		sh vpnkit-list-ports -control control >>open
		rmdir pipe
		sh $cat_list becomes ""
	END
	cat said
	diff said - <<-'END'
		README
		ERROR no request received. Please read the README.
		OK tcp:0.0.0.0:8080:tcp:172.17.0.2:80
		README web
		README
		OK unix:L3RtcC94:unix:L3RtcC95
	END
	diff open - <<-'END'
		/ports#1 tcp forward from 0.0.0.0:8080 to 172.17.0.2:80
		/ports#2 unix forward from /tmp/x to /tmp/y
	END
}

@test "what the host refuses stands in ctl in its own words; nobody hears of nonsense" {
	ln -s "$program" bin/vpnkit-port-dir
	dir_do >said <<-'END'
		mkdir a
		open a
		write a tcp:0.0.0.0:7:tcp:172.17.0.2:80
		read a
		write a tcp:0.0.0.0:8:tcp:172.17.0.2:80
		mkdir a
		mkdir b
		open b
		write b tcp:0.0.0.0:9:tcp:172.17.0.2:80
		read b
		mkdir c
		open c
		write c tcp:none
		read c
	END
	cat said
	diff said - <<-'END'
		ERROR Bind for 0.0.0.0:7 failed: port is already allocated
		write: Operation not permitted
		mkdir: File exists
		ERROR the host answers with status 500
		ERROR Failed to parse request [tcp:none], expected tcp:IP:PORT:tcp:IP:PORT, udp:IP:PORT:udp:IP:PORT or unix:BASE64:unix:BASE64
	END
	[ "$(grep -c none log)" = 0 ]
}

@test "the directory's ports close with it, however it ends, and no others" {
	ln -s "$program" bin/vpnkit-port-dir
	expose -proto udp -host-ip 127.0.0.1 -host-port 53 -container-ip 172.17.0.2 -container-port 5353
	within 20 answered 0
	for end in kill hangup; do
		dir_do >said <<-END
			mkdir a
			open a
			write a tcp:0.0.0.0:80:tcp:172.17.0.2:80
			read a
			sh vpnkit-list-ports -control control >open
			$end
		END
		diff said - <<-'END'
			OK tcp:0.0.0.0:80:tcp:172.17.0.2:80
			0
		END
		[ "$(wc -l <open)" = 2 ]
		list_is "udp forward from 127.0.0.1:53 to 172.17.0.2:5353"
	done
	# no kernel here mounts it without the right to
	run -2 vpnkit-port-dir -dir port
	[[ $output == *'-dir port: a path from the root'* ]]
	run -1 vpnkit-port-dir -control control -fd 77
	[[ $output == *'-fd 77: no open descriptor'* ]]
}

@test "a command line that makes no sense ends with status 2 and names the option" {
	run -2 vpnkit-expose-port -host-ip x -host-port 80 -container-ip 1.2.3.4 -container-port 80
	[[ $output == *"-host-ip x: no IP address"* ]]
	run -2 vpnkit-expose-port -host-port 65536 -container-port 80
	[[ $output == *"-host-port 65536"* ]]
	run -2 vpnkit-expose-port -proto unix -host-path /a
	[[ $output == *"-container-path"* ]]
	run -2 vpnkit-expose-port -proto sctp -host-port 80 -container-port 80
	run -2 vpnkit-expose-port -local-bind maybe -host-port 80 -container-port 80
	run -2 vpnkit-expose-port -nothing
}

@test "killed at some of its system calls it leaves no port open, and its directory none to the next start" {
	patiently 300 "$root_dir/tests/tools/kill-companions" 8/5 expose-port port-dir
}
