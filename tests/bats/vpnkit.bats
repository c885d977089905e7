# vpnkit-forwarder, with a peer that speaks what VPNKit's programs speak: over Unix sockets, since there is no vsock here.

load ../lib/common.bash

forwarder=$root_dir/build/guest/vpnkit-forwarder
peer=$root_dir/tests/tools/vpnkit-peer.py
echo_server=$root_dir/tests/tools/echo-server.py

setup() {
	test_begin
}
teardown() {
	test_end
}

# forwarder_start OPTION...: it listens at $T/data, or connects.
forwarder_start() {
	background forwarder.err "$forwarder" -debug "$@"
	forwarder_pid=$background
	within 10 grep -q ready forwarder.err
}

# echo_start KIND: what gives back all it gets; its place in $place.
echo_start() {
	rm -f port
	background echo.err "$echo_server" port "$1"
	within 10 test -e port
	case $1 in
	unix:*) place=$1 ;;
	*) place=$1:127.0.0.1:$(cat port) ;;
	esac
}

waits_are() { [ "$(grep -c 'nobody listens there yet' forwarder.err)" = "$1" ]; }

answers_are() { [ "$(grep -ao :hi got | wc -l)" = "$1" ]; }

# Descriptors of the forwarder when nobody is connected.
fds() { find "/proc/$forwarder_pid/fd" -mindepth 1 | wc -l; }
fds_are() { [ "$(fds)" = "$1" ]; }

# By what it says of itself.
nobody_left() {
	kill -HUP "$forwarder_pid"
	tail -n 1 forwarder.err | grep -q '0 dedicated connections, 0 channels of 0 streams'
}

@test "a TCP port of the guest is reached by each generation, and each end of file goes by itself" {
	echo_start tcp
	forwarder_start -data-listen data
	head -c 3000000 /dev/urandom >sent
	for generation in 1 2 3; do
		cat sent | timeout 60 "$peer" $generation data "$place" >got
		cmp sent got
	done
	within 10 nobody_left
}

@test "a Unix socket of the guest is reached, also one that is made only then" {
	forwarder_start -data-listen data
	for generation in 1 2 3; do
		echo hello | timeout 60 "$peer" $generation data "unix:$T/$generation.sock" >got.$generation 3>&- &
	done
	within 10 waits_are 3
	for generation in 1 2 3; do
		echo_start "unix:$generation.sock"
		within 20 grep -qx hello got.$generation
	done
}

@test "datagrams come back to the client that sent them" {
	echo_start udp
	forwarder_start -data-listen data -udp-timeout 1
	idle=$(fds)
	for generation in 1 2 3; do
		timeout 60 "$peer" $generation data "$place" udp first second third >got
		# each client has a socket of its own in the guest
		[ "$(sed -E 's/ [0-9]+:/ /' got)" = $'1000 first\n1001 second\n1002 third' ]
		[ "$(sed -E 's/.* ([0-9]+):.*/\1/' got | sort -u | wc -l)" = 3 ]
	done
	within 10 fds_are "$idle"
}

@test "a client of a UDP port is forgotten when it was quiet for long enough, and can come back" {
	echo_start udp
	forwarder_start -data-listen data -udp-timeout 1
	idle=$(fds)
	mkfifo in
	exec {in}<>in
	"$peer" 1 data "$place" <in >got 3>&- &
	background_pids+=($!)
	for count in 1 2; do
		printf '\x10\0\x04\0\x0a\x01\x01\x01\xe8\x03\0\0\x02\0hi' >&"$in"
		within 10 answers_are $count
		within 10 fds_are $((idle + 1)) # the stream alone
	done
	exec {in}>&-
}

@test "it connects to the host by itself, and again when the host comes back" {
	echo_start tcp
	forwarder_start -data-connect host.sock
	for _ in 1 2; do
		[ "$(echo hello | timeout 60 "$peer" listen host.sock "$place")" = hello ]
		rm host.sock
	done
}

# api METHOD PATH [JSON]: prints the body, then the status.
api() { curl -sS --unix-socket control -X "$1" -d "${3:-}" -w '\n%{http_code}\n' "http://unix$2"; }
says_hello() { [ "$(echo hello | timeout 20 socat -t 10 - "$1")" = hello ]; }
datagram_returns() { [[ $(echo hello | timeout 20 socat -t 2 - "UDP:127.0.0.1:$1") == *hello ]]; }

