#!/usr/bin/env bats
# `pith forward` and `pith ports` beside the guest's vpnkit-forwarder, which runs here, on a Unix socket in the place of
# the vsock device's: bytes and datagrams, the control API, who may have what, faults.

load ../lib/common

peer=$root_dir/build/host/host-peer

setup() {
	test_begin
	mkdir -m 0700 state
	echo 52:54:00:00:00:01 >state/mac-addr # what makes a directory a machine's
	control=state/vpnkit-control.sock
	from_guest=state/00000002.00001002
}
teardown() { test_end; }

# forward OPTION...
forward() {
	background forward.err "$pith" forward --state state --guest "$T/guest.sock" "$@"
	forward=$background
	within 10 forward_there
}
forward_there() { ended "$forward" || [ -S "$from_guest" ]; }
guest() { # shellcheck disable=SC2120
	background guest.err "$root_dir/build/guest/vpnkit-forwarder" -data-listen "$T/guest.sock" "$@"
	guest=$background
	within 10 test -S guest.sock
}
# serve: what tests/peer does, on a port of the "guest"
serve() {
	served=$(free_port)
	background served.err "$peer" serve "tcp:127.0.0.1:$served"
	within 10 echoes "$served"
}
echoes() { timeout 5 "$peer" ping "tcp:127.0.0.1:$1" 3 >ping.out 2>&1; }

# api METHOD PATH JSON [SOCKET]: prints the body, and on a line of its own the status
api() { curl -sS --unix-socket "${4:-$control}" -X "$1" -d "$3" -w '\n%{http_code}\n' "http://unix$2"; }
# port JSON...: a port as the control API has it
tcp() { printf '{"proto":"tcp","out_ip":"%s","out_port":%d,"in_ip":"127.0.0.1","in_port":%d}' "${3:-127.0.0.1}" "$1" "$2"; }
listed() { api GET /forwards/list '' | head -n 1 | jq -c '[.[] | [.proto, .out_ip, .out_port, .in_port]]'; }
dump() { curl -sS --unix-socket "$control" http://unix/forwards/dump; }

udp_echo='
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
'

@test "a port carries bytes both ways, a thousand connections at once, and each end by itself" {
	serve
	host=$(free_port)
	guest
	forward --port "tcp:127.0.0.1:$host:tcp:127.0.0.1:$served"
	"$peer" ping "tcp:127.0.0.1:$host" 50
	"$peer" bulk "tcp:127.0.0.1:$host" both $((32 << 20))
	"$peer" load "tcp:127.0.0.1:$host" 1000 100 50000 0 >load.out
	grep -q ' 0 failed' load.out
	# what a client of HTTP/1.0 does: it ends its side, and then reads
	printf 'source 100000 0\n' | timeout 20 socat -t 20 - "TCP:127.0.0.1:$host" >got
	[ "$(wc -c <got)" -eq 100000 ]
	within 10 no_connections
}
no_connections() { dump | grep -q '^connections 0 now'; }

@test "a Unix socket of the guest is one of the state directory, and of nowhere else" {
	background served.err "$peer" serve "unix:$T/service.sock"
	guest
	forward
	pipe='{"proto":"unix","out_path":"'$T'/state/s.sock","in_path":"'$T'/service.sock"}'
	[ "$(api PUT /forwards/expose/pipe "$pipe" | tail -n 1)" = 200 ]
	"$peer" ping "unix:$T/state/s.sock" 5
	[ "$(api DELETE /forwards/unexpose/pipe "$pipe" | tail -n 1)" = 200 ]
	[ ! -e state/s.sock ]
	run api PUT /forwards/expose/pipe '{"proto":"unix","out_path":"/tmp/s.sock","in_path":"/x"}'
	[ "${lines[1]}" = 400 ]
	[[ ${lines[0]} == *"out_path /tmp/s.sock: a socket of the host is made in $T/state alone"* ]]
	run api PUT /forwards/expose/pipe "$pipe" "$from_guest"
	[ "${lines[1]}" = 400 ]
	[[ ${lines[0]} == *'the guest may not have sockets made'* ]]
}

@test "datagrams of two clients are told apart; flows end, and begin anew" {
	server=$(free_port) host=$(free_port)
	background udp.err python3 -c "$udp_echo" "$server"
	guest
	forward --port "udp:127.0.0.1:$host:udp:127.0.0.1:$server" --udp-idle 1
	cat >client.py <<-'END'
		import socket, sys
		clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(100)]
		for n, c in enumerate(clients):
		    c.settimeout(20)
		    c.connect(("127.0.0.1", int(sys.argv[1])))
		    for size in (1, 1400, 60000):
		        for attempt in range(20):
		            c.send(bytes([n]) * size)
		            if c.recv(65536) == bytes([n]) * size:
		                break
		        else:
		            sys.exit("client %d is answered with another's" % n)
	END
	# the server may not be there with the first one
	within 20 timeout 20 python3 client.py "$host"
	dump | grep '^flows'
	within 20 flows_ended
	timeout 20 python3 client.py "$host"
}
flows_ended() { dump | grep -q '^flows 0 now'; }

