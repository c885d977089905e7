#!/usr/bin/env bats
# The examples, each booted once and used as a user would: a shell on the console, real clients on published ports. One of
# them is a disk that a BIOS boots.
# hello.yml is in boot.bats, vsudd-containerd.yml in the tests of vsudd.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

# example NAME [OPTION...]: builds examples/NAME.yml and boots it
example() {
	local name=$1
	shift
	"$pith" build --dir "$T" --name "$name" "$root_dir/examples/$name.yml"
	vm_start "$name" --mem 768 --stop-timeout 60 "$@" "$T/$name"
}

power_off() {
	kill -TERM "$vm_pid"
	vm_wait 90
	[ "$status" -eq 0 ]
	console | grep -q 'reboot: Power down'
}

# types a line, and waits for what it prints
type_line() {
	vm_send "$1"$'\n'
	vm_expect 30 "$2"
}

@test "minimal.yml, on a disk for a BIOS: an address by DHCP, a root shell on the console, poweroff" {
	# clearcpuid: what pith tells a kernel that it boots itself (host/run/qemu.c)
	printf 'kernel: {cmdline: console=ttyS0 quiet clearcpuid=141 no_timer_check}\n' >cmdline.yml
	"$pith" build --dir "$T" --name minimal --format raw-bios "$root_dir/examples/minimal.yml" cmdline.yml
	[ ! -e minimal-kernel ]
	vm_start minimal --mem 768 --stop-timeout 60 "$T/minimal-bios.img"
	vm_expect 150 'pith getty: a root shell on ttyS0'
	type_line 'ip -4 -o addr show eth0; echo seen-$((1 + 1))' '^seen-2'
	type_line 'cat /etc/resolv.conf; ip route; ping -c 1 -W 5 10.0.2.2; echo seen-$((1 + 2))' '^seen-3'
	# ctr waits for containerd, which it has started, for ten seconds of its own
	type_line 'service list; until ctr -n services.linuxkit task ls; do sleep 1; done; echo seen-$((2 + 2))' '^seen-4'
	vm_send $'poweroff\n'
	vm_wait 90
	[ "$status" -eq 0 ]
	console >c
	grep -qE 'inet 10\.0\.2\.[0-9]+/24' c
	grep -qx 'nameserver 10.0.2.3' c
	grep -qE '^default via 10\.0\.2\.2 dev eth0' c
	grep -qE '1 packets transmitted, 1 packets received' c
	grep -qE '^getty +running' c
	grep -qE '^getty +[0-9]+ +RUNNING' c
	grep -q 'reboot: Power down' c
}

@test "redis.yml: a real client sets and gets, in 96 MiB" {
	local memory=96
	[ "$(readlink "$root_dir/build/kernel/default")" = tuned ] || memory=768
	port=$(free_port)
	example redis --publish "$port:6379" --mem "$memory"
	within 150 eval '[ "$(timeout 2 redis-cli -p "$port" ping 2>/dev/null)" = PONG ] || ended "$vm_pid"'
	[ "$(redis-cli -p "$port" set key 'a value')" = OK ]
	[ "$(redis-cli -p "$port" get key)" = 'a value' ]
	redis-cli -p "$port" info server | tr -d '\r' | grep -q '^redis_mode:standalone'
	# 1 MiB there and back
	head -c 1048576 /dev/urandom >blob
	[ "$(redis-cli -p "$port" -x set blob <blob)" = OK ]
	redis-cli -p "$port" get blob | head -c 1048576 | cmp - blob
	"$pith" stop --now redis
}

@test "nginx.yml: the page that the YAML holds, and no other, without containerd" {
	port=$(free_port)
	example nginx --publish "$port:80"
	within 150 eval 'curl -s --max-time 2 -o /dev/null "http://127.0.0.1:$port/" || ended "$vm_pid"'
	curl -s --max-time 20 -o page -w '%{http_code} %{content_type}\n' "http://127.0.0.1:$port/" | tee answer
	[ "$(cat answer)" = '200 text/html' ]
	grep -q 'Served from a machine of a few megabytes' page
	[ "$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/none")" = 404 ]
	curl -sI --max-time 20 "http://127.0.0.1:$port/" | grep -qi '^server: nginx'
	run timeout 60 "$pith" exec nginx nginx /usr/sbin/nginx -v
	[ "$status" -eq 0 ]
	[[ $output == *"nginx version"* ]]
	run timeout 60 "$pith" ps nginx
	[[ $output == *nginx*running* ]]
	power_off
}