@test "ports of its own side lead to the other by a control API, also when the other comes only then, and comes again" {
	echo_start tcp
	tcp=${place##*:}
	echo_start udp
	udp=${place##*:}
	forwarder_start -control-listen control -data-listen data
	here=$forwarder_pid
	a=$(free_port) b=$(free_port)
	ports="{\"proto\":\"tcp\",\"out_ip\":\"127.0.0.1\",\"out_port\":$a,\"in_ip\":\"127.0.0.1\",\"in_port\":$tcp}"
	[ "$(api PUT /forwards/expose/port "$ports")" = $'\n200' ]
	[ "$(api PUT /forwards/expose/port "${ports//tcp/udp}" | tail -n 1)" = 200 ]
	api GET /forwards/list | head -n 1 | jq -e '[.[].proto] == ["tcp", "udp"]'
	# a client that comes before the other side is there waits for it
	echo hello | timeout 60 socat -t 30 - "TCP:127.0.0.1:$a" >early 3>&- &
	for name in first again; do
		background $name.err "$forwarder" -data-connect data
		there=$background
		within 20 says_hello "TCP:127.0.0.1:$a"
		within 10 grep -qx hello early
		kill -KILL "$there"
		within 10 ended "$there"
	done
	background there.err "$forwarder" -data-connect data
	# of each kind: datagrams, and a Unix socket on this side
	[ "$(api PUT /forwards/expose/port "{\"proto\":\"udp\",\"out_ip\":\"127.0.0.1\",\"out_port\":$b,\"in_ip\":\"127.0.0.1\",\"in_port\":$udp}" | tail -n 1)" = 200 ]
	within 20 datagram_returns "$b"
	echo_start "unix:$T/there.sock"
	pipe="{\"proto\":\"unix\",\"out_path\":\"$T/here.sock\",\"in_path\":\"$T/there.sock\"}"
	[ "$(api PUT /forwards/expose/pipe "$pipe" | tail -n 1)" = 200 ]
	says_hello "UNIX-CONNECT:$T/here.sock"
	[ "$(api DELETE /forwards/unexpose/pipe "$pipe" | tail -n 1)" = 200 ]
	[ ! -e here.sock ]
	api PUT /forwards/expose/port "${ports/$tcp/1}" >refused
	grep -q "Bind for 127.0.0.1:$a failed: port is already allocated" refused
	[ "$(tail -n 1 refused)" = 400 ]
	head -c 3000000 /dev/urandom >sent
	timeout 60 socat -t 30 - "TCP:127.0.0.1:$a" <sent >got
	cmp sent got
	kill -TERM "$here"
	within 10 ended "$here"
	[ ! -e control ]
}

@test "a port that nobody listens on, and bytes of another protocol, end only their own connection" {
	echo_start tcp
	forwarder_start -data-listen data
	idle=$(fds)
	for generation in 1 2 3; do
		[ -z "$(echo hello | timeout 60 "$peer" $generation data tcp:127.0.0.1:1)" ]
	done
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 60 socat -t 10 - UNIX-CONNECT:data || true
	printf '\021\000' | timeout 60 socat - UNIX-CONNECT:data
	grep -q "none of VPNKit's protocols" forwarder.err
	[ "$(echo hello | timeout 60 "$peer" 3 data "$place")" = hello ]
	within 10 fds_are "$idle"
}

@test "1,000 connections at once" {
	echo_start tcp
	forwarder_start -data-listen data
	for generation in 1 3; do
		[ "$(timeout 120 "$peer" $generation data "$place" many 1000)" = 1000 ]
	done
	within 10 nobody_left
}

@test "killed while it serves, it leaves nothing that keeps the next one from serving" {
	echo_start tcp
	for _ in $(seq 20); do
		forwarder_start -data-listen data
		"$peer" 3 data "$place" many 50 >/dev/null 2>&1 3>&- &
		victim=$!
		kill -KILL "$forwarder_pid"
		wait "$victim" || true
		within 10 ended "$forwarder_pid"
		rm forwarder.err
	done
	forwarder_start -data-listen data
	[ "$(echo hello | timeout 60 "$peer" 3 data "$place")" = hello ]
	kill -TERM "$forwarder_pid"
	within 10 ended "$forwarder_pid"
	[ ! -e data ]
}

@test "a wrong command line ends with status 2 and names the option" {
	run -2 "$forwarder" -vsockPort x
	[[ $output == *"-vsockPort x: no vsock port"* ]]
	run -2 "$forwarder" --nothing
	[[ $output == *"unknown option -nothing"* ]]
	run -2 "$forwarder" -data-connect ''
	run -1 "$forwarder" -data-listen "$T/none/data"
	[[ $output == *"$T/none/data"* ]]
}