@test "the control API opens, lists and closes ports, in VPNKit's words" {
	serve
	guest
	forward
	[ "$(listed)" = '[]' ]
	[ "$(api PUT /forwards/expose/port "$(tcp 0 "$served")")" = $'\n200' ]
	[ "$(api POST /forwards/expose/port "$(tcp 0 "$served")")" = $'\n200' ]
	host=$(listed | jq '.[0][2]')
	[ "$(listed)" = "[[\"tcp\",\"127.0.0.1\",$host,$served]]" ]
	echoes "$host"
	run api PUT /forwards/expose/port "$(tcp "$host" 1)"
	[ "${lines[0]}" = "{\"message\":\"Bind for 127.0.0.1:$host failed: port is already allocated\"}" ]
	[ "${lines[1]}" = 400 ]
	run api PUT /forwards/expose/port "$(tcp 8080 1 192.0.2.7)"
	[ "${lines[0]}" = '{"message":"listen tcp 192.0.2.7:8080: bind: cannot assign requested address"}' ]
	run api PUT /forwards/expose/port '{"proto":"sctp"}'
	[ "${lines[1]}" = 400 ]
	[[ ${lines[0]} == *sctp* ]]
	[ "$(api PUT /forwards/expose/port '{' | tail -n 1)" = 400 ]
	[ "$(api DELETE /forwards/expose/port '{}' | tail -n 1)" = 405 ]
	[ "$(api GET /forwards '' | tail -n 1)" = 404 ]
	"$pith" ports state >ports.out
	[ "$(sed -n 2p ports.out)" = "$(printf 'tcp   %-30s %s' "127.0.0.1:$host" "127.0.0.1:$served")" ]
	[ "$("$pith" ports --json state | jq '.[0].out_port')" = "$host" ]
	[ "$(api DELETE /forwards/unexpose/port "$(tcp "$host" "$served")")" = $'\n200' ]
	[ "$(api DELETE /forwards/unexpose/port "$(tcp "$host" "$served")")" = $'\n200' ]
	[ "$(listed)" = '[]' ]
	run echoes "$host"
	[ "$status" -ne 0 ]
}

@test "the guest has what it may have, and closes its own ports alone" {
	serve
	guest
	mine=$(free_port) other=$(free_port)
	forward --port "tcp:127.0.0.1:$mine:tcp:127.0.0.1:$served"
	# all addresses of the host are those that it may have
	[ "$(api PUT /forwards/expose/port "$(tcp "$other" "$served" 0.0.0.0)" "$from_guest")" = $'\n200' ]
	[ "$(listed)" = "[[\"tcp\",\"127.0.0.1\",$mine,$served],[\"tcp\",\"127.0.0.1\",$other,$served]]" ]
	echoes "$other"
	[ "$(api DELETE /forwards/unexpose/port "$(tcp "$other" "$served" 0.0.0.0)" "$from_guest")" = $'\n200' ]
	for asked in "$(tcp 80 80)" "$(tcp 8080 80 192.0.2.1)"; do
		run api PUT /forwards/expose/port "$asked" "$from_guest"
		[ "${lines[1]}" = 400 ]
		[[ ${lines[0]} == *': permission denied: the host allows other ports and addresses alone (pith run --forward-allow)"'* ]]
	done
	run api DELETE /forwards/unexpose/port "$(tcp "$mine" "$served")" "$from_guest"
	[ "${lines[1]}" = 400 ]
	echoes "$mine"
}