@test "disk.yml: what a service writes on a disk is there after the next start, and the disk may have grown" {
	"$pith" build --dir "$T" --name disk "$root_dir/examples/disk.yml"
	for size in 64M 96M; do
		timeout 300 "$pith" run --accel tcg --detached --wait=ready --disk "size=$size" disk 3>&- 8>&- 9>&-
		background_pids+=("$(cat disk-state/pith.pid)")
		run -0 timeout 60 "$pith" exec disk counter cat /data/starts
		timeout 90 "$pith" stop disk
	done
	[ "$output" = $'started\nstarted' ]
	qemu-img info --output=json disk-state/disk.img | jq -e '."virtual-size" == 100663296'
}

# ssh_guest COMMAND...
ssh_guest() {
	timeout 30 ssh -p "$ssh_port" -F none -i .ssh/id_ed25519 -o BatchMode=yes -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no \
		-o LogLevel=ERROR root@localhost "$@" </dev/null
}

@test "vpnkit-forwarder.yml: a published port goes over vsock; ports are listed, closed and opened anew" {
	local state=vpnkit-forwarder-state/vpnkit-control.sock port ssh_port spec other url=http://unix/forwards
	port=$(free_port) ssh_port=$(free_port)
	mkdir -m 0700 .ssh
	ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
	HOME=$T "$pith" build --dir "$T" --name vpnkit-forwarder "$root_dir/examples/vpnkit-forwarder.yml"
	# as LinuxKit's users on macOS call it
	vm_start vpnkit-forwarder hyperkit --networking vpnkit --publish "$port:80" --publish "$ssh_port:22" --mem 768 --stop-timeout 60 "$T/vpnkit-forwarder"
	within 150 eval 'curl -s --max-time 2 -o /dev/null "http://127.0.0.1:$port/" || ended "$vm_pid"'
	[ "$(curl -s --http1.0 --max-time 20 -o page -w '%{http_code}' "http://127.0.0.1:$port/")" = 200 ]
	[ -s page ]
	within 60 eval 'ssh_guest true || ended "$vm_pid"'
	[ "$(ssh_guest cat /etc/passwd)" = root:x:0:0:root:/root:/bin/sh ]
	"$pith" ports vpnkit-forwarder >ports
	grep -qE "^tcp +127\.0\.0\.1:$port +127\.0\.0\.1:80$" ports
	# a busy guest's hello may come after its first connections
	within 30 eval 'curl -s --unix-socket "$state" "$url/dump" | grep -qx "generation 3"'
	spec='{"proto":"tcp","out_ip":"127.0.0.1","out_port":'$port',"in_ip":"127.0.0.1","in_port":80}'
	[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$state" -X DELETE -d "$spec" "$url/unexpose/port")" = 200 ]
	run curl -s --max-time 5 "http://127.0.0.1:$port/"
	[ "$status" -eq 7 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$state" -X PUT -d "${spec/$port/0}" "$url/expose/port")" = 200 ]
	other=$("$pith" ports --json vpnkit-forwarder | jq '.[] | select(.in_port == 80).out_port')
	[ "$(curl -s --max-time 20 -o page -w '%{http_code}' "http://127.0.0.1:$other/")" = 200 ]
	power_off
	[ ! -e "$state" ]
}

@test "logging.yml: logread in the getty has services, the kernel and the boot; files hold the same" {
	example logging
	vm_expect 150 'pith getty: a root shell on ttyS0'
	type_line 'cd /proc/1/root/var/log; until grep -q hello write-to-the-logs.out.log && grep -q Linux kmsg.log; do sleep 1; done; echo seen-$((1 + 1))' '^seen-2'
	type_line '/proc/1/root/usr/bin/logread | cut -d ";" -f 2 | sort -u; echo seen-$((1 + 2))' '^seen-3'
	console >c
	grep -qx 'write-to-the-logs.out' c
	grep -qx 'kmsg' c
	grep -qE '^onboot\.[0-9]+-dhcpcd$' c
	power_off
}