@test "with --allow none the guest has nothing; what the list means is said" {
	guest
	forward --allow none
	[ "$(api PUT /forwards/expose/port "$(tcp 8080 80)" "$from_guest" | tail -n 1)" = 400 ]
	run --separate-stderr "$pith" forward --state state --allow 127.0.0.1:x
	[ "$status" -eq 1 ]
	[ "$stderr" = 'pith: error: forward: --allow: "127.0.0.1:x": ports are numbers from 1 to 65535: write [ADDRESS:]PORT[-PORT][/tcp|/udp], as in 127.0.0.1:8000-8999' ]
}

@test "a port that needs privileges names the setting that gives it" {
	chmod 0755 "$T"
	mkdir -m 0700 user && chown 65534 user
	run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups "$pith" forward --state user --port tcp:127.0.0.1:80:tcp:127.0.0.1:80
	[ "$status" -eq 1 ]
	[ "$stderr" = 'pith: error: forward: Bind for 127.0.0.1:80: permission denied: a port below 1024 needs privileges on the host, or there "sysctl net.ipv4.ip_unprivileged_port_start=80"' ]
}

@test "a forwarder that is killed in the guest is found again; clients in between are told" {
	serve
	host=$(free_port)
	forward --port "tcp:127.0.0.1:$host:tcp:127.0.0.1:$served"
	run echoes "$host"
	[ "$status" -ne 0 ]
	for i in 1 2 3; do
		guest
		within 10 echoes "$host"
		kill -KILL "$guest"
		within 10 ended "$guest"
		run echoes "$host"
		[ "$status" -ne 0 ]
	done
	guest
	within 10 echoes "$host"
}

@test "it ends with its machine and on a signal, leaves nothing, and is there again after a kill" {
	host=$(free_port)
	mkfifo life
	exec {life}<>life
	"$pith" forward --state state --guest "$T/guest.sock" --port "tcp:127.0.0.1:$host:tcp:127.0.0.1:9" --life-fd 10 10<life 2>forward.err {life}>&- 3>&- 8>&- 9>&- &
	forward=$!
	background_pids+=("$forward")
	within 10 test -S "$from_guest"
	exec {life}>&-
	within 10 ended "$forward"
	wait "$forward"
	[ "$(ls state)" = mac-addr ]
	forward --port "tcp:127.0.0.1:$host:tcp:127.0.0.1:9"
	kill -KILL "$forward"
	within 10 ended "$forward"
	[ -S "$control" ]
	rm "$from_guest" # for the wait below
	forward --port "tcp:127.0.0.1:$host:tcp:127.0.0.1:9"
	[ "$(listed)" = "[[\"tcp\",\"127.0.0.1\",$host,9]]" ]
	kill -TERM "$forward"
	within 10 ended "$forward"
	[ "$(ls state)" = mac-addr ]
}

@test "hundreds of silent clients of the guest's control socket are in nobody's way" {
	forward
	mkfifo until
	exec 5<>until
	python3 -c 'import socket, sys
held = []
for _ in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    try:
        s.connect(sys.argv[1])
    except BlockingIOError:
        pass
    held.append(s)
print("held", flush=True)
sys.stdin.read()' "$from_guest" <&5 >held 2>&1 3>&- 5>&- &
	background_pids+=("$!")
	within 10 grep -q held held
	[ "$(listed)" = '[]' ]
}

@test "pith ports says that there is no machine, or that it forwards nothing" {
	run --separate-stderr "$pith" ports state
	[ "$status" -eq 1 ]
	[[ $stderr == 'pith: error: no ports are forwarded in state: '* ]]
	run --separate-stderr "$pith" ports
	[ "$status" -eq 2 ]
	run --separate-stderr "$pith" ports nowhere
	[ "$status" -eq 1 ]
}
